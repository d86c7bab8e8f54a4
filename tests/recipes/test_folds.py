"""One recipe trained once for each fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus.core.errors import DataError, SettingError
from isthmus.core.files import sha256
from isthmus.metrics import instance_scores, segmentation_scores
from isthmus.metrics.overlap import nan_mean
from isthmus.models import Ensemble, VolumeEnsemble
from isthmus.recipes import find_recipe, instances, parse_recipe, volumes
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.folds import fold_folders, of_fold, train_folds
from isthmus.recipes.predicting import score_maps
from isthmus.recipes.runner import read_recipe
from isthmus.recipes.segment import load_ensemble
from isthmus.recipes.segmentation import read_data
from support.disc_files import disc_recipe, write_discs
from support.touching import touching_recipe, write_touching
from support.volumes import RECIPE, write_balls

GROUPS = r"data.groups='^(p\d+)'"
QUICK = ("training.epochs=1", GROUPS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight patients, two images each."""
    return write_discs(tmp_path_factory.mktemp("folds") / "data", 16)


@pytest.fixture(scope="module")
def trained(data: Path) -> tuple[Path, Evaluation]:
    """Two folds and their evaluation on a test part."""
    folder = data.parent / "two"
    return folder, train_folds(disc_recipe(data, *QUICK, "data.test=0.25"), folder, 2)


def test_folds_part_the_patients_and_leave_the_test_part(
    trained: tuple[Path, Evaluation], data: Path
) -> None:
    folder, _ = trained
    places = fold_folders(folder)
    assert places == [folder / "fold-1", folder / "fold-2"]
    recipes = [read_recipe(place) for place in places]
    assert [recipe.data.fold for recipe in recipes] == [(1, 2), (2, 2)]
    whole, parts = read_data(of_fold(recipes[0], None).data)
    splits = [read_data(recipe.data)[1] for recipe in recipes]
    held_out = np.concatenate([each.validation for each in splits])
    assert sorted([*held_out, *parts.test]) == list(range(16))
    assert whole.groups is not None
    for each in splits:
        np.testing.assert_array_equal(each.test, parts.test)
        assert not set(whole.groups[each.train]) & set(whole.groups[each.validation])


def test_the_ensemble_is_scored_beside_the_mean_of_the_folds(
    trained: tuple[Path, Evaluation],
) -> None:
    folder, evaluation = trained
    single = [Evaluation.load(place) for place in fold_folders(folder)]
    dataset, parts = read_data(read_recipe(folder / "fold-1").data)
    test = dataset.subset(parts.test)
    ensemble = Ensemble([isthmus.load(place) for place in fold_folders(folder)])
    maps = ensemble.predict(test.images)
    found = [case.mean("dice") for case in score_maps(maps, test)]
    np.testing.assert_allclose(evaluation.values["model"]["dice"], found)
    for measure, values in evaluation.values["single folds, mean"].items():
        each = np.array([one.values["model"][measure] for one in single])
        np.testing.assert_allclose(values, [nan_mean(case) for case in each.T])
    assert {"most frequent class", "untrained network"} < set(evaluation.values)
    assert Evaluation.load(folder).summary() == evaluation.summary()
    assert evaluation.data == single[0].data  # so that it can be compared with any run
    for one, other in zip(load_ensemble([folder]).predict(test.images), maps, strict=True):
        np.testing.assert_array_equal(one, other)


def test_finished_folds_are_not_trained_again(trained: tuple[Path, Evaluation]) -> None:
    folder, evaluation = trained
    weights = [place / "model/model.safetensors" for place in fold_folders(folder)]
    before = [(path.stat().st_mtime_ns, sha256(path)) for path in weights]
    recipe = of_fold(read_recipe(folder / "fold-1"), None)
    (folder / "fold-2" / "evaluation.json").unlink()  # as if it had been cut off there
    again = train_folds(recipe, folder, 2, resume=True)
    np.testing.assert_array_equal(again.values["model"]["dice"], evaluation.values["model"]["dice"])
    after = [(path.stat().st_mtime_ns, sha256(path)) for path in weights]
    assert after[0] == before[0]
    assert after[1][1] == before[1][1]
    with pytest.raises(SettingError, match="holds folds already; go on with them by --resume"):
        train_folds(recipe, folder, 2)
    for other, count in ((disc_recipe(Path("x")), 2), (recipe, 3)):
        with pytest.raises(SettingError, match="is of another recipe"):
            train_folds(other, folder, count, resume=True)


