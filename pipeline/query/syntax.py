"""The alert language, from text to tree. The grammar, as docs/query.md explains it to analysts:

    query    = or
    or       = and { OR and }
    and      = near { [AND] near }                       a bare space means AND
    near     = unary { (NEAR/n | ONEAR/n) unary }        one operator and one n a chain, 2 to 4 operands
    unary    = (NOT | - | !) unary | primary
    primary  = ( or ) | field: primary | ATLEAST/n primary | [= | +] ( "phrase" | word ) | @list
    phrase   = { word | ( words { | words } ) }          alternatives: "mutual (defence|aid) pact"

Operators are known in any case, inside quotes they are words. What people type for quotes, dashes, brackets and
spaces (curly, guillemets, full-width, non-breaking, between marks of direction) is taken as meant. A word is cut by
the one analysis (pipeline/text.py), so `long-range` is the phrase "long range".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from itertools import chain
from typing import NoReturn

from pipeline.errors import QueryError
from pipeline.query.document import WHOLE, Field
from pipeline.text import MAX_TOKEN_UNITS, Tokens, is_solid, words

MAX_CHARACTERS = 500_000
MAX_LEAVES = 500
MAX_DEPTH = 50
MAX_DISTANCE = 100
MAX_NEAR_OPERANDS = 4
MAX_PHRASE_READINGS = 200
WILDCARD_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Word:
    """One token. `case` is the token with its case when the case must be right (`=KCNA`), else empty."""

    token: str
    case: str = ""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A pattern for one token: `*` is any characters or none, `?` exactly one; begins with three letters."""

    pattern: str
    prefix: str = attribute(init=False, compare=False)  # the letters before the first `*` or `?`

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", re.split(r"[*?]", self.pattern, maxsplit=1)[0])


Element = Word | Wildcard


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens in a row: one alternative at one place of a phrase. `variant` says that no person typed it."""

    elements: tuple[Element, ...]
    variant: bool = False


Choice = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Choices in a row, without gaps; a single word is the shortest. `field` None looks in title or body.

    `spelled` says that no other spellings are to be added to it.
    """

    choices: tuple[Choice, ...]
    field: Field | None = None
    spelled: bool = attribute(default=False, compare=False)
    at: tuple[int, int] = attribute(default=(0, 0), compare=False)  # where in the query it was typed
    row: tuple[Element, ...] = attribute(init=False, compare=False)  # its elements, where no choice has two runs

    def __post_init__(self) -> None:
        plain = all(len(choice) == 1 and len(choice[0].elements) == 1 for choice in self.choices)
        object.__setattr__(self, "row", tuple(choice[0].elements[0] for choice in self.choices) if plain else ())


@dataclass(frozen=True, slots=True)
class And:
    """All of them, anywhere in the story."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of them."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The story where `part` does not match."""

    part: Node


@dataclass(frozen=True, slots=True)
class Near:
    """Operands in one field, no token shared, with at most `distance` tokens between each and the next.

    `ordered` keeps the order typed. Each operand is one or more phrases, any of which will do.
    """

    operands: tuple[tuple[Phrase, ...], ...]
    distance: int
    ordered: bool
    at: tuple[int, int] = attribute(default=(0, 0), compare=False)


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Any of `phrases` stands in at least `count` places of the story."""

    count: int
    phrases: tuple[Phrase, ...]
    at: tuple[int, int] = attribute(default=(0, 0), compare=False)


Node = And | Or | Not | Near | AtLeast | Phrase


@dataclass(frozen=True, slots=True)
class Query:
    """What was typed, and what it means."""

    text: str
    root: Node


EVERYTHING = Query("", And(()))
"""What every story has: nothing is asked."""


def parse(text: str, lists: Mapping[str, Sequence[str]] | None = None) -> Query:
    """Read a query; `@name` stands for any of `lists[name]`. Raises QueryError with position, reason and cure."""
    if len(text) > MAX_CHARACTERS:
        raise QueryError(text[:40] + "…", MAX_CHARACTERS, f"longer than {MAX_CHARACTERS} characters", "split it")
    parser = _Parser(text, lists or {})
    root = parser.whole()
    if not needs_something(root):
        what = "an OR with a side of only NOT" if isinstance(root, Or) else "a query of only NOT"
        raise QueryError(text, 0, f"{what} matches everything else", "add a word that must be there")
    return Query(text, root)


def needs_something(node: Node) -> bool:
    """Whether a story must have at least one word to match: false for `NOT a` and for `a OR NOT b`."""
    match node:
        case And(parts):
            return any(map(needs_something, parts))
        case Or(parts):
            return all(map(needs_something, parts))
        case Not(part):
            return isinstance(part, Not) and needs_something(part.part)
        case _:
            return True


def lists_named(text: str) -> frozenset[str]:
    """The names of the lists that a query uses, as it is typed; none where it can't be read."""
    try:
        return frozenset(_list_name(lexeme) for lexeme in _lex(text) if lexeme.kind == "list")
    except QueryError:
        return frozenset()


