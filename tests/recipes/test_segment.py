"""Segmenters applied to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tifffile
from PIL import Image

import isthmus
from isthmus import Autoencoder, Segmenter
from isthmus.core.errors import DataError, SettingError
from isthmus.data import make_pairs, overlay
from isthmus.data import read as read_samples
from isthmus.data.pixels import convert
from isthmus.metrics import expected_dice, pixel_entropy, structure_entropy
from isthmus.models import Ensemble
from isthmus.recipes import segmented
from isthmus.recipes.runner import start_run
from isthmus.recipes.segment import AREAS, REVIEW, segment_files
from isthmus.recipes.segmented import Wanted, area_rows
from support.disc_files import disc_recipe, write_discs
from support.discs import discs

Array = np.ndarray[Any, Any]
ALL = Wanted(overlay=True, probabilities=True, uncertainty=True, masked="disc", spacing=(0.5, 2.0))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on discs."""
    folder = tmp_path_factory.mktemp("discs")
    start_run(disc_recipe(write_discs(folder / "data")), folder / "run")
    return folder / "run"


@pytest.fixture
def scans(tmp_path: Path) -> dict[str, Array]:
    """Images of several sizes in a folder and one below, and a stack of two pages, by name."""
    images = discs(4, seed=5)[0]
    large = discs(1, size=(61, 33), seed=6)[0][0]
    folder = tmp_path / "scans"
    (folder / "deep").mkdir(parents=True)
    Image.fromarray(images[0]).save(folder / "a.1.png")
    Image.fromarray(large).save(folder / "deep" / "b.bmp")
    tifffile.imwrite(folder / "stack.tif", np.stack([images[0], images[2]]))
    (folder / "notes.txt").touch()
    return {"a.1": images[0], "deep/b": large, "stack#1": images[0], "stack#2": images[2]}


def read(path: Path) -> Array:
    return np.asarray(Image.open(path))


def test_every_file_is_what_the_model_says(
    run: Path, scans: dict[str, Array], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    out = tmp_path / "out"
    count, problems = segment_files(
        [run], tmp_path / "scans", out, ALL, progress=lambda *of: told.append(of)
    )
    assert (count, problems, told) == (4, [], [(1, 4), (2, 4), (3, 4), (4, 4)])
    kinds = ("", ".overlay", ".probability-1", ".uncertainty", ".masked")
    names = {f"{name}{kind}.png" for name in scans for kind in kinds} | {AREAS, REVIEW}
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == names
    model = isthmus.load(run)
    for name, image in scans.items():
        (p,) = model.predict_proba([image])
        labels = p.argmax(0)
        np.testing.assert_array_equal(read(out / f"{name}.png"), labels)
        assert labels.any()
        coloured = np.moveaxis(read(out / f"{name}.overlay.png"), -1, 0)
        np.testing.assert_array_equal(coloured, overlay(image, labels))
        found = read(out / f"{name}.probability-1.png") / 65535
        np.testing.assert_allclose(found, p[1], atol=1e-5)
        np.testing.assert_allclose(
            read(out / f"{name}.uncertainty.png") / 255, pixel_entropy(p), atol=0.003
        )
        np.testing.assert_array_equal(read(out / f"{name}.masked.png"), image * (labels == 1))


def test_areas_are_counts_in_the_label_maps(
    run: Path, scans: dict[str, Array], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    segment_files([run], tmp_path / "scans", out, ALL)
    table = pl.read_csv(out / AREAS)
    assert table["image"].to_list() == [name for name in sorted(scans) for _ in range(2)]
    assert table["class"].to_list() == ["background", "disc"] * 4
    for row in table.iter_rows(named=True):
        labels = read(out / f"{row['image']}.png")
        count = int((labels == row["label"]).sum())
        assert row["pixels"] == count
        assert row["share"] == pytest.approx(count / labels.size)
        assert row["area_mm2"] == pytest.approx(count * 1.0)


def test_pieces_touch_by_a_corner() -> None:
    labels = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1]], np.int16)
    rows = area_rows(labels, ["background", "disc"])
    assert [row["pieces"] for row in rows] == [1, 3]
    assert [row["pixels"] for row in rows] == [8, 4]


