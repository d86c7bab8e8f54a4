"""Examples: order of the data, partners of the same class, labels, random draws."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.data.augmentation import AUGMENTATIONS
from isthmus.data.scaling import NoScaling
from isthmus.training import Batch, Examples, Rows
from isthmus.training.examples import derive_seed
from support.trainings import CPU, SEED_OF_1_2, Array


def numbered(count: int, labels: list[int] | None = None, **settings: object) -> Examples:
    """Samples that are their own places."""
    numbers = np.arange(count, dtype=np.float32)[:, None]
    classes = None if labels is None else np.array(labels)
    return Examples(numbers, NoScaling(), CPU, labels=classes, **settings)  # type: ignore[arg-type]


def numbers(values: Tensor) -> list[int]:
    return values.flatten().int().tolist()


def places(examples: Examples, *position: int, size: int = 4) -> list[list[int]]:
    return [numbers(batch.x) for batch in examples.batches(size, *position)]


def pairs(batches: list[Batch]) -> list[tuple[int, int]]:
    """Places of x and y."""
    return [
        pair for batch in batches for pair in zip(numbers(batch.x), numbers(batch.y), strict=True)
    ]


# -- order and draws --------------------------------------------------------------------------


def test_order_is_a_function_of_seed_epoch_and_step() -> None:
    examples = numbered(22)
    whole = places(examples, 3, 5)
    assert whole == places(numbered(22), 3, 5)
    for start in range(7):
        assert places(examples, 3, 5, start) == whole[start:]
    assert whole not in (places(examples, 3, 6), places(examples, 4, 5))
    assert [len(batch) for batch in whole] == [4, 4, 4, 4, 4, 2]  # none is dropped
    assert sorted(itertools.chain(*whole)) == list(range(22))


def test_order_does_not_hang_on_the_target() -> None:
    labels = [0, 1] * 11
    for target in ("same_class", "label"):
        assert places(numbered(22, labels, target=target), 3, 5) == places(numbered(22), 3, 5)


def draws(batches: list[Batch]) -> list[float]:
    return [torch.rand(1, generator=batch.generator).item() for batch in batches]


def test_draws_are_a_function_of_seed_epoch_and_step() -> None:
    examples = numbered(10)

    def at(*position: int) -> list[float]:
        return draws(list(examples.batches(3, *position)))

    whole = at(0, 0)
    assert len({*whole, *at(0, 1), *at(1, 0)}) == 12
    assert at(0, 0, 2) == whole[2:]


def test_batches_know_their_step_and_size() -> None:
    batches = list(numbered(10).batches(4, 0, 0, 1))
    assert [(batch.step, len(batch)) for batch in batches] == [(1, 4), (2, 2)]
    assert all(batch.y is batch.x and batch.labels is None for batch in batches)


def test_in_order_and_rows() -> None:
    values = np.arange(22, dtype=np.uint8)[:, None]
    rows = Rows(values, np.array([3, 9, 4, 21, 0]))
    assert (len(rows), rows.shape, rows.ndim, rows.dtype) == (5, (5, 1), 2, np.uint8)
    batches = list(Examples(rows, NoScaling(), CPU).in_order(2))
    assert [numbers(x) for x in batches] == [[3, 9], [4, 21], [0]]
    assert batches[0].dtype == torch.float32


def test_seeds_do_not_collide() -> None:
    seeds = {derive_seed(a, b, c) for a in range(5) for b in range(-1, 5) for c in range(5)}
    assert len(seeds) == 150
    assert derive_seed(1, 2) == SEED_OF_1_2  # on every machine, in every version
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_held_out_samples_come_in_order_with_the_same_draws_each_time() -> None:
    augmentations = [AUGMENTATIONS.build("affine")]
    images = np.random.default_rng(0).random((7, 5, 5), np.float32)
    examples = Examples(
        images,
        NoScaling(),
        CPU,
        augmentations=augmentations,
        labels=np.zeros(7, np.int64),
        target="same_class",
    )
    one, same, other = (list(examples.held_out(3, seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.cat([batch.x for batch in one]), torch.from_numpy(images))
    assert torch.equal(torch.cat([b.y for b in one]), torch.cat([b.y for b in same]))
    assert not torch.equal(torch.cat([b.y for b in one]), torch.cat([b.y for b in other]))
    drawn = draws(one)
    assert drawn == draws(same)
    assert len({*drawn, *draws(other)}) == 6
    assert [batch.step for batch in one] == [0, 1, 2]


# -- partners of the same class ---------------------------------------------------------------


@given(
    st.lists(st.sampled_from([0, 1, 2, 7]), min_size=1, max_size=30),
    st.integers(1, 12),
    st.integers(0, 2**31),
)
def test_partner_is_another_of_the_class_if_there_is_one(
    labels: list[int], size: int, seed: int
) -> None:
    examples = numbered(len(labels), labels, target="same_class")
    for batches in (examples.batches(size, seed, 0), examples.held_out(size, seed)):
        for batch in batches:
            assert batch.labels is not None
            assert batch.labels.tolist() == [labels[place] for place in numbers(batch.x)]
            for place, partner in pairs([batch]):
                assert labels[place] == labels[partner]
                assert (place == partner) == (labels.count(labels[place]) == 1)


def test_every_other_of_the_class_is_as_likely() -> None:
    labels = [0, 1, 1, 0, 1, 1, 0, 1, 1, 1]
    members = [place for place, label in enumerate(labels) if label == 1]
    examples = numbered(10, labels, target="same_class")
    table = np.zeros((10, 10))
    for epoch in range(800):
        for pair in pairs(list(examples.batches(4, 0, epoch))):
            table[pair] += 1
    counts = table[np.ix_(members, members)]
    others = counts[~np.eye(len(members), dtype=bool)]
    assert others.sum() == 800 * len(members)
    assert chisquare(others).pvalue > 0.01


def test_partners_are_a_function_of_seed_epoch_and_step() -> None:
    labels = [0, 1, 2] * 8
    examples = numbered(24, labels, target="same_class")
    whole = pairs(list(examples.batches(5, 3, 5)))
    assert whole == pairs(list(numbered(24, labels, target="same_class").batches(5, 3, 5)))
    assert whole[10:] == pairs(list(examples.batches(5, 3, 5, 2)))
    # As dictionaries, which leave the order of the samples aside.
    for position in [(3, 6), (4, 5)]:
        assert dict(pairs(list(examples.batches(5, *position)))) != dict(whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_partners_do_not_go_with_the_other_draws(dtype: torch.dtype) -> None:
    """As if a corruption of the first numbers drawn told which partner comes."""
    examples = numbered(1000, [0] * 1000, target="same_class")
    (batch,) = examples.batches(1000, 0, 0)
    noise = torch.rand(1000, generator=batch.generator, dtype=dtype).double()
    steps = (batch.y - batch.x).flatten().double() % 1000
    correlation = torch.corrcoef(torch.stack([noise, steps]))[0, 1]
    assert correlation.abs() < 0.1


def test_partner_is_augmented_on_its_own() -> None:
    """Seen where the partner is the sample itself, its class having no other."""
    images = np.random.default_rng(0).random((4, 6, 6), np.float32)
    labels = np.arange(4)

    def batch(**settings: object) -> Batch:
        examples = Examples(images, NoScaling(), CPU, labels=labels, **settings)  # type: ignore[arg-type]
        return next(examples.batches(4, 0, 0))

    plain = batch(target="same_class")
    assert torch.equal(plain.x, plain.y)
    augmentations = [AUGMENTATIONS.build("affine")]
    both = batch(target="same_class", augmentations=augmentations)
    assert not any(torch.equal(x, y) for x, y in zip(both.x, both.y, strict=True))
    assert not torch.equal(both.y, plain.y)
    sample = batch(augmentations=augmentations)
    assert sample.y is sample.x
    assert torch.equal(sample.x, both.x)


# -- labels -----------------------------------------------------------------------------------


def test_labels_as_targets() -> None:
    labels = [4, 0, 2, 2, 1]
    for batch in numbered(5, labels, target="label").batches(2, 0, 0):
        assert batch.y.tolist() == [labels[place] for place in numbers(batch.x)]
        assert batch.y.dtype == torch.int64
        assert batch.labels is not None
        assert torch.equal(batch.labels, batch.y)


def test_labels_go_along_with_samples_as_targets() -> None:
    labels = [4, 0, 2, 2, 1]
    for batch in numbered(5, labels).held_out(2, 0):
        assert batch.y is batch.x
        assert batch.labels is not None
        assert batch.labels.tolist() == [labels[place] for place in numbers(batch.x)]


@pytest.mark.parametrize("target", ["same_class", "label"])
def test_targets_without_labels_are_refused(target: str) -> None:
    with pytest.raises(SettingError) as caught:
        numbered(5, target=target)
    assert str(caught.value) == f"The target '{target}' needs the labels of the samples."


def test_rows_have_labels_of_their_own() -> None:
    """One label for each row, not for each sample of the array that they are rows of."""
    values: Array = np.arange(10, dtype=np.float32)[:, None]
    rows = Rows(values, np.array([8, 1, 5, 9]))
    labels = np.array([0, 1, 0, 1], np.uint8)
    examples = Examples(rows, NoScaling(), CPU, labels=labels, target="same_class")
    assert sorted(pairs(list(examples.batches(3, 0, 0)))) == [(1, 9), (5, 8), (8, 5), (9, 1)]


def test_partners_of_samples_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "samples.npy"
    np.save(path, np.arange(6, dtype=np.uint8)[:, None])
    examples = Examples(
        np.load(path, mmap_mode="r"),
        NoScaling(),
        CPU,
        labels=np.array([0, 1, 2, 0, 1, 2]),
        target="same_class",
    )
    (batch,) = examples.batches(6, 0, 0)
    assert sorted(pairs([batch])) == [(0, 3), (1, 4), (2, 5), (3, 0), (4, 1), (5, 2)]
