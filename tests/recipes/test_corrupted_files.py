"""Files of images corrupted: each by a draw of its own, in the form that it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from isthmus.core.errors import DataError, SettingError
from isthmus.corruption import CORRUPTIONS
from isthmus.data import read, write_array, write_images
from isthmus.recipes.restore import corrupt_files, corrupt_image
from isthmus.training.examples import derive_seed
from support.pictures import (
    ALBUM,
    RENAMED,
    WHITE,
    files,
    load_image,
    pixels,
    save,
)


@pytest.mark.parametrize("dtype", list(WHITE))
@pytest.mark.parametrize("shape", [(9, 7), (3, 9, 7)], ids=str)
@pytest.mark.parametrize("kind", list(CORRUPTIONS))
def test_a_corruption_is_that_of_the_registry(
    kind: str, shape: tuple[int, ...], dtype: str
) -> None:
    image, corruption = pixels(dtype, *shape), CORRUPTIONS.build(kind)
    before = image.copy()
    found = corrupt_image(corruption, image, 5)
    x = torch.tensor(image.astype(np.float32) / np.float32(WHITE[dtype]))[None]
    expected = corruption(x, torch.Generator().manual_seed(5))[0].numpy()
    assert (found.dtype, found.shape) == (image.dtype, image.shape)
    assert np.array_equal(image, before)
    if dtype[0] == "f":
        np.testing.assert_allclose(found, expected, atol=1e-6)
    else:
        exact = np.clip(expected, 0, 1) * np.float64(WHITE[dtype])
        assert np.abs(found - exact).max() <= 0.51
    assert np.array_equal(found, corrupt_image(corruption, image, 5))


def test_what_leaves_the_range_is_cut_off_in_whole_numbers_only() -> None:
    corruption = CORRUPTIONS.build({"kind": "gaussian", "sigma": 2.0, "clip": False})
    found = corrupt_image(corruption, pixels("uint8", 50, 50), 0)
    assert ((found == 0).mean() > 0.2) & ((found == 255).mean() > 0.2)
    floats = corrupt_image(corruption, pixels("float32", 50, 50), 0)
    assert floats.min() < -1
    assert floats.max() > 2


def test_each_image_has_a_draw_of_its_own(tmp_path: Path) -> None:
    image = np.full((2, 30, 30), 128, np.uint8)
    write_images(tmp_path / "album", image, ["a", "b"])
    settings = ["sigma=25", "white=255"]
    for out, seed in [("one", 0), ("same", 0), ("other", 1)]:
        assert corrupt_files("gaussian", tmp_path / "album", tmp_path / out, settings, seed) == 2
    one, same, other = (read(tmp_path / out).samples for out in ("one", "same", "other"))
    assert np.array_equal(one, same)
    assert len({each.tobytes() for each in (*one, *other)}) == 4
    assert one.astype(float).std() == pytest.approx(25, rel=0.05)
    corruption = CORRUPTIONS.build({"kind": "gaussian", "sigma": 25, "white": 255})
    for place in range(2):
        expected = corrupt_image(corruption, image[place], derive_seed(0, place))
        assert np.array_equal(one[place], expected)


def test_a_folder_is_corrupted_as_it_is(tmp_path: Path, album: Path) -> None:
    assert corrupt_files("masking", album, tmp_path / "out", ["fraction=0"]) == len(ALBUM)
    assert files(tmp_path / "out") == {RENAMED.get(name, name) for name in ALBUM}
    for name in ALBUM:
        found = load_image(tmp_path / "out" / RENAMED.get(name, name))
        assert np.array_equal(found, load_image(album / name))
    assert corrupt_files("masking", album / "a.png", tmp_path / "a.tif", ["fraction=1"]) == 1
    assert not load_image(tmp_path / "a.tif").any()


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("gausian", [], "did you mean 'gaussian'"),
        ("gaussian", ["sigm=1"], "unknown key 'sigm' .*did you mean 'sigma'"),
        ("gaussian", ["sigma=[0.1,0.2,0.3]"], "sigma"),
        ("gaussian", ["sigma=-1"], "corruption 'gaussian': sigma"),
        ("gaussian", ["kind=blur"], "unknown key 'kind'"),
        ("gaussian", ["sigma"], "a.b=c"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(
    tmp_path: Path, album: Path, kind: str, settings: list[str], words: str
) -> None:
    with pytest.raises(SettingError, match=words):
        corrupt_files(kind, album, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_only_images_are_corrupted(tmp_path: Path) -> None:
    write_array(tmp_path / "x.npy", pixels("uint8", 3, 4, 4))
    for source in (Path("digits"), tmp_path / "x.npy"):
        with pytest.raises(DataError, match="no image and no folder of images"):
            corrupt_files("blur", source, tmp_path / "out")
    with pytest.raises(DataError, match="There is no file or folder"):
        corrupt_files("blur", tmp_path / "none", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_values_that_a_corruption_does_not_know_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "album" / "x.tif", np.full((4, 4), 300, np.float32))
    with pytest.raises(DataError, match=r"x\.tif: The corruption 'haze' .* from 300 to 300"):
        corrupt_files("haze", tmp_path / "album", tmp_path / "out")
    assert not (tmp_path / "out").exists()
