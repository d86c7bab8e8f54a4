"""Runs of segmenters at the command line: scored, compared, resumed, refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tifffile
import torch
from PIL import Image
from typer.testing import Result

import isthmus
from cli.conftest import call_app
from isthmus.core.errors import SettingError
from isthmus.data import read_pairs, split, write_images
from isthmus.metrics import bootstrap_mean
from isthmus.recipes import parse_recipe
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.inputs import load_autoencoder, load_segmenter
from isthmus.recipes.runner import start_run
from support.discs import RECIPE, write_discs

Call = Callable[..., Result]
Refuse = Callable[..., str]
VALUES = "values = { background = 0, disc = 255 }"
GROUPED = ("data.groups=^d(.)", "data.test=0.4")
READING: dict[str, Any] = {"values": {"background": 0, "disc": 255}, "groups": "^d(.)"}
CODES = [
    ("encode", "RUN", "scans", "codes.csv"),
    ("reconstruct", "RUN", "scans", "out"),
    ("denoise", "RUN", "scans", "out"),
    ("index", "RUN", "scans", "out"),
    ("cluster", "RUN", "scans", "out"),
    ("outliers", "RUN", "scans", "out.csv"),
    ("compress", "RUN", "scans", "out.isthmus"),
    ("sample", "RUN", "out.png"),
    ("traverse", "RUN", "scans", "out.png"),
    ("augment", "RUN", "scans", "out"),
    ("few-labels", "RUN", "out.csv"),
    ("rate-distortion", "RUN", "out.csv"),
]


@pytest.fixture(scope="session")
def disc_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``scans``, ``r.toml`` and two runs on them, ``one`` and ``two``; pairs are in groups."""
    folder = tmp_path_factory.mktemp("segmenters")
    write_discs(folder / "scans")
    (folder / "r.toml").write_text(RECIPE)
    changes = [word for change in GROUPED for word in ("--set", change)]
    given = ("--data", folder / "scans", *changes, "--out", folder / "one")
    result = call_app("train", folder / "r.toml", *given)
    assert result.exit_code == 0, result.stderr
    train(folder / "two", folder / "scans", *GROUPED, "training.random_state=1")
    return folder


def train(folder: Path, source: Path | str, *changes: str, text: str = RECIPE) -> None:
    """Train without a report, which takes most of the time."""
    start_run(parse_recipe(text, "discs", (f"data.source='{source}'", *changes)), folder)


@pytest.fixture
def scans(here: Path) -> Path:
    """``scans`` and ``r.toml``, to be spoilt."""
    (here / "r.toml").write_text(RECIPE)
    return write_discs(here / "scans", 8)


TRAIN = ("train", "r.toml", "--data", "scans")


def test_a_run_of_a_segmenter_is_whole(disc_runs: Path, call: Call) -> None:
    names = {path.name for path in (disc_runs / "one").iterdir()}
    assert names >= {"recipe.toml", "metrics.jsonl", "model", "report.html", "cases.csv"}
    shown = call("evaluate", disc_runs / "one").stdout
    for method in ("model", "untrained network", "most frequent class", "Otsu threshold"):
        assert method in shown
    assert "structures missed as a whole" in shown


def test_two_segmenters_are_compared_case_by_case(disc_runs: Path, call: Call) -> None:
    one, two = disc_runs / "one", disc_runs / "two"
    shown = call("compare", one, two).stdout
    assert shown.count("its most frequent class") == 2
    values = [Evaluation.load(run).values["model"]["dice"] for run in (one, two)]
    groups = Evaluation.load(one).groups
    assert groups is not None
    assert len(set(groups)) < len(groups)
    difference = bootstrap_mean(values[1] - values[0], groups)
    assert f"Dice: {two} minus {one} is {difference} over {len(groups)} paired samples" in shown


def test_segmenters_have_no_codes_to_be_drawn(disc_runs: Path, digits: Path, here: Path) -> None:
    for first, second in (("one", "two"), (digits, "one")):
        result = call_app("compare", disc_runs / first, disc_runs / second, "--out", "x.png")
        assert result.exit_code == 1
        assert "holds a segmenter, which gives label maps but no codes" in result.stderr
        assert not result.stdout
        assert not list(here.iterdir())


