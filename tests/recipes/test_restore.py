"""Images restored: they keep their size, type and colour, whatever the model was trained on."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from isthmus.core.errors import DataError
from isthmus.recipes import restore
from isthmus.recipes.restore import restore_image
from support.pictures import (
    UNET,
    WHITE,
    Array,
    adding,
    fitted,
    pixels,
)


class Watched(nn.Module):
    """The identity, which keeps the shapes that it was given."""

    def __init__(self, any_size: bool) -> None:
        super().__init__()
        self.any_size, self.shapes = any_size, []

    def forward(self, z: Tensor) -> Tensor:
        self.shapes.append(tuple(z.shape))
        return z


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
