"""Corrupted samples restored by a model and by its baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isthmus import DenoisingAutoencoder
from isthmus.corruption import CORRUPTIONS
from isthmus.data import DataSet, write_images
from isthmus.inference.classical import RESTORERS
from isthmus.recipes.restoration import classical, corrupt, restored_by_each, restored_files
from isthmus.recipes.restore import restore_image
from isthmus.recipes.scoring import evaluate, evaluate_files, scaled

Array = NDArray[Any]
NOISE = {"kind": "gaussian", "sigma": 0.3}


@pytest.fixture(scope="module")
def model() -> DenoisingAutoencoder:
    from sklearn.datasets import load_digits

    network = {"kind": "unet", "channels": [8], "output_activation": "sigmoid"}
    return DenoisingAutoencoder(
        code_size=8, network=network, corruption=NOISE, epochs=8, learning_rate=5e-3, random_state=0
    ).fit(load_digits().images[:1400] / 16)


def test_the_corruption_is_the_same_each_time_and_differs_among_samples() -> None:
    same = np.full((600, 5, 5), 0.5, np.float32)
    corruption = CORRUPTIONS.build(NOISE)
    noisy = corrupt(corruption, same)
    np.testing.assert_array_equal(noisy, corrupt(corruption, same))
    assert len({sample.tobytes() for sample in noisy}) == 600
    assert not np.array_equal(noisy, corrupt(corruption, same, seed=1))


def test_every_method_restores_the_same_corrupted_samples(model: Any, digits: Array) -> None:
    train, test = digits[:1400], digits[1400:1500]
    outputs = restored_by_each(model, train, test)
    assert list(outputs) == [
        "model",
        "corrupted sample",
        "linear ridge",
        "untrained network",
        "mean sample",
    ]
    errors = {name: np.square(output - test).mean() for name, output in outputs.items()}
    given = outputs["corrupted sample"]
    np.testing.assert_allclose(outputs["model"], model.denoise(given), atol=1e-6)
    assert errors["model"] < errors["corrupted sample"] < errors["untrained network"]
    assert errors["linear ridge"] < errors["corrupted sample"]
    np.testing.assert_allclose(outputs["mean sample"][3], train.mean(0), atol=1e-6)


def test_scores_of_a_denoiser_are_those_of_its_restorations(model: Any, digits: Array) -> None:
    labels = np.zeros(100, np.int64)
    train, test = DataSet("a", digits[:1400]), DataSet("b", digits[1400:1500], labels)
    evaluation = evaluate(model, train, test)
    target = scaled(model, test.samples)
    restored = restored_by_each(model, digits[:1400], target)["model"]
    expected = np.square(restored - target).sum((1, 2))
    np.testing.assert_allclose(evaluation.values["model"]["squared_error"], expected, rtol=1e-4)
    assert {"psnr", "pixel_accuracy"} <= set(evaluation.metrics)
    assert not {"ssim", "probe_accuracy"} & set(evaluation.metrics)  # too small; codes do not count


def test_classical_filters_are_for_large_images_and_their_corruption() -> None:
    spec = CORRUPTIONS.check({"kind": "gaussian", "sigma": 25, "white": 255})
    images = np.random.default_rng(0).random((1, 64, 64)).astype(np.float32)
    restored = classical(spec, images)
    assert set(restored) == {"non local means", "wavelet"}
    told = RESTORERS.build({"kind": "wavelet", "sigma": 25 / 255})(images)
    np.testing.assert_array_equal(restored["wavelet"], told)
    assert classical(spec, images[:, :63]) == {}
    assert set(classical(CORRUPTIONS.check("haze"), images)) == {"dark channel"}
    assert classical(CORRUPTIONS.check("blur"), images) == {}


def test_files_of_any_size_are_scored_one_by_one(model: Any, digits: Array, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    sizes = [(20, 30), (11, 12)]
    for number, size in enumerate(sizes):
        image = (255 * generator.random((1, *size))).astype(np.uint8)
        write_images(tmp_path / "photos", image, [f"{number}.png"])
    found = list(restored_files(model, str(tmp_path / "photos")))
    assert [target.shape for target, _ in found] == [(1, *size) for size in sizes]
    for target, outputs in found:
        given = outputs["corrupted sample"]
        np.testing.assert_array_equal(outputs["model"][0], restore_image(model, given[0]))
        assert not np.array_equal(given, target)
    evaluation = evaluate_files(model, str(tmp_path / "photos"))
    assert evaluation.cases == 2
    expected = [np.square(outputs["model"] - target).sum() for target, outputs in found]
    np.testing.assert_allclose(evaluation.values["model"]["squared_error"], expected, rtol=1e-5)


def test_tables_are_restored_too() -> None:
    common = np.random.default_rng(0).normal(5, 3, (200, 1))
    table = common * [1, 2, 3, 4] + np.random.default_rng(1).normal(0, 0.1, (200, 4))
    model = DenoisingAutoencoder(code_size=2, epochs=1, random_state=0).fit(table[:150])
    train, test = DataSet("a", table[:150]), DataSet("b", table[150:])
    evaluation = evaluate(model, train, test)
    assert evaluation.values["linear ridge"]["squared_error"].mean() < (
        evaluation.values["corrupted sample"]["squared_error"].mean()
    )
