"""Runs of volumes: scores in mm and ml, baselines, files, and nothing of a patient in any file."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import polars as pl
import pytest
from PIL import Image

from isthmus.core.errors import DataError, SettingError
from isthmus.data import write_images
from isthmus.data.volumes import VolumeSet, open_volume, read_volume, write_label_volume
from isthmus.metrics import expected_dice, pixel_entropy, segmentation_scores
from isthmus.recipes import Recipe, parse_recipe
from isthmus.recipes.runner import Run, evaluate_on, start_run
from isthmus.recipes.score import numbered
from isthmus.recipes.segment import segment_files
from isthmus.recipes.segmented import Wanted
from isthmus.recipes.volume_files import score_volumes, segment_volumes
from isthmus.recipes.volume_pictures import seen, side_by_side
from isthmus.recipes.volumes import evaluate, volume_agreement
from isthmus.reports import write_report
from support.volumes import PATIENT, RECIPE, balls, write_balls, write_nifti, write_series


def recipe(source: Path, *changes: str) -> Recipe:
    return parse_recipe(RECIPE, "balls", [f"data.source='{source}'", *changes])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("volumes")


@pytest.fixture(scope="module")
def run(place: Path) -> Run:
    """Trained on a set whose first three volumes are DICOM series."""
    source = write_balls(place / "set", 12, series=3)
    found = start_run(recipe(source), place / "run")
    write_report(found)
    return found


def test_the_model_is_better_than_its_baselines(run: Run) -> None:
    table = run.evaluation.table()
    assert list(table) == ["model", "untrained network", "most frequent class", "Otsu threshold"]
    assert table["model"]["dice"].mean > 0.8
    for method in ("untrained network", "most frequent class"):
        assert table["model"]["dice"].mean > table[method]["dice"].mean
    assert (run.model.plane_, run.evaluation.facts["structures missed as a whole"]) == ("axial", 0)


def test_distances_are_in_mm_and_volumes_in_ml(run: Run) -> None:
    test, values = run.test, run.evaluation.values["model"]
    found = run.model.predict(test.images, test.spacings)
    for place, (map_, mask) in enumerate(zip(found, test.masks, strict=True)):
        scores = segmentation_scores(map_, mask, [1], spacing=(2.5, 0.8, 0.7))
        assert values["hausdorff_95"][place] == pytest.approx(scores.mean("hausdorff_95"))
        ml = 2.5 * 0.8 * 0.7 / 1000
        error = abs(int((map_ == 1).sum()) - int((mask == 1).sum())) * ml
        assert values["volume_error/ball"][place] == pytest.approx(error)
    details = run.evaluation.details
    difference = details["predicted_ml/ball"] - details["ml/ball"]
    agreement = volume_agreement(details, "ball")
    assert agreement is not None
    assert agreement.bias.mean == pytest.approx(difference.mean())
    assert run.evaluation.facts["bias of the volume of ball, ml"] == agreement.bias.mean
    assert details["dice/ball"][0] == min(details["dice/ball"])


def test_the_report_shows_volumes(run: Run) -> None:
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    for words in ("distances in mm", "Volumes in ml", "limits of agreement", "axial slice"):
        assert words in page
    assert (run.folder / "pictures" / "agreement-1.png").stat().st_size > 1000


def test_the_report_predicts_nothing_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run.evaluation.predicted
    monkeypatch.delattr(type(run.model), "_of_slices")
    write_report(run)
    for one, mask in zip(shown, run.test.masks, strict=True):
        assert one.place == (mask > 0).sum((1, 2)).argmax()
        assert one.prediction.shape == one.uncertainty.shape == mask.shape[1:]
        assert 0 <= one.uncertainty.min() <= one.uncertainty.max() <= 1


def test_what_else_is_written_of_volumes(run: Run, place: Path) -> None:
    source, out = place / "set" / "images", place / "more"
    wanted = Wanted(overlay=True, probabilities=True, uncertainty=True)
    segment_volumes([run.folder, run.folder], source, out, wanted)
    table, review = (pl.read_csv(out / name) for name in ("volumes.csv", "review.csv"))
    assert sorted(review["image"]) == sorted(set(table["image"]))
    assert review["entropy_bits"].is_sorted(descending=True)
    for name in ("b01", "b07"):  # a series, a file
        file = open_volume(source / name if name == "b01" else source / f"{name}.nii.gz")
        (p,) = run.model.predict_proba([file.read().array], [file.spacing])
        written = read_volume(out / f"{name}.probability-1.nii")
        assert written.geometry.same_place(file.geometry)
        np.testing.assert_allclose(written.array, p[1], atol=1e-5)
        entropy = pixel_entropy(p.reshape(2, 1, -1)).reshape(p.shape[1:])
        heat = read_volume(out / f"{name}.uncertainty.nii").array
        np.testing.assert_allclose(heat, entropy, atol=1e-4)
        means = table.filter(pl.col("image") == name)["entropy_bits"].to_list()
        labels = p.argmax(0)
        wanted_means = [entropy[labels == label].mean() for label in (0, 1)]
        np.testing.assert_allclose(means, wanted_means, rtol=1e-3)
        row = review.filter(pl.col("image") == name)
        assert row["entropy_bits"].item() == pytest.approx(means[1])
        assert row["expected_dice"].item() == pytest.approx(expected_dice(p, labels)[0], rel=1e-4)
        with Image.open(out / f"{name}.overlay.png") as picture:
            assert picture.mode == "RGB"


def test_a_picture_has_slices_through_the_structure() -> None:
    (volume,), (labels,) = balls(1, (30, 20, 18))
    picture = side_by_side(volume, labels, 0, (2.5, 0.8, 0.7))
    height, width = 256, round(256 * 18 * 0.7 / (20 * 0.8))
    assert picture.shape == (3, height, 4 * width + 3 * 2)
    coloured = (picture[0] != picture[1]).reshape(height, -1)
    for place in range(4):  # each shows an outline
        assert coloured[:, place * (width + 2) : place * (width + 2) + width].any()
    plain = side_by_side(volume, 0 * labels, 1, (2.5, 0.8, 0.7))
    assert (plain[0] == plain[1]).all()
    np.testing.assert_array_equal(seen(volume, 1, 3), volume[::-1, 3])


def test_other_volumes_are_scored_by_a_run(run: Run, place: Path) -> None:
    source = write_balls(place / "other", 3, seed=5)
    found = evaluate_on(run.folder, str(source))
    assert (found.cases, found.part) == (3, "other")
    assert found.table()["model"]["dice"].mean > 0.8
    own = evaluate_on(run.folder, str(place / "set"))
    assert own.facts["images that the model has learnt from"] == len(run.split.train)


def test_files_are_segmented_in_their_own_geometry(run: Run, place: Path) -> None:
    source, out = place / "set" / "images", place / "maps"
    count, problems = segment_volumes([run.folder], source, out, Wanted())
    assert (count, problems) == (12, [])
    table = pl.read_csv(out / "volumes.csv")
    assert table.columns == ["image", "class", "label", "voxels", "ml"]
    for name in ("b01", "b07"):
        wanted = nibabel.load(place / "set" / "labels" / f"{name}.nii.gz")
        image = nibabel.load(out / f"{name}.nii.gz")
        np.testing.assert_array_equal(image.affine, wanted.affine)
        assert image.shape == wanted.shape
        labels = np.asarray(image.dataobj)
        row = table.filter((pl.col("image") == name) & (pl.col("class") == "ball"))
        assert row["voxels"].item() == (labels == 1).sum()
        assert row["ml"].item() == pytest.approx((labels == 1).sum() * 0.0014)

    scored = score_volumes(out, place / "set" / "labels", numbered(2), out=place / "scores.csv")
    assert scored.table.classes[1].estimates["dice"].mean > 0.8
    case = scored.cases[scored.names.index("b07")]
    maps = [
        open_volume(folder / "b07.nii.gz").read().array for folder in (out, place / "set/labels")
    ]
    expected = segmentation_scores(*maps, [1], spacing=(2.5, 0.8, 0.7))
    assert case.mean("hausdorff_95") == pytest.approx(expected.mean("hausdorff_95"), rel=1e-5)


def test_one_file_one_series_and_a_damaged_one(run: Run, place: Path) -> None:
    for number, source in enumerate(("b00", "b05.nii.gz")):
        out = place / f"single-{number}"
        given = place / "set" / "images" / source
        count, problems = segment_volumes([run.folder], given, out, Wanted())
        assert (count, problems) == (1, [])
        assert sorted(path.name for path in out.iterdir()) == [
            f"{source[:3]}.nii.gz",
            "volumes.csv",
        ]
    mixed = place / "mixed"
    write_nifti(mixed / "good.nii", balls(1)[0][0].transpose(2, 1, 0), np.eye(4))
    (mixed / "bad.nii.gz").write_bytes(b"no gzip")
    count, problems = segment_volumes([run.folder], mixed, place / "of-mixed", Wanted())
    assert (count, [problem.place for problem in problems]) == (1, ["bad"])


def test_what_does_not_fit_is_refused(run: Run, place: Path) -> None:
    images = place / "set" / "images"
    with pytest.raises(SettingError, match="a model of volumes, which cannot take images"):
        segment_files([run.folder], place, place / "x", Wanted())
    with pytest.raises(SettingError, match="not to"):
        segment_volumes([run.folder], images, place / "a.nii.gz", Wanted())
    with pytest.raises(SettingError, match="not empty"):
        segment_volumes([run.folder], images, run.folder, Wanted())
    write_nifti(place / "two" / "a.nii", np.zeros((3, 3, 3), np.int16), np.eye(4))
    write_nifti(place / "two" / "a.nii.gz", np.zeros((3, 3, 3), np.int16), np.eye(4))
    with pytest.raises(DataError, match="have the same name"):
        segment_volumes([run.folder], place / "two", place / "x", Wanted())
    with pytest.raises(DataError, match="holds no volumes"):
        start_run(recipe(_pngs(place / "png")), place / "x")
    with pytest.raises(SettingError, match=r"data\.colour is for images"):
        start_run(recipe(place / "set", "data.colour=true"), place / "x")
    assert not (place / "x").exists()


def _pngs(folder: Path) -> Path:
    for part in ("images", "masks"):
        write_images(folder / part, np.zeros((2, 8, 8), np.uint8), ["a", "b"])
    return folder


def test_baselines_are_what_they_say() -> None:
    volumes, maps = balls(3)
    names, classes = ("a", "b", "c"), ("background", "ball")
    whole = VolumeSet(
        "s", tuple(volumes), tuple(maps), names, classes, spacings=((1.0, 1.0, 1.0),) * 3
    )

    class Reference:
        """What predicts the reference, and untrained nothing."""

        axis_, data_ = 0, dict[str, Any]()

        def by_slice(self, volume: Any, spacing: Any) -> Any:
            (map_,) = (map_ for one, map_ in zip(volumes, maps, strict=True) if one is volume)
            return (np.stack([one == 0, one == 1]).astype(np.float32) for one in map_)

        def predict(self, X: Any, spacings: Any) -> list[Any]:
            return [map_.copy() for map_ in maps]

        def untrained(self) -> Any:
            twin = Reference()
            twin.predict = lambda X, spacings: [0 * map_ for map_ in maps]  # type: ignore[method-assign]
            return twin

    found = evaluate(Reference(), whole.subset([0, 0, 0]), whole.subset([0, 1, 2]))
    assert found.values["model"]["dice"].tolist() == [1, 1, 1]
    assert found.values["model"]["hausdorff_95"].tolist() == [0, 0, 0]
    assert found.values["untrained network"]["dice"].tolist() == [0, 0, 0]
    assert found.values["most frequent class"]["dice"][0] > 0.95  # its own labels, resampled
    assert found.values["Otsu threshold"]["dice"].min() > 0.9
    assert found.facts["concordance of the volume of ball"] == pytest.approx(1)


def test_nothing_of_a_patient_is_in_any_file(
    run: Run, place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The headers name the patient; not the model, report, labels, tables, or what is printed."""
    series = write_series(tmp_path / "case", balls(1)[0][0] + 1024)
    assert all(word.encode() in (series / "000.dcm").read_bytes() for word in PATIENT)
    segment_volumes([run.folder], series, tmp_path / "maps", Wanted())
    (series / "000.dcm").unlink()
    (series / "notes.txt").write_text("x")
    _, problems = segment_volumes([run.folder], tmp_path, tmp_path / "again", Wanted())
    said = "".join(problem.sentence for problem in problems) + "".join(capfd.readouterr())
    written = [path for path in (*run.folder.rglob("*"), *(tmp_path / "maps").rglob("*"))]
    assert len(written) > 10
    for path in filter(Path.is_file, written):
        content = path.read_bytes()
        if path.suffix == ".gz":
            content += gzip.decompress(content)
        for word in PATIENT:
            assert word.encode() not in content, path
            assert word not in said


def test_a_label_volume_of_a_series_is_a_pair_of_it(place: Path, run: Run) -> None:
    file = open_volume(place / "set" / "images" / "b00")
    write_label_volume(place / "again.nii", np.zeros(file.shape, int), file.geometry)
    assert open_volume(place / "again.nii").geometry.same_place(file.geometry)
