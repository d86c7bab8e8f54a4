"""Tiles against the whole image."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional as F

from isthmus.core.errors import SettingError
from isthmus.inference import tiled
from isthmus.networks import build_network

Array = NDArray[np.float32]


def image_of(*shape: int) -> Array:
    return np.random.default_rng(0).random(shape, np.float32)


def same(tiles: Array) -> Array:
    return tiles


def smoothed(radius: int) -> Any:
    """The mean over a square of (2 radius + 1)² pixels, zeros beyond the edges: a convolution."""

    def smooth(tiles: Array) -> Array:
        size = 2 * radius + 1
        weight = torch.full((tiles.shape[1], 1, size, size), 1 / size**2)
        return F.conv2d(
            torch.from_numpy(tiles), weight, padding=radius, groups=tiles.shape[1]
        ).numpy()

    return smooth


@st.composite
def layouts(draw: st.DrawFn) -> tuple[tuple[int, int, int], tuple[int, int], tuple[int, int]]:
    """Shape of an image, tile and overlap."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)))
    tile = draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    overlap = draw(st.tuples(*(st.integers(0, side - 1) for side in tile)))
    return shape, tile, overlap


@given(layouts())
def test_the_identity_gives_the_image_back(layout: Any) -> None:
    shape, tile, overlap = layout
    image = image_of(*shape)
    result = tiled(same, image, tile, overlap)
    assert result.dtype == np.float32
    assert result.shape == shape
    np.testing.assert_allclose(result, image, rtol=1e-6, atol=1e-7)


@given(layouts())
def test_tiles_have_the_size_asked_for_and_cover_the_image(layout: Any) -> None:
    shape, tile, overlap = layout
    batches = []

    def look(tiles: Array) -> Array:
        assert tiles.dtype == np.float32
        batches.append(tiles.shape)
        return np.ones((len(tiles), 2, *tile), np.float32)

    result = tiled(look, image_of(*shape), tile, overlap)
    np.testing.assert_allclose(result, np.ones((2, *shape[1:])), rtol=1e-6)
    assert {batch[1:] for batch in batches} == {(shape[0], *tile)}
    needed = [
        1 + max(0, -(-(size - side) // (side - common)))
        for size, side, common in zip(shape[1:], tile, overlap, strict=True)
    ]
    assert sum(batch[0] for batch in batches) == needed[0] * needed[1]


@given(st.integers(0, 3), st.integers(17, 60), st.integers(17, 60), st.data())
def test_a_function_that_looks_less_far_than_a_quarter_of_the_overlap_meets_no_border(
    radius: int, height: int, width: int, data: st.DataObject
) -> None:
    tile = data.draw(st.integers(max(17, 4 * radius + 1), 24))
    overlap = data.draw(st.integers(4 * radius, tile - 1))
    image = image_of(2, max(height, tile), max(width, tile))
    whole = smoothed(radius)(image[None])[0]
    np.testing.assert_allclose(tiled(smoothed(radius), image, tile, overlap), whole, atol=1e-6)


def test_far_from_borders_the_whole_image_is_met_even_if_the_overlap_is_small() -> None:
    image = image_of(1, 64, 64)
    whole, result = smoothed(3)(image[None])[0], tiled(smoothed(3), image, 20, 4)
    starts = np.array([16, 32, 44])  # of all tiles but the first
    ends = np.array([20, 36, 52])  # of all tiles but the last
    borders = np.concatenate([starts, ends])
    clean = np.array([all(x <= b - 4 or x >= b + 3 for b in borders) for x in range(64)])
    assert 10 < clean.sum() < 50
    both = np.ix_([True], clean, clean)
    np.testing.assert_allclose(result[both], whole[both], atol=1e-6)
    assert np.abs(result - whole).max() > 1e-3


def test_between_two_tiles_the_weight_moves_smoothly_and_evenly() -> None:
    """Tiles that each say their number: what remains are the weights."""

    def numbers(tiles: Array) -> Array:
        assert len(tiles) == 2
        return np.ones_like(tiles) * np.arange(2, dtype=np.float32)[:, None, None, None]

    weight = tiled(numbers, np.zeros((1, 4, 24), np.float32), (4, 16), (0, 8))[0, 0]
    assert (weight[:10] == 0).all()  # a quarter of the overlap beside either border
    assert (weight[14:] == 1).all()
    assert (np.diff(weight[9:15]) > 0).all()
    np.testing.assert_allclose(weight + weight[::-1], 1, atol=1e-6)
    np.testing.assert_allclose(weight[10:14], np.sin(np.pi / 16 * np.arange(1, 8, 2)) ** 2, 1e-5)


def test_neighbours_may_not_overlap_at_all() -> None:
    seen = []

    def last(tiles: Array) -> Array:
        seen.append(tiles[:, 0])
        return tiles

    image = image_of(1, 4, 12)
    assert np.array_equal(tiled(last, image, 4, 0), image)
    assert np.array_equal(np.concatenate(seen), np.stack(np.split(image[0], 3, axis=1)))


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 50), (3, 7, 8), (1, 1, 9)])
def test_an_image_smaller_than_a_tile_is_continued_by_reflection(shape: tuple[int, ...]) -> None:
    image = image_of(*shape)
    seen = []

    def look(tiles: Array) -> Array:
        seen.append(tiles)
        return tiles

    result = tiled(look, image, 9, 3)
    assert np.array_equal(result.shape, shape)
    missing = [max(0, 9 - side) for side in shape[1:]]
    expected = np.pad(image, ((0, 0), (0, missing[0]), (0, missing[1])), mode="reflect")
    assert np.array_equal(seen[0][0], expected[:, :9, :9])


