"""Files of images denoised: they come out with the size, type, colour and name that they had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from isthmus.core.errors import DataError, ModelFileError, SettingError, StorageError
from isthmus.data import read, write_array, write_table
from isthmus.data.image_files import decode
from isthmus.recipes import restore
from isthmus.recipes.apply import reconstruct_file
from isthmus.recipes.restore import corrupt_files, denoise_files, restore_image
from support.pictures import (
    ALBUM,
    RENAMED,
    Array,
    adding,
    files,
    fitted,
    load_image,
    pixels,
    save,
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models, saved: one that does nothing, one that does, one of rows, one of a size."""
    folder = tmp_path_factory.mktemp("models")
    images = pixels("uint8", 30, 8, 8)
    for name, model in {
        "idle": adding(0, images),
        "busy": fitted(images),
        "rows": fitted(np.random.default_rng(0).normal(size=(20, 5)), "dense"),
        "dense": fitted(images, "dense", scaling="standard"),
    }.items():
        model.save(folder / name)
    return {path.name: path for path in folder.iterdir()}


def test_a_folder_comes_out_as_it_went_in(
    tmp_path: Path, album: Path, models: dict[str, Path]
) -> None:
    assert denoise_files(models["idle"], str(album), tmp_path / "there" / "out") == len(ALBUM)
    out = tmp_path / "there" / "out"
    assert files(out) == {RENAMED.get(name, name) for name in ALBUM}
    for name in ALBUM:
        given, written = load_image(album / name), load_image(out / RENAMED.get(name, name))
        assert written.dtype == given.dtype
        assert written.shape == given.shape
        np.testing.assert_allclose(written, given, atol=1e-6)
    assert list((tmp_path / "there").iterdir()) == [out]


