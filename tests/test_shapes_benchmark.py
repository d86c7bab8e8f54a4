"""What `benchmarks/shapes_errors.py` measures by: against scipy and cases that are known."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from scipy.stats import spearmanr

from isthmus.data.label_maps import one_hot
from isthmus.latent.shapes import ShapeModel
from isthmus.recipes.plausibility import check_map
from support.rings import NAMES, ring_maps

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
MAPS = ring_maps(4)


class Echo:
    """An autoencoder that believes all but the class 3 at the right edge."""

    sample_shape_ = (4, 32, 32)

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        p = 0.01 + 0.96 * X.astype(np.float32)
        p[:, :, :, -4:] = [[[0.97]], [[0.01]], [[0.01]], [[0.01]]]
        return p


class Segmenter:
    """Knows the label map of each image, which is its number; spoils those with odd numbers."""

    def predict_proba(self, images: list[np.ndarray]) -> list[np.ndarray]:
        return [0.1 + 0.6 * one_hot(spoilt(int(image)), 4) for image in images]


def spoilt(number: int) -> np.ndarray:
    labels = MAPS[number].copy()
    if number % 2:
        labels[10:14, -4:] = 3
    return labels


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    import shapes_errors

    return shapes_errors


@pytest.fixture
def shape() -> ShapeModel:
    return ShapeModel(autoencoder=Echo()).fit(MAPS, names=NAMES, validation=MAPS)


def test_the_correlation_is_that_of_scipy(benchmark: ModuleType) -> None:
    random = np.random.default_rng(0)
    rows = random.integers(0, 6, (40, 2)).astype(float)
    assert benchmark.spearman(rows) == pytest.approx(spearmanr(*rows.T).statistic)
    assert np.isnan(benchmark.spearman(np.zeros((4, 2))))


def test_poor_maps_should_have_small_values(benchmark: ModuleType) -> None:
    dice = [0.2, 0.3, 0.9, 0.95]
    assert benchmark.auroc(np.column_stack([dice, [1, 2, 3, 4]])) == 1
    assert benchmark.auroc(np.column_stack([dice, [4, 3, 2, 1]])) == 0
    assert np.isnan(benchmark.auroc(np.column_stack([[0.9, 0.95], [1, 2]])))


def test_real_errors_are_told_and_mended(
    benchmark: ModuleType, shape: ShapeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    test = SimpleNamespace(images=np.arange(4), masks=MAPS)
    found = benchmark.judged(shape, Segmenter(), test)
    assert (found["Dice"] == 1).tolist() == [True, False, True, False]
    np.testing.assert_array_equal(found["Dice, corrected"], 1)
    np.testing.assert_array_equal(found["Dice, largest pieces"], 1)
    np.testing.assert_array_equal(found["findings"], [0, 1, 0, 1])
    np.testing.assert_allclose(found["plausibility"], 16 * np.log(0.5) * found["findings"])
    benchmark.tell(found, np.array([0, 0, 1, 1]))
    shown = capsys.readouterr().out
    assert "4 images of 2 groups" in shown
    assert "| with findings | 2 |" in shown


def test_the_largest_pieces_are_what_is_usual(benchmark: ModuleType) -> None:
    np.testing.assert_array_equal(benchmark.largest_pieces(spoilt(1)), MAPS[1])
    holed = np.where(MAPS[0] == 2, 0, MAPS[0])
    holed[0, 0] = 2
    found = benchmark.largest_pieces(holed)
    assert (found[MAPS[0] == 2] == 1).all()  # the ring's hole, now of background, is filled
    assert found[0, 0] == 2
    assert not benchmark.largest_pieces(np.zeros((4, 4), np.int16)).any()


def test_a_map_is_judged_in_the_size_of_the_model(shape: ShapeModel) -> None:
    large = np.kron(spoilt(1), np.ones((2, 2), np.int16))
    score, findings, corrected = check_map(shape, large)
    assert score == pytest.approx(16 * np.log(0.5))
    assert [one.kind for one in findings] == ["island"]
    np.testing.assert_array_equal(corrected, np.kron(MAPS[1], np.ones((2, 2), np.int16)))
