"""Involvement of whole volumes: scored by a run, reported, and measured in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from isthmus.core.errors import SettingError
from isthmus.data.volumes import open_volume, read_volume, write_label_volume, write_volume
from isthmus.metrics import severity
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.recipes.quantify import NOT_FOUND, quantify_files
from isthmus.recipes.runner import Run, reopen_run, start_run
from isthmus.recipes.segmented import Wanted
from isthmus.recipes.shares import ShareOf
from isthmus.recipes.volume_files import segment_volumes
from isthmus.reports import write_report
from support.organs import organ_volumes
from support.pages import read_page
from support.volumes import affine_of, write_nifti, write_series

SIZE = (4.0, 1.0, 1.0)
RECIPE = """
title = "Organs"
description = "O."
[data]
values = { background = 0, organ = 1, lesion = 2 }
[data.shares.involvement]
part = ["lesion"]
whole = ["organ", "lesion"]
severity = "lizzi"
[model]
kind = "volume_cascade"
[model.first]
kind = "volume_segmenter"
network = { kind = "unet", channels = [6, 12] }
code_size = 12
intensities = "unit"
epochs = 6
patches = 48
learning_rate = 0.01
spacing = 2.0
[model.second]
kind = "volume_segmenter"
network = { kind = "unet", channels = [6, 12] }
code_size = 12
intensities = "unit"
epochs = 4
patches = 48
learning_rate = 0.01
"""
SHARE = ShareOf(part=("lesion",), whole=("organ", "lesion"), severity="lizzi")
NAMES = ["background", "organ", "lesion"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A cascade on volumes in files."""
    folder = tmp_path_factory.mktemp("organs")
    for number, (volume, labels) in enumerate(zip(*organ_volumes(12), strict=True)):
        place = folder / "data" / "images" / f"o{number:02d}.nii.gz"
        write_nifti(place, volume.transpose(2, 1, 0), affine_of((1, 1, 4)))
        target = folder / "data" / "labels" / place.name
        write_label_volume(target, labels, open_volume(place).geometry)
    source = f"data.source='{folder / 'data'}'"
    return start_run(parse_recipe(RECIPE, "organs", [source]), folder / "run")


def test_shares_of_volumes_are_scored_and_reported(run: Run) -> None:
    evaluation, test = run.evaluation, run.test
    found = run.model.predict(test.images, test.spacings)
    errors = [
        abs(SHARE.percent(p, NAMES) - SHARE.percent(r, NAMES))
        for p, r in zip(found, test.masks, strict=True)
    ]
    np.testing.assert_allclose(evaluation.values["model"]["share_error/involvement"], errors)
    assert "share_error/involvement" in evaluation.values["most frequent class"]
    assert "involvement: bias, percentage points" in evaluation.facts
    text = read_page(write_report(run)).text
    for words in (
        "Share: involvement",
        "first: slices",
        "test volumes where both",
        "each single volume",
    ):
        assert words in text
    again = reopen_run(run.folder).evaluation
    np.testing.assert_allclose(again.values["model"]["dice"], evaluation.values["model"]["dice"])


def test_volumes_are_measured_in_ml(run: Run, tmp_path: Path) -> None:
    images = Path(str(run.recipe.data.source)) / "images"
    count, lost, problems = quantify_files(run.folder, images, tmp_path / "i.csv")
    segment_volumes([run.folder], images, tmp_path / "maps", Wanted())
    table = pl.read_csv(tmp_path / "i.csv")
    assert (count, lost, problems, len(table)) == (12, 0, [], 12)
    for row in table.iter_rows(named=True):
        labels = read_volume(tmp_path / "maps" / f"{row['image']}.nii.gz").array
        assert row["lesion_ml"] == pytest.approx((labels == 2).sum() * 0.004)
        assert row["organ_ml"] == pytest.approx((labels > 0).sum() * 0.004)
        assert row["percent"] == pytest.approx(100 * (labels == 2).sum() / (labels > 0).sum())
        assert row["severity"] == severity(row["percent"], "lizzi")


def test_a_series_by_sides_and_one_without_an_organ(run: Run, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    (volume,), _ = organ_volumes(1, seed=3)
    write_series(scans / "a", volume, spacing=SIZE, intercept=0)
    empty = open_volume(scans / "a")
    write_volume(scans / "b.nii", np.full(volume.shape, 25, np.uint8), empty.geometry)
    sided = {"x": ShareOf(part=("lesion",), whole=("organ", "background", "lesion"))}
    # Of a series the values are 16 bits: the network of 8 bits sees it as dark.
    quantify_files(run.folder, scans, tmp_path / "all.csv")
    quantify_files(run.folder, scans, tmp_path / "sides.csv", sided)
    table, sides = (pl.read_csv(tmp_path / name) for name in ("all.csv", "sides.csv"))
    assert table["image"].to_list() == ["a", "b"]
    assert table["found"].to_list()[1] == NOT_FOUND
    assert np.isnan(table["percent"].to_list()[1])
    row = sides.row(1, named=True)
    assert row["ml of background"] == pytest.approx(volume.size * 0.004)
    assert (row["ml of organ"], row["lesion ml of organ"]) == (0, 0)
    assert np.isnan(row["percent of organ"])


def test_the_recipe_can_be_read_and_shares_are_checked(run: Run, tmp_path: Path) -> None:
    name = "lung-involvement-volumes"
    recipe = parse_recipe(find_recipe(name)[1], name)
    assert (recipe.model["kind"], recipe.data.source) == ("volume_cascade", "made-chest-ct-volumes")
    changes = [f"data.source='{run.recipe.data.source}'", "data.shares.involvement.part=['lesio']"]
    with pytest.raises(SettingError, match="did you mean 'lesion'"):
        start_run(parse_recipe(RECIPE, "organs", changes), tmp_path / "run")
