"""What is passed over: elements that say nothing we keep, and that don't change how others are read."""

from __future__ import annotations

from typing import Any

from pipeline.parse.fast.names import FOREIGN
from pipeline.parse.fast.reading import HandOver, Reading, keys_of, local

_DUBLIN_CORE = frozenset(
    "dc_language dc_rights dc_publisher dc_identifier dc_source dc_type dc_format dc_relation dc_coverage "
    "dc_contributor".split()
)
_ITUNES = frozenset(
    "itunes_duration itunes_explicit itunes_block itunes_image itunes_order itunes_episode itunes_season "
    "itunes_episodetype itunes_title itunes_subtitle itunes_type itunes_new-feed-url itunes_complete".split()
)
_MEDIA = frozenset(
    "media_thumbnail media_credit media_text media_copyright media_hash media_player media_rating media_adult "
    "media_community".split()
)
IN_PERSON = frozenset({"name", "email", "uri", "url"})
IN_PICTURE = frozenset("title link url width height description name".split())
IN_SOURCE = frozenset("id title updated link rights subtitle generator icon logo author category published".split())
IN_MEDIA = _MEDIA
IN_ENTRY = frozenset({"comments", "rights", "contributor"}) | _DUBLIN_CORE | _ITUNES | _MEDIA
IN_FEED = (
    frozenset(
        "pubdate lastbuilddate updated published subtitle generator copyright rights docs managingeditor webmaster "
        "category cloud rating icon logo author contributor skiphours skipdays items sy_updatebase dc_date dc_creator "
        "dc_subject itunes_author itunes_owner itunes_category itunes_keywords media_category media_keywords".split()
    )
    | _DUBLIN_CORE
    | _ITUNES
    | _MEDIA
)
_NESTED = {
    "author": IN_PERSON,
    "contributor": IN_PERSON,
    "skiphours": frozenset({"hour"}),
    "skipdays": frozenset({"day"}),
    "itunes_owner": frozenset({"itunes_name", "itunes_email"}),
    "itunes_category": frozenset({"itunes_category"}),
    "media_community": frozenset({"media_starrating", "media_statistics"}),
}
"""What may stand in them; in all others only what is foreign."""


def ignore(reading: Reading, element: Any, name: str, ignored: frozenset[str]) -> None:
    """Pass over `element`, one of `ignored` or foreign with all that is in it; hand over for any other."""
    if name == FOREIGN:
        if len(element) and any(reading.names[one.tag] != FOREIGN for one in element.iter()):
            raise HandOver
    elif name not in ignored or any(local(key) in ("lang", "base") for key in keys_of(element)):
        raise HandOver
    elif len(element):
        ignore_children(reading, element, _NESTED.get(name, frozenset()))


def ignore_children(reading: Reading, element: Any, ignored: frozenset[str]) -> None:
    """Pass over all that is in `element`."""
    for child in element:
        ignore(reading, child, reading.names[child.tag], ignored)
