"""Features of patients, and how well they tell the group."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.data import draw_pictures
from isthmus.metrics import agreement
from isthmus.recipes.heart_groups import heart_features, stacks_of, tell_groups

NAMES = ("background", "right ventricle", "myocardium", "left ventricle")


class Areas:
    """An encoder: the share of each class."""

    sample_shape_ = (4, 48, 48)

    def transform(self, X: np.ndarray) -> np.ndarray:
        return X.mean((2, 3))


def test_measures_agree_with_the_truth() -> None:
    pictures = list(draw_pictures("made-hearts", 10 * 16))
    facts = [one.facts for one in pictures]
    stacks = stacks_of(np.stack([one.labels for one in pictures]), facts)
    assert len(stacks) == 20
    assert {stack.maps.shape for stack in stacks} == {(8, 96, 96)}
    found = heart_features(stacks, NAMES, Areas(), cavity=3, wall=2)
    assert found.codes.shape == (10, 8)
    truth = {row["patient"]: row for row in facts}
    assert found.groups.tolist() == [truth[name]["group"] for name in found.patients]
    for name, key, limit in (
        ("left ventricle ED", "lv_edv_ml", 4),
        ("left ventricle ES", "lv_esv_ml", 4),
        ("left ventricle ejection fraction", "lv_ef", 0.03),
        ("right ventricle ejection fraction", "rv_ef", 0.04),
        ("myocardium ED", "myocardium_ml", 6),
        ("wall, mean", "wall_mean_mm", 1.0),
        ("wall, greatest", "wall_max_mm", 2.5),
    ):
        true = np.array([truth[patient][key] for patient in found.patients])
        compared = agreement(found.measures[name], true)
        assert abs(compared.bias.mean) < limit, name
    with pytest.raises(DataError, match="patient001 has no label maps of ES"):
        heart_features(stacks[:1], NAMES)


def test_groups_are_told_by_features_that_tell_them() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat(["a", "b", "c"], 12)
    good = np.repeat(np.eye(3), 12, axis=0) + 0.1 * random.normal(size=(36, 3))
    table = tell_groups({"good": good, "noise": random.normal(size=(36, 4))}, groups, repeats=1)
    assert table["chance"]["most frequent"].mean == pytest.approx(1 / 3)
    for accuracy in table["good"].values():
        assert accuracy.low > 0.9
    for accuracy in table["noise"].values():
        assert accuracy.low < 0.5
    with pytest.raises(DataError, match="12 patients, too few for 20 folds"):
        tell_groups({"good": good}, groups, folds=20)
