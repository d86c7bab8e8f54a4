"""``isthmus index``, ``search`` and ``cluster``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import Result

import isthmus
from isthmus.data import read, write_images
from support.pages import read_page

Call = Callable[..., Result]
Refuse = Callable[..., str]


@pytest.fixture
def index(call: Call, digits: Path, here: Path) -> Path:
    shown = call("index", digits, "digits", "index").stdout
    assert shown == "Wrote an index of 1797 codes of 2 units to index\n"
    return here / "index"


def test_neighbours_of_a_known_set(call: Call, index: Path, digits: Path, here: Path) -> None:
    shown = call("search", "index", "digits", "found", "--k", "3").stdout
    assert shown.splitlines()[0] == "Wrote 3 neighbours of 1797 samples to found"
    assert shown.splitlines()[1].startswith("Precision at 3 by codes: ")
    assert "Precision at 3 by raw samples: 0.9" in shown
    table = pl.read_csv(here / "found/neighbours.csv")
    assert table.shape == (3 * 1797, 6)
    first = table.filter(pl.col("rank") == 1)
    assert first["distance"].max() == 0
    same = (table["query class"] == table["neighbour class"]).to_numpy().mean()
    assert f"{same:.4g}" in shown.splitlines()[1]
    codes = isthmus.load(digits).transform(read("digits").samples)
    row = table.row(4, named=True)  # the second neighbour of the second query
    distance = np.linalg.norm(codes[row["query"] - 1] - codes[row["neighbour"] - 1])
    assert (row["query"], row["rank"]) == (2, 2)
    assert row["distance"] == pytest.approx(distance, abs=1e-6)
    with Image.open(here / "found/sheet.png") as picture:
        assert min(picture.size) > 100
    page = read_page(here / "found/report.html")
    assert page.pictures == [(here / "found/sheet.png").read_bytes()]
    for line in shown.splitlines()[1:]:  # codes, PCA, raw samples, untrained network
        name, mean = line.removeprefix("Precision at 3 by ").split(" [")[0].split(": ")
        assert f"{name}{mean}" in page.text
    assert "1,797 queries are in the index themselves" in page.text
    assert "2class 120 class 1" in page.text  # a query is its own first neighbour


def test_neighbours_of_an_image_file(call: Call, index: Path, here: Path) -> None:
    pixels = np.rint(read("digits").samples[[5]] * 255 / 16).astype(np.uint8)
    write_images(here / "one", pixels, ["mine"])
    shown = call("search", "index", "one/mine.png", "found").stdout
    assert shown == "Wrote 10 neighbours of 1 samples to found\n"  # its class is not known
    table = pl.read_csv(here / "found/neighbours.csv")
    assert table.columns == ["query", "rank", "neighbour", "distance", "neighbour class"]
    assert set(table["query"]) == {"mine.png"}


def test_tables_have_neighbours_but_no_sheet(call: Call, trees: Path, here: Path) -> None:
    source = trees.parent / "trees.csv"
    call("index", trees, source, "index", "--metric", "cosine")
    call("search", "index", source, "found", "--k", "2")
    names = {path.name for path in (here / "found").iterdir()}
    assert names == {"neighbours.csv", "report.html"}
    page = read_page(here / "found/report.html")
    assert not page.pictures
    assert "least cosine distance" in page.text
    call("cluster", trees, source, "groups", "--clusters", "2")
    names = {path.name for path in (here / "groups").iterdir()}
    assert names == {"assignments.csv", "groups.csv", "report.html"}
    cards = read_page(here / "groups/report.html").text
    assert "kind = kmeans, clusters = 2, random_state = 0" in cards
    rows, groups = (pl.read_csv(here / f"groups/{name}.csv") for name in ("assignments", "groups"))
    source = pl.read_csv(trees.parent / "trees.csv")
    for group in groups.iter_rows(named=True):
        own = source.filter(rows["cluster"] == group["cluster"])
        assert group["rows"] == len(own)
        assert group["share"] == pytest.approx(len(own) / len(source))
        means = {name: own[name].mean() for name in ("length", "width", "mass")}
        for name, mean in means.items():
            assert group[f"mean of {name}"] == pytest.approx(mean)
        apart = {
            name: abs(mean - source[name].mean()) / source[name].std(ddof=0)
            for name, mean in means.items()
        }
        most = max(apart, key=lambda name: apart[name])
        assert group["sets it apart"].startswith(f"{most} ")
        assert f"{apart[most]:.1f} σ" in group["sets it apart"]
        overall = source[most].mean()
        cells = (most, f"{means[most]:.4g}", f"{overall:.4g}", f"{means[most] - overall:+.4g}")
        assert f"Group {group['cluster']}: {len(own)} rows, {group['share']:.1%}" in cards
        assert "".join(cells) in cards


def test_what_cannot_be_searched(
    call: Call, refuse: Refuse, index: Path, digits: Path, trees: Path, here: Path
) -> None:
    assert "choose 1 to 1797" in refuse("search", "index", "digits", "found", "--k", "1798")
    write_images(here / "large", np.zeros((1, 9, 9), np.uint8), ["a"])
    assert "has shape 9 x 9" in refuse("search", "index", "large", "found")
    assert "another model" in refuse("search", "index", "digits", "found", "--model", trees)
    assert "by --model" in refuse("search", "index", "digits", "found", "--model", "gone")
    assert "exists already" in refuse("search", "index", "digits", "index")
    assert "is not an index" in refuse("search", digits, "digits", "found")
    assert "is not an index" in refuse("index", digits, "digits", "large")
    assert "metric" in refuse("index", digits, "digits", "new", "--metric", "taxi")


def test_a_source_that_has_changed(call: Call, refuse: Refuse, digits: Path, here: Path) -> None:
    np.save(here / "x.npy", read("digits").samples[:50])
    call("index", digits, "x.npy", "index")
    np.save(here / "x.npy", read("digits").samples[1:51])
    assert "has changed since index was made" in refuse("search", "index", "x.npy", "found")


@pytest.mark.parametrize("kind", ["kmeans", "mini_batch_kmeans", "gaussian_mixture"])
def test_clusters(call: Call, digits: Path, here: Path, kind: str) -> None:
    shown = call("cluster", digits, "digits", "groups", "--kind", kind, "--clusters", "6").stdout
    lines = shown.splitlines()
    assert lines[0] == "Wrote 6 clusters of 1797 samples to groups"
    assert lines[1].split() == ["accuracy", "NMI", "ARI", "silhouette"]
    assert lines[2].startswith("codes")
    assert lines[3].startswith(f"raw samples ({kind} of 1797)")
    table = pl.read_csv(here / "groups/assignments.csv")
    assert table.columns == ["name", "cluster", "class"]
    assert set(table["cluster"]) == set(range(6))
    names = {path.name for path in (here / "groups").iterdir()}
    assert names == {"assignments.csv", "sheet.png", "report.html"}
    page = read_page(here / "groups/report.html")
    assert (here / "groups/sheet.png").read_bytes() in page.pictures
    assert len(page.pictures) == 2  # and the codes
    for number in lines[2].split()[1:] + lines[3].split()[-4:]:
        assert number.rstrip("0") in page.text


def test_dense_clusters_leave_noise_out(call: Call, digits: Path) -> None:
    options = ["--kind", "hdbscan", "--set", "min_cluster_size=30"]
    shown = call("cluster", digits, "digits", "groups", *options).stdout
    noise = int(shown.partition(" left out as noise")[0].split()[-1])
    page = read_page(Path("groups/report.html"))
    assert f"{noise:,} samples left out as noise" in page.text
    assert f"Noise{noise:,}" in page.text


def test_deep_clusters_bring_their_model(call: Call, digits: Path, here: Path) -> None:
    options = ["--kind", "deep", "--clusters", "5", "--set", "epochs=2"]
    shown = call("cluster", digits, "digits", "groups", *options).stdout
    assert shown.startswith("Training for 2 epochs")
    assert "raw samples (kmeans of 1797)" in shown
    tuned = isthmus.load(here / "groups")
    before = isthmus.load(digits).transform(read("digits").samples)
    assert np.abs(tuned.transform(read("digits").samples) - before).max() > 1e-3


def test_what_cannot_be_clustered(refuse: Refuse, digits: Path, here: Path) -> None:
    def refused(*options: str) -> str:
        return refuse("cluster", digits, "digits", "groups", *options)

    assert "Unknown clusterer 'kmeens'" in refused("--kind", "kmeens")
    assert "unknown key 'clusters'" in refused("--kind", "hdbscan", "--clusters", "3")
    assert "it is 0" in refused("--clusters", "0")
    assert "1798 clusters" in refused("--clusters", "1798")
    (here / "full").mkdir()
    (here / "full/x").touch()
    assert "exists already" in refuse("cluster", digits, "digits", "full")
