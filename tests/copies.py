"""200 stories with the cluster that each belongs to, from texts written for it (tests/corpus/copies).

What outlets do to wire copy is done here, by chance but the same every time: typography and their own lines around it,
house style, a sentence dropped or added, "on Tuesday" made "yesterday", another headline and opening (written by hand),
the end cut off. Other reporters' stories of the same event and stories that fill in one form are clusters of their own.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "corpus" / "copies"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A story, the cluster it belongs to, what was done to it, and whether it is kept out of tuning."""

    cluster: str
    kind: str
    title: str
    body: str
    held_out: bool


Story = tuple[str, str, str, str]  # cluster, kind, title, body

# Pairs that mean the same in one house's style and in another's, by language.
HOUSE_STYLE = {
    "en": [
        ("percent", "per cent"),
        (" said that ", " said "),
        (" do not ", " don't "),
        (" was not ", " wasn't "),
        (" euros", " euro"),
        (" among them ", " including "),
        (" about ", " around "),
        (" until ", " till "),
        (" chiefly ", " mainly "),
        (" more than ", " over "),
        (" put off ", " postponed "),
        (" a year ", " per year "),
        (" is due to ", " is set to "),
        (" hopes to ", " aims to "),
        ("Police went", "Officers went"),
        (" centre", " center"),
        (" told a news conference", " told reporters"),
    ],
    "de": [(" rund ", " etwa "), ("nach Angaben der Polizei", "laut Polizei"), (" noch nicht ", " bislang nicht ")],
    "fr": [("a déclaré", "a dit"), (" près de ", " environ "), ("d'ici à", "d'ici")],
    "ru": [("сообщили в", "рассказали в"), (" должны ", " могут "), ("намерено", "собирается")],
    "zh": [("告诉记者", "对记者说"), ("以后", "之后"), ("预计", "有望")],
    "ja": [("という。", "とのことだ。"), ("およそ", "約"), ("いずれも", "ともに")],
}
DAYS = re.compile(r" on (?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b")
OWN_LINES = {
    "en": [
        "Our correspondent contributed to this report.",
        "It was not immediately possible to reach others for comment.",
        "The story has drawn wide attention at home and abroad.",
        "More details are expected in the coming days, and this newspaper will follow them.",
    ],
    "de": ["Unsere Redaktion bleibt an dem Thema dran und berichtet weiter."],
    "fr": ["Notre rédaction suivra le dossier dans les prochains jours."],
    "ru": ["Редакция продолжит следить за событиями."],
    "zh": ["本报将继续关注此事的最新进展。"],
    "ja": ["本紙は引き続き詳しくお伝えする。"],
}
TAILS = {
    "en": [
        "",
        "",
        "Read the full story on our website.",
        "Sign up for the Morning Tide, our daily newsletter, and never miss a story. You can unsubscribe at any time.",
        "(Reporting by M. Holt and I. Bell; editing by S. Quist)",
        "The Meridian is a member of the Press Trust. Send your comments to the editor. Follow us for more.",
    ],
    "de": ["", "Mehr zum Thema lesen Sie in unserer Wochenendausgabe."],
    "fr": ["", "Retrouvez toute l'actualité dans notre lettre du soir."],
    "ru": ["", "Подписывайтесь на наш канал."],
    "zh": ["", "（编辑：陈明）"],
    "ja": ["", "（記事の無断転載を禁じます）"],
}
DATELINES = ["", "", "PORT MARREN (HW) — ", "(Harbour Wire) - ", "THORNCASTER, England — "]


def labelled() -> list[Labelled]:
    """The stories, in no order that says anything."""
    chance = random.Random(7)
    families = [_of_wire(wire, number < 12, chance) for number, wire in enumerate(_read("wire"))]
    families += [_of_form(form, chance) for form in _read("form")]
    stories = [Labelled(*story, held_out=number % 2 == 1) for number, family in enumerate(families) for story in family]
    chance.shuffle(stories)
    return stories


def wires() -> list[dict[str, Any]]:
    """The wire copy itself, as written."""
    return _read("wire")


