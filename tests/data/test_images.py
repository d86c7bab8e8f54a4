from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import DataError, SettingError
from isthmus.data import limits, read


def save(path: Path, shape: tuple[int, ...] = (6, 5), dtype: type = np.uint8) -> np.ndarray:
    pixels = np.random.default_rng(len(str(path))).integers(0, 255, shape).astype(dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(pixels))
    return pixels


def test_a_folder_is_read_in_order_without_hidden_and_other_files(tmp_path: Path) -> None:
    expected = [save(tmp_path / name) for name in ("a.png", "b/c.png", "d.PNG")]
    save(tmp_path / ".hidden.png")
    save(tmp_path / ".cache" / "x.png")
    (tmp_path / "index.csv").write_text("not,an,image")
    data = read(tmp_path)
    np.testing.assert_array_equal(data.samples, expected)
    assert data.names == ("a.png", "b/c.png", "d.PNG")
    assert data.name == tmp_path.name
    assert data.labels is None
    assert data.value_range == (0, 255)


def test_colour_is_channels_first_and_depth_is_kept(tmp_path: Path) -> None:
    pixels = save(tmp_path / "a.png", (6, 5, 3), np.uint16)
    data = read(tmp_path)
    np.testing.assert_array_equal(data.samples, np.moveaxis(pixels, -1, 0)[None])
    assert data.samples.dtype == np.uint16
    assert data.value_range == (0, 65535)


def test_a_single_image(tmp_path: Path) -> None:
    pixels = save(tmp_path / "a.png")
    data = read(tmp_path / "a.png")
    np.testing.assert_array_equal(data.samples, [pixels])
    assert data.names == ("a.png",)


def test_class_folders_give_labels(tmp_path: Path) -> None:
    for name in ("dog/1.png", "cat/1.png", "cat/deep/2.png"):
        save(tmp_path / name)
    data = read(str(tmp_path))
    assert data.class_names == ("cat", "dog")
    assert data.labels is not None
    assert data.labels.tolist() == [0, 0, 1]
    save(tmp_path / "loose.png")
    assert read(tmp_path).labels is None


def test_size_and_colour_make_mixed_images_alike(tmp_path: Path) -> None:
    save(tmp_path / "a.png", (6, 5))
    save(tmp_path / "b.png", (9, 9, 3))
    assert read(tmp_path, size=4, colour=False).samples.shape == (2, 4, 4)
    assert read(tmp_path, size=(4, 8), colour=True).samples.shape == (2, 3, 4, 8)


def test_mixed_images_are_refused_by_name(tmp_path: Path) -> None:
    save(tmp_path / "a.png", (6, 5))
    save(tmp_path / "b.png", (9, 7))
    with pytest.raises(
        DataError, match=r"a\.png is 5 x 6, but b\.png is 7 x 9; .*--set data\.size=64"
    ):
        read(tmp_path)
    save(tmp_path / "b.png", (6, 5, 3))
    with pytest.raises(
        DataError, match=r"a\.png is grey, but b\.png is in colour; .*--set data\.colour=false"
    ):
        read(tmp_path)
    save(tmp_path / "b.png", (6, 5), np.uint16)
    with pytest.raises(DataError, match=r"a\.png has uint8 values, but b\.png has uint16"):
        read(tmp_path)


def test_a_damaged_image_is_named_with_the_check(tmp_path: Path) -> None:
    save(tmp_path / "a.png", (40, 50))
    path = tmp_path / "b.png"
    save(path, (40, 50))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=rf"b\.png cannot be read.*`isthmus data check {tmp_path}`"):
        read(tmp_path)


def test_folders_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no images but no files"):
        read(tmp_path)
    (tmp_path / "x.npz").touch()
    with pytest.raises(DataError, match=r"only other files such as x\.npz; name a folder"):
        read(tmp_path)


def test_declared_memory_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.png", (40, 50))
    monkeypatch.setattr(limits, "memory_limit", lambda: 1999)
    with pytest.raises(DataError, match=r"more than the .* GiB of memory; make the images smaller"):
        read(tmp_path)
    assert read(tmp_path, size=8).samples.shape == (1, 8, 8)


def test_memory_limit_without_posix(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.memory_limit() > 2**28
    monkeypatch.delattr("os.sysconf")
    assert limits.memory_limit() == 16 * 2**30


@pytest.mark.parametrize("size", [0, (4, -1)])
def test_sizes_that_are_none(tmp_path: Path, size: object) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(SettingError, match=r"size: .* is not a size; give the pixels of a side"):
        read(tmp_path, size=size)


def test_size_and_colour_for_arrays(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "x.npy", pixels)
    resized = read(tmp_path / "x.npy", size=4, colour=True).samples
    oracle = Image.fromarray(pixels[1]).resize((4, 4), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(resized[1, 2], np.asarray(oracle))
    np.save(tmp_path / "x.npy", np.zeros((2, 8)))
    with pytest.raises(SettingError, match=r"x\.npy does not hold grey or colour images"):
        read(tmp_path / "x.npy", size=4)


def test_images_beside_their_masks_are_not_two_classes(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png")
    with pytest.raises(DataError, match=r"their masks; name .*images alone"):
        read(tmp_path)
