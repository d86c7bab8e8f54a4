from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus.core.errors import DataError
from isthmus.data import CATALOGUE, find, listing, read
from isthmus.data import catalogue as catalogue_module

MNIST = Path(os.environ.get("ISTHMUS_DATA", "")) / "mnist"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ISTHMUS_DATA", raising=False)
    monkeypatch.setattr(catalogue_module, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path


def fill(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for file in CATALOGUE["mnist"].files:
        (folder / file.name).touch()
    return folder


def test_digits_need_nothing() -> None:
    data = read("digits")
    np.testing.assert_array_equal(data.samples, load_digits().images)
    np.testing.assert_array_equal(data.labels, load_digits().target)
    assert data.samples.dtype == np.uint8
    assert (data.name, data.value_range) == ("digits", (0, 16))


def test_places_in_their_order(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"--data PATH, set ISTHMUS_DATA .*isthmus data get mnist"):
        find("mnist")
    cached = fill(nowhere / "cache" / "mnist")
    assert find("mnist") == cached
    shared = fill(nowhere / "shared" / "mnist")
    monkeypatch.setenv("ISTHMUS_DATA", str(nowhere / "shared"))
    assert find("mnist") == shared
    own = fill(nowhere / "own")
    assert find("mnist", own) == own
    (own / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"own lacks t10k-labels-idx1-ubyte\.gz"):
        find("mnist", own)


def test_listing_says_where(nowhere: Path) -> None:
    fill(nowhere / "cache" / "mnist")
    places = {entry.name: folder for entry, folder in listing()}
    assert places["mnist"] == nowhere / "cache" / "mnist"
    assert places["fashion-mnist"] is None
    assert places["digits"] is not None


def test_pairs_are_found_by_their_folders(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"--data PATH, or set ISTHMUS_DATA to the folder above it"):
        find("lungs")
    monkeypatch.setenv("ISTHMUS_DATA", str(nowhere))
    (nowhere / "lungs" / "images").mkdir(parents=True)
    with pytest.raises(DataError, match="lacks masks of the data set 'lungs'"):
        find("lungs", nowhere / "lungs")
    (nowhere / "lungs" / "masks").mkdir()
    assert find("lungs") == nowhere / "lungs"
    assert {entry.name: folder for entry, folder in listing()}["smoke"] is None


def test_misspelt_names() -> None:
    with pytest.raises(DataError, match=r"'mnst', nor a data set .*did you mean 'mnist'"):
        read("mnst")
    with pytest.raises(DataError, match=r"no data set named 'fashion' .*did you mean 'fashion-m"):
        find("fashion")


def test_unknown_kinds_of_file(tmp_path: Path) -> None:
    (tmp_path / "x.docx").touch()
    with pytest.raises(DataError, match=r"x\.docx is of no known kind"):
        read(tmp_path / "x.docx")


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_entries_are_complete(entry: catalogue_module.Entry) -> None:
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in entry.mirrors)
    assert bool(entry.mirrors) == bool(entry.files)
    for file in entry.files:
        kind, digest = file.checksum.split(":")
        assert len(digest) == hashlib.new(kind, usedforsecurity=False).digest_size * 2


def test_importing_the_package_is_light() -> None:
    heavy = "{'torch', 'polars', 'sklearn', 'tifffile', 'imagecodecs', 'urllib.request'}"
    program = f"import sys, isthmus.data; print({heavy} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout == "set()\n"


@pytest.mark.skipif(not MNIST.is_dir(), reason="ISTHMUS_DATA names no folder with mnist in it")
class TestRealMnist:
    def test_files_are_those_of_the_catalogue(self) -> None:
        for file in CATALOGUE["mnist"].files:
            content = (MNIST / file.name).read_bytes()
            assert len(content) == file.size
            assert file.checksum == "sha256:" + hashlib.sha256(content).hexdigest()

    def test_reading(self) -> None:
        data = read("mnist")
        assert data.samples.shape == (70000, 28, 28)
        assert data.samples.dtype == np.uint8
        assert data.labels is not None
        assert data.predefined_test is not None
        assert data.predefined_test.sum() == 10000
        assert data.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
        assert data.labels[60000:60005].tolist() == [7, 2, 1, 0, 4]
        assert np.bincount(data.labels[:60000]).tolist()[:3] == [5923, 6742, 5958]
        assert round(float(data.samples[:60000].mean()), 3) == 33.318
