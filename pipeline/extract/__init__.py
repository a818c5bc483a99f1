"""extract: the article of a page, and the text of a feed.

page.py      what trafilatura makes of a page, and what it leaves to others: only children of an extractor import it
feedtext.py  what a feed says of a story itself
lines.py     what both take for furniture
"""

from pipeline.extract.feedtext import feed_text, is_whole_text

__all__ = ["feed_text", "is_whole_text"]