def test_a_folder_is_restored_image_by_image(
    tmp_path: Path, album: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import isthmus

    model = isthmus.load(models["busy"])
    events: list[str] = []
    write = restore.write_image

    def decoded(header: Any) -> Array:
        events.append("read")
        return decode(header)

    def written(path: Path, image: Array) -> None:
        events.append("write")
        write(path, image)

    monkeypatch.setattr(restore, "decode", decoded)
    monkeypatch.setattr(restore, "write_image", written)
    denoise_files(models["busy"], str(album), tmp_path / "out")
    assert events == ["read", "write"] * len(ALBUM)
    for name in ALBUM:
        given, found = (
            load_image(album / name),
            load_image(tmp_path / "out" / RENAMED.get(name, name)),
        )
        np.testing.assert_array_equal(found, restore_image(model, given))


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("a.png", "x.png"),
        ("a.png", "x.tif"),
        ("deep/d.png", "new/x.TIFF"),
        ("f.TIFF", "x.PNG"),
        ("deep/e.tif", "x.tiff"),
        ("h.bmp", "x.png"),
    ],
)
def test_a_file_becomes_a_file(
    tmp_path: Path, album: Path, models: dict[str, Path], name: str, out: str
) -> None:
    for _ in range(2):  # a file may be replaced
        assert denoise_files(models["idle"], str(album / name), tmp_path / out) == 1
    given, written = load_image(album / name), load_image(tmp_path / out)
    assert (written.dtype, written.shape) == (given.dtype, given.shape)
    np.testing.assert_allclose(written, given, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "out", "words"),
    [
        ("a.png", "x.jpg", r"\.png or \.tif or \.tiff, not to '.*x\.jpg'"),
        ("a.png", "x", r"not to '.*x'"),
        ("a.png", "x.npy", r"not to '.*x\.npy'"),
        ("deep/e.tif", "x.png", r"e\.tif holds floating point .* write to \.tif"),
        ("", "x.png", "A folder of images is written to a folder"),
        ("", "x.npy", "A folder of images is written to a folder"),
        ("", "album", "is what is read"),
        ("a.png", "album/a.png", "is what is read"),
        ("", "taken", "not empty"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(
    tmp_path: Path, album: Path, models: dict[str, Path], name: str, out: str, words: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").touch()
    before = files(tmp_path)
    with pytest.raises(SettingError, match=words):
        denoise_files(models["idle"], str(album / name), tmp_path / out)
    with pytest.raises(SettingError, match=words):
        corrupt_files("blur", album / name, tmp_path / out)
    assert files(tmp_path) == before


@pytest.mark.parametrize("place", [0, 40])
def test_a_damaged_image_leaves_nothing(
    tmp_path: Path, album: Path, models: dict[str, Path], place: int
) -> None:
    bad = album / "deep" / "d.png"
    content = bad.read_bytes()
    bad.write_bytes(content[:place] + bytes(30) + content[place + 30 :])
    before = sorted(tmp_path.rglob("*"))
    for act in (
        lambda: denoise_files(models["idle"], str(album), tmp_path / "out"),
        lambda: corrupt_files("blur", album, tmp_path / "out"),
    ):
        with pytest.raises(DataError, match=r"deep/d\.png cannot be read") as caught:
            act()
        assert "\n" not in str(caught.value)
        assert sorted(tmp_path.rglob("*")) == before


def test_an_image_that_does_not_suit_the_model_is_named(
    tmp_path: Path, album: Path, models: dict[str, Path]
) -> None:
    with pytest.raises(DataError, match=r"album/a\.png: This image is 7 x 9, .* of 8 x 8"):
        denoise_files(models["dense"], str(album), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_that_would_become_one_are_refused(
    tmp_path: Path, album: Path, models: dict[str, Path]
) -> None:
    save(album / "a.bmp", ALBUM["a.png"])
    with pytest.raises(DataError, match=r"'a\.bmp' and 'a\.png' would both become a\.png"):
        denoise_files(models["idle"], str(album), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_no_half_a_folder(
    tmp_path: Path, album: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(tmp_path.rglob("*"))

    def fill(*given: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", fill)
    for source, out in [(album, "out"), (album / "g.tiff", "g.tif")]:
        with pytest.raises(StorageError, match=rf"{out}: the disk is full"):
            denoise_files(models["idle"], str(source), tmp_path / out)
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("source", "out"), [("images.npy", "out"), ("digits", "out.npy")])
def test_other_data_are_reconstructed(
    tmp_path: Path,
    models: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    out: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_array(Path("images.npy"), pixels("uint8", 12, 8, 8))
    count = reconstruct_file(models["busy"], source, Path("expected", out))
    assert denoise_files(models["busy"], source, Path("found", out)) == count > 10
    assert files(Path("found")) == files(Path("expected"))
    for name in files(Path("found")):
        assert Path("found", name).read_bytes() == Path("expected", name).read_bytes()


def test_rows_are_reconstructed(tmp_path: Path, models: dict[str, Path]) -> None:
    table = {f"x{i}": np.random.default_rng(i).normal(size=7) for i in range(5)}
    write_table(tmp_path / "t.csv", table)
    assert denoise_files(models["rows"], str(tmp_path / "t.csv"), tmp_path / "out.csv") == 7
    reconstruct_file(models["rows"], str(tmp_path / "t.csv"), tmp_path / "again.csv")
    np.testing.assert_array_equal(
        read(tmp_path / "out.csv").samples, read(tmp_path / "again.csv").samples
    )


def test_a_model_of_rows_restores_no_files_of_images(
    tmp_path: Path, album: Path, models: dict[str, Path]
) -> None:
    with pytest.raises(DataError, match="not on images"):
        denoise_files(models["rows"], str(album), tmp_path / "new" / "out")
    with pytest.raises(ModelFileError, match="holds no model"):
        denoise_files(tmp_path, str(album), tmp_path / "new" / "out")
    with pytest.raises(DataError, match="There is no file or folder"):
        denoise_files(models["idle"], str(tmp_path / "none"), tmp_path / "new" / "out")
    assert not (tmp_path / "new").exists()
