"""dedupe: which stories are the same.

identity.py   by what a story is known again: its addresses
versions.py   the same story seen again: what is new about it, in the sentences of sentences.py
sketch.py     whether a text is a copy of another outlet's
clusters.py   copies of one text, led by the first seen
"""

from pipeline.dedupe.clusters import COPIED_WITHIN, originals
from pipeline.dedupe.identity import LEAST_WORDS, address_keys, identity_keys, is_page_of, settle, story_id, story_url
from pipeline.dedupe.sketch import BANDS_SHARED, bands, is_copy, sketch
from pipeline.dedupe.versions import changes, content_hash, merge

__all__ = [
    "BANDS_SHARED",
    "COPIED_WITHIN",
    "LEAST_WORDS",
    "address_keys",
    "bands",
    "changes",
    "content_hash",
    "identity_keys",
    "is_copy",
    "is_page_of",
    "merge",
    "originals",
    "settle",
    "sketch",
    "story_id",
    "story_url",
]
