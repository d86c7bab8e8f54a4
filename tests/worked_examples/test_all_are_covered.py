"""Every worked example of the notes has its test."""

from __future__ import annotations

import re
from pathlib import Path

from support.examples import EXAMPLES


def test_every_example_is_covered_once():
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    marks = [mark for text in texts for mark in re.findall(r"^@example\(([^)]*)\)", text, re.M)]
    covered = [name for mark in marks for name in re.findall(r'"([^"]+)"', mark)]
    assert len(covered) == len(set(covered))
    assert set(covered) == set(EXAMPLES)