def test_what_is_least_certain_comes_first(
    run: Path, scans: dict[str, Array], tmp_path: Path
) -> None:
    segment_files([run], tmp_path / "scans", tmp_path / "out", Wanted(uncertainty=True))
    table = pl.read_csv(tmp_path / "out" / REVIEW)
    assert table.columns == ["image", "entropy_bits", "expected_dice"]
    entropies = table["entropy_bits"].to_list()
    assert entropies == sorted(entropies, reverse=True)
    assert sorted(table["image"]) == sorted(scans)
    model = isthmus.load(run)
    for name, entropy, dice in table.rows():
        (p,) = model.predict_proba([scans[name]])
        assert entropy == pytest.approx(structure_entropy(p))
        assert dice == pytest.approx(expected_dice(p)[0])


def test_several_runs_are_averaged(run: Path, scans: dict[str, Array], tmp_path: Path) -> None:
    recipe = disc_recipe(run.parent / "data", "training.epochs=1", "training.random_state=1")
    start_run(recipe, tmp_path / "other")
    runs = [run, tmp_path / "other"]
    wanted = Wanted(suffix=".tif", probabilities=True)
    segment_files(runs, tmp_path / "scans", tmp_path / "out", wanted)
    models = [isthmus.load(folder) for folder in runs]
    for name, image in scans.items():
        each = [model.predict_proba([image])[0] for model in models]
        mean = np.mean(each, 0)
        found = read(tmp_path / "out" / f"{name}.probability-1.png") / 65535
        np.testing.assert_allclose(found, mean[1], atol=1e-5)
        labels = tifffile.imread(tmp_path / "out" / f"{name}.tif")
        np.testing.assert_array_equal(labels, mean.argmax(0))


def test_bad_files_are_counted_and_the_others_done(
    run: Path, scans: dict[str, Array], tmp_path: Path
) -> None:
    whole = (tmp_path / "scans" / "a.1.png").read_bytes()
    (tmp_path / "scans" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "scans" / "no.tif").write_bytes(b"no tiff at all")
    floats = np.linspace(0, 900, 400, dtype=np.float32).reshape(20, 20)
    tifffile.imwrite(tmp_path / "scans" / "floats.tif", floats)
    count, problems = segment_files([run], tmp_path / "scans", tmp_path / "out", Wanted())
    assert count == 4
    assert {problem.place for problem in problems} == {"cut", "no", "floats"}
    (sentence,) = (one.sentence for one in problems if one.place == "floats")
    assert "trained on whole numbers of 8 or 16 bits as they are" in sentence
    maps = {path.stem for path in (tmp_path / "out").rglob("*.png")}
    assert maps == {Path(name).name for name in scans}


def test_nothing_is_left_where_nothing_can_be_done(run: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"none")
    count, problems = segment_files([run], tmp_path / "bad", tmp_path / "out", Wanted())
    assert (count, len(problems)) == (0, 1)
    assert not (tmp_path / "out").exists()


def test_colour_becomes_grey_for_a_model_of_grey_images(run: Path, tmp_path: Path) -> None:
    image = discs(1, seed=5)[0][0]
    Image.fromarray(np.stack([image] * 3, -1)).save(tmp_path / "a.png")
    wanted = Wanted(masked="disc")
    segment_files([run], tmp_path / "a.png", tmp_path / "out", wanted)
    (labels,) = isthmus.load(run).predict([image])
    np.testing.assert_array_equal(read(tmp_path / "out" / "a.png"), labels)
    assert read(tmp_path / "out" / "a.masked.png").shape == image.shape


