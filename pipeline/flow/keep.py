"""Stories as they were just seen are folded into those that are kept, and find the clusters they belong to.

Every write is a creation or an atomic change, so that workers who see one story at once lose nothing of each other's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from pipeline import dedupe, freshness
from pipeline.model import Stage, Story
from pipeline.ports import Ports, Sketched


@dataclass(frozen=True, slots=True)
class Seen:
    """A story as an entry brought it. `again`: the entry had brought it before."""

    story: Story
    again: bool = False


def keep(ports: Ports, seen: Mapping[str, Sequence[Seen]]) -> dict[str, Story]:
    """Write what was seen of each story (by id); the stories as they are kept."""
    known = ports.stores.stories.get(list(seen))
    after = {story_id: _folded(known.get(story_id), ones) for story_id, ones in seen.items()}
    with ports.observer.stage(Stage.DEDUPE):
        leaders = _leaders(ports, known, after.values())
    with ports.observer.stage(Stage.INDEX):
        return _written(ports, seen, known, after, leaders)


def _written(
    ports: Ports,
    seen: Mapping[str, Sequence[Seen]],
    known: Mapping[str, Story],
    after: Mapping[str, Story],
    leaders: Mapping[str, str],
) -> dict[str, Story]:
    fresh = [_led(after[story_id], leaders) for story_id in after if story_id not in known]
    created = ports.stores.stories.create(fresh)
    stored = {story.id: story for story, new in zip(fresh, created, strict=True) if new}
    changed = ports.stores.stories.update(
        [story_id for story_id in seen if story_id not in stored],
        lambda current: _led(_folded(current, seen[current.id]), leaders),
    )
    stored |= {story.id: story for story in changed}
    # What prune has removed since it was looked for is new.
    anew = [_led(_folded(None, ones), leaders) for story_id, ones in seen.items() if story_id not in stored]
    return stored | {one.id: one for one, new in zip(anew, ports.stores.stories.create(anew), strict=True) if new}


def _folded(known: Story | None, seen: Iterable[Seen]) -> Story:
    """`known` with all that was seen of it, in turn; the first of `seen` where nothing was known."""
    waiting = iter(seen)
    story = known or next(waiting).story
    for one in waiting:
        old = freshness.still_old(story, one.story, again=one.again)
        story = replace(dedupe.merge(story, one.story), old=old)
    return story


def _leaders(ports: Ports, known: Mapping[str, Story], after: Iterable[Story]) -> dict[str, str]:
    """Who leads the stories whose texts are new, by story id. Who follows goes on to; too short a text says nothing."""
    asked = [
        Sketched(story.id, sketch, story.first_seen_at)
        for story in after
        if _may_lead(known.get(story.id), story) and (sketch := dedupe.sketch(story.title, story.body))
    ]
    return dict(zip([one.story_id for one in asked], ports.stores.clusters.lead(asked), strict=True))


def _may_lead(known: Story | None, story: Story) -> bool:
    return known is None or (not known.copy_of and known.content_hash != story.content_hash)


def _led(story: Story, leaders: Mapping[str, str]) -> Story:
    leader = leaders.get(story.id, story.id)
    return story if leader == story.id or story.copy_of else replace(story, copy_of=leader)
