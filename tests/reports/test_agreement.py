"""The picture of an agreement."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.metrics import agreement
from isthmus.reports.agreement import agreement_figure
from isthmus.reports.style import to_png


def test_it_shows_every_known_case_with_bias_and_limits() -> None:
    generator = np.random.default_rng(0)
    true = generator.uniform(0, 50, 20)
    measured = true + generator.normal(2, 3, 20)
    wanted = agreement(measured, true)
    figure = agreement_figure([*measured, np.nan], [*true, 3.0], "%", "share")
    left, right = figure.axes
    line, dots = left.lines
    assert line.get_xdata()[0] == line.get_ydata()[0] == min(*true, *measured)
    np.testing.assert_array_equal(dots.get_xydata(), np.column_stack([true, measured]))
    heights = sorted(one.get_ydata()[0] for one in right.lines[1:])
    limits = [wanted.lower.mean, wanted.bias.mean, wanted.upper.mean]
    assert heights == pytest.approx(limits)
    assert to_png(figure).startswith(b"\x89PNG")


def test_one_case_is_enough() -> None:
    assert to_png(agreement_figure([1.0], [2.0], "ml", "volume"))
