"""Images denoised and corrupted: what goes in comes out in its own size, type, colour and name."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from torch import Tensor, nn

from isthmus import Autoencoder
from isthmus.core.errors import DataError, ModelFileError, SettingError, StorageError
from isthmus.corruption import CORRUPTIONS
from isthmus.data import read, write_array, write_images, write_table
from isthmus.data.image_files import decode, read_header
from isthmus.recipes import restore
from isthmus.recipes.apply import reconstruct_file
from isthmus.recipes.restore import corrupt_files, corrupt_image, denoise_files, restore_image
from isthmus.training.examples import derive_seed

Array = NDArray[Any]
UNET = {"kind": "unet", "channels": (2,), "convolutions": 1}
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}


def pixels(dtype: str, *shape: int, seed: int = 0) -> Array:
    """Random values over the whole range of a type."""
    values = np.random.default_rng(seed).random(shape)
    return (values if dtype[0] == "f" else np.rint(values * WHITE[dtype])).astype(dtype)


def fitted(samples: Array, network: Any = UNET, **settings: Any) -> Any:
    """A model with initial weights."""
    settings = {"code_size": 3, "epochs": 0, "random_state": 0, **settings}
    return Autoencoder(network=network, **settings).fit(samples)


def adding(amount: float, samples: Array, **settings: Any) -> Any:
    """A model that adds a number to its scaled input, and does nothing else."""
    model = fitted(samples, {**UNET, "residual": True}, **settings)
    with torch.no_grad():
        model.network_.last.weight.zero_()
        model.network_.last.bias.fill_(amount)
    return model


class Watched(nn.Module):
    """The identity, which keeps the shapes that it was given."""

    def __init__(self, any_size: bool) -> None:
        super().__init__()
        self.any_size, self.shapes = any_size, []

    def forward(self, z: Tensor) -> Tensor:
        self.shapes.append(tuple(z.shape))
        return z


# -- arrays -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 8), (1, 1), (13, 5), (3, 9, 1), (1, 2, 7)], ids=str)
@pytest.mark.parametrize("dtype", list(WHITE))
@pytest.mark.parametrize("trained", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("own", [(8, 8), (1, 8, 8), (3, 8, 8)], ids=str)
def test_a_network_that_does_nothing_gives_the_image_back(
    own: tuple[int, ...], trained: str, dtype: str, shape: tuple[int, ...]
) -> None:
    image = pixels(dtype, *shape)
    before = image.copy()
    restored = restore_image(adding(0, pixels(trained, 6, *own)), image)
    assert restored.dtype == image.dtype
    assert restored.shape == image.shape
    assert np.array_equal(image, before)
    if dtype[0] == "f":
        np.testing.assert_allclose(restored, image, atol=1e-6)
    else:
        np.testing.assert_array_equal(restored, image)


@pytest.mark.parametrize("dtype", list(WHITE))
@pytest.mark.parametrize("trained", ["uint8", "uint16", "float64"])
def test_white_of_the_image_is_white_of_the_model(trained: str, dtype: str) -> None:
    image = (pixels(dtype, 9, 7) * 0.8).astype(dtype)
    restored = restore_image(adding(0.1, pixels(trained, 6, 8, 8)), image)
    shift = restored.astype(float) - image - 0.1 * WHITE[dtype]
    assert np.abs(shift).max() <= (0.51 if dtype[0] == "u" else 1e-6)


def test_whole_numbers_are_rounded_and_clipped() -> None:
    samples, image = pixels("uint8", 6, 8, 8), np.array([[0, 100, 254, 255]], np.uint8)
    for amount, expected in [
        (0.6 / 255, [1, 101, 255, 255]),
        (0.4 / 255, [0, 100, 254, 255]),
        (-1.4 / 255, [0, 99, 253, 254]),
        (9, [255] * 4),
        (-9, [0] * 4),
    ]:
        assert restore_image(adding(amount, samples), image).tolist() == [expected]
    floats = np.array([[0.0, 0.5, 1.0]])
    assert restore_image(adding(2, samples), floats) == pytest.approx(floats + 2)  # no clipping


@pytest.mark.parametrize("samples", ["uint8", "float64"])
def test_white_is_that_of_the_scaling_where_it_holds_the_data(samples: str) -> None:
    """Digits go from 0 to 16; as pictures their white is 255, and this is a fifth of it."""
    digits = np.random.default_rng(0).integers(0, 17, (50, 8, 8)).astype(samples)
    model = adding(0.2, digits, scaling={"kind": "unit", "low": 0, "high": 16})
    image = np.array([[0, 64, 120]], np.uint8)
    assert restore_image(model, image).tolist() == [[51, 115, 171]]
    image = np.array([[0.0, 4, 7.5]])
    if samples == "float64":  # already in the units of the data
        assert restore_image(model, image) == pytest.approx(image + 3.2)
    else:
        assert restore_image(model, image / 16) == pytest.approx(image / 16 + 0.2)


def test_black_is_that_of_the_scaling_too() -> None:
    samples = np.random.default_rng(0).uniform(-100, 300, (20, 8, 8))
    model = adding(0.2, samples, scaling={"kind": "unit", "low": -100, "high": 300})
    seen: list[float] = []
    model.network_.register_forward_pre_hook(lambda _, given: seen.extend(given[0].flatten()))
    assert restore_image(model, np.array([[0, 51]], np.uint8)).tolist() == [[51, 102]]
    assert seen == pytest.approx([0, 0.2])


@pytest.mark.parametrize("scaling", ["none", {"kind": "unit", "low": 30, "high": 200}])
def test_a_scaling_that_does_not_hold_the_data_says_nothing_about_white(scaling: Any) -> None:
    model = adding(0, pixels("uint8", 6, 8, 8), scaling=scaling)
    seen: list[float] = []
    model.network_.register_forward_pre_hook(lambda _, given: seen.extend(given[0].flatten()))
    restore_image(model, np.full((1, 1), 51 * 257, np.uint16))
    assert seen == pytest.approx([51 if scaling == "none" else 21 / 170])


def test_numbers_of_no_known_white_stay_as_they_are() -> None:
    samples = np.random.default_rng(0).normal(0, 50, (20, 8, 8))
    model = adding(3, samples, scaling="none")
    image = np.array([[0, 100]], np.uint8)
    assert restore_image(model, image).tolist() == [[3, 103]]
    assert restore_image(model, image * 2.5).tolist() == [[3, 253]]


def test_a_grey_model_restores_each_channel_by_itself() -> None:
    for own in [(8, 8), (1, 8, 8)]:
        model, image = fitted(pixels("uint8", 6, *own)), pixels("uint8", 3, 11, 9)
        restored = restore_image(model, image)
        for channel, expected in zip(restored, image, strict=True):
            assert np.array_equal(channel, restore_image(model, expected))


def test_a_colour_model_sees_a_grey_image_in_all_channels() -> None:
    model, image = fitted(pixels("float64", 6, 3, 8, 8)), pixels("float64", 11, 9)
    colours = restore_image(model, np.stack([image] * 3))
    assert np.ptp(colours, axis=0).max() > 1e-3  # the network does mix the channels
    grey = restore_image(model, image)
    assert grey.shape == image.shape
    np.testing.assert_allclose(grey, colours.mean(0), atol=1e-6)
    np.testing.assert_allclose(restore_image(model, image[None])[0], grey)


def test_channels_that_do_not_go_together_are_refused() -> None:
    for own, given in [(3, 4), (3, 2), (4, 3), (2, 4)]:
        model = fitted(pixels("uint8", 6, own, 8, 8))
        with pytest.raises(DataError, match=f"{given} channels does not suit a model of {own}"):
            restore_image(model, pixels("uint8", given, 8, 8))


@pytest.mark.parametrize("scaling", ["auto", "standard", "centre"])
@pytest.mark.parametrize("network", ["dense", "convolutional", UNET], ids=str)
def test_an_image_of_the_models_size_is_reconstructed(network: Any, scaling: str) -> None:
    samples = pixels("uint8", 30, 8, 10)
    model = fitted(samples, network, scaling=scaling)
    for sample in samples[:2]:
        expected = model.reconstruct(sample[None])[0]
        rounded = np.clip(np.rint(expected), 0, 255)
        assert np.abs(restore_image(model, sample) - rounded).max() <= 1
        np.testing.assert_allclose(
            restore_image(model, sample / 255), expected / 255, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("scaling", ["standard", "centre"])
def test_a_scaling_by_pixel_fits_one_size_only(scaling: str) -> None:
    model = fitted(pixels("uint8", 30, 8, 10), scaling=scaling)
    assert restore_image(model, pixels("uint8", 3, 8, 10)).shape == (3, 8, 10)
    for size in [(8, 11), (9, 10), (10, 8)]:
        with pytest.raises(DataError, match=f"is {size[1]} x {size[0]}, .* of 10 x 8"):
            restore_image(model, pixels("uint8", *size))


@pytest.mark.parametrize("size", [(8, 10), (1, 1), (7, 30), (31, 9), (100, 64)], ids=str)
def test_a_network_of_one_size_gets_tiles_of_it(size: tuple[int, int]) -> None:
    model = fitted(pixels("uint8", 30, 8, 10), "dense")
    model.network_ = watched = Watched(any_size=False)
    image = pixels("uint8", *size)
    assert np.array_equal(restore_image(model, image), image)
    assert {shape[1:] for shape in watched.shapes} == {(8, 10)}
    number = sum(shape[0] for shape in watched.shapes)
    steps = [max(0, -(-(a - b) // (b // 2))) for a, b in zip(size, (8, 10), strict=True)]
    assert number == (steps[0] + 1) * (steps[1] + 1)  # neighbours overlap by a half


@pytest.mark.parametrize("size", [(1024, 1024), (8, 10), (3, 200)], ids=str)
def test_a_network_of_any_size_gets_the_whole_image(size: tuple[int, int]) -> None:
    model = fitted(pixels("uint8", 30, 8, 10))
    model.network_ = watched = Watched(any_size=True)
    restore_image(model, np.zeros(size, np.uint8))
    assert watched.shapes == [(1, *size)]


def test_but_a_large_image_in_tiles_and_in_bounded_memory() -> None:
    model = fitted(pixels("uint8", 30, 8, 10))
    model.network_ = watched = Watched(any_size=True)
    image = np.tile(pixels("uint8", 100, 100), (30, 30))
    tracemalloc.start()
    restored = restore_image(model, image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(restored, image)
    assert set(watched.shapes) == {(1, 512, 512)}
    assert len(watched.shapes) == 7 * 7
    assert peak < 4 * 4 * image.size  # three copies in float32, and a tile


@pytest.mark.parametrize("size", [(96, 160), (70, 83), (40, 170)], ids=str)
def test_tiles_give_what_the_whole_image_gives(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    model, image = fitted(pixels("float32", 6, 8, 8)), pixels("float32", *size)
    whole = restore_image(model, image)
    for name, value in {"_WHOLE": 1000, "_TILE": 64, "_OVERLAP": 32}.items():
        monkeypatch.setattr(restore, name, value)
    shapes = []
    model.network_.register_forward_hook(lambda _, given, __: shapes.append(given[0].shape))
    parts = restore_image(model, image)
    assert {tuple(shape[1:]) for shape in shapes} == {(64, 64)}
    # At the lower and right edges the reflection is longer than the network's own.
    np.testing.assert_allclose(parts[:-8, :-8], whole[:-8, :-8], atol=1e-5)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros(5, np.uint8), r"shape \(5,\)"),
        (np.zeros((1, 3, 4, 4), np.uint8), r"shape \(1, 3, 4, 4\)"),
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\)"),
        (np.zeros((4, 4), np.int32), "type int32"),
        (np.zeros((4, 4), bool), "type bool"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.full((4, 4), 255.0), "white at 1"),
        (np.full((4, 4), -11.0), "white at 1"),
    ],
)
def test_what_is_no_image_is_refused(image: Array, words: str) -> None:
    with pytest.raises(DataError, match=words):
        restore_image(fitted(pixels("uint8", 6, 8, 8)), image)


def test_noise_may_leave_the_range() -> None:
    image = np.random.default_rng(0).normal(0.5, 1, (9, 9)).astype(np.float32)
    restored = restore_image(adding(0, pixels("uint8", 6, 8, 8)), image)
    np.testing.assert_allclose(restored, image, atol=1e-6)


def test_a_model_of_rows_is_refused() -> None:
    model = fitted(np.random.default_rng(0).normal(size=(20, 5)), "dense")
    with pytest.raises(DataError, match="samples of 5 values, not on images"):
        restore_image(model, pixels("uint8", 5, 5))


# -- files --------------------------------------------------------------------------------------


def save(path: Path, image: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = image.ndim == 3
    if path.suffix.lower().startswith(".tif"):
        kind = "rgb" if colour else "minisblack"
        tifffile.imwrite(path, np.moveaxis(image, 0, -1) if colour else image, photometric=kind)
    elif image.dtype == np.uint16:
        write_images(path.parent, image[None], [path.name])
    else:
        PillowImage.fromarray(np.moveaxis(image, 0, -1) if colour else image).save(path)


ALBUM = {
    "a.png": pixels("uint8", 9, 7),
    "b.PNG": pixels("uint8", 3, 5, 6),
    "deep/er/c.png": pixels("uint16", 8, 8),
    "deep/d.png": pixels("uint16", 3, 1, 12),
    "deep/e.tif": pixels("float32", 6, 30),
    "f.TIFF": pixels("uint16", 3, 4, 4),
    "g.tiff": pixels("uint8", 1, 1),
    "h.bmp": pixels("uint8", 3, 3, 4),
    "i.v2.webp": np.full((3, 20, 20), 77, np.uint8),
    "j.tif": pixels("float32", 3, 6, 5),
}
RENAMED = {"h.bmp": "h.png", "i.v2.webp": "i.v2.png"}


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Images of mixed sizes, types and colours, and a file that is none."""
    for name, image in ALBUM.items():
        save(tmp_path / "album" / name, image)
    (tmp_path / "album" / "notes.txt").touch()
    return tmp_path / "album"


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


def load_image(path: Path) -> Array:
    return decode(read_header(path))


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


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
    write = restore._write_image

    def decoded(header: Any) -> Array:
        events.append("read")
        return decode(header)

    def written(path: Path, image: Array) -> None:
        events.append("write")
        write(path, image)

    monkeypatch.setattr(restore, "decode", decoded)
    monkeypatch.setattr(restore, "_write_image", written)
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


# -- corruption ---------------------------------------------------------------------------------


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
