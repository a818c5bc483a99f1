"""history: what a query would have found, and what an edit changes, on both backends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.deliver.render import in_text
from pipeline.flow.alerts import history
from pipeline.flow.alerts.language import understood
from tests import builders


@pytest.fixture
def stocked(ports, clock):
    """Twelve days with a story on Kursk each, and one on Sudzha every third."""
    now = clock.now()
    ports.stores.stories.put(
        [
            builders.story(
                f"{place} {day}",
                title=f"Day {day}",
                body=f"First. Something happened near {place} again. Last.",
                site="Even" if day % 2 == 0 else "Odd",
                published=now - timedelta(days=day, hours=1),
            )
            for day in range(12)
            for place in (["Kursk", "Sudzha"] if day % 3 == 0 else ["Kursk"])
        ]
    )
    return ports


def test_a_trial_counts_exactly_by_day_and_site_with_examples(stocked, clock):
    outcome = history.trial(stocked, understood(stocked, "kursk"), clock.now() - timedelta(days=10))
    assert (outcome.stories, sum(outcome.by_day.values()), dict(outcome.by_site)) == (10, 10, {"Even": 5, "Odd": 5})
    assert outcome.per_day == 1
    assert len(outcome.examples) == 10
    assert in_text(outcome.examples[0].excerpts[0]) == "Something happened near *Kursk* again."
    assert outcome.examples[0].story.title == "Day 0"


def test_a_difference_shows_what_is_added_and_lost(stocked, clock):
    since = clock.now() - timedelta(days=30)
    old, new = understood(stocked, "kursk"), understood(stocked, "sudzha OR (kursk site:odd)")
    outcome = history.difference(stocked, old, new, since)
    assert (len(outcome.added), len(outcome.lost), outcome.kept) == (4, 6, 6)


def test_a_query_that_would_fire_all_day_is_questionable(stocked, clock):
    now = clock.now()
    stocked.stores.stories.put(
        [
            builders.story(str(number), title="weather", published=now - timedelta(minutes=number))
            for number in range(800)
        ]
    )
    concerns, often = history.concerns(stocked, "weather", understood(stocked, "weather"))
    assert often == pytest.approx(800 / 7, rel=0.01)
    assert "114 times a day" in concerns[0]
    assert history.concerns(stocked, "kursk", understood(stocked, "kursk")) == ([], pytest.approx(1, rel=0.2))
