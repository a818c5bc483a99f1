"""Plots: numbers in, SVG with a table behind out."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from workers.console import plots

NUMBERS = st.floats(0, 1e6, allow_nan=False)


@given(st.lists(st.tuples(st.text(max_size=20), NUMBERS), max_size=40), st.text(max_size=20))
def test_bars_stand_on_the_ground_and_none_is_higher_than_the_plot(values, label):
    for top, height in re.findall(r' y="(.+?)" width=".+?" height="(.+?)"', plots.bars(values, label=label)):
        assert -0.11 <= float(top) <= plots.HEIGHT
        assert abs(float(top) + float(height) - plots.HEIGHT) < 0.11


def test_a_name_of_others_is_text_wherever_it_stands():
    hostile = "<script>alert(1)</script>"
    drawn = [
        plots.bars([(hostile, 1)], label=hostile),
        plots.ranked([(hostile, 1)], label=hostile),
        plots.lines([hostile], [(hostile, [1])], label=hostile),
        plots.shares([hostile], [(hostile, [1])], label=hostile),
    ]
    assert not any("<script" in one for one in drawn)
    assert all("&lt;script" in one for one in drawn)


def test_the_numbers_stand_in_a_table_behind_the_plot():
    page = html.fromstring(plots.lines(["Mon", "Tue"], [("kursk", [1, 2]), ("nato", [3, 4])], label="Matches"))
    assert [[cell.text for cell in row] for row in page.iter("tr")][1:] == [["Mon", "1", "3"], ["Tue", "2", "4"]]


def test_shares_of_a_day_fill_it_and_a_day_without_any_is_left_empty():
    drawn = plots.shares(["Mon", "Tue"], [("kursk", [1, 0]), ("nato", [3, 0])], label="Share of voice")
    heights = [float(one) for one in re.findall(r' height="([\d.]+)"><title>', drawn)]
    assert sum(heights) == plots.HEIGHT
    assert "Mon, nato: 75%" in drawn
    assert "Tue, nato" not in drawn
