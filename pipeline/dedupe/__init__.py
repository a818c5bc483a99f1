"""dedupe: which stories are the same.

identity.py   by what a story is known again: its addresses
versions.py   the same story seen again: what is new about it
"""

from pipeline.dedupe.identity import identity_keys, settle, story_id, story_url
from pipeline.dedupe.versions import content_hash, merge

__all__ = ["content_hash", "identity_keys", "merge", "settle", "story_id", "story_url"]
