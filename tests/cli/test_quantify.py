"""``isthmus quantify`` at the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from support.organs import fitted, write_organs

from .conftest import Call


def test_from_images_to_a_table(call: Call, here: Path, refuse: Callable[..., str]) -> None:
    fitted().save(here / "model")
    source = write_organs(here / "scans", 4, seed=4) / "images"
    shown = call("quantify", "model", source, "involvement.csv")
    assert "Measured 4 images, 1 with 'organ not found': involvement.csv" in shown.stdout
    graded = ("--part", "lesion", "--whole", "organ", "--scale", "lizzi")
    call("quantify", "model", source, "graded.csv", *graded)
    one, other = (pl.read_csv(here / name) for name in ("involvement.csv", "graded.csv"))
    assert one["percent"].to_list()[1:] == other["percent"].to_list()[1:]
    assert set(other.columns) - set(one.columns) == {"severity"}
    assert "go together" in refuse("quantify", "model", source, "x.csv", "--part", "lesion")
    assert "did you mean 'organ'" in refuse(
        "quantify", "model", source, "x.csv", "--part", "lesion", "--whole", "organs"
    )
    assert not (here / "x.csv").exists()
