"""Outliers: the score against its formula, the rate of false alarms, and what a folder keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import binomtest, lognorm, rankdata
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from isthmus import Autoencoder, ClassEncoder, DenoisingAutoencoder
from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.latent.outliers import OutlierDetector, load
from support.models import LEARNING, digit_labels

Array = NDArray[Any]
ZEROS = {"code_size": 4, "random_state": 0, **LEARNING}

# One layer: its sums do not depend on how many samples there are, to the bit, as the checks want.
ONE_LAYER = Autoencoder(
    code_size=2, network={"kind": "dense", "hidden_sizes": []}, epochs=3, random_state=0
)
CHECKED = OutlierDetector(autoencoder=ONE_LAYER, false_alarms=0.1, random_state=0)


@parametrize_with_checks([CHECKED])
def test_estimator_contract(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_the_checks_are_those_of_outlier_detectors() -> None:
    checks = [check for _, check in estimator_checks_generator(CHECKED)]
    names = {getattr(check, "func", check).__name__ for check in checks}
    assert {
        "check_outliers_train",
        "check_outliers_fit_predict",
        "check_estimators_pickle",
    } <= names


@pytest.fixture(scope="module")
def images() -> Array:
    from sklearn.datasets import load_digits

    return load_digits().images.astype(np.float32) / 16


@pytest.fixture(scope="module")
def zeros(images: Array) -> Array:
    return images[digit_labels() == 0]


@pytest.fixture(scope="module")
def detector(zeros: Array) -> OutlierDetector:
    """Fitted to most of the zeros."""
    return OutlierDetector(autoencoder=Autoencoder(**ZEROS), random_state=0).fit(zeros[:140])


# -- the score --------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", ["error", "distance", "both"])
def test_the_score_is_its_formula(images: Array, zeros: Array, measure: Any) -> None:
    model = Autoencoder(**ZEROS).fit(zeros[:100])
    frozen = FrozenEstimator(model)
    found = OutlierDetector(autoencoder=frozen, measure=measure, neighbours=3)
    found.fit(zeros[:100], validation=zeros[100:])
    codes = model.transform(zeros[:100])

    def numbers(samples: Array) -> dict[str, Array]:
        squares = np.square(model.reconstruct(samples) - samples)
        distances = np.sort(cdist(model.transform(samples), codes), axis=1)
        return {"error": squares.sum((1, 2)), "distance": distances[:, 2]}

    parts = ("error", "distance") if measure == "both" else (measure,)
    held_out, new = numbers(zeros[100:]), numbers(images[:300])
    expected = np.zeros(300)
    for part in parts:
        median, upper = np.quantile(np.log(held_out[part]), [0.5, 0.9])
        spread = (upper - median) / 1.2815515655446004
        expected += lognorm(spread, scale=np.exp(median)).logsf(new[part])
    np.testing.assert_allclose(found.score_samples(images[:300]), expected, rtol=2e-3, atol=1e-4)
    if measure != "both":
        ranks = rankdata(-new[measure]), rankdata(found.score_samples(images[:300]))
        assert np.corrcoef(*ranks)[0, 1] > 0.999


def test_other_digits_are_found(detector: OutlierDetector, images: Array, zeros: Array) -> None:
    others = images[digit_labels() != 0]
    scores = detector.score_samples(np.concatenate([zeros[140:], others]))
    strange = np.arange(len(scores)) >= len(zeros) - 140
    assert roc_auc_score(strange, -scores) > 0.98
    assert (detector.predict(others) == -1).mean() > 0.7
    assert (detector.predict(zeros[140:]) == 1).mean() > 0.8  # of other writers, by 28 held out


def test_a_usual_part_does_not_make_up_for_a_strange_one(detector: OutlierDetector) -> None:
    """Nothing near the code, however well it is rebuilt."""
    usual = {part: np.exp(tail.median) for part, tail in detector.tails_.items()}
    far = usual["distance"] * np.exp(8 * detector.tails_["distance"].spread)
    values = {"error": np.array([1e-9, usual["error"]]), "distance": np.array([far, far])}
    scores = detector._score(values)
    assert scores.max() < detector.offset_
    assert scores[0] == pytest.approx(scores[1], rel=0.05)


def test_scores_hardly_depend_on_what_is_beside(detector: OutlierDetector, images: Array) -> None:
    whole = detector.score_samples(images[:50])
    alone = [detector.score_samples(images[i : i + 1])[0] for i in range(50)]
    np.testing.assert_allclose(alone, whole, rtol=1e-4, atol=1e-5)


def test_samples_that_are_all_alike_are_usual() -> None:
    samples = np.full((40, 3), 0.5)
    found = OutlierDetector(autoencoder=Autoencoder(epochs=1, random_state=0), random_state=0)
    assert (found.fit(samples).predict(samples) == 1).all()
    assert (found.predict(samples + 0.3) == -1).all()


# -- the threshold ----------------------------------------------------------------------------


def test_the_rate_of_false_alarms_is_kept() -> None:
    generator = np.random.default_rng(0)

    def usual(count: int) -> Array:
        return generator.normal(size=(count, 3)) @ np.array(
            [[1, 2, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0.3]]
        )

    model = Autoencoder(code_size=2, random_state=0, epochs=5).fit(usual(500))
    found = OutlierDetector(autoencoder=FrozenEstimator(model), false_alarms=0.05)
    found.fit(usual(500), validation=usual(4000))
    alarms = int((found.predict(usual(4000)) == -1).sum())
    assert binomtest(alarms, 4000, 0.05).pvalue > 0.01


@given(st.integers(1, 500), st.floats(0.001, 0.999), st.integers(0, 2**32 - 1))
def test_the_threshold_is_an_order_statistic(count: int, rate: float, seed: int) -> None:
    found = OutlierDetector(false_alarms=rate)
    scores = found.calibration_scores_ = np.sort(
        -np.random.default_rng(seed).exponential(size=count)
    )
    expected = found.expected_false_alarms_
    assert expected <= max(rate, 1 / (count + 1))
    assert expected > rate - 1 / (count + 1)
    rank = round(expected * (count + 1))
    assert found.offset_ <= scores[rank - 1]
    assert found.offset_ == pytest.approx(scores[rank - 1], rel=1e-4)


def test_more_false_alarms_make_more_outliers(detector: OutlierDetector, images: Array) -> None:
    counts = []
    for rate in (0.01, 0.1, 0.5):
        other = load_again(detector, false_alarms=rate)
        counts.append((other.predict(images) == -1).sum())
        np.testing.assert_array_equal(
            other.decision_function(images) < 0, other.score_samples(images) < other.offset_
        )
    assert counts[0] < counts[1] < counts[2]


def load_again(detector: OutlierDetector, **settings: Any) -> OutlierDetector:
    other = OutlierDetector()
    other.__dict__.update(detector.__dict__)
    return other.set_params(**settings)


# -- the explanation --------------------------------------------------------------------------


def test_shares_of_the_error(detector: OutlierDetector, zeros: Array) -> None:
    spoilt = zeros[:5].copy()
    spoilt[:, 0, 3] = 3.0
    shares = detector.explain(spoilt)
    assert shares.shape == spoilt.shape
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares.sum((1, 2)), 1, rtol=1e-5)
    assert (shares.reshape(5, -1).argmax(1) == 3).all()
    squares = np.square(spoilt - detector.autoencoder_.reconstruct(spoilt))
    np.testing.assert_allclose(shares, squares / squares.sum((1, 2), keepdims=True), rtol=1e-4)


def test_shares_are_counted_in_scaled_units() -> None:
    generator = np.random.default_rng(0)
    table = generator.normal(size=(300, 3)) * [1, 1000, 0.001]
    model = Autoencoder(code_size=1, epochs=0, random_state=0)
    found = OutlierDetector(autoencoder=model, random_state=0).fit(table)
    assert found.explain(table).mean(0).min() > 0.1
    assert found.explain(pd.DataFrame(table).to_numpy().tolist()).shape == (300, 3)


def test_no_error_has_no_shares(detector: OutlierDetector, zeros: Array) -> None:
    other = load_again(detector)
    other.autoencoder_ = Autoencoder(epochs=0, random_state=0).fit(zeros)
    other.autoencoder_.reconstruct = lambda X: np.asarray(X, np.float32)
    assert not other.explain(zeros[:3]).any()


# -- which autoencoder ------------------------------------------------------------------------


def test_a_new_autoencoder_is_trained_and_a_frozen_one_kept(zeros: Array) -> None:
    new = Autoencoder(**ZEROS)
    found = OutlierDetector(autoencoder=new, random_state=0).fit(zeros)
    assert found.autoencoder_ is not new
    assert not hasattr(new, "network_")
    trained = Autoencoder(**ZEROS).fit(zeros)
    weights = [weight.clone() for weight in trained.network_.parameters()]
    found = OutlierDetector(autoencoder=FrozenEstimator(trained), random_state=0).fit(zeros)
    assert found.autoencoder_.network_ is trained.network_
    for before, after in zip(weights, trained.network_.parameters(), strict=True):
        assert before.equal(after)


def test_other_kinds_of_autoencoders(images: Array) -> None:
    labels = digit_labels()[:400]
    grouped = ClassEncoder(code_size=4, epochs=2, random_state=0)
    found = OutlierDetector(autoencoder=grouped, random_state=0).fit(images[:400], labels)
    assert found.score_samples(images[:7]).shape == (7,)
    denoising = DenoisingAutoencoder(epochs=1, random_state=0)
    found = OutlierDetector(autoencoder=denoising, random_state=0).fit(images[:400])
    assert found.predict(images[:7]).shape == (7,)


def test_the_default_is_repeatable(zeros: Array) -> None:
    frame = pd.DataFrame(zeros.reshape(len(zeros), -1)[:, 8:14]).add_prefix("p")
    one, other = (OutlierDetector(random_state=3).fit(frame) for _ in range(2))
    np.testing.assert_array_equal(one.score_samples(frame), other.score_samples(frame))
    assert one.feature_names_in_.tolist() == list(frame.columns)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"measure": "eror"}, "measure"),
        ({"false_alarms": 0.0}, "false_alarms"),
        ({"false_alarms": 1.0}, "false_alarms"),
        ({"neighbours": 0}, "neighbours"),
        ({"validation_fraction": 1.5}, "validation_fraction"),
        ({"autoencoder": PCA()}, "cannot reconstruct; give an autoencoder"),
    ],
)
def test_unusable_settings(zeros: Array, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        OutlierDetector(**settings).fit(zeros)


def test_samples_of_another_shape_are_refused(detector: OutlierDetector, zeros: Array) -> None:
    with pytest.raises(DataError, match="fitted to samples of shape"):
        detector.predict(zeros[:, :, :5])
    with pytest.raises(ValueError, match="n_samples=1"):
        OutlierDetector().fit(zeros[:1])


# -- the folder -------------------------------------------------------------------------------


@pytest.fixture
def saved(detector: OutlierDetector, tmp_path: Path) -> Path:
    detector.save(tmp_path / "saved")
    return tmp_path / "saved"


def test_a_loaded_detector_answers_as_the_saved_one(
    detector: OutlierDetector, saved: Path, images: Array
) -> None:
    again = load(saved)
    np.testing.assert_array_equal(again.score_samples(images), detector.score_samples(images))
    np.testing.assert_array_equal(again.predict(images), detector.predict(images))
    np.testing.assert_array_equal(again.explain(images[:9]), detector.explain(images[:9]))
    assert json.loads((saved / "outliers.json").read_text())["threshold"] == detector.offset_
    again.save(saved)
    assert list(saved.parent.iterdir()) == [saved]
    refitted = again.fit(images[:200])
    assert len(refitted.codes_) == 160


def test_what_is_no_detector_is_not_overwritten(detector: OutlierDetector, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "one.txt").write_text("one")
    with pytest.raises(SettingError, match="exists and is no outlier detector"):
        detector.save(tmp_path / "thesis")
    with pytest.raises(NotFittedError):
        OutlierDetector().save(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]


def change(**content: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        path = folder / "outliers.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | content))

    return write


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "outliers.json").unlink(), "outliers.json is missing"),
        (lambda folder: (folder / "outliers.json").write_text("{"), "outliers.json"),
        (lambda folder: (folder / "outliers.safetensors").unlink(), "cannot be read"),
        (
            lambda folder: (folder / "outliers.safetensors").write_bytes(b"x" * 99),
            "is not the file",
        ),
        (lambda folder: (folder / "model" / "model.json").unlink(), "holds no model"),
        (change(neighbours=0), "neighbours"),
        (change(format="isthmus-outliers-9"), "format"),
        (change(extra=1), "unknown key 'extra'"),
        (change(measure="error"), "do not fit each other"),
        (change(tails={"eror": [0.0, 1.0]}), "tails"),
    ],
)
def test_a_damaged_folder_is_refused(
    saved: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(saved)
    with pytest.raises(ModelFileError, match=message) as caught:
        load(saved)
    assert "\n" not in str(caught.value)


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "outliers.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(compile(code, "docs/outliers.md", "exec"), names)
    for line, shape in re.findall(r"^(\w+) = .*# (\(.*\))$", code, re.MULTILINE):
        assert str(np.shape(names[line])) == shape
    strange = names["flags"][names["y"] != 0] == -1
    assert strange.mean() > 0.8


def test_codes_of_another_model_are_refused(saved: Path, zeros: Array) -> None:
    Autoencoder(code_size=3, epochs=0, random_state=0).fit(zeros).save(saved / "model")
    with pytest.raises(ModelFileError, match="do not fit each other"):
        load(saved)
