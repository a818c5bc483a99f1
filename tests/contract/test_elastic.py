"""What only Elasticsearch can do wrong, and how it is kept from harm."""

from __future__ import annotations

import dataclasses

import pytest
from elasticsearch import BadRequestError
from msgspec.structs import replace

from pipeline.adapters.codec import plain
from pipeline.adapters.elastic import alerts as alerts_of_elastic
from pipeline.adapters.elastic import indices, mappings, records
from pipeline.adapters.elastic.client import connect, of_status
from pipeline.adapters.elastic.records import ElasticRecords, Shelf
from pipeline.errors import StoreError, StoreNotReady, StoreUnavailable
from pipeline.model import Alert
from pipeline.query.document import Document
from pipeline.settings import load
from tests import builders
from tests.builders import later
from tests.conftest import opened
from tests.contract.test_clusters import told

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def alerts(request):
    with opened("elasticsearch", request, ["alerts"]) as stores:
        yield stores.alerts


def test_an_alert_that_fails_in_the_engine_stops_no_other_is_judged_all_the_same_and_marked(alerts, monkeypatch):
    good = [builders.alert("kursk", name=f"good {number}") for number in range(20)]
    bad = builders.alert("missil*", name="bad")
    alerts.put(good)
    # As an older Wirewatch might have stored it: an interval wildcard fails above 128 terms.
    form = {"intervals": {"words.title": {"wildcard": {"pattern": "missil*"}}}}
    alerts.client.index(index=alerts.shelf.alias, id=bad.id, document=plain(bad) | {"form": form}, refresh=True)
    title = "Kursk " + " ".join(f"missil{number:03}" for number in range(200))
    documents = [Document(builders.story(title=title)), Document(builders.story(title="Kursk"))]
    assert told_of(alerts, documents) == {one.id: {0, 1} for one in (*good, bad)}
    assert "can't run it" in alerts.get([bad.id])[bad.id].health
    assert all(not one.health for one in alerts.get([one.id for one in good]).values())
    with monkeypatch.context() as patched:  # from then on its form is one that runs: nothing has to be looked for again
        patched.setattr(alerts, "_apart", lambda documents: 1 / 0)
        assert told_of(alerts, documents) == {one.id: {0, 1} for one in (*good, bad)}
    alerts.put([bad])  # saved again
    assert told_of(alerts, documents) == {one.id: {0, 1} for one in good} | {bad.id: {0}}


def told_of(alerts, documents) -> dict[str, set[int]]:
    """The documents that each alert may match."""
    found: dict[str, set[int]] = {}
    for one in alerts.narrow(documents):
        found.setdefault(one.alert_id, set()).update(one.documents)
    return found


def test_a_story_that_can_not_be_percolated_marks_no_alert_is_judged_by_all_and_stops_no_other(alerts, monkeypatch):
    """None is known that can't: so Elasticsearch is given one that no version of it takes."""
    made = [builders.alert(word, name=f"alert {word}") for word in ("kursk", "sudzha", "belgorod")]
    alerts.put(made)
    documents = [Document(builders.story(title=title)) for title in ("Kursk", "poison", "Sudzha")]
    of_others = alerts_of_elastic.words_of
    monkeypatch.setattr(
        alerts_of_elastic,
        "words_of",
        lambda document: {"title": {"no": "text"}} if document.story.title == "poison" else of_others(document),
    )
    kursk, sudzha, belgorod = (one.id for one in made)
    assert told_of(alerts, documents) == {kursk: {0, 1}, sudzha: {1, 2}, belgorod: {1}}
    assert all(not one.health for one in alerts.all())


def test_a_field_that_nobody_mapped_is_refused(alerts):
    with pytest.raises(BadRequestError, match="strict_dynamic_mapping_exception"):
        alerts.client.index(index=alerts.shelf.alias, document={"nobody": 1})


def test_writing_to_a_store_that_is_not_set_up_makes_no_index(alerts):
    astray = ElasticRecords(alerts.client, Shelf(indices.Names("test-nobody"), mappings.Kind.ALERTS, Alert))
    with pytest.raises(StoreError, match="run `wirewatch setup`"):
        astray.create([builders.alert()])
    assert not alerts.client.indices.exists(index="test-nobody-alerts")


def test_a_mapping_that_another_version_made_is_named_with_the_cure(alerts):
    names = indices.Names("test-other")
    alerts.client.indices.create(
        index=names.index(mappings.Kind.FEEDS),
        aliases={names.alias(mappings.Kind.FEEDS): {}},
        mappings={"properties": {"state": {"type": "text"}}},
    )
    try:
        with pytest.raises(StoreError, match="made by another version"):
            indices.prepare(alerts.client, names, [mappings.Kind.FEEDS])
    finally:
        alerts.client.indices.delete(index=names.index(mappings.Kind.FEEDS))


@pytest.fixture
def clusters(request):
    with opened("elasticsearch", request, ["sketches"]) as stores:
        yield stores.clusters