def leaves(node: Node) -> Iterator[Phrase | Near | AtLeast]:
    """The clauses of a query, in the order typed, negated ones included."""
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield node


def phrases(node: Node) -> Iterator[Phrase]:
    """The phrases of a query, those that stand in a NEAR or ATLEAST too."""
    for leaf in leaves(node):
        match leaf:
            case Phrase():
                yield leaf
            case Near(operands):
                yield from chain.from_iterable(operands)
            case AtLeast(_, operand):
                yield from operand


# ---------------------------------------------------------------------------------------------------------
# Lexing. `as_meant` gives a text of the same length, so positions are those of the text typed.

_QUOTES = '"“”„‟«»‹›❝❞❮❯″‶〝〞〟＂「」『』'
_DASHES = "-‐‑‒–—―−﹣－"
_FULL_WIDTH = {
    chr(0xFEE0 + ord(plain)): plain for plain in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
}
_PAIRED = str.maketrans(dict.fromkeys(_QUOTES, '"') | dict.fromkeys(_DASHES, "-") | _FULL_WIDTH)
_SINGLE = re.compile(r"""(?<![^\s(:=-])‘((?:[^‘’"()]|’(?=\w))*\s(?:[^‘’"()]|’(?=\w))*)’(?![^\s)])""")
"""A row of words in single quotes. In straight ones it can't be told from apostrophes."""
_MARKS = r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+"
_MARKS_OUTSIDE = re.compile(rf"""(?<![^\s()"]){_MARKS}|{_MARKS}(?![^\s()"])""")
"""Invisible, they come along when text in Arabic or Hebrew is copied; inside words the analysis drops them."""
_HEBREW = "[\u0590-\u05ff]"
_GERSHAYIM = re.compile(rf"""(?<![^\s()])({_HEBREW}+)"({_HEBREW}{{1,3}})(?![^\s()])""")
"""The mark of a Hebrew acronym, typed as a quote; not where a letter is put before a quotation."""
_FIELD = re.compile(r"([A-Za-z_]+):(?!//)")
OPERATOR = re.compile(r"(AND|OR|NOT)|(O?NEAR|ATLEAST)(?:/(\d{1,4}))?", re.IGNORECASE)
_MISCOUNTED = re.compile(r"(O?NEAR|ATLEAST)/[-+]?\d[\d.,]*", re.IGNORECASE)
_OF_OTHER_TOOLS = (
    (r"~\d+", "nearness behind a quote", "write the words with NEAR/5 between them: kursk NEAR/5 troops"),
    (r"\w+~\d?", "~ for alike spellings", "use * and ?, or name the spellings with OR"),
    (r"(?:w|within|pre|adj)/\d+|adj\d+|/n?\d+", "that operator", "write NEAR/5, or ONEAR/5 in this order"),
    (r"o?near/\d+[a-z]+", "NEAR with more than a number", "write NEAR/5, or ONEAR/5 in this order"),
    (r"\{.+\}", "a word in curly brackets", "for exact letters write =KCNA"),
)
"""What people type who come from Lucene, Meltwater, Brandwatch or Factiva. As words it would find nothing."""
_FOREIGN = re.compile("|".join(f"({pattern})" for pattern, _, _ in _OF_OTHER_TOOLS), re.IGNORECASE)
"""All of them, a group each: every word of every query is looked at, and once."""
_SIGNS = {"-": "not", "!": "not", "+": "spelled"}
_WORD = re.compile(r'[^\s()"]+')
FILTER = re.compile(r"(?<![^\s()])(outlets|published)([<>]=?|=)([^\s()]*)", re.IGNORECASE)
"""What only a search can ask (query/filters.py)."""
_LIST = re.compile(r"[,;]?(@\w[\w-]*)[,;.:!?]*")  # with what sets off the parts of a sentence
_NEXT_LIST = re.compile(r"(?<=.)[,;](?=@)")
_FIELD_NAMES = ", ".join(name.value for name in Field)
# Letters of an extinct script that stand for wildcards while a word is cut into tokens: they fold to themselves.
_STAR, _MARK = "\U00010000", "\U00010001"
_TO_LETTERS = str.maketrans({"*": _STAR, "?": _MARK})
_FROM_LETTERS = str.maketrans({_STAR: "*", _MARK: "?"})


