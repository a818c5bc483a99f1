"""Warnings about queries that are accepted and may not mean what their author thinks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.query.document import Field
from pipeline.query.imply import forbidden_too
from pipeline.query.render import render
from pipeline.query.syntax import And, AtLeast, Near, Node, Not, Or, Phrase, Query, Wildcard, Word, phrases

# Words that nearly every story has: of the languages most alerts are written in.
STOPWORDS = frozenset(
    "a an and are as at be but by for from had has have he her his in is it its of on or she that the their they this "
    "to was were which with will you der die das und den dem ein eine ist im in von zu mit le la les de des et un une "
    "du que el los las y en por con su и в на не что с по".split()
)
OPERATORS = frozenset({"and", "or", "not", "near"})
SENTIMENTS = ("negative", "neutral", "positive")
LONGEST_LANGUAGE = 3
USUAL = STOPWORDS | {"us", "who", "am", "aids", "may"}
"""Words for which capitals are often typed as an acronym or a name."""
MOST_COMPARED = 50
"""Clauses wanted and forbidden that are held against each other."""


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 -- what it is called; nobody raises it
    """Something questionable about a clause, and what to do."""

    clause: str
    reason: str
    cure: str

    def __str__(self) -> str:
        return f"{self.clause}: {self.reason}: {self.cure}"


def warnings(typed: Query, meant: Node | None = None) -> list[Warning]:
    """What is questionable about a query as it was typed, and as it is `meant`, with other spellings."""
    root = typed.root
    found = [warning for phrase in phrases(root) for warning in (*_of_phrase(phrase), *_of_name(phrase))]
    found += _impossible(root) or _blind(root, meant or root)
    found += [*_stop(root), *_forbidden_stop(root), *_acronyms(typed)]
    return list(dict.fromkeys(found))


def _of_phrase(phrase: Phrase) -> Iterator[Warning]:
    elements = [choice[0].elements[0] for choice in phrase.choices]
    inner = [element.token for element in elements[1:-1] if isinstance(element, Word)]
    operator = next((token for token in inner if token in OPERATORS), "")
    if operator:
        shown = _shown(phrase)
        yield Warning(shown, f"inside quotes {operator!r} is a word like any other", "close the quotes before it")
    for element in elements:
        if isinstance(element, Wildcard) and len(element.prefix) == 3 and element.pattern.endswith("*"):
            yield Warning(_shown(phrase), "three letters begin very many words", "write more of the word")


def _of_name(phrase: Phrase) -> Iterator[Warning]:
    """A name that no story can have in its field."""
    word = _sole_word(phrase)
    token = word.token if word else ""
    if phrase.field is Field.LANG and len(token) > LONGEST_LANGUAGE:
        yield Warning(_shown(phrase), "is no code of a language", "write two letters (ISO 639-1), as lang:en")
    if phrase.field is Field.SENTIMENT and token not in SENTIMENTS:
        yield Warning(_shown(phrase), "is no tone", f"write one of {', '.join(SENTIMENTS)}")
    if phrase.field is Field.SITE and token.startswith(("http_", "https_")):
        yield Warning(_shown(phrase), "is an address and no site", "write the domain alone, as site:bbc.co.uk")


def _stop(root: Node) -> Iterator[Warning]:
    """A stopword that may match alone: the whole query, or one side of an OR."""
    match root:
        case Or(parts):
            for part in parts:
                yield from _stop(part)
        case Phrase(row=(Word(token),), field=None) if token in STOPWORDS:
            yield Warning(_shown(root), "stands in nearly every story", "add a word, or put it into a phrase")


def _forbidden_stop(node: Node) -> Iterator[Warning]:
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _forbidden_stop(part)
        case Not(part):
            for one in part.parts if isinstance(part, Or) else (part,):
                for found in _stop(one):
                    yield Warning(
                        f"NOT {found.clause}", "forbids nearly every story", "take it out, or quote the phrase"
                    )


def _acronyms(typed: Query) -> Iterator[Warning]:
    """Capitals that in small letters are a usual word."""
    for phrase in phrases(typed.root):
        written = typed.text[slice(*phrase.at)].strip('."')
        word = _sole_word(phrase)
        if word and not word.case and word.token in USUAL and written.replace(".", "").isupper():
            cure = f"write ={word.token.upper()} for the capitals alone"
            yield Warning(written, f"finds the word {word.token!r} too", cure)


def _sole_word(phrase: Phrase) -> Word | None:
    return phrase.row[0] if len(phrase.row) == 1 and isinstance(phrase.row[0], Word) else None


def _impossible(node: Node) -> list[Warning]:
    match node:
        case And(parts):
            wanted = [part for part in parts if not isinstance(part, Not)][:MOST_COMPARED]
            forbidden = [part.part for part in parts if isinstance(part, Not)][:MOST_COMPARED]
            found = [one for part in parts for one in _impossible(part)]
            if forbidden_too(wanted, forbidden):
                cure = "take one out"
                return [Warning(_shown(node), "can never be true: it wants and forbids the same", cure), *found]
            return found
        case Or(parts):
            return [one for part in parts for one in _impossible(part)]
        case Not(part):
            return _impossible(part)
        case Near() | AtLeast() | Phrase():
            return []


def _blind(typed: Node, meant: Node) -> list[Warning]:
    """What can be true as it was typed, and not with the other spellings that are looked for."""
    if not _impossible(meant):
        return []
    reason = "can never be true: what it forbids is another spelling of what it wants"
    return [Warning(_shown(typed), reason, "write + before each of the two, as in +kyiv NOT +kiev")]


def _shown(node: Node) -> str:
    return render(node, variants=False)
