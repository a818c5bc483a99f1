"""Plots as SVG, drawn on the server: bars, ranked bars, lines and stacked shares. Pure: numbers in, markup out.

A plot stretches with its page, so words never stand in the SVG, where they would shrink: what it is, its greatest
value, its two ends and its legend are text beside it. Colours are classes (`series-0` …) of console.css, light and
dark; the numbers stand in a table behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

WIDTH, HEIGHT = 600.0, 160.0
GAP = 0.2
"""Part of a bar's place that is left free beside it."""
SERIES = 8
"""Colours there are; a plot has no more series than that."""

Values = Sequence[tuple[str, float]]
Series = tuple[str, Sequence[float]]
"""A name, and a value for each of the plot's places."""


def bars(values: Values, *, label: str) -> Markup:
    """Upright bars, one for each (name, value) with value >= 0, in their order: matches a day, for one."""
    most = _greatest(value for _, value in values)
    place = WIDTH / max(1, len(values))
    drawn = [
        _box(f"{name}: {value:g}", at * place, HEIGHT - HEIGHT * value / most, place, HEIGHT * value / most)
        for at, (name, value) in enumerate(values)
    ]
    names = [name for name, _ in values]
    return _figure(label, drawn, names, [("", [value for _, value in values])])


def ranked(values: Values, *, label: str) -> Markup:
    """A list of (name, value) with a lying bar behind each: the top outlets, for one. It is its own table."""
    most = _greatest(value for _, value in values)
    rows = [_ranked_row(name, value, value / most) for name, value in values]
    return Markup('<table class="ranked"><caption>{}</caption><tbody>{}</tbody></table>').format(label, _joined(rows))


def lines(places: Sequence[str], series: Sequence[Series], *, label: str) -> Markup:
    """A line for each of up to SERIES series over the same places (days, for one)."""
    most = _greatest(value for _, values in series for value in values)
    drawn = [_line(name, values, most, at) for at, (name, values) in enumerate(series)]
    return _figure(label, drawn, places, series)


def shares(places: Sequence[str], series: Sequence[Series], *, label: str) -> Markup:
    """Stacked bars of one height: what part of each place's sum each of up to SERIES series has."""
    place = WIDTH / max(1, len(places))
    drawn = [
        box
        for at, name in enumerate(places)
        for box in _stack(name, [(one, values[at]) for one, values in series], at * place, place)
    ]
    return _figure(label, drawn, places, series, share=True)


def _greatest(values: Iterable[float]) -> float:
    """What fills the height; 1 where all is nothing."""
    return max(values, default=0.0) or 1.0


def _stack(place: str, parts: Values, left: float, width: float) -> list[Markup]:
    whole, top, drawn = sum(value for _, value in parts), HEIGHT, []
    for at, (name, value) in enumerate(parts):
        if value:
            height = HEIGHT * value / whole
            top -= height
            drawn.append(_box(f"{place}, {name}: {value / whole:.0%}", left, top, width, height, at))
    return drawn


def _box(said: str, left: float, top: float, width: float, height: float, series: int = 0) -> Markup:
    return Markup(
        '<rect class="series-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(series % SERIES, left + width * GAP / 2, top, width * (1 - GAP), height, said)


def _line(name: str, values: Sequence[float], most: float, series: int) -> Markup:
    step = WIDTH / max(1, len(values) - 1)
    points = " ".join(f"{at * step:.1f},{HEIGHT - HEIGHT * value / most:.1f}" for at, value in enumerate(values))
    return Markup('<polyline class="series-{}" points="{}"><title>{}</title></polyline>').format(
        series % SERIES, points, name
    )


def _ranked_row(name: str, value: float, part: float) -> Markup:
    return Markup(
        '<tr><th scope="row" dir="auto">{}</th><td><svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" '
        'aria-hidden="true"><rect class="series-0" width="{:.1f}" height="10"/></svg></td><td>{:,g}</td></tr>'
    ).format(name, 100 * part, value)


def _figure(
    label: str, drawn: Sequence[Markup], places: Sequence[str], series: Sequence[Series], *, share: bool = False
) -> Markup:
    most = max((value for _, values in series for value in values), default=0.0)
    scale = "shares of 100%" if share else f"0 to {most:,g}"
    return Markup(
        '<figure class="plot"><figcaption>{label} <span class="soft">({scale})</span></figcaption>'
        '<svg viewBox="0 -2 {width:g} {height:g}" preserveAspectRatio="none" role="img"><title>{label}</title>'
        "<desc>{scale}; the numbers stand in the table below</desc>{drawn}</svg>"
        '<div class="ends soft"><span>{first}</span><span>{last}</span></div>{legend}{table}</figure>'
    ).format(
        label=label,
        scale=scale,
        width=WIDTH,
        height=HEIGHT + 4,
        drawn=_joined(drawn),
        first=places[0] if places else "",
        last=places[-1] if places else "",
        legend=_legend([name for name, _ in series]),
        table=_table(places, series),
    )


def _legend(names: Sequence[str]) -> Markup:
    if names in ([""], []):
        return Markup("")
    item = Markup('<li dir="auto"><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="series-{}" width="10" ')
    item += Markup('height="10"/></svg> {}</li>')
    items = [item.format(at % SERIES, name) for at, name in enumerate(names)]
    return Markup('<ul class="plain legend">{}</ul>').format(_joined(items))


def _table(places: Sequence[str], series: Sequence[Series]) -> Markup:
    """The numbers; a head of names where there are several series."""
    heads = _joined([Markup('<th scope="col">{}</th>').format(name or "number") for name, _ in series])
    rows = [_row(name, [values[at] for _, values in series]) for at, name in enumerate(places)]
    return Markup(
        '<details><summary>As a table</summary><div class="scroll"><table><thead><tr><td></td>{}</tr></thead>'
        "<tbody>{}</tbody></table></div></details>"
    ).format(heads, _joined(rows))


def _row(name: str, values: Sequence[float]) -> Markup:
    cells = _joined([Markup("<td>{:,g}</td>").format(value) for value in values])
    return Markup('<tr><th scope="row">{}</th>{}</tr>').format(name, cells)


def _joined(parts: Sequence[Markup]) -> Markup:
    return Markup("").join(parts)
