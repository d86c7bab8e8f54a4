"""Single image files against the readers of Pillow, imagecodecs and tifffile."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from skimage.io import imread

from isthmus.core.errors import DataError
from isthmus.data.image_files import decode, read_header

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 3)).astype(np.uint8)


def load(path: Path) -> np.ndarray:
    header = read_header(path)
    pixels = decode(header)
    assert pixels.shape == ((3, *header.size) if header.colour else header.size)
    assert pixels.dtype == header.dtype
    return np.moveaxis(pixels, 0, -1) if header.colour else pixels


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "bmp", "tif", "TIFF", "webp"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_eight_bits(tmp_path: Path, suffix: str, pixels: np.ndarray) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(pixels).save(path)
    np.testing.assert_array_equal(load(path), np.asarray(Image.open(path)))


def test_grey_gif(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "x.gif")
    np.testing.assert_array_equal(load(tmp_path / "x.gif"), GREY)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png(tmp_path: Path, channels: int) -> None:
    pixels = RNG.integers(0, 65536, (6, 5, channels)).astype(np.uint16)
    if channels in (2, 4):
        pixels[..., -1] = 65535
    path = tmp_path / "x.png"
    path.write_bytes(imagecodecs.png_encode(pixels.squeeze()))
    expected = pixels[..., 0] if channels < 3 else pixels[..., :3]
    np.testing.assert_array_equal(load(path), expected)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2", "float32", "float64", "int16"])
@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3)])
def test_tiff(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    pixels = (RNG.random(shape) * 200).astype(dtype)
    path = tmp_path / "x.tif"
    kind = "rgb" if len(shape) == 3 else "minisblack"
    tifffile.imwrite(path, pixels, photometric=kind, compression="zlib")
    np.testing.assert_array_equal(load(path), imread(path).astype(load(path).dtype))
    assert load(path).dtype == (dtype.replace(">u2", "uint16") if "u" in dtype else "float32")


def test_tiff_of_separate_planes_white_is_zero_bits_and_palette(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.moveaxis(COLOUR, -1, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(load(path), COLOUR)
    tifffile.imwrite(path, 255 - GREY, photometric="miniswhite")
    np.testing.assert_array_equal(load(path), GREY)
    Image.fromarray(GREY > 99).save(path)
    np.testing.assert_array_equal(load(path), (GREY > 99) * 255)
    Image.fromarray(COLOUR).quantize(16).save(path)
    np.testing.assert_array_equal(load(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_transparency_is_blended_with_white(tmp_path: Path, suffix: str) -> None:
    image = Image.fromarray(np.dstack([COLOUR, GREY]), "RGBA")
    image.save(tmp_path / f"x.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    stored = Image.open(tmp_path / f"x.{suffix}").convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    oracle = np.asarray(Image.alpha_composite(white, stored).convert("RGB"))
    np.testing.assert_allclose(load(tmp_path / f"x.{suffix}").astype(int), oracle, atol=1)


@pytest.mark.parametrize("mode", ["1", "LA", "P", "CMYK"])
def test_other_modes(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    image = Image.fromarray(GREY if mode in ("1", "LA") else COLOUR).convert(mode)
    image.save(path)
    expected = Image.open(path).convert("L" if mode in ("1", "LA") else "RGB")
    np.testing.assert_array_equal(load(path), np.asarray(expected))


def test_a_grey_palette_is_grey(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    image = Image.fromarray(GREY % 4, "P")
    image.putpalette([value for level in (0, 9, 90, 200) for value in [level] * 3])
    image.save(path)
    np.testing.assert_array_equal(load(path), np.array([0, 9, 90, 200])[GREY % 4])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, orientation: int) -> None:
    tag = Image.Exif()
    tag[0x0112] = orientation
    Image.fromarray(COLOUR).save(tmp_path / "x.png", exif=tag)
    oracle = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "x.png")))
    np.testing.assert_array_equal(load(tmp_path / "x.png"), oracle)
    for dtype in (np.uint8, np.uint16):
        tifffile.imwrite(
            tmp_path / "x.tif",
            COLOUR.astype(dtype),
            photometric="rgb",
            extratags=[(274, "H", 1, orientation, True)],
        )
        np.testing.assert_array_equal(load(tmp_path / "x.tif"), oracle)


def test_the_first_picture_of_a_phone_counts(tmp_path: Path) -> None:
    first, second = Image.fromarray(COLOUR), Image.fromarray(COLOUR[::2])
    first.save(tmp_path / "x.jpg", format="MPO", save_all=True, append_images=[second])
    assert load(tmp_path / "x.jpg").shape == COLOUR.shape


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_several_pictures_are_refused(tmp_path: Path, suffix: str) -> None:
    images = [Image.fromarray(COLOUR), Image.fromarray(COLOUR[::-1])]
    images[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=images[1:])
    with pytest.raises(DataError, match=rf"x\.{suffix} holds .*file of its own"):
        read_header(tmp_path / f"x.{suffix}")


def test_a_stack_of_imagej_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((4, 6, 5), np.uint16), imagej=True)
    with pytest.raises(DataError, match=r"x\.tif holds a stack of several pages"):
        read_header(tmp_path / "x.tif")


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "webp", "tif", "16.png", "16.tif"])
def test_every_cut_of_a_file_is_one_sentence_or_an_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix.startswith("16"):
        pixels = RNG.integers(0, 65536, (30, 20, 3)).astype(np.uint16)
        if suffix.endswith("png"):
            path.write_bytes(imagecodecs.png_encode(pixels))
        else:
            tifffile.imwrite(path, pixels, photometric="rgb")
    else:
        Image.fromarray(np.tile(COLOUR, (5, 4, 1))).save(path)
    whole = path.read_bytes()
    messages = []
    for length in range(0, len(whole), max(1, len(whole) // 25)):
        path.write_bytes(whole[:length])
        try:
            decode(read_header(path))
        except DataError as error:
            messages.append(str(error))
    assert len(messages) >= 20
    assert all(str(path) in message and "\n" not in message for message in messages)


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("1", (11_000, 9_500)).save(path)
    with pytest.raises(DataError, match=r"x\.png declares 11000 x 9500 pixels.*100 million"):
        read_header(path)
    Image.new("1", (15_000, 15_000)).save(path)
    with pytest.raises(DataError, match=r"x\.png declares more than 100 million"):
        read_header(path)


def test_other_faults_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_text("%!PS not an image")
    with pytest.raises(DataError, match=r"x\.png cannot be read.*another kind than its name"):
        read_header(path)
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.array([[1, np.nan]], np.float32))
    with pytest.raises(DataError, match=r"x\.tif holds NaN or infinite"):
        decode(read_header(path))
    tifffile.imwrite(path, np.zeros((4, 4, 5), np.uint8), photometric="minisblack", planarconfig=1)
    with pytest.raises(DataError, match=r"x\.tif has 5 channels"):
        read_header(path)
    Image.fromarray(COLOUR).convert("CMYK").save(path)
    with pytest.raises(DataError, match=r"x\.tif has the colour space SEPARATED"):
        read_header(path)
    with pytest.raises(DataError, match="No such file"):
        read_header(tmp_path / "absent.png")
