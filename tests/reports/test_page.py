"""The frame of all pages: what is text stays text, and numbers can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.core.files import write_text
from isthmus.metrics import Estimate
from isthmus.reports.page import Picture, Section, Table, findings, number
from isthmus.reports.style import new_figure
from support.pages import Page, read_page

WORD = """<script>alert(1)</script> & "quoted" 'too'"""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.123456, "0.1235"),
        (-12.3456, "-12.35"),
        (999.96, "1000"),
        (1234.5, "1,234"),
        (-2.5e6, "-2,500,000"),
    ],
)
def test_numbers(value: float, shown: str) -> None:
    assert number(value) == shown


def test_what_is_given_is_text(tmp_path: Path) -> None:
    table = Table([WORD], [[WORD], [(WORD, WORD)]], title=WORD)
    section = Section(WORD, WORD, [table, table], note=WORD)
    write_text(tmp_path / "page.html", findings(WORD, f"`{WORD}`", [(WORD, WORD)], [section]))
    page = read_page(tmp_path / "page.html")
    # Title and heading, text, a fact; of the section three, and two tables of five each.
    assert page.text.count(WORD) == 2 + 1 + 2 + 3 + 2 * 5
    assert ("code", {}) in page.elements


def test_cells_rows_and_folds() -> None:
    scores = [Estimate(0.5, 0.25, 0.75, 9), Estimate(0.5, float("nan"), float("nan"), 1)]
    rows = [["ours", scores[0]], ["PCA", scores[1]], ["none", ("+3", "2 σ")]]
    table = Table(["", "score"], rows, ours="ours")
    page = Page(findings("T", "t", [], [Section("All", tables=[table], folded=True)]))
    for words in ("0.50.25 – 0.75", "0.5no interval", "+32 σ"):
        assert words in page.text
    assert [its for tag, its in page.elements if tag == "tr"] == [{}, {"class": "ours"}, {}, {}]
    assert [tag for tag, _ in page.elements if tag in ("summary", "h2")] == ["summary"]


@pytest.mark.parametrize(
    ("width", "height", "shape"), [(7, 2, "wide"), (5, 4, "tall"), (5, 2, "small")]
)
def test_shapes_of_pictures(width: float, height: float, shape: str) -> None:
    assert Picture.of("p", "P.", new_figure(width, height)[0]).shape == shape