@dataclass(frozen=True, slots=True)
class _Lexeme:
    kind: str  # open close and or not near onear atleast field exact spelled phrase word list end
    text: str
    start: int
    end: int
    number: int = 0


def as_meant(text: str) -> str:
    """`text` with plain quotes, dashes and brackets for those that people type; every place in it stays."""
    paired = text.translate(_PAIRED)
    if paired.isascii():
        return paired
    meant = _SINGLE.sub(r'"\1"', "".join(map(_one_as_meant, paired)))
    return _GERSHAYIM.sub("\\1\u05f4\\2", _MARKS_OUTSIDE.sub(lambda found: " " * len(found.group()), meant))


def _one_as_meant(char: str) -> str:
    normal = unicodedata.normalize("NFKC", char)
    return normal if len(normal) == 1 and normal.isascii() and not normal.isalnum() else char


def _lex(text: str) -> Iterator[_Lexeme]:
    meant = as_meant(text)
    at = 0
    while at < len(meant):
        if meant[at].isspace():
            at += 1
            continue
        lexeme = _lexeme(text, meant, at)
        at = lexeme.end
        if lexeme.kind:
            yield lexeme
    yield _Lexeme("end", "", len(meant), len(meant))


def _lexeme(text: str, meant: str, at: int) -> _Lexeme:
    char = meant[at]
    if char in "()":
        return _Lexeme("open" if char == "(" else "close", char, at, at + 1)
    if char == '"':
        return _quoted(text, meant, at)
    if char == "=":
        return _Lexeme("exact", char, at, at + 1)
    if char in _SIGNS:
        return _sign(meant, at)
    if found := _FIELD.match(meant, at):
        return _field(text, found)
    found = _WORD.match(meant, at)
    if found is None:
        raise AssertionError("what is neither space, bracket nor quote is a word")
    return _word_or_operator(text, found)


def _quoted(text: str, meant: str, at: int) -> _Lexeme:
    end = meant.find('"', at + 1)
    if end < 0:
        raise QueryError(text, at, f"the quote opened at {at + 1} is never closed", "close it")
    return _Lexeme("phrase", meant[at + 1 : end], at, end + 1)


def _sign(meant: str, at: int) -> _Lexeme:
    sign, follows = meant[at], meant[at + 1 : at + 2]
    if follows in ("", ")", *_SIGNS) or follows.isspace():
        return _Lexeme("", sign, at, at + 1)  # a dash between words, as headlines have it
    return _Lexeme(_SIGNS[sign], sign, at, at + 1)


def _field(text: str, found: re.Match[str]) -> _Lexeme:
    name = found.group(1).lower()
    if name not in Field.__members__.values():
        follows = found.string[found.end() : found.end() + 1]
        if follows in ("", ")") or follows.isspace():
            return _Lexeme("word", found.group(1), found.start(), found.end())
        raise QueryError(
            text,
            found.start(),
            f"there is no field {name!r}",
            f"use one of {_FIELD_NAMES}, or put it in quotes",
        )
    return _Lexeme("field", name, found.start(), found.end())