def test_named_sets_are_segmented(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made ones, those of images with masks in a folder, and those of samples."""
    monkeypatch.setenv("ISTHMUS_DATA", str(tmp_path))
    write_discs(tmp_path / "covid-ct", 3, seed=5)
    made, few = make_pairs("made-vessels"), make_pairs("made-vessels", 2)
    monkeypatch.setattr("isthmus.recipes.pages.make_pairs", lambda name: few)
    known = sorted((tmp_path / "covid-ct" / "images").iterdir())
    digits = read_samples("digits").subset(range(12))
    monkeypatch.setattr("isthmus.recipes.pages.read", lambda name: digits)
    model = isthmus.load(run)
    for name, stems, images in [
        ("made-vessels", made.names[:2], [convert(one, False, None) for one in made.images]),
        ("covid-ct", [path.stem for path in known], [read(path) for path in known]),
        ("digits", [f"{number:02d}" for number in range(1, 13)], digits.samples),
    ]:
        count, problems = segment_files([run], name, tmp_path / name / "maps", Wanted())
        assert (count, problems) == (len(stems), [])
        maps = sorted((tmp_path / name / "maps").glob("*.png"))
        assert [path.stem for path in maps] == list(stems)
        for path, image in list(zip(maps, images, strict=False))[:3]:
            np.testing.assert_array_equal(read(path), model.predict(image))
    assert pl.read_csv(tmp_path / "digits/maps" / AREAS)["image"][0] == 1
    (tmp_path / "made-vessels" / "one.png").write_bytes(known[0].read_bytes())
    segment_files([run], tmp_path / "made-vessels/one.png", tmp_path / "other", Wanted())
    with pytest.raises(DataError, match=r"of that name \(did you mean 'made-lungs'"):
        segment_files([run], "made-lung", tmp_path / "out", Wanted())
    with pytest.raises(DataError, match="'lungs' was not found in"):
        segment_files([run], "lungs", tmp_path / "out", Wanted())
    assert not (tmp_path / "out").exists()


def test_outside_of_the_field_of_view_is_background() -> None:
    """Of data whose surround was not counted in training."""
    model = Segmenter({"kind": "unet", "channels": [4]}, code_size=4, epochs=0, random_state=0)
    ensemble = Ensemble([model.fit(*discs(4))])
    image = np.zeros((40, 40), np.uint8)
    image[10:30, 10:30] = 200
    disc = np.stack([np.zeros((40, 40)), np.ones((40, 40))]).astype(np.float32)
    assert segmented._labels(ensemble, disc, image).all()
    model.data_ |= {"reading": {"field_of_view": "lit"}}
    assert (segmented._labels(ensemble, disc, image) == (image > 0)).mean() > 0.99


@pytest.mark.parametrize(
    ("break_it", "error", "message"),
    [
        (lambda f: f / "missing", DataError, "There is no file or folder"),
        (lambda f: (f / "a.1.jpg").write_bytes((f / "a.1.png").read_bytes()) and f, DataError,
         r"a.1.png both, a.1.png would be"),
        (lambda f: (f / "a.1.overlay.png").write_bytes((f / "a.1.png").read_bytes()) and f,
         DataError, r"a.1.overlay.png would be written; rename or move one"),
    ],
)  # fmt: skip
def test_sources_that_cannot_be_used(
    run: Path,
    scans: dict[str, Array],
    tmp_path: Path,
    break_it: Callable[[Path], Path],
    error: type[Exception],
    message: str,
) -> None:
    source = break_it(tmp_path / "scans")
    with pytest.raises(error, match=message):
        segment_files([run], source, tmp_path / "out", Wanted(overlay=True))
    assert not (tmp_path / "out").exists()


def test_models_and_targets_that_cannot_be_used(
    run: Path, scans: dict[str, Array], tmp_path: Path
) -> None:
    source, out = tmp_path / "scans", tmp_path / "out"
    with pytest.raises(SettingError, match=r"no class 'disk' \(did you mean 'disc'"):
        segment_files([run], source, out, Wanted(masked="disk"))
    with pytest.raises(SettingError, match="is not empty; give a new one"):
        segment_files([run], source, source / "deep", Wanted())
    with pytest.raises(SettingError, match="written to a folder, not to"):
        segment_files([run], source, tmp_path / "out.png", Wanted())
    Autoencoder(code_size=2, epochs=0).fit(np.zeros((4, 3), np.float32)).save(tmp_path / "other")
    with pytest.raises(SettingError, match="holds an autoencoder"):
        segment_files([tmp_path / "other"], source, out, Wanted())
    model = Segmenter({"kind": "unet", "channels": [4]}, code_size=4, epochs=0, random_state=0)
    model.fit(*discs(4, classes=3)).save(tmp_path / "three")
    with pytest.raises(SettingError, match="an ensemble takes models of the same classes"):
        segment_files([run, tmp_path / "three"], source, out, Wanted())
    assert not out.exists()
