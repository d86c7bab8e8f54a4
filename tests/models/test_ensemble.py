"""Several segmenters as one."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from isthmus import Segmenter
from isthmus.core.errors import SettingError
from isthmus.models import Ensemble
from support.discs import discs


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
