"""Several segmenters as one."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from isthmus import Segmenter, VolumeSegmenter
from isthmus.core.errors import SettingError
from isthmus.models import Ensemble, VolumeEnsemble
from support.discs import discs
from support.volumes import balls


@cache
def fitted(seed: int = 0, classes: int = 2, channels: int = 1) -> Segmenter:
    network = {"kind": "unet", "channels": [4]}
    flips = [{"kind": "flip", "vertical": True}]
    model = Segmenter(network, code_size=8, augmentations=flips, epochs=1, random_state=seed)
    return model.fit(*discs(8, classes=classes, channels=channels))


@pytest.mark.parametrize("flips", [False, True])
def test_probabilities_are_the_mean_of_the_members(flips: bool) -> None:
    members, images = [fitted(seed) for seed in range(3)], discs(2, seed=1)[0]
    ensemble = Ensemble(members)
    assert (ensemble.class_names, ensemble.channels) == (["0", "1"], 1)
    each = [model.predict_proba(images, flips=flips) for model in members]
    maps = ensemble.predict(images, flips=flips)
    for place, found in enumerate(ensemble.predict_proba(images, flips=flips)):
        mean = np.mean([one[place] for one in each], 0)
        np.testing.assert_allclose(found, mean, atol=1e-6)
        np.testing.assert_array_equal(maps[place], found.argmax(0))


def test_one_image_gives_one_result() -> None:
    (image,) = discs(1, seed=1)[0]
    ensemble = Ensemble([fitted(0), fitted(1)])
    np.testing.assert_array_equal(ensemble.predict(image), ensemble.predict([image])[0])
    np.testing.assert_array_equal(ensemble.predict_proba(image), ensemble.predict_proba([image])[0])
    assert ensemble.predict(np.stack([image, image])).shape == (2, *image.shape)


def test_one_member_is_itself() -> None:
    images = discs(2, seed=1)[0]
    for one, other in zip(
        Ensemble([fitted()]).predict_proba(images), fitted().predict_proba(images), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_members_must_be_alike() -> None:
    with pytest.raises(SettingError, match="needs a model at least"):
        Ensemble([])
    for other, words in [
        (fitted(classes=3), "Model 2 has the classes 0, 1, 2 and takes 1-channel images"),
        (fitted(channels=3), "Model 2 has the classes 0, 1 and takes 3-channel images"),
    ]:
        with pytest.raises(SettingError, match=words):
            Ensemble([fitted(), other])


@cache
def of_volumes(plane: str, classes: int = 2) -> VolumeSegmenter:
    settings: dict[str, Any] = {"network": {"kind": "unet", "channels": [4]}, "code_size": 8}
    model = VolumeSegmenter(**settings, plane=plane, epochs=1, random_state=len(plane))
    return model.fit(*balls(2, classes=classes))


def test_volumes_are_averaged_whatever_the_planes() -> None:
    volumes, _ = balls(2, seed=1)
    members = [of_volumes(plane) for plane in ("axial", "axial", "coronal", "sagittal")]
    for chosen in (members[:2], members, members[3:]):
        ensemble = VolumeEnsemble(chosen)
        each = [model.predict_proba(volumes) for model in chosen]
        maps = ensemble.predict(volumes)
        for place, found in enumerate(ensemble.predict_proba(volumes)):
            mean = np.mean([one[place] for one in each], 0)
            np.testing.assert_allclose(found, mean, atol=1e-6)
            np.testing.assert_array_equal(maps[place], found.argmax(0))
    assert VolumeEnsemble(members).axes_ == {0, 1, 2}
    with pytest.raises(SettingError, match="Model 2 has the classes 0, 1, 2, but the first one"):
        VolumeEnsemble([members[0], of_volumes("axial", 3)])
