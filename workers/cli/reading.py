"""Commands that look: search, explain, related."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import click

from pipeline.deliver.excerpt import excerpts
from pipeline.deliver.render import in_text
from pipeline.flow.alerts.language import understood
from pipeline.flow.stories import export
from pipeline.flow.stories import search as finding
from pipeline.flow.stories.explain import explain as explain_story
from pipeline.flow.stories.explain import find_story
from pipeline.flow.stories.related import related as relate
from pipeline.model import Story
from pipeline.outlets import in_words
from pipeline.ports import StoryFilter
from pipeline.query.filters import Filters, split
from pipeline.query.syntax import Query
from workers import bootstrap
from workers.cli import show


@click.command()
@click.argument("query")
@click.option("--since", metavar="TIME", help="Published at or after: 7d, 12h, 2026-01-31.")
@click.option("--until", metavar="TIME", help="Published before.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many stories to show.")
@click.option("--offset", type=click.IntRange(0), default=0, help="How many to pass over first.")
@click.option("--sort", type=click.Choice(["time", "relevance"]), default="time", show_default=True)
@click.option(
    "--facets", "with_facets", is_flag=True, help="Count all that is found by site, language, entity and day."
)
@show.json_option
def search(
    query: str,
    since: str | None,
    until: str | None,
    *,
    limit: int,
    offset: int,
    sort: str,
    with_facets: bool,
    as_json: bool,
) -> None:
    """Stories that match QUERY, latest first: exactly those on which an alert would have fired.

    Among the words may stand outlets>=3 and published>=2026-01-31. With --json: a list of stories, or with --facets
    an object of stories and facets.
    """
    ports = bootstrap.ports()
    typed, filters = split(query)
    meant = understood(ports, typed)
    filters = filters.and_also(Filters(since=show.moment(since), until=show.moment(until)))
    where = StoryFilter(since=filters.since, until=filters.until)
    found = finding.search(ports, meant, where, outlets=filters.outlets)
    counts = finding.Facets()
    if with_facets:
        kept = list(found)
        counts, found = finding.facets(kept), iter(kept)
    if sort == "relevance":
        found = iter(finding.by_relevance(meant, found))
    page = islice(found, offset, offset + limit)
    if as_json:
        stories = [export.facts(story) | {"highlights": _highlights(meant, story)} for story in page]
        show.as_json({"stories": stories, "facets": _counted(counts)} if with_facets else stories)
        return
    _print(meant, page)
    for name, counter in _counted(counts).items() if with_facets else ():
        click.echo(f"{name}: {', '.join(f'{key} {count}' for key, count in counter.items())}")


def _highlights(query: Query, story: Story) -> list[str]:
    return [in_text(one) for one in excerpts(story, finding.evidence(query, story))]


def _counted(counts: finding.Facets) -> dict[str, dict[str, int]]:
    return {
        "site": dict(counts.site.most_common(20)),
        "language": dict(counts.language.most_common(20)),
        "entity": dict(counts.entity.most_common(20)),
        "day": dict(sorted(counts.day.items())),
    }


def _print(query: Query, found: Iterator[Story]) -> None:
    count = 0
    for count, story in enumerate(found, 1):  # noqa: B007 -- the last number is the count
        click.echo(f"{show.when(story.published)}  {story.site}  {story.title}\n    {story.url}")
        for line in _highlights(query, story)[:1]:
            click.echo(f"    {line}")
    if not count:
        show.note("nothing found")


@click.command()
@click.argument("url")
@click.option("--alert", metavar="NAME", help="The alert that did or did not fire.")
@click.option("--recipient", default="", metavar="MAIL", help="Whom its mail did or did not reach; with --alert.")
@show.json_option
def explain(url: str, alert: str | None, recipient: str, *, as_json: bool) -> None:
    """Say step by step what became of the story at URL, why an alert did or did not fire, and where its mail is."""
    if recipient and not alert:
        raise click.UsageError("--recipient is of an alert: name it with --alert")
    steps = explain_story(bootstrap.ports(), url, alert, recipient)
    if as_json:
        show.as_json([{"step": step.name, "ok": step.ok, "said": step.said} for step in steps])
        return
    for step in steps:
        click.echo(f"{'✓' if step.ok else '✗'} {step.name:8} {step.said}")


@click.command()
@click.argument("url")
@show.json_option
def related(url: str, *, as_json: bool) -> None:
    """Show other stories of the event that the story at URL tells of, and the rare names and words they share."""
    ports = bootstrap.ports()
    story = find_story(ports, url)
    if story is None:
        raise click.BadParameter(f"no feed has brought {url}: see `wirewatch feeds check`")
    found = relate(ports, story)
    if as_json:
        show.as_json(
            [
                {
                    "url": one.story.url,
                    "title": one.story.title,
                    "published": one.story.published,
                    "site": one.story.site,
                    "outlets": 1 + len(one.copies),
                    "names": list(one.why.names),
                    "words": list(one.why.words),
                }
                for one in found
            ]
        )
        return
    for one in found:
        shares = ", ".join((*one.why.names, *one.why.words))
        click.echo(
            f"{show.when(one.story.published)}  {one.story.site}  {one.story.title}  {in_words(one.copies)}".rstrip()
        )
        click.echo(f"    {one.story.url}\n    both have: {shares}")
    if not found:
        show.note("nothing related within 72 hours")


COMMANDS = (search, explain, related)
