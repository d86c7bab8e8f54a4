"""What corruptions and augmentations have in common: a seeded change of a copy."""

from __future__ import annotations

import pytest
import torch

from isthmus.core.errors import DataError
from isthmus.corruption import CORRUPTIONS
from isthmus.data.augmentation import AUGMENTATIONS

# Where the defaults do not suit the shapes, or a few samples.
SETTINGS = {"crop": {"size": 4}, "sometimes": {"chance": 0.5}}
SHAPES = [(7,), (5, 9), (1, 8, 8), (3, 11, 6), (5, 6, 6)]


def samples(shape, dtype=torch.float32, count=6):
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(3), dtype=dtype)


def accepts(change, shape):
    try:
        change(samples(shape), torch.Generator().manual_seed(0))
    except DataError:
        return False
    return True


def build(registry, kind):
    return registry.build({"kind": kind, **SETTINGS.get(kind, {})})


CHANGES = [(registry, kind) for registry in (CORRUPTIONS, AUGMENTATIONS) for kind in registry]
ALL = [
    pytest.param(build(registry, kind), shape, id=f"{registry.role}-{kind}-{shape}")
    for registry, kind in CHANGES
    for shape in SHAPES
]
each = pytest.mark.parametrize(("change", "shape"), [p for p in ALL if accepts(*p.values)])


@pytest.mark.parametrize(("registry", "kind"), CHANGES, ids=[kind for _, kind in CHANGES])
def test_accepts_images_of_any_number_of_channels(registry, kind):
    change = build(registry, kind)
    assert [shape for shape in SHAPES if len(shape) > 1 and not accepts(change, shape)] == []


@pytest.mark.parametrize(("change", "shape"), [p for p in ALL if not accepts(*p.values)])
def test_refusal_names_the_kind_and_the_shape(change, shape, seeded):
    role = "corruption" if change.kind in CORRUPTIONS else "augmentation"
    with pytest.raises(DataError) as caught:
        change(samples(shape), seeded(0))
    assert str(caught.value) == (
        f"The {role} '{change.kind}' needs images, (H, W) or (C, H, W), but a sample has shape"
        f" {shape}."
    )


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_shape_and_dtype_stay_and_the_input_is_untouched(change, shape, dtype, seeded):
    x = samples(shape, dtype)
    original = x.clone()
    result = change(x, seeded(0))
    resized = getattr(change, "resizes", False)
    assert result.shape == ((*x.shape[:-2], 4, 4) if resized else x.shape)
    assert result.dtype == dtype
    assert torch.isfinite(result).all()
    assert torch.equal(x, original)
    assert resized or not torch.equal(result, x)


@each
def test_result_is_a_function_of_the_seed_alone(change, shape, seeded):
    x, before = samples(shape), torch.get_rng_state()
    one, same, other = (change(x, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@each
def test_tensors_are_made_on_the_device_of_the_samples(change, shape, seeded):
    """Whatever is made without a device lands on another, where it cannot meet the samples."""
    x = samples(shape)
    with torch.device("meta"):
        elsewhere = change(x, seeded(0))
    assert torch.equal(elsewhere, change(x, seeded(0)))


@each
def test_each_sample_gets_a_draw_of_its_own(change, shape, seeded):
    x = samples(shape, count=1).expand(6, *shape)
    results = change(x, seeded(0))
    assert any(not torch.equal(results[0], result) for result in results[1:])
