"""The segmenter: what it learns, what it is given, what it keeps."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import isthmus
from isthmus import Segmenter
from isthmus.core.errors import DataError, SettingError
from isthmus.training import Checkpoints
from support.discs import dice, discs

UNET: dict[str, Any] = {"kind": "unet", "channels": [8, 16]}


def segmenter(**settings: Any) -> Segmenter:
    common = {"network": UNET, "code_size": 16, "epochs": 6, "learning_rate": 1e-2}
    return Segmenter(**{**common, "random_state": 0, "batch_size": 8, **settings})


@cache
def _fitted() -> Segmenter:
    return segmenter(augmentations=["flip"]).fit(*discs(32), validation=discs(4, seed=2))


@pytest.fixture
def fitted() -> Segmenter:
    return _fitted()


def test_it_learns_and_beats_an_untrained_network_and_a_threshold(fitted: Segmenter) -> None:
    images, maps = discs(12, seed=1, noise=0.3)
    model = segmenter(epochs=10).fit(*discs(40, noise=0.3))
    score = dice(model.predict(images), maps)
    assert score > 0.85
    assert score > dice(model.untrained().predict(images), maps) + 0.3
    threshold = dice([(image > 127).astype(int) for image in images], maps)
    assert score > threshold + 0.1
    first, last = model.history_[0], model.history_[-1]
    assert last["train/total"] < 0.5 * first["train/total"]
    assert fitted.history_[-1]["validation/segmentation"] < 0.5


def test_predictions_have_the_images_size_and_probabilities_add_up(fitted: Segmenter) -> None:
    for size in [(9, 11), (24, 20), (61, 33)]:
        (image,), _ = discs(1, size=size, seed=3)
        (found,) = fitted.predict_proba([image])
        assert found.shape == (2, *size)
        np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)
        np.testing.assert_array_equal(fitted.predict([image])[0], found.argmax(0))


def test_small_images_are_continued_as_in_training(fitted: Segmenter) -> None:
    """What is smaller than a piece was reflected below and on the right, and so it is here."""
    height, width = fitted.sample_shape_[1:]
    (image,), _ = discs(1, size=(height - 5, width - 3), seed=3)
    continued = np.pad(image, [(0, 5), (0, 3)], mode="reflect")
    whole = fitted.predict_proba(continued)
    np.testing.assert_array_equal(fitted.predict_proba(image), whole[:, :-5, :-3])


@pytest.mark.parametrize("channels", [1, 3])
def test_an_array_gives_an_array_and_a_list_a_list(channels: int) -> None:
    """One image is an array of as many axes as the images have; one axis more is a stack."""
    model = segmenter(epochs=0).fit(*discs(4, channels=channels, classes=3))
    (image,) = discs(1, channels=channels, seed=1)[0]
    size = image.shape[-2:]
    for given, shape in [
        (image, ()),
        (image[None], (1,)),  # of a grey model (1, H, W): a stack of one, as of any number
        (np.stack([image, image[..., ::-1]]), (2,)),
    ]:
        labels, p = model.predict(given), model.predict_proba(given)
        assert (labels.shape, labels.dtype) == ((*shape, *size), np.int16)
        assert (p.shape, p.dtype) == ((*shape, 3, *size), np.float32)
        each = [given] if not shape else list(given)
        np.testing.assert_array_equal(labels.reshape(-1, *size), model.predict(each))
        np.testing.assert_array_equal(p.reshape(-1, 3, *size), model.predict_proba(each))
    ragged = np.empty(2, object)
    ragged[:] = [image, image[..., 2:]]
    assert [one.shape for one in model.predict(ragged)] == [size, (size[0], size[1] - 2)]
    assert model.predict([]) == []


def test_arrays_that_hold_no_image(fitted: Segmenter) -> None:
    coloured = segmenter(epochs=0).fit(*discs(4, channels=3))
    for model, shape, words in [
        (coloured, (24, 20), "An image has 1 channels where 3 are needed"),
        (coloured, (24, 20, 3), "An image has 24 channels where 3 are needed"),
        (fitted, (20,), r"An image has shape \(20,\)"),
        (fitted, (2, 3, 24, 20), "An image has 3 channels where 1 are needed"),
        (fitted, (0, 24, 20), "There are no images"),
    ]:
        with pytest.raises(DataError, match=words):
            model.predict(np.zeros(shape, np.uint8))
    with pytest.raises(NotFittedError):
        Segmenter().predict(np.zeros((24, 20), np.uint8))


def test_several_classes_and_colours() -> None:
    images, maps = discs(40, channels=3, classes=3, noise=0.05)
    model = segmenter(epochs=12).fit(images, maps)
    assert model.classes_.tolist() == [0, 1, 2]
    others, references = discs(8, channels=3, classes=3, noise=0.05, seed=1)
    right = [(p == r).mean() for p, r in zip(model.predict(others), references, strict=True)]
    assert np.mean(right) > 0.95


def test_pixels_to_ignore_teach_nothing() -> None:
    """Wrong labels that are ignored do no harm; counted, they do."""
    images, maps = discs(32)
    wrong = [np.where(np.arange(one.shape[1]) < 10, 1, one) for one in maps]
    ignored = [np.where(np.arange(one.shape[1]) < 10, -1, one) for one in maps]
    others, references = discs(8, seed=1)
    spoilt, spared = (
        dice(segmenter().fit(images, labels).predict(others), references)
        for labels in (wrong, ignored)
    )
    assert spared > spoilt + 0.1


def test_a_working_size_and_the_images_own_size() -> None:
    images, maps = discs(32, size=(48, 40))
    model = segmenter(size=24).fit(images, maps)
    assert max(model.sample_shape_) <= 24
    others, references = discs(6, size=(48, 40), seed=1)
    predicted = model.predict(others)
    assert [one.shape for one in predicted] == [one.shape for one in references]
    assert dice(predicted, references) > 0.8


def test_mirror_images_are_taken_together(fitted: Segmenter) -> None:
    (image,), _ = discs(1, size=(64, 64), seed=5, noise=0.3)
    (plain,), (mean,) = fitted.predict_proba([image]), fitted.predict_proba([image], flips=True)
    assert not np.allclose(plain, mean, atol=1e-3)
    (turned,) = fitted.predict_proba([image[:, ::-1]])
    np.testing.assert_allclose(mean, (plain + turned[:, :, ::-1]) / 2, atol=1e-5)
    both = segmenter(augmentations=[{"kind": "flip", "vertical": True}], epochs=1).fit(*discs(16))
    by_hand = [
        np.flip(both.predict_proba([np.flip(image, by)])[0], tuple(axis + 1 for axis in by))
        for by in [(), (1,), (0,), (0, 1)]
    ]
    (found,) = both.predict_proba([image], flips=True)
    np.testing.assert_allclose(found, np.mean(by_hand, 0), atol=1e-5)
    with pytest.raises(SettingError, match="was not trained on mirror images"):
        segmenter(epochs=0).fit(*discs(4)).predict([image], flips=True)


def test_large_images_are_tiled_as_if_whole(
    fitted: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,), _ = discs(1, size=(500, 420), seed=6)
    (whole,) = fitted.predict_proba([image])
    monkeypatch.setattr("isthmus.inference.segmentation.WHOLE", 1000)
    monkeypatch.setattr("isthmus.inference.segmentation._TILE", 64)
    sizes: list[Any] = []
    hook = fitted.network_.register_forward_pre_hook(lambda _, x: sizes.append(x[0].shape[2:]))
    (tiled,) = fitted.predict_proba([image])
    hook.remove()
    assert len(sizes) > 4
    assert all(height * width < 200 * 200 for height, width in sizes)
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


def test_saved_loaded_resumed_and_cloned(fitted: Segmenter, tmp_path: Path) -> None:
    images = discs(6, seed=1)[0]
    fitted.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    for one, other in zip(loaded.predict(images), fitted.predict(images), strict=True):
        np.testing.assert_array_equal(one, other)
    assert loaded.network_.output_maps == 2
    twin = clone(fitted)
    assert twin.get_params()["network"] == UNET
    checkpoints = Checkpoints(tmp_path / "checkpoint")
    segmenter(epochs=1).fit(*discs(16), checkpoints=checkpoints)
    whole = segmenter(epochs=2, schedule="constant").fit(*discs(16))
    first = Checkpoints(tmp_path / "other")
    segmenter(epochs=1, schedule="constant").fit(*discs(16), checkpoints=first)
    again = segmenter(epochs=2, schedule="constant").fit(*discs(16), checkpoints=first)
    for name, weight in whole.network_.state_dict().items():
        assert torch.equal(weight, again.network_.state_dict()[name])


def test_the_network_may_be_given_by_its_place() -> None:
    assert Segmenter("unet").network == "unet"
    assert Segmenter().get_params() == Segmenter("unet").get_params()


@pytest.mark.parametrize("scaling", ["unit", "standard", "percentiles", "window"])
def test_intensities_of_each_kind(scaling: str) -> None:
    images, maps = discs(4)
    kind = {"kind": scaling, "centre": 128, "width": 256} if scaling == "window" else scaling
    model = segmenter(intensities=kind, epochs=1).fit(images, maps)
    dark = [(image // 4).astype(np.uint8) for image in images]
    pairs = zip(model.predict_proba(images), model.predict_proba(dark), strict=True)
    differences = [np.abs(one - other).mean() for one, other in pairs]
    # By the image's own values exposure does not matter; else it does.
    assert (max(differences) < 0.02) == (scaling in {"standard", "percentiles"})


# -- what cannot be used --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: ([], []), "There are no images; give one at least"),
        (lambda x, y: (x, y[:-1]), "There are 3 label maps for 4 images; give one each"),
        (lambda x, y: (x, [y[0][1:], *y[1:]]), r"label map has shape \(23, 20\), but its image"),
        (lambda x, y: (x, [y[0] - 2, *y[1:]]), "holds the labels -2 to -1"),
        (lambda x, y: (x, [y[0] * 0.5, *y[1:]]), "values of type float64; give whole numbers"),
        (lambda x, y: ([x[0][None].repeat(3, 0), *x[1:]], y), "has 1 channels where 3 are needed"),
        (lambda x, y: ([x[0][0], *x[1:]], y), r"An image has shape \(20,\)"),
        (lambda x, y: ([x[0] * np.nan, *x[1:]], y), "values that are not finite numbers"),
    ],
)
def test_images_and_maps_that_cannot_be_used(change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        segmenter(epochs=1).fit(*change(*discs(4)))


def test_labels_beyond_the_named_classes_are_refused() -> None:
    images, maps = discs(4, classes=3)
    with pytest.raises(DataError, match=r"the labels 0 to 2; give numbers from 0 .* to 1"):
        segmenter(epochs=1).fit(images, maps, class_names=("background", "disc"))
    model = segmenter(epochs=1).fit(images, maps, class_names=("none", "one", "two", "three"))
    assert model.network_.output_maps == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": "dense"}, "takes images of one size only"),
        ({"augmentations": ["crop"]}, "does not go with label maps"),
        ({"loss": "squared_error"}, "is not one of label maps"),
        ({"foreground": 2.0}, "foreground: should be less than or equal to 1"),
        ({"network": {"kind": "unet", "residual": True}}, "residual"),
    ],
)
def test_settings_that_make_no_sense(settings: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        segmenter(**settings).fit(*discs(4))