def test_reflection_is_seen_to_the_edge() -> None:
    """Smoothing beside the reflected side is that of the reflected image."""
    image = image_of(1, 6, 30)
    result = tiled(smoothed(1), image, (12, 12), 4)
    padded = np.pad(image[0], ((0, 6), (0, 0)), mode="reflect")
    expected = ndimage.uniform_filter(padded, 3, mode="constant")[:6]
    np.testing.assert_allclose(result[0], expected, atol=1e-6)


@pytest.mark.parametrize("skips", ["concatenate", "none"])
def test_a_unet_on_tiles_of_its_grid_is_a_unet_on_the_image(skips: str) -> None:
    spec = {"kind": "unet", "channels": (4,), "convolutions": 1, "skips": skips}
    network = build_network(spec, (8, 8), 6, seed=0)

    def forward(tiles: Array) -> Array:
        with torch.inference_mode():
            return network(torch.from_numpy(tiles[:, 0])).unsqueeze(1).numpy()

    image = image_of(1, 52, 68)
    whole = forward(image[None])[0]
    np.testing.assert_allclose(tiled(forward, image, (32, 36), (24, 28)), whole, atol=1e-5)


def test_tiles_come_in_batches_of_a_bounded_size() -> None:
    sizes = []

    def look(tiles: Array) -> Array:
        sizes.append(len(tiles))
        return tiles

    image = image_of(1, 32, 40)
    np.testing.assert_allclose(tiled(look, image, 8, 0, pixels=3 * 64 + 63), image)
    assert sizes == [3] * 6 + [2]
    sizes.clear()
    tiled(look, image, 8, 0, pixels=1)
    assert sizes == [1] * 20
    sizes.clear()
    tiled(look, image_of(1, 1024, 1024), 256, 0)
    assert sizes == [16]


def test_memory_does_not_grow_with_the_number_of_tiles() -> None:
    image = np.zeros((1, 3000, 2500), np.uint8)
    assert tiled(same, image[:, :40, :40], 32, 8).shape == (1, 40, 40)
    tracemalloc.start()
    result = tiled(same, image, 256, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.dtype == np.float32
    assert result.nbytes < peak < result.nbytes + 16 * 2**20


@pytest.mark.parametrize(("tile", "overlap"), [(8, 8), (8, 9), (8, -1), ((8, 4), 4), (0, 0)])
def test_an_overlap_that_leaves_no_step_is_refused(tile: Any, overlap: Any) -> None:
    with pytest.raises(SettingError, match="overlap"):
        tiled(same, image_of(1, 20, 20), tile, overlap)


@pytest.mark.parametrize(
    "change",
    [lambda tiles: tiles[1:], lambda tiles: tiles[..., 1:], lambda tiles: tiles[:, :, 1:]],
)
def test_a_function_that_changes_the_size_is_refused(change: Any) -> None:
    with pytest.raises(ValueError, match="must stay"):
        tiled(change, image_of(1, 20, 20), 8, 2)


def test_the_image_stays_as_it_is() -> None:
    image = image_of(2, 20, 20)
    before = image.copy()

    def wipe(tiles: Array) -> Array:
        tiles[:] = 0
        return tiles

    assert not tiled(wipe, image, 8, 4).any()
    assert not tiled(wipe, image, 20, 0).any()
    assert np.array_equal(image, before)