def cut(body: str, share: float) -> str:
    """The first paragraphs of `body`, up to the one in which `share` of its letters is reached."""
    kept: list[str] = []
    for paragraph in body.strip().split("\n\n"):
        kept.append(paragraph)
        if sum(map(len, kept)) >= share * len(body.strip()):
            break
    return "\n\n".join(kept)


def _read(kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((FOLDER / f"{kind}s.toml").read_text())[kind]
    return found


def _of_wire(wire: dict[str, Any], edit_rewrite: bool, chance: random.Random) -> list[Story]:
    """The copy as sent, as outlets ran it, and what others wrote of the event."""
    language, title, body = wire.get("lang", "en"), wire["title"], wire["body"].strip()
    rewritten = [(one["title"], _with_lead(body, one)) for one in wire["rewrite"]]
    copies = [
        ("as sent", title, body),
        ("dressed", title.upper(), _dressed(body, language, chance)),
        ("light edit", title, _edited(body, language, chance)),
        ("cut", title, _dressed(cut(body, chance.uniform(0.5, 0.8)), language, chance)),
        *(("rewrite", headline, _dressed(text, language, chance)) for headline, text in rewritten),
    ]
    if edit_rewrite:
        headline, text = rewritten[0]
        copies.append(("rewrite, edited", headline, _edited(text, language, chance)))
    rivals = [
        (f"{wire['id']}, rival {place}", "rival", one["title"], _dressed(one["body"].strip(), language, chance))
        for place, one in enumerate(wire.get("rival", ()))
    ]
    return [(wire["id"], *copy) for copy in copies] + rivals


def _of_form(form: dict[str, Any], chance: random.Random) -> list[Story]:
    """A story for each row, all with the outlet's one tail; two of them run by another outlet as well."""
    language = form.get("lang", "en")
    tail = chance.choice(TAILS[language])
    made: list[Story] = []
    for place, row in enumerate(form["filled"]):
        values = dict(zip(form["slots"], row, strict=True))
        title, body = form["title"].format(**values), form["body"].strip().format(**values)
        cluster = f"{form['id']}, {place}"
        made.append((cluster, "form", title, f"{body}\n\n{tail}".strip()))
        if place < 2:
            made.append((cluster, "form, edited", title, _house_style(body, language, chance)))
    return made


def _with_lead(body: str, rewrite: dict[str, Any]) -> str:
    kept: Sequence[str] = body.split("\n\n")[rewrite["replaces"] :]
    return "\n\n".join([rewrite["lead"].strip(), *kept])


def _dressed(body: str, language: str, chance: random.Random) -> str:
    """The same words in another typography, between what an outlet puts around every story."""
    quoted = re.sub(r'"([^"]*)"', r"“\1”", body).replace("'", "’").replace(" - ", " – ")
    dateline = chance.choice(DATELINES) if language == "en" else ""
    return f"{dateline}{quoted}\n\n{chance.choice(TAILS[language])}".strip()


def _edited(body: str, language: str, chance: random.Random) -> str:
    """House style, one sentence less, one of the outlet's own, and its dress."""
    paragraphs = _house_style(body, language, chance).split("\n\n")
    victim = chance.randrange(1, len(paragraphs))
    sentences = re.split(r"(?<=[.!?”\"]) (?=[A-ZÄÖÜ“\"А-Я])|(?<=。)", paragraphs[victim])
    if len(sentences) > 1:
        del sentences[chance.randrange(len(sentences))]
        paragraphs[victim] = ("" if language in ("zh", "ja") else " ").join(sentences)
    paragraphs.insert(chance.randrange(1, len(paragraphs) + 1), chance.choice(OWN_LINES[language]))
    return _dressed("\n\n".join(paragraphs), language, chance)


def _house_style(body: str, language: str, chance: random.Random) -> str:
    for one, other in HOUSE_STYLE[language]:
        if chance.random() < 0.7:
            body = body.replace(one, other)
    return DAYS.sub(chance.choice(["", " today", " yesterday"]), body, count=3)