def test_cases_without_a_value_drop_out(disc_runs: Path, call: Call, here: Path) -> None:
    runs = []
    for name, empty in (("one", [0]), ("two", [1, 2])):
        evaluation = Evaluation.load(disc_runs / name)
        evaluation.values["model"]["dice"][empty] = np.nan
        evaluation.values["model"]["hausdorff_95"][:] = np.nan
        (here / name).mkdir()
        evaluation.save(here / name)
        runs.append(evaluation)
    shown = call("compare", "one", "two").stdout
    assert f"over {runs[0].cases - 3} paired samples" in shown
    assert "HD95: " not in shown
    assert f"IoU: two minus one is {0:.4g}" not in shown


def test_other_label_maps_are_not_paired(disc_runs: Path, call: Call, here: Path) -> None:
    shutil.copytree(disc_runs / "scans", here / "scans")
    mask = np.zeros((1, 24, 20), np.uint8)
    for number in range(0, 24, 2):
        write_images(here / "scans/masks", mask, [f"d{number:02d}"])
    train(here / "other", "scans", *GROUPED, "training.epochs=0")
    assert "no paired difference" in call("compare", disc_runs / "one", "other").stdout


def test_runs_of_two_tasks_have_nothing_in_common(
    disc_runs: Path, digits: Path, refuse: Refuse
) -> None:
    assert "no score in common" in refuse("compare", disc_runs / "one", digits)


def test_other_data_are_read_as_the_run_s_own(disc_runs: Path, call: Call, here: Path) -> None:
    """Another hospital: colour images, no groups, and a structure that never occurs."""
    write_discs(here / "other", 3, channels=3, seed=5)
    before = sorted(here.rglob("*"))
    shown = call("evaluate", disc_runs / "one", "--data", "other").stdout
    assert "3 other samples" in shown
    assert "structures missed as a whole" in shown
    assert "learnt from" not in shown
    own = call("evaluate", disc_runs / "one", "--data", disc_runs / "scans").stdout
    learnt = len(split(read_pairs(disc_runs / "scans", **READING), test=0.4).train)
    assert f"images that the model has learnt from: {learnt}" in own
    for path in (here / "other/masks").iterdir():
        with Image.open(path) as image:
            write_images(path.parent, np.zeros((1, *np.shape(image)), np.uint8), [path.name])
    assert "3 other samples" in call("evaluate", disc_runs / "one", "--data", "other").stdout
    assert sorted(here.rglob("*")) == before