def test_without_a_test_part_every_case_is_scored_by_who_has_not_seen_it(
    data: Path, tmp_path: Path
) -> None:
    recipe = disc_recipe(data, *QUICK, "data.test=0", "data.validation=0")
    evaluation = train_folds(recipe, tmp_path / "three", 3)
    assert (evaluation.cases, evaluation.part) == (16, "held-out")
    seen = [read_data(read_recipe(place).data) for place in fold_folders(tmp_path / "three")]
    names = [dataset.names[case] for dataset, parts in seen for case in parts.test]
    assert sorted(names) == sorted(seen[0][0].names)
    assert all(not len(parts.validation) for _, parts in seen)
    assert evaluation.groups is not None
    assert evaluation.groups.tolist() == [name[:3] for name in names]
    dataset, parts = seen[0]
    model = isthmus.load(tmp_path / "three" / "fold-1")
    first = dataset.subset(parts.test)
    scores = [case.mean("dice") for case in score_maps(model.predict(first.images), first)]
    np.testing.assert_allclose(evaluation.values["model"]["dice"][: len(first)], scores)


def test_folds_of_single_objects_are_one_ensemble(tmp_path: Path) -> None:
    recipe = touching_recipe(write_touching(tmp_path / "data"), "training.epochs=1")
    evaluation = train_folds(recipe, tmp_path / "two", 2)
    models = [isthmus.load(place) for place in fold_folders(tmp_path / "two")]
    dataset, parts = instances.read_data(recipe.data)
    test = dataset.subset(parts.test)
    mean = [model.predict_proba(test.images) for model in models]
    for place, objects in enumerate(test.objects):
        found = models[0].objects_of((mean[0][place] + mean[1][place]) / 2).map
        score = evaluation.values["model"]["ap_50"][place]
        assert score == pytest.approx(instance_scores(found, objects).ap_50)
    assert {"single folds, mean", "Otsu + watershed"} < set(evaluation.values)
    assert "count bias" in evaluation.facts


def test_folds_without_a_test_part_pool_the_scores_of_kinds(tmp_path: Path) -> None:
    write_touching(tmp_path / "data", 6)
    lines = (tmp_path / "data" / "index.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines]
    (tmp_path / "data" / "index.csv").write_text(
        "\n".join(f"{file},{kind}" for file, _, kind in rows)
    )
    changes = ("training.epochs=0", "data.test=0", "data.validation=0")
    evaluation = train_folds(touching_recipe(tmp_path / "data", *changes), tmp_path / "two", 2)
    assert (evaluation.cases, evaluation.part) == (6, "held-out")
    own = evaluation.values["model"]
    each = [own[f"ap_50/{kind}"] for kind in ("even", "odd")]
    assert np.isfinite(each).sum(1).tolist() == [5, 1]  # the odd one is in one fold alone
    np.testing.assert_array_equal(np.nansum(each, 0), own["ap_50"])


def test_what_cannot_be_folded(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folds"
    with pytest.raises(SettingError, match="Folds are for segmenters"):
        train_folds(parse_recipe(find_recipe("digits-2d")[1], "digits-2d"), folder, 3)
    with pytest.raises(SettingError, match="takes 2 or more, not 1"):
        train_folds(disc_recipe(data), folder, 1)
    with pytest.raises(DataError, match="too few for 90 folds"):
        train_folds(disc_recipe(data, *QUICK), folder, 90)
    assert not folder.exists()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SettingError, match="exists and holds no folds"):
        train_folds(disc_recipe(data), tmp_path, 3)


def test_volumes_are_folded_by_patient(tmp_path: Path) -> None:
    source = write_balls(tmp_path / "set", 8)
    rows = "".join(f"b{number:02d},p{number // 2}\n" for number in range(8))
    (source / "index.csv").write_text(f"file,patient\n{rows}")
    given = [f"data.source='{source}'", "data.groups=patient", "training.epochs=1"]
    own = parse_recipe(RECIPE, "balls", [*given, "data.test=0.25", "data.validation=0"])
    evaluation = train_folds(own, tmp_path / "tested", 2)
    places = fold_folders(tmp_path / "tested")
    for place in places:
        dataset, parts = volumes.read_data(read_recipe(place).data)
        assert dataset.groups is not None
        held_out, learnt = (set(dataset.groups[one]) for one in (parts.validation, parts.train))
        assert (len(held_out) in (1, 2), held_out & learnt) == (True, set())
    test = dataset.subset(parts.test)
    ensemble = VolumeEnsemble([isthmus.load(place) for place in places])
    found = ensemble.predict(test.images, test.spacings)
    scores = [
        segmentation_scores(one, mask, [1]).mean("dice")
        for one, mask in zip(found, test.masks, strict=True)
    ]
    np.testing.assert_allclose(evaluation.values["model"]["dice"], scores)
    assert "single folds, mean" in evaluation.values
    pooled = parse_recipe(RECIPE, "balls", [*given, "data.test=0", "data.validation=0"])
    evaluation = train_folds(pooled, tmp_path / "pooled", 2)
    assert (evaluation.cases, evaluation.part) == (8, "held-out")