def _word_or_operator(text: str, found: re.Match[str]) -> _Lexeme:
    start, end, word = found.start(), found.end(), found.group()
    if FILTER.fullmatch(word):
        reason = f"{word} changes after a match, so no alert can ask for it"
        raise QueryError(text, start, reason, "use it in a search; for alerts there are delivery policies")
    if (foreign := _FOREIGN.fullmatch(word)) and foreign.lastindex:
        _, meant, cure = _OF_OTHER_TOOLS[foreign.lastindex - 1]
        raise QueryError(text, start, f"{word}: {meant} is not of this language", cure)
    if "@" in word:
        return _word_or_list(found)
    operator = OPERATOR.fullmatch(word)
    if operator is None:
        if _MISCOUNTED.fullmatch(word):
            raise QueryError(text, start, f"{word} has no number that can be", f"use a whole one up to {MAX_DISTANCE}")
        return _Lexeme("word", word, start, end)
    if operator.group(1):
        return _Lexeme(operator.group(1).lower(), word, start, end)
    name, number = operator.group(2), operator.group(3)
    if number is not None:
        return _Lexeme(name.lower(), word, start, end, int(number))
    if name.isupper():
        raise QueryError(text, start, f"{name} without a number", f'write {name}/5, or "{name.lower()}" for the word')
    return _Lexeme("word", word, start, end)


def _word_or_list(found: re.Match[str]) -> _Lexeme:
    """`@nato`, also where a list follows a word without a space; `press@nato.int` is a word."""
    word, start = found.group(), found.start()
    if named := _LIST.fullmatch(word):
        return _Lexeme("list", named.group(1), start, found.end())
    if another := _NEXT_LIST.search(word):
        return _Lexeme("word", word[: another.start()], start, start + another.start())
    return _Lexeme("word", word, start, found.end())


def _list_name(lexeme: _Lexeme) -> str:
    return lexeme.text.removeprefix("@").lower()


# ---------------------------------------------------------------------------------------------------------
# Parsing, by recursive descent over the lexemes.


