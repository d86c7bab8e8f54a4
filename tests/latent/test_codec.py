"""Compression by codes: what comes back, how long it is, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as shannon
from sklearn.datasets import load_digits, load_iris

import isthmus
from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.latent import codec as codec_module
from isthmus.latent.codec import Codec, pack_codes, unpack_codes
from isthmus.latent.compressed import Compressed
from isthmus.models import model_fingerprint

pytest.importorskip("constriction")
DENSE = {"kind": "dense", "hidden_sizes": [32], "output_activation": "sigmoid"}


@cache
def images() -> Any:
    return (load_digits().images * 15).astype(np.uint8)


@cache
def fitted(seed: int = 0) -> Any:
    model = isthmus.Autoencoder(code_size=6, network=DENSE, epochs=15, random_state=seed)
    return model.fit(images()[:1000])


@cache
def file(lossless: bool = False) -> bytes:
    return Codec(fitted(), lossless=lossless).encode(
        images()[1000:1040], [f"{i}" for i in range(40)]
    )


def test_the_samples_are_those_of_the_quantised_codes() -> None:
    model, samples = fitted(), images()[1000:]
    decoded = Codec(model).decode(Codec(model, step=0.7).encode(samples))
    steps = 0.7 * model.code_std_
    quantised = np.rint((model.transform(samples) - model.code_mean_) / steps)
    expected = model.inverse_transform(model.code_mean_ + steps * quantised)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, expected, atol=1e-3)


def test_a_finer_step_is_longer_and_better() -> None:
    model, samples = fitted(), images()[1000:]
    contents = [Codec(model, step).encode(samples) for step in (2.0, 1.0, 0.5, 0.1)]
    errors = [np.square(Codec(model).decode(c) - samples).mean() for c in contents]
    assert sorted(map(len, contents)) == [len(content) for content in contents]
    assert sorted(errors, reverse=True) == errors
    best = np.square(model.reconstruct(samples) - samples).mean()
    assert errors[-1] == pytest.approx(best, rel=0.01)
    assert errors[0] > 1.03 * best


def test_the_length_is_near_the_entropy_of_the_codes() -> None:
    model = fitted()
    scaled = (model.transform(images()) - model.code_mean_) / (0.25 * model.code_std_)
    columns = np.rint(scaled).astype(int).T
    bits = sum(len(c) * shannon(np.unique(c, return_counts=True)[1], base=2) for c in columns)
    length = len(Codec(model, 0.25).encode(images()))
    assert bits / 8 < length < 1.1 * bits / 8


def test_few_samples_are_short_without_tables() -> None:
    quantised = np.rint(np.random.default_rng(0).normal(size=(4, 30)) / 0.5).astype(np.int32)
    content = pack_codes(quantised, 0.5)
    assert content[0] == 1
    assert len(content) * 8 < 4 * 30 * 3.8  # the entropy is 3.05 bits, words have 32
    np.testing.assert_array_equal(unpack_codes(content, (4, 30), 0.5), quantised)
    assert pack_codes(1000 * quantised, 0.5)[0] == 0  # further than the normal table goes
    assert pack_codes(quantised, 1e-4)[0] == 0  # finer


def test_a_unit_that_never_moved_is_quantised_as_well() -> None:
    model = isthmus.Autoencoder(code_size=3, network=DENSE, epochs=1, random_state=0)
    model.fit(images()[:100])
    model.code_std_[1] = 0
    decoded = Codec(model).decode(Codec(model).encode(images()[:10]))
    assert np.isfinite(decoded).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64", ">u2"])
def test_lossless_images_come_back_exactly(dtype: str) -> None:
    samples = images()[1000:1300].astype(dtype)
    decoded = Codec(fitted()).decode(Codec(fitted(), lossless=True).encode(samples))
    assert decoded.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(decoded, samples)


def test_lossless_is_shorter_the_better_the_model() -> None:
    samples = images()[1000:]
    untrained = isthmus.Autoencoder(code_size=6, network=DENSE, epochs=0, random_state=0)
    untrained.fit(images()[:1000])
    lengths = [len(Codec(m, lossless=True).encode(samples)) for m in (fitted(), untrained)]
    assert lengths[0] < 0.95 * lengths[1] < lengths[1] < samples.size


def test_a_lossless_table_of_whole_numbers_comes_back_exactly() -> None:
    table = np.rint(load_iris().data * 10) * [1, -1, 1000, 100_000]
    model = isthmus.Autoencoder(code_size=2, epochs=1, random_state=0).fit(table)
    decoded = Codec(model).decode(Codec(model, lossless=True).encode(table))
    np.testing.assert_array_equal(decoded, table)


@pytest.mark.parametrize("samples", [images() / 7, images() * 1e9, images() % 2 == 0])
def test_what_cannot_come_back_exactly_is_refused(samples: Any) -> None:
    with pytest.raises(DataError, match="Only whole numbers of 32 bits"):
        Codec(fitted(), step=1e6, lossless=True).encode(samples)


@given(st.booleans(), st.data())
def test_any_truncation_is_refused(lossless: bool, data: st.DataObject) -> None:
    content = file(lossless)
    with pytest.raises(DataError, match=r"f.isthmus is"):
        Codec(fitted()).decode(content[: data.draw(st.integers(0, len(content) - 1))], "f.isthmus")


@given(st.booleans(), st.data())
def test_any_flipped_byte_is_refused(lossless: bool, data: st.DataObject) -> None:
    content = bytearray(file(lossless))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DataError, match=r"f.isthmus (is|was)"):
        Codec(fitted()).decode(bytes(content), "f.isthmus")


def test_what_is_longer_is_refused() -> None:
    with pytest.raises(DataError, match="truncated or damaged"):
        Codec(fitted()).decode(file() + b"\0")


@given(st.booleans(), st.binary(max_size=50), st.binary(max_size=50))
def test_a_forged_file_is_refused_in_one_sentence(
    lossless: bool, codes: bytes, pixels: bytes
) -> None:
    forged = replace(Compressed.from_bytes(file(lossless), "f"), codes=codes, pixels=pixels)
    with pytest.raises(DataError, match="cannot be decoded here"):
        Codec(fitted()).decode(forged.to_bytes())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": (2**40, 8, 8)}, "GiB of memory"),
        ({"shape": (0, 8, 8)}, "damaged"),
        ({"shape": (40,)}, "damaged"),
        ({"shape": (39, 8, 8)}, "damaged"),  # there are 40 names
        ({"step": float("nan")}, "damaged"),
        ({"dtype": "O"}, "damaged"),
        ({"names": ()}, None),
    ],
)
def test_a_forged_header_is_refused(changes: dict[str, Any], words: str | None) -> None:
    content = replace(Compressed.from_bytes(file(), "f"), **changes).to_bytes()
    if words is None:
        assert Compressed.from_bytes(content, "f").names == ()
        return
    with pytest.raises(DataError, match=words):
        Codec(fitted()).decode(content)


def test_another_model_is_refused() -> None:
    with pytest.raises(ModelFileError, match="with another model"):
        Codec(fitted(1)).decode(file())
    other = replace(Compressed.from_bytes(file(), "f"), shape=(40, 4, 16))
    with pytest.raises(ModelFileError, match="with another model"):
        Codec(fitted()).decode(other.to_bytes())


def test_a_machine_that_computes_otherwise_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    content, rebuild = file(lossless=True), codec_module._rebuild
    monkeypatch.setattr(codec_module, "_rebuild", lambda *given: rebuild(*given)[::-1])
    with pytest.raises(DataError, match="computes the model otherwise"):
        Codec(fitted()).decode(content)


def test_a_header_comes_back() -> None:
    header = Compressed.from_bytes(file(lossless=True), "f")
    assert header.shape == (40, 8, 8)
    assert (header.dtype, header.step, header.lossless) == ("u1", 0.5, True)
    assert header.names == tuple(map(str, range(40)))
    assert header.model.hex() == model_fingerprint(fitted())


@pytest.mark.parametrize("step", [0, -1, float("nan"), float("inf"), 1e-9])
def test_a_step_that_is_none_is_refused(step: float) -> None:
    with pytest.raises(SettingError, match="step="):
        Codec(fitted(), step)


def test_a_step_too_fine_for_the_codes_is_refused() -> None:
    with pytest.raises(SettingError, match="too fine"):
        Codec(fitted(), 1e-6).encode(images()[:5] * np.float64(1e7))


def test_another_process_decodes_with_the_folder_alone(tmp_path: Path) -> None:
    fitted().save(tmp_path / "model")
    (tmp_path / "f").write_bytes(file(lossless=True))
    code = (
        "import isthmus, numpy as np, pathlib\n"
        "from isthmus.latent.codec import Codec\n"
        "content = pathlib.Path('f').read_bytes()\n"
        "np.save('x.npy', Codec(isthmus.load('model')).decode(content))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), images()[1000:1040])
