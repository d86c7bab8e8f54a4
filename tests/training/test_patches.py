"""Pieces of images with their labels: where they come from, and that the seed decides."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.labels import IGNORED
from isthmus.data.augmentation import AUGMENTATIONS
from isthmus.training import Patches

CPU = torch.device("cpu")


def numbered(*sizes: tuple[int, int]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Images whose values are the places of pixels, 1000 apart, and the same as labels."""
    maps = [
        np.arange(height * width).reshape(height, width) + 1000 * number
        for number, (height, width) in enumerate(sizes)
    ]
    return [one[None].astype(np.float32) for one in maps], maps


sides = st.integers(1, 30)


@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=4), sides, sides, st.integers(0, 99))
def test_pieces_are_of_one_size_and_labels_lie_on_their_pixels(sizes, height, width, seed):
    patches = Patches(*numbered(*sizes), (height, width), 7, CPU, foreground=0.5)
    seen = 0
    for stream in (patches.batches(3, seed, 0), patches.held_out(3, seed)):
        for batch in stream:
            assert batch.x.shape == (len(batch), 1, height, width)
            assert batch.y.shape == (len(batch), height, width)
            known = batch.y != IGNORED
            assert torch.equal(batch.x[:, 0][known].long(), batch.y[known])
            assert known.flatten(1).any(1).all()
            seen += len(batch)
    assert len(patches) == 7


@given(st.lists(st.tuples(sides, sides), min_size=1, max_size=4), sides, sides)
def test_held_out_pieces_cover_every_pixel(sizes, height, width):
    images, maps = numbered(*sizes)
    patches = Patches(images, maps, (height, width), 1, CPU)
    seen = {int(label) for batch in patches.held_out(4, 0) for label in batch.y.unique()}
    assert seen - {IGNORED} == {int(label) for one in maps for label in one.ravel()}


def test_every_image_comes_up_equally_often_and_the_seed_decides():
    images, maps = numbered((9, 9), (12, 9), (9, 15))
    patches = Patches(images, maps, (5, 5), 12, CPU)

    def epoch(seed, number, start=0):
        return list(patches.batches(5, seed, number, start))

    first, again = epoch(0, 0), epoch(0, 0)
    assert [batch.step for batch in first] == [0, 1, 2]
    assert [len(batch) for batch in first] == [5, 5, 2]
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.x, other.x)
    assert torch.equal(epoch(0, 0, start=2)[0].x, first[2].x)
    assert not torch.equal(epoch(0, 1)[0].x, first[0].x)
    assert not torch.equal(epoch(1, 0)[0].x, first[0].x)
    which = torch.cat([batch.y[:, 0, 0] // 1000 for batch in first])
    assert which.bincount().tolist() == [4, 4, 4]


def test_small_structures_are_seen_as_often_as_asked():
    label = np.zeros((64, 64), np.int16)
    label[50, 3] = 1
    label[2:8, 40:60] = 2
    image = np.zeros((1, 64, 64), np.float32)

    def shares(foreground):
        patches = Patches([image], [label], (8, 8), 600, CPU, foreground=foreground)
        y = torch.cat([batch.y for batch in patches.batches(100, 0, 0)]).flatten(1)
        return [(y == one).any(1).float().mean().item() for one in (1, 2)]

    often, seldom = shares(1.0), shares(0.0)
    assert 0.4 < often[0] < 0.6
    assert 0.4 < often[1] < 0.6
    assert seldom[0] < 0.06


def test_augmentations_move_labels_along():
    images, maps = numbered((16, 16))
    flips = AUGMENTATIONS.build({"kind": "flip", "vertical": True, "transpose": True})
    patches = Patches(images, maps, (8, 8), 20, CPU, augmentations=[flips])
    (batch,) = patches.batches(20, 0, 0)
    assert torch.equal(batch.x[:, 0].long(), batch.y)
    assert not (batch.y[:, 0, 0] < batch.y[:, 0, -1]).all()
    plain = next(iter(patches.held_out(4, 0))).y
    assert (plain[:, 0, 0] < plain[:, 0, -1]).all()
