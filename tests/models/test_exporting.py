"""ONNX files: what they compute is what the models do, and what is damaged is refused."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import isthmus
from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.inference.onnx_files import OPSET, graph_checksum
from isthmus.models import _exported as exported_module
from isthmus.models import _parts, export_onnx, model_fingerprint
from support.discs import discs
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


def fitted(samples: Array, kind: str = "autoencoder", **settings: Any) -> Any:
    return fit(quick(kind, **{"code_size": 4, "epochs": 1, **settings}), samples)


def near(found: Any, wanted: Any) -> None:
    """Within 1e-4 of the range of what is wanted."""
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    assert np.abs(found - wanted).max() <= 1e-4 * np.ptp(wanted)


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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported folder that no test changes."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("exported") / "out"
    export_onnx(fitted(load_digits().images[:60]), folder)
    return folder


@pytest.fixture
def out(whole: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    shutil.copytree(whole, tmp_path / "out")
    return tmp_path / "out"


def refuse(path: Path, *words: str) -> None:
    """Loading raises one sentence that has these words."""
    with pytest.raises(ModelFileError) as caught:
        isthmus.load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    for word in words:
        assert word in message


def change(path: Path, do: Callable[[Any], object], *, sign: bool = True) -> None:
    """Change a file, and by default its checksum too."""
    model = onnx.load(path)
    do(model)
    told = {entry.key: entry.value for entry in model.metadata_props}
    if sign:
        told["isthmus.sha256"] = graph_checksum(model, told["isthmus.graph"] + told["isthmus"])
    onnx.helper.set_model_props(model, told)
    path.write_bytes(model.SerializeToString())


def retell(path: Path, do: Callable[[dict[str, Any]], object]) -> None:
    """Change the document in the metadata."""

    def rewrite(model: Any) -> None:
        (entry,) = [one for one in model.metadata_props if one.key == "isthmus"]
        document = json.loads(entry.value)
        do(document)
        entry.value = json.dumps(document)

    change(path, rewrite)


def test_a_file_tells_all_that_is_to_know(whole: Path) -> None:
    """Read and run as anyone would, without Isthmus."""
    from sklearn.datasets import load_digits

    samples, model = load_digits().images[:60], fitted(load_digits().images[:60])
    session = runtime.InferenceSession(whole / "decoder.onnx")
    told = json.loads(session.get_modelmeta().custom_metadata_map["isthmus"])
    assert told["graphs"] == ["encoder", "decoder"]
    assert told["model"]["sample_shape"] == [8, 8]
    assert told["numbers"]["code.mean"] == model.code_mean_.tolist()
    assert [(one.name, one.shape) for one in session.get_inputs()] == [("code", ["N", 4])]
    codes = model.transform(samples)
    (sample,) = session.run(["sample"], {"code": codes})
    near(sample, model.inverse_transform(codes))
    (version,) = onnx.load(whole / "decoder.onnx").opset_import
    assert (version.domain, version.version) == ("", OPSET)
    assert OPSET <= 21
    for path in whole.iterdir():
        assert str(Path.home()).encode() not in path.read_bytes()
        assert b".py" not in path.read_bytes()


def test_one_file_does_what_it_can(whole: Path, digits: Array) -> None:
    encoder, decoder = (isthmus.load(whole / f"{name}.onnx") for name in ("encoder", "decoder"))
    assert decoder.inverse_transform(encoder.transform(16 * digits)).shape == digits.shape
    with pytest.raises(SettingError, match="has no graph to decode"):
        encoder.reconstruct(digits)
    with pytest.raises(SettingError, match="has no graph to encode"):
        decoder.transform(digits)


def test_it_predicts_and_nothing_else(whole: Path, tmp_path: Path) -> None:
    model = isthmus.load(whole)
    with pytest.raises(SettingError, match="was loaded from ONNX"):
        model.save(tmp_path / "model")
    with pytest.raises(SettingError, match="is exported already"):
        export_onnx(model, tmp_path / "again")
    with pytest.raises(SettingError, match="neither be trained on"):
        copy.deepcopy(model)
    assert model_fingerprint(model) == model_fingerprint(isthmus.load(whole))
    assert model_fingerprint(model) != model_fingerprint(isthmus.load(whole / "encoder.onnx"))
    assert not (tmp_path / "model").exists()


def test_damaged_files_are_refused(out: Path) -> None:
    path = out / "encoder.onnx"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refuse(out, "encoder.onnx is damaged")
    path.write_bytes(b"")
    refuse(out, "encoder.onnx")
    place = content.index(onnx.load(path.with_name("decoder.onnx")).producer_name.encode())
    path.write_bytes(content[:place] + b"x" + content[place + 1 :])
    isthmus.load(out)  # who wrote it is of no matter
    weights = max(onnx.load(path).graph.initializer, key=lambda one: len(one.raw_data)).raw_data
    place = content.index(weights) + 5
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    refuse(out, "is not as it was exported (its checksum differs)")


def test_missing_and_foreign_files_are_refused(out: Path, digits: Array) -> None:
    (out / "decoder.onnx").rename(out.parent / "decoder.onnx")
    refuse(out, "lacks decoder")
    shutil.copy(out / "encoder.onnx", out / "twice.onnx")
    refuse(out, "several exports")
    (out / "twice.onnx").unlink()
    export_onnx(fitted(digits[:50]), out.parent / "other")
    shutil.copy(out.parent / "other" / "decoder.onnx", out)
    refuse(out, "several exports")
    change(out / "encoder.onnx", lambda model: model.ClearField("metadata_props"), sign=False)
    refuse(out / "encoder.onnx", "was not written by isthmus export")


def test_graphs_that_reach_out_are_refused(out: Path) -> None:
    path = out / "encoder.onnx"
    content = path.read_bytes()

    def outside(model: Any) -> None:
        tensor = model.graph.initializer[0]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"

    def custom(model: Any) -> None:
        model.graph.node[0].domain = "com.example"
        model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))

    def old(model: Any) -> None:
        model.opset_import[0].version = 6

    changes = {outside: "weights in other files", custom: "not ONNX's own", old: "13 to 21"}
    for do, words in changes.items():
        change(path, do)
        refuse(out, words)
        path.write_bytes(content)


def test_documents_that_do_not_fit_are_refused(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = out / "encoder.onnx"
    content = path.read_bytes()
    cases: dict[str, Callable[[dict[str, Any]], object]] = {
        "of the format 'isthmus-onnx-9'": lambda told: told.update(format="isthmus-onnx-9"),
        "unknown key 'more'": lambda told: told.update(more=1),
        "the key 'numbers' is missing": lambda told: told.pop("numbers"),
        "numbers of 'code.mean'": lambda told: told["numbers"]["code.mean"].pop(),
        "50 numbers of 'code.std'": lambda told: told["numbers"].update({"code.std": [1.0] * 50}),
        "4 numbers of 'code.std'": lambda told: told["numbers"].update({"code.std": [1e99] * 4}),
        "numbers of 'other'": lambda told: told["numbers"].update(other=[1.0]),
        "Unknown model 'autoencodr'": lambda told: told["model"].update(kind="autoencodr"),
        "where sample tensor(float)": lambda told: told["model"].update(sample_shape=[8, 9]),
        "[N, 5] belongs": lambda told: (
            told["model"]["parameters"].update(code_size=5),
            told["numbers"].update({name: [0.0] * 5 for name in ("code.mean", "code.std")}),
        ),
    }
    for words, do in cases.items():
        retell(path, do)
        refuse(path, *words.replace("[N, 5]", "['N', 5]").split("|"))
        path.write_bytes(content)
    monkeypatch.setattr(exported_module, "_MOST_TEXT", 100)
    refuse(path, "more of its model than any model needs")


@settings(max_examples=12)
@given(
    place=st.sampled_from(["format", "model", "numbers", "graphs", "int8", "reach"]),
    value=st.none() | st.integers() | st.text(max_size=5) | st.lists(st.floats(), max_size=3),
)
def test_any_other_metadata_are_refused_or_read(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, place: str, value: Any
) -> None:
    """Nothing else is raised."""
    path = tmp_path_factory.mktemp("told") / "encoder.onnx"
    shutil.copy(whole / "encoder.onnx", path)
    retell(path, lambda told: told.update({place: value}))
    with suppress(ModelFileError):
        assert isthmus.load(path).sample_shape_ == (8, 8)


@settings(max_examples=12)
@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "model.onnx"
    path.write_bytes(content)
    refuse(path, "model.onnx")


@pytest.fixture(scope="module")
def codes(whole: Path) -> Array:
    """What its encoder makes of `SOME`."""
    return np.asarray(isthmus.load(whole).transform(SOME))


@settings(max_examples=20)
@given(st.data())
def test_no_changed_byte_goes_unseen(
    whole: Path, codes: Array, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """It is refused, or of no effect, as in the name of what wrote the file."""
    content = bytearray((whole / "encoder.onnx").read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("changed") / "encoder.onnx"
    path.write_bytes(content)
    with suppress(ModelFileError):
        np.testing.assert_array_equal(isthmus.load(path).transform(SOME), codes)


def test_texts_that_are_no_texts_are_refused(out: Path) -> None:
    path = out / "encoder.onnx"
    content = path.read_bytes()
    place = content.index(b"isthmus-onnx-1")
    path.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    refuse(path, "was not written by isthmus export")


# -- writing ----------------------------------------------------------------------------------


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


def test_without_the_libraries(
    whole: Path, digits: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    for use in (lambda: isthmus.load(whole), lambda: export_onnx(fitted(digits[:60]), tmp_path)):
        with pytest.raises(SettingError, match=r"run pip install 'isthmus\[onnx\]'"):
            use()
