"""Label maps of anyone scored against references."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile
from PIL import Image

from isthmus.core.errors import DataError, SettingError
from isthmus.metrics import MEASURES, bootstrap_mean, segmentation_scores
from isthmus.recipes.score import numbered, score_folders

VALUES = {"background": 0, "disc": [1, 255]}


def label_map(seed: int, shape: tuple[int, int] = (12, 14)) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < 0.4).astype(np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Predictions in 0 and 1, references in 0 and 255: five of each, four in common."""
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    for number in range(6):
        name = ("deep/" if number == 1 else "") + f"p{number // 2}-{number}"
        for folder, seed, white, suffix in ((mine, number, 1, "png"), (theirs, 9, 255, "bmp")):
            if (number, folder) in ((4, mine), (5, theirs)):
                continue
            path = folder / f"{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(label_map(seed) * np.uint8(white)).save(path)
    return mine, theirs


def test_scores_are_those_of_the_maps(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    found = score_folders(*folders, VALUES, groups=r"p(\d)", spacing=(0.5, 2.0), out=out)
    assert found.names == ["deep/p0-1", "p0-0", "p1-2", "p1-3", "p2-4"]
    assert (found.missing, found.extra) == (["p2-4"], ["p2-5"])
    empty = np.zeros((12, 14), np.uint8)
    for name, case in zip(found.names, found.cases, strict=True):
        prediction = empty if name == "p2-4" else label_map(int(name[-1]))
        expected = segmentation_scores(prediction, label_map(9), [1], spacing=(0.5, 2.0))
        assert case.values == {
            kind: pytest.approx(values, nan_ok=True) for kind, values in expected.values.items()
        }
    row = found.table.classes[1]
    dices = np.array([case.values["dice"][0] for case in found.cases])
    assert dices[-1] == 0
    assert row.estimates["dice"] == bootstrap_mean(dices, np.array([0, 0, 1, 1, 2]))
    assert (row.cases, row.missed, row.false_positives, row.absent) == (5, 1, 0, 0)
    table = pl.read_csv(out)
    assert table.columns == [
        "image", "group", "class", *MEASURES, "in_reference", "in_prediction"
    ]  # fmt: skip
    np.testing.assert_allclose(table["dice"].to_numpy(), dices)
    assert table["in_prediction"].to_list() == [True] * 4 + [False]


def test_names_groups_of_a_file_and_ignored_values(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    mine, theirs = folders
    reference = label_map(9) * np.uint8(255)
    reference[:, :7] = 7
    Image.fromarray(reference).save(theirs / "p1-2.bmp")
    (tmp_path / "facts.csv").write_text(
        "file,patient\np1-2.png,a\np1-3.png,a\ndeep/p0-1.png,b\np0-0.png,b\np2-4.png,c\n"
    )
    found = score_folders(
        mine,
        theirs,
        VALUES,
        names=["p1*"],
        ignore=[7],
        groups=f"{tmp_path / 'facts.csv'}:patient",
    )
    assert (found.names, found.missing, found.extra) == (["p1-2", "p1-3"], [], [])
    half = (label_map(2)[:, 7:], label_map(9)[:, 7:])
    dice = 2 * (half[0] & half[1]).sum() / (half[0].sum() + half[1].sum())
    assert found.cases[0].values["dice"][0] == pytest.approx(dice)
    estimate = found.table.classes[1].estimates["dice"]
    assert estimate is not None
    assert not estimate.has_interval  # one patient


def test_pages_of_a_stack_meet_the_files_of_pages(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs").mkdir()
    for page in (1, 2):
        Image.fromarray(label_map(page)).save(tmp_path / "mine" / f"s#{page}.png")
    stack = np.stack([label_map(1), 1 - label_map(2)])
    tifffile.imwrite(tmp_path / "theirs" / "s.tif", stack)
    found = score_folders(tmp_path / "mine", tmp_path / "theirs", numbered(2))
    assert found.names == ["s#1", "s#2"]
    assert found.class_names == ("background", "class 1")
    assert [case.values["dice"][0] for case in found.cases] == [1, 0]


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (lambda m, t: Image.fromarray(label_map(0, (12, 13))).save(m / "p1-2.png"), {},
         r"another size than their references: p1-2 \(13 x 12 instead of 14 x 12\)"),
        (lambda m, t: Image.fromarray(label_map(0) * np.uint8(9)).save(m / "p1-2.png"), {},
         r"p1-2.png holds 9 in \d+ pixels, which no class has"),
        (lambda m, t: Image.fromarray(label_map(0)).save(m / "p1-2.jpg"), {}, "lossy format"),
        (lambda m, t: Image.fromarray(label_map(0)).save(m / "p1-2.bmp"), {}, "the same name"),
        (lambda m, t: (m / "p1-2.png").write_bytes(b"no"), {}, "p1-2.png cannot be read"),
        (lambda m, t: m.rename(m.with_name("gone")), {}, "There is no folder"),
        (lambda m, t: None, {"names": ["x*"]}, r"no name matches 'x\*'"),
        (lambda m, t: None, {"names": ["p2-4"]}, "has no label map of the name of one in"),
        (lambda m, t: None, {"groups": "patient"}, "is FILE.csv:COLUMN, or a pattern"),
        (lambda m, t: None, {"groups": "no.csv:patient"}, "There is no file no.csv"),
        (lambda m, t: None, {"groups": "(x)"}, "has no group by"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored(
    folders: tuple[Path, Path],
    change: Callable[[Path, Path], object],
    settings: dict[str, object],
    message: str,
) -> None:
    change(*folders)
    with pytest.raises((DataError, SettingError), match=message):
        score_folders(*folders, VALUES, **settings)  # type: ignore[arg-type]
