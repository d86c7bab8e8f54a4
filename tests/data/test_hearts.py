"""Made hearts: their physiology, their files, and the truth that goes with them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import ndimage

from isthmus.data import draw_pictures, make_pairs, write_pairs
from isthmus.data.made._drawing import Picture
from isthmus.data.made.hearts import GROUPS, PHASES, SLICES
from isthmus.metrics import volumes_ml

IMAGES = len(PHASES) * SLICES


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    """Fifteen patients, three of each group."""
    return list(draw_pictures("made-hearts", 15 * IMAGES))


def test_a_patient_has_both_phases_and_all_slices(pictures: list[Picture]) -> None:
    for number, picture in enumerate(pictures):
        case, place = divmod(number, IMAGES)
        facts = picture.facts
        assert facts["patient"] == f"patient{case + 1:03d}"
        assert (facts["phase"], facts["slice"]) == (PHASES[place // SLICES], place % SLICES + 1)
    truths = defaultdict(set)
    for picture in pictures:
        truths[picture.facts["patient"]].add((picture.facts["group"], picture.facts["lv_ef"]))
    assert all(len(one) == 1 for one in truths.values())
    groups = [next(iter(one))[0] for one in truths.values()]
    assert {group: groups.count(group) for group in GROUPS} == dict.fromkeys(GROUPS, 3)


def test_the_pixels_hold_the_true_volumes(pictures: list[Picture]) -> None:
    for start in range(0, len(pictures), IMAGES):
        patient = pictures[start : start + IMAGES]
        facts = patient[0].facts
        for phase, key in zip(PHASES, ("edv", "esv"), strict=True):
            stack = [one for one in patient if one.facts["phase"] == phase]
            sides = stack[0].facts["pixel_mm"], stack[0].facts["slice_mm"]
            ml = volumes_ml(np.stack([one.labels for one in stack]), 4, *sides)
            for name, label in (("lv", 3), ("rv", 1)):
                assert ml[label] == pytest.approx(facts[f"{name}_{key}_ml"], rel=0.04, abs=1.5)
        change = facts["lv_edv_ml"] - facts["lv_esv_ml"]
        assert facts["lv_ef"] == pytest.approx(change / facts["lv_edv_ml"], abs=1e-3)


def test_groups_are_as_physicians_know_them(pictures: list[Picture]) -> None:
    found = defaultdict(list)
    for picture in pictures[::IMAGES]:
        found[picture.facts["group"]].append(picture.facts)

    def mean(group: str, key: str) -> float:
        return float(np.mean([facts[key] for facts in found[group]]))

    assert mean("DCM", "lv_edv_ml") > 1.5 * mean("NOR", "lv_edv_ml")
    assert mean("DCM", "lv_ef") < 0.4 < 0.55 < mean("NOR", "lv_ef")
    assert mean("DCM", "wall_mean_mm") < mean("NOR", "wall_mean_mm")
    assert mean("HCM", "wall_max_mm") > 14 > 12 > mean("NOR", "wall_max_mm")
    assert mean("HCM", "lv_edv_ml") < mean("NOR", "lv_edv_ml")
    assert mean("HCM", "lv_ef") > mean("NOR", "lv_ef")
    assert 0.2 < mean("MINF", "lv_ef") < 0.45
    assert mean("RV", "rv_edv_ml") > 1.15 * mean("NOR", "rv_edv_ml")
    assert mean("RV", "rv_ef") < mean("NOR", "rv_ef") - 0.08


def test_the_muscle_encloses_the_left_ventricle_and_is_dark(pictures: list[Picture]) -> None:
    for picture in pictures:
        labels, image = picture.labels, picture.image
        filled = ndimage.binary_fill_holes(labels == 2)
        assert filled[labels == 3].all()
        for label in (1, 2, 3):
            assert ndimage.label(labels == label, np.ones((3, 3)))[1] <= 1
        if (labels == 3).sum() > 100:
            assert image[labels == 3].mean() > 1.5 * image[labels == 2].mean()


def test_parts_are_by_patient_and_all_groups_are_in_each(tmp_path: Path) -> None:
    pairs = make_pairs("made-hearts", 25 * IMAGES, size=(32, 32))
    assert pairs.groups is not None
    assert pairs.predefined is not None
    for patient in np.unique(pairs.groups):
        assert len(set(pairs.predefined[pairs.groups == patient])) == 1
    write_pairs("made-hearts", tmp_path / "set", 25 * IMAGES, size=(32, 32))
    index = pl.read_csv(tmp_path / "set" / "index.csv", schema_overrides={"file": pl.String})
    assert index["file"].to_list() == list(pairs.names)
    assert index["patient"].to_list() == pairs.groups.tolist()
    held = index.group_by("split").agg(pl.col("group").unique().sort())
    assert all(groups == sorted(GROUPS) for groups in held["group"].to_list())
