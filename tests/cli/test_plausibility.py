"""A run on label maps, and what its verbs make of label maps in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import Result

from cli.conftest import call_app
from isthmus.data import write_label_map
from support.rings import VALUES, ring_maps, write_rings

Call = Callable[..., Result]
Refuse = Callable[..., str]
SHADES = np.array([*VALUES.values()])


@pytest.fixture(scope="module")
def rings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on label maps with an index."""
    folder = tmp_path_factory.mktemp("rings")
    maps = write_rings(folder / "maps")
    values = ", ".join(f"{name} = {value}" for name, value in VALUES.items())
    changes = [
        f"data.values={{{values}}}",
        "data.size=32",
        "data.groups=patient",
        "data.labels=kind",
        "model.network.channels=[4,8]",
        "model.code_size=4",
        "training.epochs=3",
    ]
    settings = [part for change in changes for part in ("--set", change)]
    result = call_app("train", "shapes", "--data", maps, *settings, "--out", folder / "run")
    assert result.exit_code == 0, result.stderr
    for title in ("Dice of disc", "Dice of side", "PCA", "mean sample", "probe"):
        assert title in result.stdout
    assert (folder / "run" / "pictures" / "samples.png").is_file()
    return folder


def test_findings_and_corrected_maps(call: Call, rings: Path, here: Path) -> None:
    labels = ring_maps(3, seed=5, side=40)
    labels[1][labels[1] == 2] = 0
    labels[2][0, :3] = 3
    for name, one in zip(("good", "no-disc", "sub/island"), labels, strict=True):
        write_label_map(here / "new" / f"{name}.png", SHADES[one])
    shown = call("plausibility", rings / "run", "new", "checked").stdout
    assert "Wrote 3 rows to checked/plausibility.csv" in shown
    assert "2 maps have findings" in shown
    table = pl.read_csv("checked/plausibility.csv")
    assert table.columns == ["file", "score", "percentile", "findings", "corrected_pixels"]
    rows = {row["file"]: row for row in table.to_dicts()}
    assert rows["good"]["findings"] == ""
    assert "no disc" in rows["no-disc"]["findings"]
    assert rows["sub/island"]["findings"] == "side in 2 pieces"
    assert table["score"].is_sorted()
    assert table["percentile"].is_between(0, 100).all()
    for name, row in rows.items():
        with (
            Image.open(f"checked/corrected/{name}.png") as corrected,
            Image.open(f"new/{name}.png") as given,
        ):
            assert corrected.size == given.size == (40, 40)
            assert set(np.unique(corrected)) <= set(VALUES.values())
            changed = np.asarray(corrected) != np.asarray(given)
            assert changed.sum() == row["corrected_pixels"]


def test_what_is_refused(refuse: Refuse, rings: Path, digits: Path, here: Path) -> None:
    write_label_map(here / "new" / "a.png", np.full((32, 32), 7))
    sentence = refuse("plausibility", rings / "run", "new", "checked")
    assert "a.png holds 7 in 1024 pixels, which no class has (background = 0, ring = 60" in sentence
    assert "has not learnt from label maps" in refuse("plausibility", digits, "new", "checked")
    assert "without its data" in refuse("plausibility", rings / "run" / "model", "new", "checked")
    assert "There is no file or folder" in refuse("plausibility", rings / "run", "nix", "checked")
    assert "written to a folder" in refuse("plausibility", rings / "run", "new", "a.csv")
    (here / "taken").mkdir()
    (here / "taken" / "note.txt").touch()
    assert "is not empty" in refuse("plausibility", rings / "run", "new", "taken")


def test_other_verbs_take_label_maps(call: Call, rings: Path, here: Path) -> None:
    run, maps = rings / "run", rings / "maps"
    call("encode", run, maps, "codes.csv")
    codes = pl.read_csv("codes.csv", schema_overrides={"name": pl.String})
    assert codes.shape == (40, 5)
    call("reconstruct", run, maps, "again")
    call("decode", run, "codes.csv", "decoded")
    call("sample", run, "drawn", "--count", "4")
    for folder, count in (("again", 40), ("decoded", 40), ("drawn", 4)):
        files = sorted(Path(folder).glob("*.png"))
        assert len(files) == count
        with Image.open(files[0]) as image:
            assert image.size == (32, 32)
            assert np.max(image) < 4
    for verb, *more in (("sample",), ("interpolate", maps), ("traverse", maps)):
        call(verb, run, *more, f"{verb}.png")
        with Image.open(f"{verb}.png") as picture:
            colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
            assert (np.ptp(colours.astype(int), axis=1) > 100).any()
    shown = call("evaluate", run, "--data", maps).stdout
    assert "Dice of ring" in shown
