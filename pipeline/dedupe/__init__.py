"""dedupe: which stories are the same.

identity.py   by what a story is known again: its addresses
sketch.py     whether a text is a copy of another outlet's
versions.py   the same story seen again: what is new about it, in sentences.py's sentences
"""

from pipeline.dedupe.identity import identity_keys, settle, story_id, story_url
from pipeline.dedupe.sketch import bands, is_copy, sketch
from pipeline.dedupe.versions import changes, content_hash, merge

__all__ = [
    "bands",
    "changes",
    "content_hash",
    "identity_keys",
    "is_copy",
    "merge",
    "settle",
    "sketch",
    "story_id",
    "story_url",
]
