"""ONNX files: what they tell, and that what is damaged or foreign is refused."""

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
from isthmus.core.errors import ModelFileError, SettingError
from isthmus.inference.onnx_files import OPSET, graph_checksum
from isthmus.models import _exported as exported_module
from isthmus.models import export_onnx, model_fingerprint
from support.exports import fitted, near

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
Array = NDArray[Any]
SOME = np.random.default_rng(0).random((3, 8, 8))


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


def test_without_the_libraries(
    whole: Path, digits: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    for use in (lambda: isthmus.load(whole), lambda: export_onnx(fitted(digits[:60]), tmp_path)):
        with pytest.raises(SettingError, match=r"run pip install 'isthmus\[onnx\]'"):
            use()
