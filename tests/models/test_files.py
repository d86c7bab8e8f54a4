"""Model folders: what is saved comes back to the bit, and what is damaged is refused."""

from __future__ import annotations

import errno
import json
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

import isthmus
from isthmus import Autoencoder
from isthmus.core.errors import ModelFileError, SettingError, StorageError
from isthmus.core.files import sha256
from isthmus.models import _files, model_fingerprint
from isthmus.training import tensors as tensors_module
from support.models import CASES, fit, quick

Array = NDArray[Any]


def fitted(samples: Array, kind: str = "autoencoder", **settings: Any) -> Any:
    return fit(quick(kind, **{"code_size": 4, "epochs": 1, **settings}), samples)


@pytest.fixture
def saved(digits: Array, tmp_path: Path) -> Path:
    """The folder of a small model."""
    fitted(digits[:300]).save(tmp_path / "model")
    return tmp_path / "model"


def refuse(folder: Path, *words: str) -> None:
    """Loading raises one sentence that has these words."""
    with pytest.raises(ModelFileError) as caught:
        isthmus.load(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    for word in words:
        assert word in message


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change model.json."""
    document = json.loads((folder / "model.json").read_text())
    change(document)
    (folder / "model.json").write_text(json.dumps(document))


def replace_weights(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change model.safetensors and its checksum, as a forger would."""
    path = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)
    rewrite(folder, lambda document: document.update(weights_sha256=sha256(path)))


# -- round trips ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_bits_come_back(case: str, digits: Array, tmp_path: Path) -> None:
    samples = digits[:300] * 3 - 1
    model = fitted(samples, **CASES[case])
    model.scores_ = {"error": 1.5}
    model.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    assert type(loaded) is type(model)
    codes = model.transform(samples)
    np.testing.assert_array_equal(loaded.transform(samples), codes)
    np.testing.assert_array_equal(loaded.reconstruct(samples), model.reconstruct(samples))
    if getattr(model.network_, "code_is_all", True):
        restored = model.inverse_transform(codes)
        np.testing.assert_array_equal(loaded.inverse_transform(codes), restored)
    np.testing.assert_array_equal(loaded.score_samples(samples), model.score_samples(samples))
    for name in ("code_mean_", "code_std_"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(model, name))
    for name in ("offset", "scale"):
        np.testing.assert_array_equal(getattr(loaded.scaling_, name), getattr(model.scaling_, name))
    for name in (
        *("history_", "data_", "scores_", "seed_", "settings_"),
        *("sample_shape_", "sample_dtype_", "n_features_in_"),
    ):
        assert getattr(loaded, name) == getattr(model, name), name
    assert model_fingerprint(loaded) == model_fingerprint(model)
    # The same call to fit makes the same model again, and a copy of the copy is the copy.
    fit(loaded, samples)
    np.testing.assert_array_equal(loaded.transform(samples), codes)
    loaded.save(tmp_path / "again")
    assert sha256(tmp_path / "again" / "model.safetensors") == sha256(
        tmp_path / "model" / "model.safetensors"
    )


def test_feature_names_and_columns(digits: Array, tmp_path: Path) -> None:
    frame = pd.DataFrame(digits.reshape(-1, 64)[:300], columns=[f"pixel {i}" for i in range(64)])
    model = fitted(frame)
    model.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model").set_output(transform="pandas")
    assert list(loaded.feature_names_in_) == list(frame.columns)
    pd.testing.assert_frame_equal(
        loaded.transform(frame), model.set_output(transform="pandas").transform(frame)
    )
    with pytest.raises(ValueError, match="feature names"):
        loaded.transform(frame.rename(columns={"pixel 0": "other"}))


def test_settings_are_those_of_fit(digits: Array, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"code_size": np.int64(3), "learning_rate": np.float32(0.01)}
    state = np.random.RandomState(3)  # scikit-learn's convention
    model = fitted(digits[:300], **settings, random_state=state)
    model.set_params(code_size=7)  # not fitted with it
    model.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    assert loaded.code_size == 3
    assert loaded.random_state == model.seed_
    assert loaded.network == {**loaded.network, "kind": "dense"}
    np.testing.assert_array_equal(
        loaded.fit(digits[:300]).transform(digits), model.transform(digits)
    )


def test_a_device_that_is_not_here_becomes_auto(saved: Path, digits: Array) -> None:
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    rewrite(saved, lambda document: document["parameters"].update(device=absent))
    model = isthmus.load(saved)
    assert model.device == "auto"
    assert model.transform(digits).shape == (1797, 4)


def test_a_loss_that_was_not_finite_comes_back(digits: Array, tmp_path: Path) -> None:
    model = fitted(digits[:300])
    model.history_[0]["validation/total"] = float("nan")
    model.save(tmp_path / "model")
    assert np.isnan(isthmus.load(tmp_path / "model").history_[0]["validation/total"])


