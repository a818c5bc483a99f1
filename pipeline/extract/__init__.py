"""extract: the article of a page, and the text of a feed.

page.py      what trafilatura makes of a page, and what it leaves to others: only children of an extractor import it
stated.py    what a page states about itself: title, authors, date, site, address
lead.py      the lead above a story
barriers.py  what stands where an article should: paywall stubs, consent walls, JavaScript shells
feedtext.py  what a feed says of a story itself
policy.py    whether a page is fetched, and what is learnt of a feed from its pages
lines.py     what is furniture, wherever it stands
"""

from pipeline.extract.feedtext import feed_text, is_whole_text
from pipeline.extract.policy import Comparison, barred, compare, learnt, lesson, why_no_page

__all__ = ["Comparison", "barred", "compare", "feed_text", "is_whole_text", "learnt", "lesson", "why_no_page"]
