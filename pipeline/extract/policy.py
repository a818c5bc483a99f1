"""Whether the page of an entry is fetched: by the feed's policy, and by what its pages have been worth so far.

`when-short` fetches the page of an entry whose feed gives less than a whole text (feedtext.py). Two things are learnt
beside it, each of SAME_IN_A_ROW entries, and each undone by a single page that says more:

- A feed whose *short* texts were all that their pages said needs no pages for texts that are no longer than those.
  A longer one may be one that was cut off, so its page is fetched.
- A feed whose text *looked whole* and was not is doubted: its pages are fetched until they say no more, so many times.

Feeds change, so one entry in LOOKED_AT, chosen by its id, has its page fetched all the same. What a page says more is
the share of its words that are not in the feed's text: up to MORE of them are a caption or a byline, and beyond
FAR_MORE a text that looked whole was a teaser. When unsure, the page is fetched. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from pipeline.extract.feedtext import feed_text, is_cut_off, is_whole_text
from pipeline.model import Article, Entry, PageRecord, Pages
from pipeline.text import words

SAME_IN_A_ROW = 5
LOOKED_AT = 10
MORE = 0.02
FAR_MORE = 0.2
REMEMBERED = 20
"""Pages of which it is counted how many could not be had; older ones fade."""


def why_no_page(policy: Pages, record: PageRecord, entry: Entry) -> str:
    """Why the page of `entry` is not fetched, in words; empty when it is."""
    if policy is Pages.NEVER:
        return "pages are not fetched"
    if policy is Pages.ALWAYS or int(entry.id, 16) % LOOKED_AT == 0:
        return ""
    if is_whole_text(entry.content):
        return "" if record.doubts else "the feed carries the whole text"
    known = record.same >= SAME_IN_A_ROW and 0 < _letters(_feed_text(entry)) <= record.same_letters
    if known and not is_cut_off(entry.content or entry.summary):
        return "the feed has carried all that its pages say"
    return ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the page of an entry says beside its feed."""

    whole: bool  # the feed's text looked whole
    letters: int  # of the feed's text
    more: float  # of the page's words, the share that the feed's text has not


def compare(entry: Entry, article: Article) -> Comparison:
    """Hold the page of `entry`, had as `article`, against what its feed said."""
    said = _feed_text(entry)
    return Comparison(is_whole_text(entry.content), _letters(said), share_more(article.paragraphs, said))


def learnt(record: PageRecord, page: Comparison) -> PageRecord:
    """The record after a page was had."""
    record = _counted(record, barred=False)
    if page.whole:
        return replace(record, doubts=SAME_IN_A_ROW if page.more > FAR_MORE else max(0, record.doubts - 1))
    if page.more > MORE or not page.letters:
        return replace(record, same=0, same_letters=0)
    letters = max(record.same_letters, page.letters)
    return replace(record, same=min(record.same + 1, SAME_IN_A_ROW), same_letters=letters)


def barred(record: PageRecord, reason: str) -> PageRecord:
    """The record after a page could not be had for `reason`."""
    return replace(_counted(record, barred=True), reason=reason)


def lesson(policy: Pages, record: PageRecord) -> str:
    """What was learnt that `when-short` goes by, in words; empty when nothing was."""
    if policy is not Pages.WHEN_SHORT:
        return ""
    if record.doubts:
        return "texts that looked whole were not: all pages are fetched for now"
    if record.same >= SAME_IN_A_ROW:
        return f"texts up to {record.same_letters:,} letters were all that their pages said: one page in {LOOKED_AT}"
    return ""


def share_more(page: Sequence[str], feed: Sequence[str]) -> float:
    """Of the words in the paragraphs of a page, the share that those of its feed don't hold."""
    own = Counter(words("\n".join(page)))
    return (own - Counter(words("\n".join(feed)))).total() / max(1, own.total())


def _counted(record: PageRecord, *, barred: bool) -> PageRecord:
    """One page more; beyond REMEMBERED each of the earlier ones counts a little less."""
    kept = 1.0 if record.tried < REMEMBERED else 1 - 1 / REMEMBERED
    return replace(record, tried=min(record.tried + 1, REMEMBERED), barred=record.barred * kept + barred)


def _feed_text(entry: Entry) -> tuple[str, ...]:
    return feed_text(entry.content or entry.summary, entry.url)


def _letters(paragraphs: Sequence[str]) -> int:
    return sum(map(len, paragraphs))
