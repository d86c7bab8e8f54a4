"""What stands in an HTML page."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Elements with their attributes, and whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def pictures(self) -> list[bytes]:
        """Files of the pictures, which are held in the page."""
        shown = [attributes for tag, attributes in self.elements if tag == "img"]
        return [base64.b64decode(str(image["src"]).partition("base64,")[2]) for image in shown]


def read_page(path: Path) -> Page:
    """Read a page, which must stand alone; its elements are closed, its pictures have a text."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=\"(?!data:)|@import|url\(|<link|<script", text)
    page = Page(text)
    assert set(page.open) <= {"html"}
    assert all(its["alt"] for tag, its in page.elements if tag == "img")
    return page
