"""Estimators: scikit-learn's own checks, and behaviour on real digits."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import isthmus.models._estimator as estimator_module
from isthmus import Autoencoder, LinearAutoencoder
from isthmus.core.errors import DataError, IsthmusError, SettingError
from isthmus.training import Checkpoints, Examples, Rows
from support.models import LEARNING, Array, digit_labels, fit, quick, untrained

# -- learning ---------------------------------------------------------------------------------


def errors(model: Any, samples: Array) -> Array:
    return np.square(model.reconstruct(samples) - samples).reshape(len(samples), -1).sum(1)


# What kinds need beyond LEARNING; what is left of the error of the constant prediction.
LONGER: dict[str, dict[str, Any]] = {
    "sparse_autoencoder": {"epochs": 30},
    "stacked_autoencoder": {"pretraining_epochs": 10},
}
ERROR_LEFT = {"class_encoder": 0.7}  # it tends to the means of the classes


def test_training_beats_untrained_and_constant(kind: str, table: Array) -> None:
    train, test = table[:1400], table[1400:]
    model = fit(quick(kind, **{**LEARNING, **LONGER.get(kind, {})}), train)
    before = fit(untrained(kind), train)
    assert before.history_ == []
    for old, new in zip(before.network_.parameters(), model.network_.parameters(), strict=True):
        assert not torch.equal(old, new)
    losses = [row["train/total"] for row in model.history_ if row.get("phase", 1) == 1]
    assert len(losses) >= 10
    assert losses[-1] < 0.5 * losses[0]
    constant = np.square(train.mean(0) - test).sum(1).mean()
    assert errors(model, test).mean() < ERROR_LEFT.get(kind, 0.5) * constant
    assert constant < errors(before, test).mean()
    # The weights that a training began with are those of a model that is not trained.
    np.testing.assert_array_equal(model.untrained().transform(test), before.transform(test))


def test_scores_are_negative_errors(kind: str, table: Array) -> None:
    model = fit(quick(kind, scaling="none"), table)
    np.testing.assert_allclose(model.score_samples(table), -errors(model, table), rtol=1e-4)
    assert model.score(table) == pytest.approx(-errors(model, table).mean(), rel=1e-4)


def test_linear_autoencoder_matches_pca(table: Array) -> None:
    model = LinearAutoencoder(
        code_size=10,
        scaling="centre",
        epochs=50,
        batch_size=64,
        learning_rate=0.02,
        random_state=0,
    ).fit(table)
    pca = PCA(10, svd_solver="full").fit(table)
    least = np.square(pca.inverse_transform(pca.transform(table)) - table).sum(1).mean()
    assert least <= errors(model, table).mean() < 1.005 * least
    decoder = model.network_.decoder[0].weight.detach().double().numpy()
    angles = np.degrees(subspace_angles(decoder, pca.components_.T))
    assert angles.max() < 3
    # The codes are an invertible linear map of PCA's scores.
    scores = np.c_[pca.transform(table), np.ones(len(table))]
    codes = model.transform(table)
    residual = np.linalg.lstsq(scores, codes)[1].sum() / np.square(codes - codes.mean(0)).sum()
    assert residual < 1e-3


# -- shapes and types -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "code_size", "shape"),
    [
        ("dense", 5, (8, 8)),
        ("linear", 5, (1, 8, 8)),
        ("convolutional", 5, (8, 8)),
        ({"kind": "convolutional", "channels": [4, 6], "up": "bilinear"}, (3, 2, 2), (1, 8, 8)),
    ],
)
def test_image_shapes_are_kept(digits: Array, network: Any, code_size: Any, shape: Any) -> None:
    images = digits[:200].reshape(-1, *shape)
    model = Autoencoder(code_size=code_size, network=network, epochs=1, random_state=0)
    codes = model.fit_transform(images)
    assert codes.shape == (200, np.prod(code_size))
    assert codes.dtype == np.float32
    restored = model.inverse_transform(codes)
    assert restored.shape == images.shape
    assert restored.dtype == np.float32
    np.testing.assert_array_equal(restored, model.reconstruct(images))
    np.testing.assert_allclose(model.code_mean_, codes.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.code_std_, codes.std(0), rtol=1e-4, atol=1e-5)


def test_scaling_is_undone(kind: str, table: Array) -> None:
    shifted = 100 + 7 * table
    model = fit(quick(kind, scaling="unit", **LEARNING), shifted)
    restored = model.inverse_transform(model.transform(shifted))
    np.testing.assert_array_equal(restored, model.reconstruct(shifted))
    assert errors(model, shifted).mean() < np.square(shifted - shifted.mean(0)).sum(1).mean()


def test_bytes_give_the_codes_of_their_fractions(kind: str, table: Array) -> None:
    raw = (table * 255).astype(np.uint8)
    of_bytes = fit(quick(kind, scaling="auto"), raw)
    of_fractions = fit(quick(kind, scaling="auto"), raw / 255)
    np.testing.assert_array_equal(of_bytes.transform(raw), of_fractions.transform(raw / 255))
    assert of_bytes.reconstruct(raw).max() > 2  # in the units of the data


def test_results_do_not_depend_on_batches(digits: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Autoencoder(network="convolutional", epochs=1, random_state=0).fit(digits)
    whole = model.transform(digits)
    monkeypatch.setattr(estimator_module, "BATCH", 100)
    np.testing.assert_allclose(model.transform(digits), whole, atol=1e-5)
    np.testing.assert_allclose(model.transform(digits[7:8]), whole[7:8], atol=1e-5)


@pytest.mark.parametrize("order", ["reversed", "big-endian", "fortran", "read-only"])
def test_any_memory_layout(kind: str, table: Array, order: str) -> None:
    model = fit(quick(kind, epochs=1), table[:200])
    samples = table[:50]
    changed = {
        "reversed": samples[::-1].copy()[::-1],
        "big-endian": samples.astype(">f4"),
        "fortran": np.asfortranarray(samples),
        "read-only": samples.copy(),
    }[order]
    changed.flags.writeable = order != "read-only"
    codes = model.transform(changed)
    np.testing.assert_array_equal(codes, model.transform(samples))
    codes.flags.writeable = False
    model.inverse_transform(codes)


# -- scikit-learn's world ---------------------------------------------------------------------


def test_frames(kind: str, table: Array) -> None:
    frame = pd.DataFrame(table, columns=[f"pixel{i}" for i in range(64)])
    model = fit(quick(kind, code_size=3), frame)
    assert list(model.feature_names_in_) == list(frame.columns)
    names = [f"{type(model).__name__.lower()}{i}" for i in range(3)]
    assert list(model.get_feature_names_out()) == names
    plain = model.transform(frame)
    codes = model.set_output(transform="pandas").transform(frame)
    assert list(codes.columns) == names
    np.testing.assert_array_equal(codes.to_numpy(), plain)
    assert model.inverse_transform(codes).shape == table.shape
    codes = model.set_output(transform="polars").transform(pl.from_pandas(frame))
    assert isinstance(codes, pl.DataFrame)
    np.testing.assert_array_equal(codes.to_numpy(), plain)


def test_pipeline_and_grid_search(kind: str, table: Array) -> None:
    labels = digit_labels()
    pipeline = make_pipeline(quick(kind, epochs=1), LogisticRegression(max_iter=1000))
    name = pipeline.steps[0][0]
    grid = {f"{name}__code_size": np.array([2, 4]), f"{name}__learning_rate": np.array([1e-3])}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(table[:200], labels[:200])
    assert search.best_params_[f"{name}__code_size"] in (2, 4)
    alone = GridSearchCV(quick(kind, **LEARNING), {"code_size": [1, 16]}, cv=2, error_score="raise")
    assert alone.fit(table, labels).best_params_ == {"code_size": 16}


def test_clone_and_pickle(kind: str, table: Array) -> None:
    model = fit(quick(kind), table)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        twin.transform(table)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(table), model.transform(table))
    np.testing.assert_array_equal(fit(again, table).transform(table), model.transform(table))


# -- randomness -------------------------------------------------------------------------------


def test_seeds(kind: str, table: Array) -> None:
    def codes(state: Any) -> Array:
        model = fit(quick(kind, random_state=state, epochs=1), table[:300])
        return np.asarray(model.transform(table[:300]))

    np.testing.assert_array_equal(codes(3), codes(3))
    assert not np.array_equal(codes(3), codes(4))
    np.testing.assert_array_equal(
        codes(np.random.RandomState(5)),  # scikit-learn's convention
        codes(np.random.RandomState(5)),
    )
    state = np.random.RandomState(5)
    assert not np.array_equal(codes(state), codes(state))  # it moves on
    assert not np.array_equal(codes(None), codes(None))


def test_global_random_states_are_left_alone(kind: str, table: Array) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    fit(quick(kind), table[:200])
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(numpy_before, np.random.get_state()[1])  # noqa: NPY002


# -- refusals ---------------------------------------------------------------------------------


def test_foreign_samples_and_codes(digits: Array, kind: str) -> None:
    model = fit(quick(kind, code_size=4), digits)
    for use in (model.transform, model.reconstruct, model.score_samples):
        with pytest.raises(DataError, match=r"shape \(8, 4\), but .* shape \(8, 8\)\.$"):
            use(digits[:, :, :4])
    with pytest.raises(DataError, match=r"have 5 units, but this model's have 4: .*another model"):
        model.inverse_transform(np.zeros((3, 5)))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"code_size": 0}, "Autoencoder: code_size: .*greater than 0.* it is 0"),
        ({"code_size": "many"}, "Autoencoder: code_size: "),
        ({"network": "dens"}, r"Unknown network 'dens' \(did you mean 'dense'\?\)"),
        (
            {"network": {"kind": "dense", "hidden_size": [3]}},
            r"unknown key 'hidden_size' \(did you mean 'hidden_sizes'\?\)",
        ),
        ({"network": {"kind": "dense", "hidden_sizes": [3, -1]}}, r"hidden_sizes\.1: .*it is -1"),
        ({"loss": "squared"}, r"Unknown loss 'squared' \(did you mean 'squared_error'\?\)"),
        ({"penalties": [{"kind": "l1", "weight": -1}]}, r"penalties.*weight: .*it is -1"),
        ({"penalties": [{"kind": "l1"}]}, "the key 'weight' is missing"),
        ({"optimizer": "adm"}, r"Unknown optimizer 'adm' \(did you mean 'adam'\?\)"),
        ({"scaling": 3}, "A scaling is given by its kind"),
        ({"epochs": -1}, "epochs: .*it is -1"),
        ({"learning_rate": float("nan")}, "learning_rate: .*it is nan"),
        ({"validation_fraction": 1.0}, "validation_fraction: .*it is 1.0"),
        ({"device": "tpu"}, "device: .*it is 'tpu'"),
        ({"random_state": -3}, "random_state: .*it is -3"),
        ({"loss": "binary_cross_entropy"}, "set output_activation = 'sigmoid'"),
        ({"code_size": (2, 2, 2)}, "dense network has a vector as its code"),
        ({"network": "convolutional"}, r"needs images, .* shape \(64,\)"),
    ],
)
def test_bad_settings_are_refused_in_fit(
    table: Array, settings: dict[str, Any], sentence: str
) -> None:
    model = Autoencoder(**settings)  # the constructor never complains, as scikit-learn wants it
    with pytest.raises(IsthmusError, match=sentence) as caught:
        model.fit(table[:50])
    assert "\n" not in str(caught.value)
    with pytest.raises(NotFittedError):
        model.transform(table[:50])


def test_cross_entropy_needs_fractions(table: Array) -> None:
    settings: dict[str, Any] = {
        "network": {"kind": "dense", "output_activation": "sigmoid"},
        "loss": "binary_cross_entropy",
        "epochs": 1,
        "random_state": 0,
    }
    with pytest.raises(DataError, match=r"needs values from 0 to 1, .* from 0 to 16; scale them"):
        Autoencoder(**settings, scaling="none").fit(table * 16)
    Autoencoder(**settings, scaling="unit").fit(table * 16)
    # The greatest value may be among the held-out samples, beyond the range of the others.
    peak = table[:100] * 16
    peak[np.random.default_rng(0).permutation(100)[0], 0] = 100
    model = Autoencoder(**settings, scaling="unit", patience=1).fit(peak)
    assert model.scaling_.scale == pytest.approx(16)


def test_an_unknown_device_is_refused(table: Array) -> None:
    absent = next(
        name
        for name, there in {
            "cuda": torch.cuda.is_available(),
            "mps": torch.backends.mps.is_available(),
        }.items()
        if not there
    )
    with pytest.raises(SettingError, match=f"no {absent} device; use device = 'auto' or 'cpu'"):
        Autoencoder(device=absent).fit(table[:50])  # type: ignore[arg-type]


def test_a_failed_refit_leaves_no_half_new_model(table: Array, tmp_path: Path) -> None:
    model = Autoencoder(epochs=1, random_state=0).fit(table)
    model.set_params(optimizer="sgd", learning_rate=1e9, epochs=5)
    with pytest.raises(IsthmusError, match="The loss became"):
        model.fit(table)
    with pytest.raises(NotFittedError):
        model.save(tmp_path / "model")


# -- large data -------------------------------------------------------------------------------


@pytest.mark.parametrize("patience", [None, 2])
@pytest.mark.parametrize("kind", ["autoencoder", "class_encoder"])
def test_memory_mapped_samples_stay_on_the_disk(
    digits: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, patience: int | None
) -> None:
    np.save(tmp_path / "digits.npy", digits)
    mapped = np.load(tmp_path / "digits.npy", mmap_mode="r")
    kept: list[Examples] = []
    sizes: list[int] = []
    load = Examples._load

    def watched(self: Examples, which: Any) -> torch.Tensor:
        batch = load(self, which)
        kept.append(self)
        sizes.append(len(batch))
        return batch

    in_memory = fit(quick(kind, patience=patience), digits)
    monkeypatch.setattr(Examples, "_load", watched)
    monkeypatch.setattr(estimator_module, "BATCH", 100)
    model = fit(quick(kind, patience=patience), mapped)
    assert kept
    assert all(examples._tensor is None for examples in kept)
    assert max(sizes) <= 128
    monkeypatch.undo()
    np.testing.assert_array_equal(model.transform(mapped), in_memory.transform(digits))


def test_fit_goes_on_from_a_checkpoint(table: Array, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"random_state": 0, "patience": 9}
    whole = Autoencoder(epochs=4, **settings).fit(table)
    Autoencoder(epochs=2, **settings).fit(table, checkpoints=Checkpoints(tmp_path))
    resumed = Autoencoder(epochs=4, **settings).fit(table, checkpoints=Checkpoints(tmp_path))
    np.testing.assert_array_equal(resumed.transform(table), whole.transform(table))
    with pytest.raises(IsthmusError, match=r"began with seed 0, .*not with seed 1, .*resume with"):
        Autoencoder(random_state=1, patience=9).fit(table, checkpoints=Checkpoints(tmp_path))


def test_rows_of_an_array_are_as_good_as_their_copy(kind: str, table: Array) -> None:
    rows, others = np.arange(0, 300, 2), np.arange(1, 100, 2)
    labels = digit_labels()[others]
    view = fit(quick(kind), Rows(table, rows), rows, validation=(Rows(table, others), labels))
    copy = fit(quick(kind), table[rows], rows, validation=(table[others], labels))
    np.testing.assert_array_equal(view.transform(table), copy.transform(table))
    assert view.data_ == copy.data_