def test_a_story_whose_worker_died_undecided_follows_the_one_that_waited_for_it(clusters, monkeypatch):
    first, second = told("first"), told("second", at=later(1))
    with monkeypatch.context() as patched:  # it dies when it has said that it may lead
        patched.setattr(clusters, "_near", lambda asked: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            clusters.lead([first])
    assert clusters.lead([second]) == ["second"]
    assert clusters.lead([first]) == ["second"]
    assert clusters.lead([told("third", at=later(2))]) == ["second"]


def test_of_stories_that_have_named_each_other_the_first_leads_and_is_found_by_all_later_ones(clusters):
    """Each ran out of patience with the other, which was only slow: found by the test of twins on a busy machine."""
    first, second, third = told("first"), told("second", at=later(1)), told("third", at=later(2))
    assert clusters.lead([first, second]) == ["first", "first"]
    of = {"first": "second", "second": "third", "third": "first"}
    clusters.lead([third])
    clusters.sketches.update(list(of), lambda one: dataclasses.replace(one, leader=of[one.id]))
    assert clusters.lead([third]) == ["first"]
    assert clusters.lead([second, first]) == ["first", "first"]
    assert clusters.lead([told("fourth", at=later(3))]) == ["first"]


def test_a_disk_that_is_nearly_full_is_said_with_the_cure_and_what_is_there_can_be_read(alerts, monkeypatch):
    monkeypatch.setattr(records, "WRITES", 1)
    alert = builders.alert("kursk")
    alerts.put([alert])
    block = "index.blocks.read_only_allow_delete"
    alerts.client.indices.put_settings(index=alerts.shelf.alias, settings={block: True})
    for write in (
        lambda: alerts.put([alert]),
        lambda: alerts.create([builders.alert("pact")]),
        lambda: alerts.update([alert.id], lambda one: replace(one, team="world")),
        lambda: alerts.delete([alert.id]),
    ):
        with pytest.raises(StoreUnavailable, match="disk is nearly full: give it more"):
            write()
    assert list(alerts.all()) == [alert]
    assert [one.alert_id for one in alerts.narrow([Document(builders.story(title="Kursk"))])] == [alert.id]
    alerts.client.indices.put_settings(index=alerts.shelf.alias, settings={block: None})
    alerts.put([alert])


def test_a_change_whose_answer_was_lost_is_ours_and_nobody_elses(alerts, monkeypatch):
    """A timeout, or a proxy's 502. Sent again blindly it met itself, and a claim was taken for somebody else's."""
    alert = builders.alert("kursk")
    alerts.put([alert])
    send, changes = ElasticRecords._answers, []

    def loses(self, actions, client=None, **options):
        list(send(self, actions, client, **options))
        monkeypatch.undo()
        raise StoreUnavailable("Connection timed out")

    def change(one):
        changes.append(one)
        return replace(one, team="world") if not one.team else None

    monkeypatch.setattr(ElasticRecords, "_answers", loses)
    (changed,) = alerts.update([alert.id], change)
    assert (changed.team, len(changes)) == ("world", 1)


def test_a_shard_that_is_away_is_no_fault_of_what_was_read(alerts, monkeypatch):
    error = {"type": "no_shard_available_action_exception", "reason": "No shard available for [get]"}
    monkeypatch.setattr(alerts.client, "mget", lambda **_: {"docs": [{"_id": "a", "error": error}]})
    with pytest.raises(StoreUnavailable, match="no_shard_available"):
        alerts.get(["a"])


def test_every_search_wants_all_shards_to_answer(alerts, monkeypatch):
    asked = []
    send = alerts.client.transport.perform_request

    def perform(method, target, **options):
        asked.append((target, options.get("body")))
        return send(method, target, **options)

    monkeypatch.setattr(alerts.client.transport, "perform_request", perform)
    alerts.put([builders.alert("kursk")])
    list(alerts.all())
    alerts.searches([{"query": {"match_all": {}}}])
    list(alerts.narrow([Document(builders.story(title="Kursk"))]))
    with alerts.still() as still:
        assert len(list(still.things)) == still.count == 1
    searches = [(target, body) for target, body in asked if "search" in target]
    assert len(searches) >= 5
    assert all("allow_partial_search_results" in f"{target} {body}" for target, body in searches)


def test_a_query_of_more_phrases_than_elasticsearch_takes_clauses_is_asked_for_by_their_words(alerts):
    names = [f'"vladimir putin {number} kyiv"' for number in range(90)]
    alert = builders.alert(" OR ".join(names))
    alerts.put([alert])
    title = "Vladimir Putin 89 Kyiv"
    assert told_of(alerts, [Document(builders.story(title=title))]) == {alert.id: {0}}


@pytest.mark.parametrize(
    ("status", "reason", "kind", "said"),
    [
        (429, "es_rejected_execution_exception: rejected", StoreUnavailable, "more to do than it can take"),
        (429, "circuit_breaking_exception: [parent] Data too large", StoreUnavailable, "give it more heap"),
        (429, "cluster_block_exception: disk usage exceeded flood-stage watermark", StoreUnavailable, "KEEP_SIZE"),
        (403, "cluster_block_exception: FORBIDDEN/8/index write (api)", StoreUnavailable, "wirewatch reindex"),
        (503, "unavailable_shards_exception: primary shard is not active", StoreUnavailable, "is asked again"),
        (403, "security_exception: action is unauthorized", StoreNotReady, "WIREWATCH_STORE_PASSWORD"),
        (404, "index_not_found_exception: no such index [wirewatch-feeds]", StoreNotReady, "wirewatch setup"),
        (400, "validation_exception: cluster has [9]/[9] maximum normal shards open", StoreNotReady, "add a node"),
        (400, "mapper_parsing_exception: failed", StoreError, "mapper_parsing_exception"),
    ],
)
def test_each_answer_is_one_kind_of_error_with_its_cure(status, reason, kind, said):
    with connect(load({}, store="http://127.0.0.1:1")) as client:
        error = of_status(client, status, reason)
    assert type(error) is kind
    assert said in str(error)
