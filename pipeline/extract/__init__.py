"""extract: the article of a page, and the text of a feed.

page.py      what trafilatura makes of a page, and what it leaves to others: only children of an extractor import it
stated.py    what a page states about itself: title, authors, date, site, address
lead.py      the lead above a story
barriers.py  what stands where an article should: paywall stubs, consent walls, JavaScript shells
feedtext.py  what a feed says of a story itself
lines.py     what is furniture, wherever it stands
"""

from pipeline.extract.feedtext import feed_text, is_whole_text

__all__ = ["feed_text", "is_whole_text"]