def test_a_run_folder_is_its_model(saved: Path, digits: Array) -> None:
    run = saved.parent / "run"
    run.mkdir()
    shutil.copytree(saved, run / "model")
    np.testing.assert_array_equal(
        isthmus.load(run).transform(digits), isthmus.load(str(saved)).transform(digits)
    )


def test_loaded_weights_do_not_hang_on_the_file(saved: Path, digits: Array) -> None:
    model = isthmus.load(saved)
    codes = model.transform(digits)
    path = saved / "model.safetensors"
    with path.open("r+b") as file:  # in place, as `cp` does
        file.seek(path.stat().st_size // 2)
        file.write(bytes(path.stat().st_size // 2))
    np.testing.assert_array_equal(model.transform(digits), codes)


def test_files_are_readable_by_others(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["model.json", "model.safetensors"]
    assert saved.stat().st_mode & 0o555 == 0o555
    assert all(path.stat().st_mode & 0o444 == 0o444 for path in saved.iterdir())


# -- refusals: weights ------------------------------------------------------------------------


def test_nothing_there(tmp_path: Path, saved: Path) -> None:
    refuse(tmp_path / "nowhere", "holds no model (model.json is missing)")
    refuse(tmp_path.parent, "holds no model")
    refuse(saved / "model.json", "holds no model")
    (saved / "model.safetensors").unlink()
    refuse(saved, "missing, truncated or not a safetensors file")


@pytest.mark.parametrize("share", [0.0, 1e-4, 0.01, 0.5, 0.999, "last byte"])
def test_truncated_weights(saved: Path, share: float | str) -> None:
    path = saved / "model.safetensors"
    size = path.stat().st_size
    os.truncate(path, size - 1 if isinstance(share, str) else int(share * size))
    refuse(saved, str(path), "truncated")


class _Trap:
    """A pickle that would betray itself when it is opened."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was opened",))


@pytest.mark.parametrize("content", ["pickle", "torch", "random", "empty"])
def test_foreign_weights(saved: Path, content: str) -> None:
    path = saved / "model.safetensors"
    if content == "torch":
        torch.save({"network.encoder.0.weight": torch.ones(3)}, path)
    else:
        path.write_bytes(
            {
                "pickle": pickle.dumps(_Trap()),
                "random": np.random.default_rng(0).bytes(4096),
                "empty": b"",
            }[content]
        )
    refuse(saved, "not a safetensors file")


def test_flipped_bit(saved: Path) -> None:
    path = saved / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    refuse(saved, "checksum differs")


def test_weights_of_another_model(saved: Path, digits: Array, tmp_path: Path) -> None:
    fitted(digits[:300], random_state=1).save(tmp_path / "twin")
    fitted(digits[:300], code_size=5).save(tmp_path / "other")
    shutil.copy(tmp_path / "twin" / "model.safetensors", saved)
    refuse(saved, "is not the file that was saved", "checksum differs")
    shutil.copy(tmp_path / "other" / "model.safetensors", saved)
    refuse(saved, "'code.mean' is F32 [5] where F32 [4] belongs; use the two files of one model")


WEIGHT = "network.encoder.0.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.update({WEIGHT: t[WEIGHT].half()}), f"'{WEIGHT}' is F16 [128, 64] where F32"),
        (lambda t: t.update({WEIGHT: t[WEIGHT].T.contiguous()}), f"'{WEIGHT}' is F32 [64, 128]"),
        (lambda t: t.pop(WEIGHT), f"'{WEIGHT}' is missing"),
        (lambda t: t.update(extra=torch.ones(1)), "'extra' is F32 [1] where nothing belongs"),
        (lambda t: t.pop("scaling.scale"), "'scaling.scale' is missing"),
    ],
)
def test_forged_weights(saved: Path, change: Any, words: str) -> None:
    replace_weights(saved, change)
    refuse(saved, words)


@pytest.mark.parametrize("limit", ["_MOST_WEIGHTS", "_MOST_TEXT"])
def test_oversized_files(saved: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(_files, limit, 1000)
    refuse(saved, "the most that a model may take")


# -- refusals: model.json ---------------------------------------------------------------------


@pytest.mark.parametrize("content", ["half", "text", "empty", "list", "binary"])
def test_damaged_document(saved: Path, content: str) -> None:
    path = saved / "model.json"
    whole = path.read_bytes()
    path.write_bytes(
        {
            "half": whole[: len(whole) // 2],
            "text": b"hello",
            "empty": b"",
            "list": b"[1]",
            "binary": b"\xff\xfe\x00\x80",
        }[content]
    )
    refuse(saved, str(path), "copy the whole model folder again")


def parameters(**changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["parameters"].update(changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(format="isthmus-model-9"), "of the format 'isthmus-model-9'"),
        (lambda d: d.pop("format"), "the key 'format' is missing"),
        (lambda d: d.pop("history"), "the key 'history' is missing"),
        (lambda d: d.update(surprise=1), "unknown key 'surprise'"),
        (lambda d: d.update(kind="autoencodr"), "(did you mean 'autoencoder'?)"),
        (lambda d: d.update(kind="os.system"), "Unknown model 'os.system'"),
        (lambda d: d.update(seed="x"), "seed"),
        (lambda d: d.update(sample_shape=[]), "sample_shape"),
        (lambda d: d.update(sample_shape=[8, -8]), "sample_shape"),
        (lambda d: d.update(sample_shape=[8, 9]), "'network.decoder.4.bias' is F32 [64]"),
        (lambda d: d.update(scaling_shapes=[[7], []]), "scaling_shapes do not fit"),
        (lambda d: d.update(feature_names=["a"]), "feature_names do not fit"),
        (parameters(code_sise=3), "unknown key 'code_sise' (did you mean 'code_size'?)"),
        (parameters(code_size=0), "code_size"),
        (parameters(network="torch.nn.Linear"), "Unknown network 'torch.nn.Linear'"),
        (parameters(network={"kind": "dense", "path": "/etc"}), "unknown key 'path'"),
        (parameters(loss={"kind": "squared_error", "per": "cow"}), "per"),
    ],
)
def test_forged_document(saved: Path, change: Any, words: str) -> None:
    rewrite(saved, change)
    refuse(saved, words)


@pytest.mark.parametrize(
    "change",
    [
        parameters(network={"kind": "dense", "hidden_sizes": [10**9, 10**9]}),
        parameters(network={"kind": "dense", "hidden_sizes": [10**15, 10**15]}),
        parameters(network={"kind": "dense", "hidden_sizes": [10**30]}),
        parameters(network={"kind": "dense", "hidden_sizes": [1] * 10**6}),
        parameters(code_size=10**12),
        parameters(code_size=10**40),
        lambda d: d.update(sample_shape=[10**9, 10**9]),
        lambda d: d.update(sample_shape=[10**6] * 9),
        lambda d: d.update(sample_shape=[10**9], scaling_shapes=[[10**9], [10**9]]),
    ],
)
def test_hostile_sizes_take_no_memory(
    saved: Path, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_reading(path: Path) -> None:
        pytest.fail("weights were read")

    monkeypatch.setattr(_files, "read_tensors", no_reading)
    rewrite(saved, change)
    refuse(saved)


def test_no_pickle_in_the_source() -> None:
    source = Path(isthmus.__file__).parent
    for path in source.rglob("*.py"):
        unsafe_load = r"torch\.load\((?!.*weights_only=True)"
        forbidden = rf"import pickle|pickle\.load|{unsafe_load}|joblib|allow_pickle\s*=\s*True"
        assert not re.search(forbidden, path.read_text()), path


# -- writing ----------------------------------------------------------------------------------


def full(*args: Any, **kwargs: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_for_safetensors(*args: Any, **kwargs: Any) -> None:
    raise tensors_module.SafetensorError("I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("place", ["safetensors", "json", "fsync"])
def test_full_disk(saved: Path, digits: Array, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    codes = isthmus.load(saved).transform(digits)
    other = fitted(digits[:300], random_state=1)
    with monkeypatch.context() as patch:
        if place == "safetensors":
            patch.setattr(tensors_module, "save_file", full_for_safetensors)
        elif place == "json":
            patch.setattr(Path, "write_text", full)
        else:
            patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="the disk is full; free some space"):
            other.save(saved)
    assert list(saved.parent.iterdir()) == [saved]
    np.testing.assert_array_equal(isthmus.load(saved).transform(digits), codes)


def test_what_is_not_a_model_is_not_overwritten(digits: Array, tmp_path: Path) -> None:
    model = fitted(digits[:300])
    folder, file = tmp_path / "thesis", tmp_path / "notes.txt"
    folder.mkdir()
    (folder / "chapter.txt").write_text("one")
    file.write_text("two")
    for path in (folder, file):
        with pytest.raises(SettingError, match="exists and is not a model; choose another name"):
            model.save(path)
    assert (folder / "chapter.txt").read_text() == "one"
    assert file.read_text() == "two"
    assert sorted(tmp_path.iterdir()) == [file, folder]


def test_an_old_model_is_replaced(saved: Path, digits: Array) -> None:
    new = fitted(digits[:300], random_state=1, code_size=6)
    new.save(saved)
    np.testing.assert_array_equal(isthmus.load(saved).transform(digits), new.transform(digits))
    assert list(saved.parent.iterdir()) == [saved]
    empty = saved.parent / "empty"
    empty.mkdir()
    new.save(empty)
    assert isthmus.load(empty).code_size == 6


def test_an_unfitted_model_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not fitted"):
        Autoencoder().save(tmp_path / "model")
