"""``isthmus export``, and the verbs that take what it wrote as they take a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from isthmus import Segmenter
from support.disc_files import write_discs
from support.discs import discs

from .conftest import Call

pytest.importorskip("onnxruntime")
Refuse = Callable[..., str]


def test_an_autoencoder(call: Call, refuse: Refuse, digits: Path, here: Path) -> None:
    shown = call("export", digits, "onnx").stdout.splitlines()
    assert shown[0].startswith("encoder: differs from PyTorch by ")
    assert shown[-1] == "Wrote encoder, decoder to onnx"
    for model, codes in ((digits, "a.npy"), ("onnx", "b.npy"), ("onnx/encoder.onnx", "c.npy")):
        call("encode", model, "digits", codes)
    wanted, *others = (np.load(here / name) for name in ("a.npy", "b.npy", "c.npy"))
    for found in others:
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.ptp(wanted))
    for model, out in ((digits, "a"), ("onnx", "b")):
        call("reconstruct", model, "digits", f"{out}.npy")
    np.testing.assert_allclose(np.load(here / "b.npy"), np.load(here / "a.npy"), atol=1e-2)
    assert "is not empty" in refuse("export", digits, "onnx")
    assert "no graph to decode" in refuse("decode", "onnx/encoder.onnx", "c.npy", "d")
    assert "loaded from ONNX" in refuse("compress", "onnx", "digits", "d.isthmus")
    assert "is exported already" in refuse("export", "onnx", "again")


def test_8_bits_are_told_of(call: Call, trees: Path) -> None:
    shown = call("export", trees, "onnx", "--int8").stdout
    assert "encoder in 8 bits: " in shown
    assert "times as fast" in shown
    call("encode", "onnx", trees.parent / "trees.csv", "codes.csv")


def test_a_segmenter(call: Call, refuse: Refuse, here: Path) -> None:
    images, maps = discs(8)
    network = {"kind": "unet", "channels": [4]}
    model = Segmenter(network, code_size=4, epochs=2, patches=16, random_state=0)
    model.fit(images, maps, class_names=["background", "disc"]).save(here / "model")
    scans = write_discs(here / "scans", 3, seed=7)
    call("export", "model", "discs.onnx")
    for name in ("model", "discs.onnx"):
        call("segment", name, scans / "images", f"{name}.maps")
    tables = [pl.read_csv(here / f"{name}.maps/areas.csv") for name in ("model", "discs.onnx")]
    assert tables[0].equals(tables[1])
    for path in (here / "model.maps").glob("*.png"):
        with Image.open(path) as one, Image.open(here / "discs.onnx.maps" / path.name) as other:
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert "holds a segmenter" in refuse("encode", "discs.onnx", scans / "images", "codes.csv")
    (here / "discs.onnx").write_bytes(b"no graph")
    assert "discs.onnx is damaged" in refuse("segment", "discs.onnx", scans / "images", "more")


def test_one_page(call: Call, refuse: Refuse, digits: Path, here: Path) -> None:
    shown = call("export", digits, "page.html").stdout.splitlines()
    assert shown[0].startswith("359 samples, a lattice of ")
    assert shown[1].startswith("Wrote page.html, ")
    assert (here / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    call("export", digits, "page", "--format", "html")
    assert (here / "page").read_bytes() == (here / "page.html").read_bytes()
    assert "leave it out for a page" in refuse("export", digits, "page.html", "--int8")
    assert "--live is for pages" in refuse("export", digits, "onnx", "--live", here)
