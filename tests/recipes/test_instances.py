"""A run of an instance segmenter, from files to numbers and a page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

import isthmus
from isthmus.cli.app import app
from isthmus.core.errors import DataError, SettingError
from isthmus.data import write_images, write_label_map
from isthmus.metrics import INSTANCE_MEASURES, agreement, instance_scores
from isthmus.recipes import object_files
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.runner import evaluate_on, start_run
from isthmus.recipes.score_objects import score_object_folders
from isthmus.recipes.segment import segment_files
from isthmus.recipes.segmented import Wanted
from isthmus.recipes.thresholding import otsu_components, otsu_mask, otsu_watershed
from isthmus.reports import write_report
from support.touching import touching, touching_recipe, write_touching

METHODS = ["model", "untrained network", "Otsu + watershed", "Otsu + connected parts"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("touching")
    return start_run(touching_recipe(write_touching(folder / "data")), folder / "run")


@pytest.fixture(scope="module")
def segmented(run, tmp_path_factory):
    """Images and what the run made of them."""
    folder = tmp_path_factory.mktemp("segmented")
    images = touching(3, seed=7)[0]
    write_images(folder / "images", np.stack(images), ["a", "b", "c"])
    write_images(folder / "images" / "deep", 0 * np.stack(images[:1]), ["dark"])
    wanted = Wanted(overlay=True, probabilities=True, uncertainty=True, spacing=(0.5, 2.0))
    done = segment_files([run.folder], folder / "images", folder / "maps", wanted)
    assert done == (4, [])
    return folder, images


def test_scores_stand_beside_those_of_baselines(run):
    evaluation = run.evaluation
    assert list(evaluation.values) == METHODS
    own = evaluation.values["model"]
    assert list(own)[: len(INSTANCE_MEASURES)] == list(INSTANCE_MEASURES)
    found = run.model.predict(run.test.images)
    scores = [instance_scores(*pair) for pair in zip(found, run.test.objects, strict=True)]
    for name in INSTANCE_MEASURES:
        np.testing.assert_array_equal(own[name], [getattr(one, name) for one in scores])
    means = {method: row["ap_50"].mean for method, row in evaluation.table().items()}
    assert means["model"] > max(means["untrained network"], means["Otsu + connected parts"])
    assert run.model.scores_["ap_50"]["mean"] == means["model"]


def test_kinds_have_scores_of_their_own(run):
    own, kinds = run.evaluation.values["model"], run.test.kinds
    assert sorted(set(kinds)) == ["even", "odd"]
    for kind in ("even", "odd"):
        column = own[f"ap_50/{kind}"]
        np.testing.assert_array_equal(np.isnan(column), kinds != kind)
        np.testing.assert_array_equal(column[kinds == kind], own["ap_50"][kinds == kind])


def test_facts_pool_objects_and_compare_counts(run):
    facts, test = run.evaluation.facts, run.test
    pairs = list(zip(run.model.predict(test.images), test.objects, strict=True))
    counts = np.array([(a.max(), b.max()) for a, b in pairs])
    assert facts["count bias"] == pytest.approx((counts[:, 0] - counts[:, 1]).mean())
    concordance = agreement(*counts.T).concordance.mean  # none where all counts are the same
    assert np.isnan(concordance) or facts["concordance of counts"] == pytest.approx(concordance)
    tp = sum(
        round(instance_scores(*pair).f1_50 * (sum(p.max() for p in pair)) / 2) for pair in pairs
    )
    pooled = facts["TP/(TP+FP+FN) at IoU 0.5 of all objects together"]
    assert pooled == pytest.approx(tp / (counts.sum() - tp))


def test_cases_are_listed_worst_first(run):
    table = pl.read_csv(run.folder / "cases.csv")
    assert table["ap_50"].to_list() == sorted(table["ap_50"])
    assert table["objects"].to_list() == [4] * len(run.test)
    assert set(table["name"]) == set(run.test.names)


def test_the_run_is_read_again(run):
    again = Evaluation.load(run.folder)
    assert again.summary() == run.evaluation.summary()
    assert isthmus.load(run.folder).data_["reading"]["kinds"] == "kind"


def test_other_data_are_scored(run, tmp_path):
    other = write_touching(tmp_path / "other", 5)
    evaluation = evaluate_on(run.folder, str(other))
    assert (evaluation.part, evaluation.cases) == ("other", 5)
    assert evaluation.facts["images that the model has learnt from"] >= 3


def test_a_page_shows_it(run):
    page = write_report(run).read_text()
    pictures = {path.stem for path in (run.folder / "pictures").iterdir()}
    assert {"worst", "cases", "counts", "scores", "scores-by-image", "loss"} >= pictures - {"x"}
    assert {"worst", "counts", "scores"} <= pictures
    assert "TP/(TP+FP+FN), IoU 0.5 of even" in page
    assert "Otsu + watershed" in page


def test_instance_maps_are_what_the_model_says(run, segmented):
    folder, images = segmented
    for name, image in zip("abc", images, strict=True):
        stored = Image.open(folder / "maps" / f"{name}.png")
        assert stored.mode.startswith("I;16")
        np.testing.assert_array_equal(np.asarray(stored), run.model.predict([image])[0])
        drawn = np.asarray(Image.open(folder / "maps" / f"{name}.overlay.png"))
        assert drawn.shape == (*image.shape, 3)
        assert (drawn[..., 0] != drawn[..., 1]).any()


def test_tables_of_objects_and_counts(run, segmented):
    folder, images = segmented
    objects = pl.read_csv(folder / "maps" / "objects.csv")
    counts = pl.read_csv(folder / "maps" / "counts.csv")
    assert counts["image"].to_list() == ["a", "b", "c", "deep/dark"]
    assert counts["objects"][-1] == (objects["image"] == "deep/dark").sum()
    for name, image in zip("abc", images, strict=True):
        (found,) = run.model.predict_objects([image])
        rows = objects.filter(pl.col("image") == name)
        assert rows["object"].to_list() == list(range(1, len(found.classes) + 1))
        assert set(rows["class"]) == {"object"}
        assert rows.select("y0", "x0", "y1", "x1").rows() == [
            tuple(b) for b in found.boxes.tolist()
        ]
        for row in rows.iter_rows(named=True):
            y, x = np.nonzero(found.map == row["object"])
            assert row["area_px"] == row["area_mm2"] == len(y)  # a pixel is 0.5 mm x 2 mm
            assert row["centroid_y"] == pytest.approx(y.mean())
            assert row["centroid_x"] == pytest.approx(x.mean())
            assert row["mean_intensity"] == pytest.approx(image[y, x].mean())
            assert 0 <= row["eccentricity"] <= 1
        own = counts.row(by_predicate=pl.col("image") == name, named=True)
        assert own["objects"] == len(found.classes)
        assert own["mean_area_px"] == pytest.approx(rows["area_px"].mean())


def test_probabilities_are_those_of_the_classes_of_objects(run, segmented):
    folder, images = segmented
    (p,) = run.model.predict_proba(images[:1])
    stored = np.asarray(Image.open(folder / "maps" / "a.probability-1.png")) / 65535
    np.testing.assert_allclose(stored, 1 - p[0], atol=1e-4)
    assert not (folder / "maps" / "a.probability-2.png").exists()
    assert len(pl.read_csv(folder / "maps" / "review.csv")) == 4


def test_too_many_objects_for_a_png_are_told(run, segmented, tmp_path, monkeypatch):
    monkeypatch.setitem(object_files._MOST, ".png", 2)
    images = segmented[0] / "images"
    count, problems = segment_files([run.folder], images / "a.png", tmp_path / "out", Wanted())
    assert count == 0
    assert "objects, but .png numbers 2 at most; use --format tif" in problems[0].sentence
    wanted = Wanted(suffix=".tif")
    assert segment_files([run.folder], images / "a.png", tmp_path / "tif", wanted) == (1, [])


def test_runs_of_other_sorts_do_not_go_together(run, segmented, tmp_path):
    source = run.recipe.data.source
    changes = ["training.epochs=0", "model.borders={kind='distance'}"]
    other = start_run(touching_recipe(Path(source), *changes), tmp_path / "other")
    images = segmented[0] / "images"
    folders = [run.folder, run.folder]
    assert segment_files(folders, images, tmp_path / "twice", Wanted())[0] == 4
    with pytest.raises(SettingError, match=r"other settings of 'borders'|other classes"):
        segment_files([run.folder, other.folder], images, tmp_path / "out", Wanted())


def test_folders_of_instance_maps_are_scored(segmented, tmp_path):
    folder, _ = segmented
    for name, map_ in zip("abd", touching(3, seed=7)[1], strict=True):
        write_label_map(tmp_path / "true" / f"{name}.png", map_)
    scored = score_object_folders(folder / "maps" / "a.png", tmp_path / "true" / "a.png")
    assert scored.counts is None
    for path in (folder / "maps").glob("?.png"):
        (tmp_path / "found").mkdir(exist_ok=True)
        (tmp_path / "found" / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "scores.csv"
    scored = score_object_folders(tmp_path / "found", tmp_path / "true", out=out)
    assert (scored.names, scored.missing, scored.extra) == (["a", "b", "d"], ["d"], ["c"])
    table = pl.read_csv(out)
    assert table["missed"].to_list()[-1] == 4
    assert scored.estimates["ap_50"].mean == pytest.approx(table["ap_50"].mean())
    write_label_map(tmp_path / "true" / "a.png", touching(1)[1][0][1:])
    with pytest.raises(DataError, match="another size"):
        score_object_folders(tmp_path / "found", tmp_path / "true")


@pytest.fixture
def classed(tmp_path):
    """Two images of discs, found but for one; the upper two are cats, the lower ones dogs."""
    rows = ["image,object,class,area_px"]
    for name, map_ in zip("ab", touching(2)[1], strict=True):
        write_label_map(tmp_path / "true" / f"{name}.png", map_)
        write_label_map(tmp_path / "classes" / f"{name}.png", np.where(map_ > 2, 9, map_ > 0))
        write_label_map(
            tmp_path / "found" / f"{name}.png", np.where(map_ == 4, 0, map_ * 3), bits=16
        )
        rows += [f"{name},{3 * number},{'cat' if number < 3 else 'dog'},5" for number in (1, 2, 3)]
    (tmp_path / "found" / "objects.csv").write_text("\n".join(rows))
    return tmp_path


VALUES = {"background": 0, "cat": 1, "dog": 9}


def test_objects_of_several_classes_are_scored_class_by_class(classed):
    def score(**changes):
        given = {"classes": classed / "classes", "values": VALUES, **changes}
        return score_object_folders(classed / "found", classed / "true", **given)

    out = classed / "scores.csv"
    scored = score(out=out)
    means = {title: one["ap_50"].mean for title, one in scored.by_class.items()}
    assert means == {"cat": 1, "dog": 0.5}
    assert scored.estimates["ap_50"].mean == 0.75
    assert scored.estimates["missed"].mean == 1
    assert (scored.pooled.tp, scored.pooled.fn, scored.counts.bias.mean) == (6, 2, -1)
    table = pl.read_csv(out)
    assert table["class"].to_list() == ["cat", "cat", "dog", "dog"]
    assert table["predicted_objects"].to_list() == [2, 2, 1, 1]
    objects = classed / "found" / "objects.csv"
    objects.write_text(objects.read_text().replace("a,3,cat", "a,3,dog"))
    assert score().by_class["cat"]["missed"].mean == 0.5  # objects meet those of their own class
    assert score().by_class["dog"]["added"].mean == 0.5
    ignored = score(values={**VALUES, "dog": 7}, ignore=[9], names=["b"]).by_class
    assert (ignored["cat"]["ap_50"].mean, ignored["dog"]["ap_50"]) == (1, None)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("b,6,cat", "b,60,cat", "no class of the object 6 of b"),
        ("b,6,cat", "b,6,cot", r"line 6: object '6' of class 'cot'.*did you mean 'cat'"),
        ("b,6,cat", "b,6.5,cat", "give whole numbers"),
        ("class", "kind", "no column 'class'"),
    ],
)
def test_a_table_of_classes_that_cannot_be_used(classed, old, new, message):
    objects = classed / "found" / "objects.csv"
    objects.write_text(objects.read_text().replace(old, new))
    folders = classed / "found", classed / "true"
    with pytest.raises(DataError, match=message):
        score_object_folders(*folders, classes=classed / "classes", values=VALUES)


def test_classes_that_do_not_fit_the_references(classed):
    folders = classed / "found", classed / "true"
    strange = {**VALUES, "dog": 7}
    with pytest.raises(DataError, match="which no class has"):
        score_object_folders(*folders, classes=classed / "classes", values=strange)
    write_label_map(classed / "true" / "a.png", (touching(2)[1][0] > 0).astype(int))
    with pytest.raises(DataError, match="lies in the classes"):
        score_object_folders(*folders, classes=classed / "classes", values=VALUES)
    (classed / "classes" / "a.png").unlink()
    with pytest.raises(DataError, match="has no label map a; add it"):
        score_object_folders(*folders, classes=classed / "classes", values=VALUES)
    (classed / "found" / "objects.csv").unlink()
    with pytest.raises(DataError, match=r"There is no .*objects\.csv"):
        score_object_folders(*folders, classes=classed / "classes", values=VALUES)


def test_the_verb_scores_classes(classed, monkeypatch):
    monkeypatch.chdir(classed)
    words = ["score", "found", "true", "--instances", "--classes", "classes"]
    words += [word for name, value in VALUES.items() for word in ("--value", f"{name}={value}")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert all(title in done.output for title in ("cat", "dog", "all classes"))
    assert CliRunner().invoke(app, [*words[:3], *words[4:]]).exit_code != 0  # no --instances


def test_verbs(run, segmented, tmp_path, monkeypatch):
    folder, _ = segmented
    monkeypatch.chdir(tmp_path)

    def call(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    maps = folder / "maps" / "a.png"
    done = call("score", maps, maps, "--instances")
    assert done.exit_code == 0, done.output
    assert "1 images" in done.output
    assert (tmp_path / "scores.csv").is_file()
    done = call("segment", run.folder, folder / "images", tmp_path / "out")
    assert "counts.csv" in done.output
    assert (tmp_path / "out" / "counts.csv").is_file()
    done = call("data", "check", run.recipe.data.source, "--objects", "masks")
    assert "can be used" in done.output
    refused = call("score", maps, maps, "--instances", "--labels", 2)
    assert refused.exit_code != 0


def test_otsu_finds_bright_and_dark_objects():
    image = np.full((30, 30), 20, np.uint8)
    image[5:12, 5:12], image[5:12, 14:20] = 200, 180
    for seen in (image, 255 - image, np.stack([image] * 3)):
        assert otsu_mask(seen).sum() == 7 * 13
        assert otsu_components(seen, 1).max() == 2
    assert not otsu_mask(np.ones((4, 4), np.uint8)).any()
    joined = image.copy()
    joined[8, 12:14] = 200
    assert otsu_components(joined, 1).max() == 1
    assert otsu_watershed(joined, 1, 3).max() == 2
    assert otsu_components(joined, 200).max() == 0