def test_values_of_a_known_set_go_to_a_folder(
    call: Call, refuse: Refuse, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_DATA", str(here))
    for name in ("lungs", "covid-ct"):
        write_discs(here / name, 12)
    rows = [f"d{number:02d}.png,{number // 2}" for number in range(12)]
    (here / "lungs/index.csv").write_text("\n".join(["file,patient", *rows]))
    train(here / "run", "lungs", "training.epochs=0", text=RECIPE.replace(VALUES, ""))
    assert "12 other samples" in call("evaluate", "run", "--data", "./covid-ct").stdout
    sentence = refuse("evaluate", "run", "--data", "covid-ct")
    assert "the classes background, infection, but this model was trained on" in sentence


def test_other_masks_may_have_other_values_and_every_case_is_told(
    disc_runs: Path, call: Call, refuse: Refuse, here: Path
) -> None:
    """The same discs, drawn with other values, in a folder of another name, with patients."""
    run = disc_runs / "one"
    write_discs(here / "same", 5, seed=5)
    write_discs(here / "other", 5, seed=5)
    (here / "other/masks").rename(here / "other/drawn")
    for path in (here / "other/drawn").iterdir():
        with Image.open(path) as image:
            pixels = np.where(np.array(image) > 0, 7, 3).astype(np.uint8)
        pixels[0] = 9
        write_images(path.parent, pixels[None], [path.name])
    rows = [f"d{number:02d},{number // 2}" for number in range(5)]
    (here / "other/index.csv").write_text("\n".join(["file,person", *rows]))
    other = ("--data", "other", "--masks", "drawn", "--value", "background=3")
    other += ("--value", "disc=7", "--ignore", "9", "--groups", "person")
    shown = call("evaluate", run, *other, "--cases", "tables/other.csv").stdout
    assert shown.endswith("Cases: tables/other.csv\n")
    call("evaluate", run, "--data", "same", "--cases", "same.parquet")
    cases, same = pl.read_csv("tables/other.csv"), pl.read_parquet("same.parquet")
    assert cases.columns == ["name", "group", *same.columns[1:]]
    assert same.columns[1:] == pl.read_csv(run / "cases.csv").columns[2:]
    assert set(cases["name"]) == set(same["name"]) == {row.split(",")[0] for row in rows}
    assert f"{cases['dice/disc'].mean():.4g} [" in shown
    for one, another in zip(
        cases.sort("name").iter_rows(named=True),
        same.sort("name").iter_rows(named=True),
        strict=True,
    ):
        assert one["group"] == int(one["name"][1:]) // 2
        assert one["pixels/disc"] <= another["pixels/disc"]  # but for the row that is ignored
    # -- what cannot be used
    assert "'./nowhere'" in refuse("evaluate", run, "--data", "./nowhere", "--cases", "a.csv")
    assert "to .csv or .parquet, not to 'a.txt'" in refuse(
        "evaluate", run, "--data", "same", "--cases", "a.txt"
    )
    assert "is what is read" in refuse("evaluate", run, "--data", "same", "--cases", "same")
    assert "say which mask values are which of these" in refuse(
        "evaluate", run, "--data", "same", "--value", "background=0", "--value", "ring=255"
    )
    assert "--value is written CLASS=VALUE" in refuse(
        "evaluate", run, "--data", "same", "--value", "disc"
    )
    for option in (("--cases", "a.csv"), ("--value", "background=0"), ("--groups", "person")):
        assert "are for other data, which are given by --data" in refuse("evaluate", run, *option)


def test_each_sample_of_an_autoencoder_is_told(
    digits: Path, call: Call, refuse: Refuse, here: Path
) -> None:
    samples = np.random.default_rng(0).uniform(0, 16, (6, 8, 8)).astype(np.uint8)
    np.save(here / "x.npy", samples)
    call("evaluate", digits, "--data", "x.npy", "--cases", "cases.csv")
    model = isthmus.load(digits)
    squared = np.square(model.reconstruct(samples) - samples).mean((1, 2))
    found = pl.read_csv("cases.csv")["mean_squared_error"].to_numpy()
    np.testing.assert_allclose(found / found.sum(), squared / squared.sum(), rtol=1e-4)
    sentence = refuse("evaluate", digits, "--data", "x.npy", "--value", "a=0", "--value", "b=1")
    assert "--groups are for segmenters; leave them out" in sentence


def test_a_run_goes_on_as_if_it_had_not_been_stopped(call: Call, scans: Path, here: Path) -> None:
    steady = "training.schedule=constant"
    train(here / "stopped", "scans", steady, "training.epochs=1")
    shown = call("train", "stopped", "--resume", "--set", "training.epochs=2").stdout
    assert "Going on with stopped" in shown
    assert "of which 1 are done" in shown
    train(here / "whole", "scans", steady)
    one, other = (isthmus.load(here / name) for name in ("stopped", "whole"))
    for name, weight in one.network_.state_dict().items():
        assert torch.equal(weight, other.network_.state_dict()[name])
    assert pl.read_csv("stopped/cases.csv").equals(pl.read_csv("whole/cases.csv"))


def test_augmented_samples_are_drawn_without_training(
    call: Call, refuse: Refuse, scans: Path, here: Path
) -> None:
    shown = call("recipes", "augmented", "r.toml", "a.png", "--data", "scans").stdout
    assert shown == "Picture: a.png\n"
    with Image.open("a.png") as image:
        assert image.size[0] > 800
    assert sorted(path.name for path in here.iterdir()) == ["a.png", "r.toml", "scans"]
    assert "give a file that ends in .png" in refuse(
        "recipes", "augmented", "r.toml", "a.jpg", "--data", "scans"
    )
    assert "is not a recipe of a segmenter" in refuse("recipes", "augmented", "digits-2d", "b.png")


# -- verbs of another task -------------------------------------------------------------------------


@pytest.mark.parametrize("words", CODES, ids=lambda words: words[0])
def test_verbs_of_codes_refuse_a_segmenter(
    words: tuple[str, ...], disc_runs: Path, refuse: Refuse
) -> None:
    places = {"RUN": disc_runs / "one", "scans": disc_runs / "scans"}
    sentence = refuse(*(places.get(word, word) for word in words))
    assert "holds a segmenter" in sentence
    assert "use `isthmus segment" in sentence


def test_each_task_has_a_loader(disc_runs: Path, digits: Path) -> None:
    assert load_segmenter(disc_runs / "one").task == "segmentation"
    assert load_autoencoder(digits).task == "autoencoding"
    with pytest.raises(SettingError, match="holds an autoencoder"):
        load_segmenter(digits)
    with pytest.raises(SettingError, match="holds a segmenter"):
        load_autoencoder(disc_runs / "one")


# -- data and settings that cannot be used ---------------------------------------------------------


def _spoil_size(scans: Path) -> None:
    write_images(scans / "masks", np.zeros((1, 9, 9), np.uint8), ["d03"])


def _spoil_colours(scans: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (1, 3, 24, 20), np.uint8)
    write_images(scans / "masks", colours, ["d02"])


def _empty(scans: Path) -> None:
    for number in range(8):
        side = 3 * (number % 2)
        write_images(
            scans / "masks", np.zeros((1, 24 + side, 20 + side), np.uint8), [f"d{number:02d}"]
        )


def _leave_one(scans: Path) -> None:
    for path in scans.rglob("*.png"):
        if path.stem != "d00":
            path.unlink()


def _lose_a_mask(scans: Path) -> None:
    (scans / "masks/d05.png").unlink()


def _spoil_a_page(scans: Path) -> None:
    pages = np.random.default_rng(0).integers(0, 256, (3, 24, 20), np.uint8)
    masks = np.where(pages > 99, 255, 0).astype(np.uint8)
    for kind, content in (("images", pages), ("masks", masks)):
        path = scans / kind / "t.tif"
        tifffile.imwrite(path, content, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(scans / "images/t.tif") as file:
        start = file.pages[1].dataoffsets[0]
    damaged = bytearray((scans / "images/t.tif").read_bytes())
    damaged[start : start + 200] = bytes(200)
    (scans / "images/t.tif").write_bytes(damaged)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_spoil_size, ["masks/d03.png is 9 x 9", "images/d03.png is 23 x 27"]),
        (_spoil_colours, ["masks/d02.png is a mask in colours"]),
        (_empty, ["no mask holds the class 'disc'"]),
        (_leave_one, ["too few to divide"]),
        (_lose_a_mask, ["d05.png has no mask"]),
        (_spoil_a_page, ["t.tif, page 2, cannot be read"]),
    ],
)
def test_pairs_that_cannot_be_used(
    spoil: Callable[[Path], None], words: list[str], scans: Path, refuse: Refuse
) -> None:
    spoil(scans)
    sentence = refuse(*TRAIN)
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("data.labels=kind", "data.labels is for tables"),
        ('data.categories=["a"]', "data.categories is for tables"),
        ("data.missing=median", "data.missing is for tables"),
        ('data.classes=["disc"]', "data.classes is for samples of one class"),
        ("data.size=64", "that of a segmenter is model.size"),
        ("model.loss=squared_error", "is not one of label maps"),
        ("model.augmentations=['crop']", "does not go with label maps"),
        ("data.groups=patient", "no column 'patient'"),
    ],
)
def test_settings_that_make_no_sense(setting: str, words: str, scans: Path, refuse: Refuse) -> None:
    assert words in refuse(*TRAIN, "--set", setting)


