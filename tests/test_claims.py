"""The functions of `make claims` run; what they find is for benchmarks, not for tests."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    import claims

    return claims


@pytest.fixture
def common(claims: ModuleType) -> ModuleType:
    return sys.modules["claims_common"]


@pytest.fixture
def small(common: ModuleType, digits: NDArray[np.float32]) -> object:
    """Digits of 8 x 8 pixels, two seeds, one epoch."""
    labels = load_digits().target
    parts = (digits[:600], labels[:600], digits[600:800], labels[600:800])
    return common.Trial(*parts, seeds=(0, 1), quick=True)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("C-06", 7), ("X-24", 6), ("C-05", 10), ("T-03", 5), ("M-17", 7), ("C-17", 6), ("A-06", 8)],
)
def test_a_claim_gives_a_table(claims: ModuleType, small: object, name: str, rows: int) -> None:
    (claim,) = (claim for claim in claims.CLAIMS if name in claim.names)
    table = claim.measure(small)
    assert len(table.rows) == rows
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert "nan" not in str(table)
    assert "Measured" in claim.text()


def test_no_name_is_claimed_twice(claims: ModuleType) -> None:
    names = [name for claim in claims.CLAIMS for name in claim.names]
    assert len(names) == len(set(names))


def test_a_training_is_not_done_twice(common: ModuleType, small: object) -> None:
    from isthmus.models import Autoencoder

    first, other = (small.fit(Autoencoder(code_size=size)) for size in (2, 3))
    assert small.fit(Autoencoder(code_size=2))[0] is first[0]
    assert small.first(500).fit(Autoencoder(code_size=2))[0] is not first[0]
    assert other[0].code_size == 3


def test_other_images_have_the_size_and_some_the_pixels_of_the_digits(
    common: ModuleType, digits: NDArray[np.float32]
) -> None:
    sets = common.other_images(digits)
    assert {images.shape for images in sets.values()} == {digits.shape}
    assert all(images.min() >= 0 and images.max() <= 1 for images in sets.values())
    for name in ("inverted", "rotated by 90°", "pixels shuffled", "independent pixels"):
        assert common.variance(sets[name]) == pytest.approx(common.variance(digits), rel=1e-4)
    np.testing.assert_allclose(sets["independent pixels"].mean(0), digits.mean(0), atol=1e-5)


def test_an_interval_covers_seeds_and_images(common: ModuleType) -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        seeds, images = generator.normal(size=(3, 1)), generator.normal(size=(1, 50))
        found = common.interval(seeds + 3 * images)
        covered += found.low <= 0 <= found.high
    assert 0.92 < covered / 400 <= 0.995


def test_an_interval_of_one_number_is_that_number(common: ModuleType) -> None:
    assert str(common.interval([0.25])) == "0.25"
    assert str(common.interval([5.0, 5.0, 5.0])) == "5"
    low, high = common.interval([1.0, 2.0, 3.0]).low, common.interval([1.0, 2.0, 3.0]).high
    assert (low, high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), rel=1e-4)
