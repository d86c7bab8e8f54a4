"""Self-contained HTML pages in one look: what is said, tables, pictures."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

import isthmus
from isthmus.metrics import Estimate
from isthmus.reports.style import to_png

Cell = str | int | float | Estimate | tuple[str, str]
"""Of a table: text, a number, a mean with its interval, or text with a smaller second line."""

Fact = tuple[str, str]
"""A short value with the words that follow it."""

Drawing = tuple[str, str, Figure]
"""Name and caption of a figure, which become a `Picture`."""

_HALF_PAGE = 6.0  # inches; wider pictures take the whole width
_LOW = 3.0  # inches; two of these stand beside a higher one
_LONG = 32  # characters of a cell that is broken into lines
_LARGE = 1000  # from which on numbers are written in full, without decimals


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes
    ----------
    name
        Of its PNG file, without ending.
    caption
        What it shows.
    png
        The file's bytes.
    shape
        ``"wide"`` takes the whole width of the page, ``"tall"`` the place of two others.
    """

    name: str
    caption: str
    png: bytes
    shape: str

    @classmethod
    def of(cls, name: str, caption: str, figure: Figure) -> Picture:
        """Draw a figure."""
        shape = "tall" if figure.get_figheight() > _LOW else "small"
        wide = figure.get_figwidth() > _HALF_PAGE
        return cls(name, caption, to_png(figure), "wide" if wide else shape)

    @property
    def data_uri(self) -> str:
        """The picture as an address that needs no file."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes
    ----------
    columns
        Titles.
    rows
        The first cell of each names it.
    ours
        Name of the rows that stand out.
    title
        Over the table.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    ours: str = ""
    title: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page: text, tables and pictures (several stand side by side), a note.

    Attributes
    ----------
    folded
        Whether it opens only when asked for.
    """

    title: str
    text: str = ""
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    note: str = ""
    folded: bool = False


def render(template: str, **content: Any) -> str:
    """Fill in a template of this package."""
    environment = Environment(
        loader=PackageLoader("isthmus.reports"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"code": _code, "cell": _cell}
    environment.globals["version"] = isthmus.__version__
    return environment.get_template(template).render(content)


def findings(title: str, text: str, facts: Sequence[Fact], sections: Sequence[Section]) -> str:
    """A page on what a verb found.

    Parameters
    ----------
    text
        What was done, in a paragraph; what stands between backticks is set as code.
    """
    return render("findings.html", title=title, text=text, facts=facts, sections=sections)


def words_of_model(model: Any, folder: Path | str) -> str:
    """What a model is, and where, for a sentence."""
    units = " × ".join(map(str, model.network_.code_shape))
    known = model.data_.get("name")
    trained = f", trained on {known}" if known else ""
    return f"`{folder}` ({type(model).__name__} of {units} code units{trained})"


def number(value: float) -> str:
    """Four digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:.4g}"


def _cell(value: Cell) -> str | Markup:
    if isinstance(value, str):
        return value if len(value) <= _LONG else Markup('<div class="words">{}</div>').format(value)
    if value != value:
        return "–"
    if isinstance(value, Estimate):
        ends = f"{number(value.low)} – {number(value.high)}"
        value = number(value.mean), ends if value.has_interval else "no interval"
    if isinstance(value, tuple):
        return Markup("{}<br><small>{}</small>").format(*value)
    return number(value)


def _code(text: str) -> Markup:
    """Escaped text with what stands between backticks as code."""
    # The text is escaped before tags of our own are put in.
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704
