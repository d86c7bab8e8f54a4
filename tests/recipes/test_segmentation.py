"""What an evaluation of a segmenter keeps of each case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isthmus.data import PairSet, Split
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.predicting import score_maps
from isthmus.recipes.segmentation import case_columns, notes


@pytest.fixture
def pairs() -> PairSet:
    """Three images with a small square, a large one and none; the first column does not count."""
    masks = np.zeros((3, 8, 8), np.int16)
    masks[0, 2:4, 2:4] = 1
    masks[1, 2:8, 2:8] = 1
    masks[:, :, 0] = -1
    images = tuple(np.zeros((3, 8, 8), np.uint8))
    return PairSet("squares", images, tuple(masks), ("a", "b", "c"), ("none", "square", "disc"))


def test_cases_are_listed_worst_first_and_failures_named(pairs: PairSet, tmp_path: Path) -> None:
    maps = [mask.clip(0) for mask in pairs.masks]
    maps[0][:] = 0  # missed
    maps[1][2:5] = 0  # half of it
    maps[2][:, :2] = 2  # nothing is there, and half of this does not count
    columns = case_columns(score_maps(maps, pairs), maps, pairs, {})
    assert columns["name"].tolist() == ["a", "c", "b"]
    np.testing.assert_allclose(columns["dice"], [0, 0, 2 * 18 / (36 + 18)])
    assert columns["missed"].tolist() == ["square", "", ""]
    assert columns["false_positives"].tolist() == ["", "disc", ""]
    assert columns["pixels/square"].tolist() == [4, 0, 36]
    assert columns["predicted_pixels/square"].tolist() == [0, 0, 18]
    assert columns["predicted_pixels/disc"].tolist() == [0, 8, 0]
    assert np.isnan(columns["dice/disc"]).tolist() == [True, False, True]
    values = {"model": {"dice": columns["dice"]}}
    Evaluation(values, None, "", {}, details=columns).save(tmp_path)
    assert pl.read_csv(tmp_path / "cases.csv")["name"].to_list() == ["a", "c", "b"]


def test_absent_classes_are_noted_by_part(pairs: PairSet) -> None:
    parts = Split(*(np.array(part, np.int64) for part in ([0, 1], [], [2])))
    assert notes(pairs, parts) == [
        "No mask of the train part holds the class 'disc', which cannot be learnt.",
        "No mask of the test part holds the class 'square', which has no score.",
        "No mask of the test part holds the class 'disc', which has no score.",
    ]


def test_the_fingerprint_is_of_images_and_label_maps(pairs: PairSet) -> None:
    same = pairs.subset([0, 1, 2])
    assert same.fingerprint() == pairs.fingerprint()
    assert pairs.subset([1, 0, 2]).fingerprint() != pairs.fingerprint()
    changed = [mask.copy() for mask in pairs.masks]
    changed[1][3, 3] = 2
    other = PairSet("x", pairs.images, tuple(changed), pairs.names, pairs.class_names)
    assert other.fingerprint() != pairs.fingerprint()