class _Parser:
    def __init__(self, text: str, lists: Mapping[str, Sequence[str]]) -> None:
        self.text, self.lists = text, lists
        self.lexemes = list(_lex(text))
        self.at = 0
        self.depth = 0
        self.leaves = 0

    @property
    def next(self) -> _Lexeme:
        return self.lexemes[self.at]

    def take(self) -> _Lexeme:
        lexeme = self.next
        self.at += 1
        return lexeme

    def fail(self, lexeme: _Lexeme, reason: str, cure: str) -> NoReturn:
        raise QueryError(self.text, lexeme.start, reason, cure)

    def whole(self) -> Node:
        if self.next.kind == "end":
            self.fail(self.next, "the query is empty", "give a word to look for")
        node = self.any_of(None)
        if self.next.kind == "close":
            self.fail(self.next, "a closing bracket that nothing opened", "take it out")
        return node

    def any_of(self, within: Field | None) -> Node:
        parts = [self.all_of(within)]
        while self.next.kind == "or":
            self.take()
            parts.append(self.all_of(within))
        return parts[0] if len(parts) == 1 else Or(_flat(Or, parts))

    def all_of(self, within: Field | None) -> Node:
        parts = [self.near(within)]
        while self.next.kind not in ("end", "close", "or"):
            if self.next.kind == "and":
                self.take()
            parts.append(self.near(within))
        return parts[0] if len(parts) == 1 else And(_flat(And, parts))

    def near(self, within: Field | None) -> Node:
        start = self.next
        first = self.unary(within)
        if self.next.kind not in ("near", "onear"):
            return first
        operator = self.next
        if operator.number > MAX_DISTANCE:
            self.fail(operator, f"{operator.text} is too far", f"use at most {MAX_DISTANCE}")
        operands = [self.phrases(first, start)]
        while self.next.kind in ("near", "onear"):
            again = self.take()
            if (again.kind, again.number) != (operator.kind, operator.number):
                self.fail(again, f"{again.text} after {operator.text} in one chain", "use brackets and AND instead")
            beginning = self.next
            operands.append(self.phrases(self.unary(within), beginning))
        if len(operands) > MAX_NEAR_OPERANDS:
            self.fail(operator, f"a chain of {len(operands)} operands", f"use at most {MAX_NEAR_OPERANDS}")
        if len({phrase.field for operand in operands for phrase in operand}) > 1:
            self.fail(operator, "a chain over different fields", "name one field before a group: title:(a NEAR/5 b)")
        span = (start.start, self.lexemes[self.at - 1].end)
        return Near(tuple(operands), operator.number, operator.kind == "onear", span)

    def phrases(self, node: Node, start: _Lexeme) -> tuple[Phrase, ...]:
        """`node` as the alternatives of a NEAR or ATLEAST operand."""
        if isinstance(node, Phrase):
            return (node,)
        if isinstance(node, Or) and all(isinstance(part, Phrase) for part in node.parts):
            return tuple(part for part in node.parts if isinstance(part, Phrase))
        self.fail(
            start,
            "NEAR and ATLEAST take words, phrases, wildcards or an OR group of these",
            "use AND between the parts",
        )

    def unary(self, within: Field | None) -> Node:
        if self.next.kind != "not":
            return self.primary(within)
        sign = self.take()
        if self.next.kind in ("end", "close", "and", "or", "near", "onear"):
            self.fail(sign, "NOT without what is not wanted", "name it, or take NOT out")
        return self.nested(sign, lambda: Not(self.unary(within)))

    def nested(self, opening: _Lexeme, inner: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(opening, f"nested deeper than {MAX_DEPTH}", "simplify the query")
        node = inner()
        self.depth -= 1
        return node

    def primary(self, within: Field | None) -> Node:
        lexeme = self.take()
        match lexeme.kind:
            case "open":
                return self.nested(lexeme, lambda: self.group(lexeme, within))
            case "field":
                return self.nested(lexeme, lambda: self.bound(lexeme, within))
            case "exact" | "spelled":
                return self.signed(lexeme, within)
            case "atleast":
                return self.nested(lexeme, lambda: self.at_least(lexeme, within))
            case "word" | "phrase":
                return self.leaf(lexeme, within)
            case "list":
                return self.named(lexeme, within)
            case "end":
                self.fail(lexeme, "the query ends where a word is wanted", "add one, or take the operator out")
            case "close":
                self.fail(lexeme, "a closing bracket where a word is wanted", "take it out")
            case _:
                self.fail(lexeme, f"{lexeme.text} where a word is wanted", "put it in quotes to look for the word")

    def group(self, opening: _Lexeme, within: Field | None) -> Node:
        if self.next.kind == "close":
            self.fail(opening, "empty brackets", "put a word in, or take them out")
        node = self.any_of(within)
        if self.next.kind != "close":
            self.fail(opening, f"the bracket opened at {opening.start + 1} is never closed", "close it")
        self.take()
        return node

    def bound(self, lexeme: _Lexeme, within: Field | None) -> Node:
        if within is not None:
            self.fail(lexeme, f"{lexeme.text}: inside {within}:", "a clause looks in one field: take one out")
        return self.primary(Field(lexeme.text))

    def named(self, lexeme: _Lexeme, within: Field | None) -> Node:
        name = _list_name(lexeme)
        if name not in self.lists:
            cure = f"make it with `wirewatch lists set {name} WORD…`, or put it in quotes to look for the word"
            self.fail(lexeme, f"there is no list @{name}", cure)
        members = tuple(
            self.leaf(replace(lexeme, kind="phrase", text=text.removeprefix("=")), within, exact=text.startswith("="))
            for text in self.lists[name]
        )
        return members[0] if len(members) == 1 else Or(members)

    def at_least(self, lexeme: _Lexeme, within: Field | None) -> Node:
        if lexeme.number < 1:
            self.fail(lexeme, f"{lexeme.text} asks for nothing", "use ATLEAST/2 or more")
        start = self.next
        phrases = self.phrases(self.primary(within), start)
        return AtLeast(lexeme.number, phrases, (lexeme.start, self.lexemes[self.at - 1].end))

    def signed(self, sign: _Lexeme, within: Field | None) -> Phrase:
        lexeme = self.next
        if lexeme.kind not in ("word", "phrase", "and", "or", "not", "near", "onear") or lexeme.start != sign.end:
            self.fail(sign, f"{sign.text} without a word behind it", f'write {sign.text}KCNA or {sign.text}"New Year"')
        self.take()
        word = replace(lexeme, kind="word" if lexeme.kind != "phrase" else "phrase", start=sign.start)
        return self.leaf(word, within, exact=sign.kind == "exact", spelled=sign.kind == "spelled")

    def leaf(self, lexeme: _Lexeme, within: Field | None, *, exact: bool = False, spelled: bool = False) -> Phrase:
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            self.fail(lexeme, f"more than {MAX_LEAVES} clauses", "split it into several alerts")
        choices = self.choices(lexeme, within, exact=exact)
        if not choices:
            self.fail(lexeme, f"{lexeme.text!r} has no letter or digit to look for", "take it out")
        readings = 1
        for choice in choices:
            readings *= len(choice)
        if readings > MAX_PHRASE_READINGS:
            self.fail(lexeme, f"a phrase with {readings} readings", f"use at most {MAX_PHRASE_READINGS}")
        return Phrase(choices, within, spelled, (lexeme.start, lexeme.end))

    def choices(self, lexeme: _Lexeme, within: Field | None, *, exact: bool) -> tuple[Choice, ...]:
        if within in WHOLE:
            elements = self.elements(lexeme, lexeme.text, exact=False)
            return () if not elements else ((Run((_joined(elements),)),),)
        if lexeme.kind == "word":
            if "|" in lexeme.text:
                self.fail(lexeme, f"{lexeme.text} has a | that stands in no phrase", "write (defence OR aid)")
            return tuple((Run((element,)),) for element in self.elements(lexeme, lexeme.text, exact=exact))
        choices: list[Choice] = []
        for piece in re.split(r"(\([^()]*\|[^()]*\))", lexeme.text):
            if piece.startswith("(") and "|" in piece:
                runs = self.runs(lexeme, piece[1:-1].split("|"), exact=exact)
                if not all(run.elements for run in runs):
                    self.fail(lexeme, f"an empty alternative in {piece}", "name it, or take the | out")
                choices += [runs] if len(runs) > 1 else [(Run((one,)),) for one in runs[0].elements]
            elif "|" in piece:
                cure = 'write "mutual (defence|aid) pact", or take it out'
                self.fail(lexeme, "a | in a phrase that stands in no brackets, or in too many", cure)
            else:
                choices += [(Run((element,)),) for element in self.elements(lexeme, piece, exact=exact)]
        return tuple(choices)

    def runs(self, lexeme: _Lexeme, parts: list[str], *, exact: bool) -> Choice:
        """Alternatives, each once, typed ones first; `~` marks one that no person typed (query/variants.py)."""
        made: dict[tuple[Element, ...], Run] = {}
        for part in sorted(parts, key=lambda part: part.lstrip().startswith("~")):
            elements = self.elements(lexeme, part, exact=exact)
            made.setdefault(elements, Run(elements, variant=part.lstrip().startswith("~")))
        if all(run.variant for run in made.values()):
            return tuple(replace(run, variant=False) for run in made.values())
        return tuple(made.values())

    def elements(self, lexeme: _Lexeme, text: str, *, exact: bool) -> tuple[Element, ...]:
        wild = "*" in text or "?" in text
        if not wild and not exact:
            return tuple(map(Word, words(text)))
        tokens = Tokens(text.translate(_TO_LETTERS) if wild else text)
        return tuple(
            self.element(lexeme, folded.translate(_FROM_LETTERS), cased if exact else "")
            for folded, cased in zip(tokens.folded, tokens.cased, strict=True)
        )

    def element(self, lexeme: _Lexeme, token: str, cased: str) -> Element:
        if "*" not in token and "?" not in token:
            return Word(token, cased)
        wildcard = Wildcard(re.sub(r"\*+", "*", token))
        if cased:
            self.fail(lexeme, "a wildcard in an exact word", "take the = or the wildcard out")
        if not wildcard.prefix:
            self.fail(lexeme, f"leading wildcard: {token} would look at every word", "begin with three letters")
        if len(wildcard.prefix) < WILDCARD_LETTERS or is_solid(wildcard.prefix):
            self.fail(lexeme, f"{token} would look at too many words", "begin with three letters")
        return wildcard


def _joined(elements: tuple[Element, ...]) -> Element:
    """The elements of a whole name as the one token that stands for it (see document.whole)."""
    pattern = "_".join(part.token if isinstance(part, Word) else part.pattern for part in elements)
    return Word(pattern[:MAX_TOKEN_UNITS]) if all(isinstance(part, Word) for part in elements) else Wildcard(pattern)


def _flat(kind: type[And] | type[Or], parts: list[Node]) -> tuple[Node, ...]:
    flat: list[Node] = []
    for part in parts:
        if isinstance(part, kind):
            flat += part.parts
        else:
            flat.append(part)
    return tuple(flat)
