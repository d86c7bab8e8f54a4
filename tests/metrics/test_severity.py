"""Classes of severity."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from isthmus.core.errors import DataError, SettingError
from isthmus.metrics import SEVERITY_SCALES, agreement, severity

# Each publication's table, by hand.
TABLES = {
    "pan": {
        0: 0,
        0.1: 1,
        4.9: 1,
        5: 2,
        25: 2,
        25.1: 3,
        26: 3,
        49: 3,
        50: 4,
        75: 4,
        75.1: 5,
        100: 5,
    },
    "bernheim": {0: 0, 0.1: 1, 25: 1, 25.1: 2, 50: 2, 51: 3, 75: 3, 76: 4, 100: 4},
    "lizzi": {0: 1, 4.9: 1, 5: 2, 24.9: 2, 25: 3, 49.9: 3, 50: 4, 74.9: 4, 75: 5, 100: 5},
}


@pytest.mark.parametrize("scale", SEVERITY_SCALES)
def test_cut_points_are_as_published(scale: str) -> None:
    percent, classes = zip(*TABLES[scale].items(), strict=True)
    assert severity(percent, scale).tolist() == list(classes)
    found = SEVERITY_SCALES[scale]
    assert found.first + len(found.names) - 1 == max(classes)
    assert len(found.cuts) == len(found.closed) == len(found.names) - 1
    assert np.isnan(severity(np.nan, scale))


def test_concordance_of_classes_is_kappa_with_quadratic_weights() -> None:
    generator = np.random.default_rng(0)
    a = generator.integers(0, 5, 60)
    b = (a + generator.integers(-1, 2, 60)).clip(0, 5)
    wanted = cohen_kappa_score(a, b, weights="quadratic")
    assert agreement(a, b).concordance.mean == pytest.approx(wanted)


def test_what_is_refused() -> None:
    with pytest.raises(SettingError, match=r"no scale 'pam' \(did you mean 'pan'"):
        severity(3, "pam")
    for percent in (-0.1, [3, 101]):
        with pytest.raises(DataError, match="per cent, from 0 to 100"):
            severity(percent, "pan")
