"""ONNX files compute what the models do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import isthmus
from isthmus.core.errors import DataError, SettingError
from isthmus.models import _parts, export_onnx
from support.discs import discs
from support.exports import fitted, near
from support.models import CASES, fit, quick

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
Array = NDArray[Any]
SOME = np.random.default_rng(0).random((3, 8, 8))
CONDITIONAL = {"kind": "variational_autoencoder", "conditional": True}
FILES = {
    "network unet": {"encoder", "decoder", "autoencoder"},
    "network segnet": {"encoder", "autoencoder"},
    "stacked_autoencoder": {"encoder", "decoder", "classifier"},
}


@pytest.mark.parametrize("name", CASES)
def test_autoencoders_do_the_same(name: str, digits: Array, tmp_path: Path) -> None:
    samples = 16 * digits[:60]
    model = fitted(samples, **CASES[name])
    written = export_onnx(model, tmp_path / "out")
    names = {one.name for one in written}
    assert {path.stem for path in (tmp_path / "out").iterdir()} == names
    assert {"encoder"} < names
    assert names == FILES.get(name, names)
    assert max(one.difference for one in written) <= 1e-4
    loaded = isthmus.load(tmp_path / "out")
    assert type(loaded) is type(model)
    codes = model.transform(samples)
    near(loaded.transform(samples), codes)
    near(loaded.reconstruct(samples), model.reconstruct(samples))
    near(loaded.score_samples(samples), model.score_samples(samples))
    np.testing.assert_array_equal(loaded.code_std_, model.code_std_)
    if "decoder" in names:
        near(loaded.inverse_transform(codes), model.inverse_transform(codes))
    else:
        with pytest.raises(SettingError, match="has no graph to decode"):
            loaded.inverse_transform(codes)
    if hasattr(model, "predict_proba"):
        near(loaded.predict_proba(samples), model.predict_proba(samples))
        assert (loaded.predict(samples) == model.predict(samples)).all()
    if model.restores:
        near(loaded.denoise(samples), model.denoise(samples))
    with pytest.raises(DataError, match="was fitted to samples of shape"):
        loaded.transform(samples[:, :, 1:])


def test_a_conditional_decoder_is_told_the_class(digits: Array, tmp_path: Path) -> None:
    samples = digits[:80]
    model = fitted(samples, **CONDITIONAL)
    export_onnx(model, tmp_path / "out")
    loaded, y = isthmus.load(tmp_path / "out"), np.arange(80) % 10
    near(loaded.reconstruct(samples, y), model.reconstruct(samples, y))
    near(loaded.given(3).sample(5), model.given(3).sample(5))
    assert (loaded.given(3).sample(5) != loaded.given(4).sample(5)).any()
    with pytest.raises(DataError, match="must be told the class"):
        loaded.reconstruct(samples)
    with pytest.raises(SettingError, match="no outputs but the last"):
        loaded.posterior(samples)


@pytest.mark.parametrize("scaling", ["standard", "centre"])
def test_tables_of_unlike_columns(scaling: str, tmp_path: Path) -> None:
    """Columns of a range of 1e-3 among those of 1e4 count alike; float64 stays in the input."""
    random = np.random.default_rng(0)
    table = random.normal(size=(200, 3)) * [1e-3, 1, 1e4] + [1, 300, -1e4]
    model = fitted(table, code_size=2, scaling=scaling)
    export_onnx(model, tmp_path / "out")
    loaded = isthmus.load(tmp_path / "out")
    near(loaded.transform(table), model.transform(table))
    scaled = [one.scaling_.apply(one.reconstruct(table)) for one in (loaded, model)]
    near(*scaled)


SEGMENTERS: dict[str, dict[str, Any]] = {
    "segmenter": {"network": {"kind": "unet", "channels": [4]}, "size": 16},
    "instance_segmenter": {"network": {"kind": "small", "channels": [4]}},
    "sparse_segmenter": {
        "network": {"kind": "pyramid", "channels": [4], "scales": 2},
        "pretraining_epochs": 0,
        "classifier_epochs": 0,
    },
    "cascade": {"first": {"kind": "segmenter", "epochs": 0}, "second": {"kind": "segmenter"}},
}


def segmenter(kind: str, **more: Any) -> Any:
    from isthmus.models import MODELS

    tiny = {"code_size": 4, "epochs": 1, "patches": 8}
    own = {**SEGMENTERS.get(kind, {}), **more}
    if kind == "cascade":
        network = {"kind": "unet", "channels": [4]}
        stages = {name: {"kind": "segmenter", "network": network, **tiny} for name in own}
        return MODELS[kind](**stages, random_state=0)
    return MODELS[kind](**{**tiny, "random_state": 0, **own})


@pytest.mark.parametrize("kind", SEGMENTERS)
def test_segmenters_do_the_same(kind: str, tmp_path: Path) -> None:
    """On images of other sizes than those of training, by the same intensities and cuts."""
    classes = 3 if kind == "cascade" else 2
    images, maps = discs(4, size=(16, 12), classes=classes, channels=1 if kind == "cascade" else 3)
    model = segmenter(kind).fit(images, maps)
    model.network_.eval()
    written = export_onnx(model, tmp_path / "out")
    wanted = {"first", "second"} if kind == "cascade" else {"segmenter"}
    assert {one.name for one in written} == wanted
    loaded = isthmus.load(tmp_path / "out")
    others, _ = discs(2, size=(21, 34), channels=1 if kind == "cascade" else 3, seed=1)
    for found, expected in zip(
        loaded.predict_proba(others), model.predict_proba(others), strict=True
    ):
        near(found, expected)
    for found, expected in zip(loaded.predict(others), model.predict(others), strict=True):
        np.testing.assert_array_equal(found, expected)
    if kind == "instance_segmenter":
        assert loaded.cut_ == model.cut_
    if kind == "sparse_segmenter":
        with pytest.raises(SettingError, match="was loaded from ONNX"):
            loaded.transform(others)


def test_large_images_are_cut_by_the_same_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isthmus.inference import segmentation

    images, maps = discs(4, size=(16, 12))
    model = segmenter("segmenter", size=None).fit(images, maps)
    export_onnx(model, tmp_path / "discs.onnx")
    loaded = isthmus.load(tmp_path / "discs.onnx")
    assert loaded.network_.reach == model.network_.reach > 0
    assert loaded.network_.stride == model.network_.stride == 2
    (large,), _ = discs(1, size=(90, 101))
    whole = model.predict_proba(large)
    monkeypatch.setattr(segmentation, "WHOLE", 0)
    monkeypatch.setattr(segmentation, "_TILE", 32)
    near(loaded.predict_proba(large), whole)


def test_volumes_are_cut_into_the_same_slices(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    volumes = [random.normal(size=(5, 12, 10)).astype(np.float32) for _ in range(2)]
    labels = [(volume > 0.5).astype(np.int16) for volume in volumes]
    own = {"network": {"kind": "unet", "channels": [4]}, "neighbours": 1, "plane": "coronal"}
    model = segmenter("volume_segmenter", **own).fit(volumes, labels)
    export_onnx(model, tmp_path / "volumes.onnx")
    loaded = isthmus.load(tmp_path / "volumes.onnx")
    assert loaded.plane_ == "coronal"
    near(loaded.predict_proba(volumes)[0], model.predict_proba(volumes)[0])


# -- the files themselves ---------------------------------------------------------------------


def test_nothing_is_written_where_it_differs(
    digits: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fitted(digits[:60])
    monkeypatch.setattr(_parts, "TOLERANCE", 0.0)
    with pytest.raises(SettingError, match=r"differs from PyTorch's by .* nothing was written"):
        export_onnx(model, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_places_that_do_not_suit_are_refused(digits: Array, tmp_path: Path) -> None:
    model = fitted(digits[:60])
    with pytest.raises(SettingError, match=r"as 2 files \(encoder, decoder\), so give a folder"):
        export_onnx(model, tmp_path / "digits.onnx")
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(SettingError, match="is not empty"):
        export_onnx(model, tmp_path)
    with pytest.raises(SettingError, match="is a file"):
        export_onnx(model, tmp_path / "note.txt")
    model = fit(quick("stacked_autoencoder", code_size=4, classifier=_forest()), digits[:60])
    with pytest.raises(SettingError, match="nothing is ever pickled"):
        export_onnx(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _forest() -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


@pytest.mark.parametrize(("least", "kept"), [(0.0, True), (1e9, False)])
def test_8_bits_are_kept_where_they_are_faster(
    least: float, kept: bool, digits: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_parts, "_FASTER", least)
    monkeypatch.setattr(_parts, "INT8_TOLERANCE", 0.1)
    model = fitted(
        digits[:300], "stacked_autoencoder", network={"kind": "dense", "hidden_sizes": []}
    )
    written = export_onnx(model, tmp_path / "out", int8=True)
    assert [one.int8 is not None and one.int8.kept for one in written[:2]] == [kept, kept]
    kinds = {node.op_type for node in onnx.load(tmp_path / "out" / "encoder.onnx").graph.node}
    assert ("MatMulInteger" in kinds) == kept
    loaded = isthmus.load(tmp_path / "out")
    change = np.abs(loaded.transform(digits) - model.transform(digits)).max()
    assert (change > 1e-4) == kept
    assert change < 0.1 * np.ptp(model.transform(digits))


def test_8_bits_that_differ_are_not_kept(
    digits: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_parts, "_FASTER", 0.0)
    monkeypatch.setattr(_parts, "INT8_TOLERANCE", 1e-9)
    written = export_onnx(fitted(digits[:60]), tmp_path / "out", int8=True)
    assert not any(one.int8.kept for one in written if one.int8)
    assert "so it stays in 32" in str(written[0].int8)
