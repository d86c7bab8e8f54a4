"""A segmenter whose encoder is learnt layer by layer, without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import isthmus
from isthmus import Segmenter, SparseSegmenter
from isthmus.core.errors import DataError, SettingError
from isthmus.metrics import overlap_counts
from isthmus.models.sparse_segmenter import multiscale_patches
from isthmus.networks import start_encoder
from isthmus.training import Checkpoints, Patches
from support.discs import discs

NETWORK = {"kind": "pyramid", "channels": (6,), "scales": 2, "hidden": 12}
SIZE = (28, 32)


def segmenter(**changes: Any) -> SparseSegmenter:
    settings: dict[str, Any] = {
        "network": NETWORK,
        "code_size": 8,
        "pretraining_epochs": 1,
        "classifier_epochs": 1,
        "epochs": 1,
        "patches": 24,
        "batch_size": 4,
        "learning_rate": 5e-3,
        "foreground": 0.0,
        "random_state": 0,
    }
    return SparseSegmenter(**{**settings, **changes})


def encoder(model: SparseSegmenter) -> list[torch.Tensor]:
    return list(model.network_.encoder_weights().values())


@pytest.fixture(scope="module")
def fitted() -> SparseSegmenter:
    return segmenter(pretraining_epochs=3, classifier_epochs=4, epochs=8, patches=48).fit(
        *discs(12, size=SIZE)
    )


def test_discs_are_learnt(fitted: SparseSegmenter) -> None:
    images, maps = discs(8, size=SIZE, seed=1)
    found = fitted.predict(images)
    dice = [overlap_counts(a == 1, b == 1).dice for a, b in zip(found, maps, strict=True)]
    assert np.mean(dice) > 0.7
    untrained = fitted.untrained().predict(images)
    before = [overlap_counts(a == 1, b == 1).dice for a, b in zip(untrained, maps, strict=True)]
    assert np.mean(dice) > np.mean(before) + 0.3


def test_the_steps_are_told_as_one_training(fitted: SparseSegmenter) -> None:
    phases = [row["phase"] for row in fitted.history_]
    assert phases == [1.0] * 3 + [2.0] * 3 + [3.0] * 4 + [4.0] * 8
    assert [row["epoch"] for row in fitted.history_] == list(range(1, 19))
    layers, pixels = fitted.history_[:6], fitted.history_[6:]
    assert all({"train/reconstruction", "train/sparseness"} <= row.keys() for row in layers)
    assert all("train/segmentation" in row for row in pixels)
    for first, last in ((0, 2), (3, 5)):  # of each layer
        error = [layers[place]["train/reconstruction"] for place in (first, last)]
        assert error[1] < 0.8 * error[0]


def test_features_are_learnt_without_labels_and_kept_by_the_classifier() -> None:
    images, maps = discs(6, size=SIZE)
    alone = segmenter(classifier_epochs=0, epochs=0).fit(images, maps)
    others = segmenter(classifier_epochs=0, epochs=0).fit(images, [0 * one for one in maps])
    classified = segmenter(epochs=0).fit(images, maps)
    start = alone.untrained()
    for own, other, kept, before in zip(
        *map(encoder, (alone, others, classified, start)), strict=True
    ):
        assert torch.equal(own, other)
        assert torch.equal(own, kept)
        assert not torch.equal(own, before)
    assert not torch.equal(classified.network_.scores[1].weight, alone.network_.scores[1].weight)
    moved = segmenter().fit(images, maps)
    assert not torch.equal(encoder(moved)[0], encoder(alone)[0])
    assert all(weight.requires_grad for weight in moved.network_.parameters())


def test_a_heavier_penalty_makes_sparser_features() -> None:
    images, maps = discs(6, size=SIZE)
    settings = {"pretraining_epochs": 6, "classifier_epochs": 0, "epochs": 0}
    ratios = []
    for weight in (0.0, 3.0):
        model = segmenter(sparsity_weight=weight, **settings).fit(images, maps)
        last = model.history_[5]
        ratios.append(last["train/reconstruction"])
        if weight:
            assert last["train/sparseness"] / weight < 0.5
    assert ratios[0] < ratios[1]  # what sparseness costs


def test_without_steps_before_it_is_the_plain_segmenter() -> None:
    images, maps = discs(6, size=SIZE)
    own = segmenter(pretraining_epochs=0, classifier_epochs=0).fit(images, maps)
    names = (
        "network",
        "code_size",
        "epochs",
        "batch_size",
        "patches",
        "learning_rate",
        "foreground",
    )
    settings = {name: own.get_params()[name] for name in (*names, "random_state")}
    plain = Segmenter(**settings).fit(images, maps)
    for name, weight in own.network_.state_dict().items():
        assert torch.equal(weight, plain.network_.state_dict()[name])


def test_saved_loaded_and_resumed(fitted: SparseSegmenter, tmp_path: Path) -> None:
    images, maps = discs(6, size=SIZE, seed=1)
    fitted.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    assert isinstance(loaded, SparseSegmenter)
    for one, other in zip(loaded.predict(images), fitted.predict(images), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(loaded.transform(images), fitted.transform(images))
    whole = segmenter().fit(images, maps)
    checkpoints = Checkpoints(tmp_path / "checkpoint")
    segmenter().fit(images, maps, checkpoints=checkpoints)
    again = segmenter().fit(images, maps, checkpoints=checkpoints)  # every step is restored
    for name, weight in whole.network_.state_dict().items():
        assert torch.equal(weight, again.network_.state_dict()[name])
    start_encoder(loaded.network_, whole.network_)


def test_codes_of_images_are_means_of_the_last_maps(fitted: SparseSegmenter) -> None:
    images, _ = discs(3, size=SIZE, seed=2)
    codes = fitted.transform(images)
    assert codes.shape == (3, 2 * 8)
    assert codes.dtype == np.float32
    x = torch.from_numpy(fitted._seen(images[0]))[None]
    coarsest = fitted.network_.encode(x)
    np.testing.assert_allclose(codes[0, 8:], coarsest.mean((2, 3))[0].detach().numpy(), rtol=1e-5)


def pieces_of(*images: np.ndarray) -> Patches:
    scaled = [image[None].astype(np.float32) for image in images]
    maps = [np.zeros(image.shape, np.int16) for image in images]
    return Patches(scaled, maps, images[0].shape, len(images), torch.device("cpu"))


def test_patches_are_of_all_scales_and_show_something() -> None:
    rows, columns = np.mgrid[:96, :80]
    ramp = 2.0 * rows + columns
    flat = np.zeros((96, 80))
    flat[:24] = ramp[:24]
    patches = multiscale_patches(pieces_of(ramp, flat), 3, seed=0)
    assert patches.shape[1:] == (1, 24, 24)
    slopes = np.round(np.diff(patches[:, 0], axis=1).mean((1, 2)), 1)
    assert {2.0, 4.0} <= set(slopes.tolist())  # a coarser level is twice as steep
    assert patches.std((1, 2, 3)).min() > 0
    np.testing.assert_array_equal(patches, multiscale_patches(pieces_of(ramp, flat), 3, seed=0))


def test_what_cannot_be_used() -> None:
    with pytest.raises(SettingError, match="use the network 'pyramid', or the model 'segmenter'"):
        segmenter(network={"kind": "unet", "channels": (4,)}).fit(*discs(4, size=SIZE))
    with pytest.raises(DataError, match="no piece of 24 x 24 pixels with anything to see"):
        segmenter().fit(*discs(4, size=(16, 16)))
    with pytest.raises(DataError, match="no piece of 24 x 24 pixels with anything to see"):
        segmenter().fit([np.zeros(SIZE)] * 2, [np.zeros(SIZE, np.int16)] * 2)


def test_large_images_are_tiled_as_if_whole(
    fitted: SparseSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,), _ = discs(1, size=(330, 290), seed=6)
    (whole,) = fitted.predict_proba([image])
    monkeypatch.setattr("isthmus.inference.segmentation.WHOLE", 1000)
    monkeypatch.setattr("isthmus.inference.segmentation._TILE", 64)
    sizes: list[Any] = []
    hook = fitted.network_.register_forward_pre_hook(lambda _, x: sizes.append(x[0].shape[2:]))
    (tiled,) = fitted.predict_proba([image])
    hook.remove()
    assert len(sizes) > 2
    assert all(height * width < 200 * 200 for height, width in sizes)
    np.testing.assert_allclose(tiled, whole, atol=1e-4)
