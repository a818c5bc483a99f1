"""What stories and clusters keep beside their things, as things that can be carried to another store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from elasticsearch import Elasticsearch

from pipeline.adapters.elastic.clusters import sketch_records, stored_sketch
from pipeline.adapters.elastic.indices import Names
from pipeline.adapters.elastic.stories import StoredIdentity, identity_records
from pipeline.model import Identity, Sketch
from pipeline.ports import Sketched, Still


class ElasticIdentities:
    """ports.Copied of the keys by which stories are known again."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        self._records = identity_records(client, names)

    def create(self, things: Sequence[Identity]) -> list[bool]:
        """Bind the keys that are not known yet; for each, whether it was."""
        return self._records.create([StoredIdentity(key=one.key, story_id=one.story_id) for one in things])

    @contextmanager
    def still(self) -> Iterator[Still[Identity]]:
        """Every key as it stands now."""
        with self._records.still() as found:
            yield Still(found.count, (Identity(id=one.id, key=one.key, story_id=one.story_id) for one in found.things))


class ElasticSketches:
    """ports.Copied of the sketches of the stories that lead. Who follows is found again by those of the leaders."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        self._records = sketch_records(client, names)

    def create(self, things: Sequence[Sketch]) -> list[bool]:
        """Let those lead that are not known yet; for each, whether it was written."""
        return self._records.create(
            [replace(stored_sketch(Sketched(one.id, one.sketch, one.first_seen_at)), leader=one.id) for one in things]
        )

    @contextmanager
    def still(self) -> Iterator[Still[Sketch]]:
        """Every leader as it stands now; `count` also counts who follows or is undecided."""
        with self._records.still() as found:
            yield Still(
                found.count,
                (
                    Sketch(id=one.id, sketch=one.sketched.sketch, first_seen_at=one.first_seen_at)
                    for one in found.things
                    if one.leader == one.id
                ),
            )
