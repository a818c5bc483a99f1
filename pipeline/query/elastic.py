"""A query as Elasticsearch asks for it, on the token streams of the one analysis (`words.<field>`).

A form returns every story that the query matches. Where it is `exact` it returns no other, so counts and facets may
come from it directly; where it is not, the evaluator judges the candidates. What the engine can't say plainly is
asked loosely, on purpose:

- `=KCNA`: the index knows no case;
- NEAR: interval queries minimise their operands, and so would lose a longer reading that reaches further;
- a wildcard inside a phrase: an interval wildcard over more than 128 terms fails the whole request;
- a wildcard with many `?` behind a `*`: its automaton grows to twice the size with each, and Lucene refuses large ones;
- ATLEAST: a query can't count;
- what is bracketed deeper than Elasticsearch nests (`indices.query.bool.max_nested_depth`);
- phrases, by one of their words each, where there are more clauses than Elasticsearch takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from pipeline.query.document import UNFIELDED, Document, Field
from pipeline.query.syntax import And, AtLeast, Element, Near, Node, Not, Or, Phrase, Query, Wildcard, Word

Body = dict[str, Any]
EVERYTHING: Body = {"match_all": {}}
MOST_DEPTH = 10
"""And, Or and Not in each other that are said. A clause takes three levels more, who asks some, and there are 20."""
MOST_MARKS = 6
"""`?` behind the first `*` of a pattern that is said: 12 were taken, 13 refused (Elasticsearch 7.17)."""

MOST_CLAUSES = 1_000
"""Of a form, leaves counted. Elasticsearch 8 and 9 take as many as there are heap and few threads for (Lucene's
maxClauseCount, over the whole query): 1,337 with 1 GB and 32 cores. Spellings multiply: 90 phrases may be 5,000."""


@dataclass(frozen=True, slots=True)
class ElasticForm:
    """`query` is Elasticsearch's query DSL."""

    query: Body
    exact: bool


def words_of(document: Document) -> dict[str, list[str]]:
    """What is indexed of a story: the tokens of each value, by field."""
    return {
        field.value: [" ".join(value.folded) for value in values]
        for field in Field
        if (values := document.values(field))
    }


def form(query: Query) -> ElasticForm:
    """The form of `query`. Nothing is scored: every clause stands in filter context."""
    plain = _form(query.root, MOST_DEPTH)
    if _clauses(plain.query) <= MOST_CLAUSES:
        return plain
    brief = _brief(plain.query)
    return _loose(brief if _clauses(brief) <= MOST_CLAUSES else EVERYTHING)


def _clauses(query: Body) -> int:
    """How many leaves a form has."""
    parts = [part for some in query.get("bool", {}).values() if isinstance(some, list) for part in some]
    return sum(map(_clauses, parts)) if parts else 1


def _brief(query: Body) -> Body:
    """What returns all that `query` does, and more: of each phrase one word, as the words of a field are one clause."""
    if "match_phrase" in query:
        ((name, text),) = query["match_phrase"].items()
        return {"term": {name: max(text.split(), key=len)}}
    inside = query.get("bool", {})
    if "must_not" in inside:
        return EVERYTHING
    if "filter" in inside:
        return _all([_brief(part) for part in inside["filter"]])
    return _any([_brief(part) for part in inside["should"]]) if inside else query


def _form(node: Node, depth: int) -> ElasticForm:
    """`depth` is how many more nodes may be nested."""
    match node:
        case Phrase():
            return _phrase(node)
        case Near(operands):
            return _near(operands)
        case AtLeast(count, phrases):
            present = _together(map(_phrase, phrases), _any)
            return ElasticForm(present.query, present.exact and count <= 1)
        case _ if not depth:
            return _loose(EVERYTHING)
        case And(parts):
            return _together((_form(part, depth - 1) for part in parts), _all)
        case Or(parts):
            return _together((_form(part, depth - 1) for part in parts), _any)
        case Not(part):
            inner = _form(part, depth - 1)
            # What returns too much must not be taken away: that would leave too little.
            return ElasticForm({"bool": {"must_not": [inner.query]}}, True) if inner.exact else _loose(EVERYTHING)


def _near(operands: Sequence[Sequence[Phrase]]) -> ElasticForm:
    present = _together((_together(map(_phrase, phrases), _any) for phrases in operands), _all)
    return _loose(present.query)


def _phrase(phrase: Phrase) -> ElasticForm:
    fields = (phrase.field,) if phrase.field else UNFIELDED
    return _together((_row(row, field) for row in _readings(phrase) for field in fields), _any)


def _readings(phrase: Phrase) -> Iterator[tuple[Element, ...]]:
    """Every row of elements that the choices of a phrase allow; the parser bounds how many there are."""
    for runs in product(*phrase.choices):
        yield tuple(element for run in runs for element in run.elements)


def _row(elements: tuple[Element, ...], field: Field) -> ElasticForm:
    name = f"words.{field.value}"
    caseless = not any(isinstance(element, Word) and element.case for element in elements)
    if any(isinstance(element, Wildcard) for element in elements):
        present = _together((_element(element, name) for element in elements), _all)
        return ElasticForm(present.query, present.exact and caseless and len(elements) == 1)
    tokens = [element.token for element in elements if isinstance(element, Word)]
    if len(tokens) == 1:
        return ElasticForm({"term": {name: tokens[0]}}, caseless)
    return ElasticForm({"match_phrase": {name: " ".join(tokens)}}, caseless)


def _element(element: Element, name: str) -> ElasticForm:
    if isinstance(element, Word):
        return ElasticForm({"term": {name: element.token}}, exact=True)
    beginning: Body = {"prefix": {name: element.prefix}}
    if element.pattern == f"{element.prefix}*":
        return ElasticForm(beginning, exact=True)
    if element.pattern.partition("*")[2].count("?") > MOST_MARKS:
        return _loose(beginning)
    return ElasticForm({"wildcard": {name: element.pattern}}, exact=True)


def _together(forms: Iterable[ElasticForm], join: Any) -> ElasticForm:
    parts = list(forms)
    return ElasticForm(join([part.query for part in parts]), all(part.exact for part in parts))


def _all(queries: Sequence[Body]) -> Body:
    return queries[0] if len(queries) == 1 else {"bool": {"filter": list(queries)}}


def _any(queries: Sequence[Body]) -> Body:
    if len(queries) == 1:
        return queries[0]
    return {"bool": {"should": _terms_joined(queries), "minimum_should_match": 1}}


def _terms_joined(queries: Sequence[Body]) -> list[Body]:
    """`queries` with the single terms of a field put into one `terms`: twenty spellings are one clause."""
    terms: dict[str, list[str]] = {}
    others: list[Body] = []
    for query in queries:
        if "term" in query:
            ((name, token),) = query["term"].items()
            terms.setdefault(name, []).append(token)
        else:
            others.append(query)
    return [{"terms": {name: tokens}} for name, tokens in terms.items()] + others


def _loose(query: Body) -> ElasticForm:
    return ElasticForm(query, exact=False)