def test_a_recipe_without_values(scans: Path, refuse: Refuse, here: Path) -> None:
    (here / "r.toml").write_text(RECIPE.replace(VALUES, ""))
    assert "data.values says which mask values are which classes" in refuse(*TRAIN)


def test_a_network_of_samples(refuse: Refuse, scans: Path, here: Path) -> None:
    assert "unknown key 'channels'" in refuse(*TRAIN, "--set", "model.network.kind=dense")
    sentence = refuse(*TRAIN, "--set", "model.network=dense")
    assert "'dense' takes images of one size only" in sentence


def test_settings_of_label_maps_are_not_for_autoencoders(scans: Path, refuse: Refuse) -> None:
    sentence = refuse("train", "images", "--data", "scans/images", "--set", "data.masks=m")
    assert "data.masks is for segmenters" in sentence


def test_a_class_that_a_part_lacks_is_noted(call: Call, scans: Path, here: Path) -> None:
    (here / "r.toml").write_text(RECIPE.replace("disc = 255", "disc = 255, rare = 7"))
    with Image.open(scans / "masks/d00.png") as image:
        pixels = np.array(image)
    pixels[:3, :3] = 7
    write_images(scans / "masks", pixels[None], ["d00"])
    parts = ["--set", 'data.test=["d00"]', "--set", 'data.validation=["d01"]']
    shown = call(*TRAIN, *parts, "--out", "run").stdout
    assert (
        "Note: No mask of the train part holds the class 'rare', which cannot be learnt." in shown
    )
    assert "validation part holds the class 'rare'" in shown
    assert "test part" not in shown
    assert "cannot be learnt" in (here / "run/report.html").read_text()
