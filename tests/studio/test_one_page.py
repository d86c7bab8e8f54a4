"""One page on one model: opened from a file, with nobody to ask."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from isthmus.core.errors import SettingError
from isthmus.models import load
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.recipes.inputs import given_class
from isthmus.recipes.runner import start_run
from isthmus.studio.explore.pictures import for_screen
from isthmus.studio.one_page import modules as modules_file
from isthmus.studio.one_page import write_page
from isthmus.studio.one_page.modules import modules
from support.exploring import DECODED, INK, drag, middle

NODE_MODULES = Path(__file__).parents[2] / "frontend/node_modules"
RUNTIME = Path(os.environ.get("ISTHMUS_ORT_WEB", NODE_MODULES / "onnxruntime-web/dist"))
HOSTILE = "</title></script><script>window.broken = 1</script><!--"
# The pointer that is down goes to a place, which may be between two pixels.
GO = """([x, y]) => document.querySelector(".scatter").dispatchEvent(
  new PointerEvent("pointermove", { bubbles: true, pointerId: 1, clientX: x, clientY: y }))"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def digits(runs: Path, here: Path) -> dict[str, Any]:
    """What ``digits.html`` was told."""
    page = write_page(runs / "digits-2d", here / "digits.html", samples=200)
    assert page.samples == 200
    assert page.size == (here / "digits.html").stat().st_size < 3 * 2**20
    return told(here / "digits.html")


def told(page: Path) -> dict[str, Any]:
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="told">(.*?)</script>', text)
    assert found
    return dict(json.loads(found[1]))


def open_file(visit: Any, folder: Path, page: str, decoder: str = "lattice", **look: Any) -> Any:
    tab = visit(folder).open(page, **look)
    tab.wait_for_selector(".readout[data-code]")
    tab.wait_for_selector(f".note[data-decoder={decoder}]")
    return tab


def wait_until(tab: Any, holds: Callable[[], bool]) -> None:
    """Wait some frames for what is to come about."""
    for _ in range(600):
        if holds():
            return
        tab.evaluate("new Promise(requestAnimationFrame)")
    pytest.fail("It did not come about.")


def go(tab: Any, *place: float) -> tuple[np.ndarray, np.ndarray]:
    """Code and picture under the pointer that is down."""
    before = tab.evaluate(DECODED)[0]
    tab.evaluate(GO, place)
    tab.wait_for_selector(f'.readout:not([data-code="{",".join(map(repr, before))}"])')
    code, grey = tab.evaluate(DECODED)
    return np.array(code), np.array(grey)


def test_the_picture_is_the_decoders_at_a_node(
    visit: Any, runs: Path, here: Path, digits: dict[str, Any]
) -> None:
    model, lattice = load(runs / "digits-2d"), digits["lattice"]
    tab = open_file(visit, here, "digits.html")
    x, y = middle(tab)
    tab.mouse.move(x, y)
    tab.mouse.down()
    first, picture = go(tab, x - 100, y - 50)
    second, other = go(tab, x + 100, y + 50)
    assert (picture != other).any()
    per_pixel = (second - first) / (200, 100)
    corner = np.array([lattice["left"], lattice["bottom"]])
    node = np.array([lattice["columns"] // 2, lattice["rows"] // 3])
    for at in (node, node + np.array([0.5, 0.25])):  # the nodes around it tell what lies between
        wanted = corner + lattice["step"] * at
        place = (wanted - first) / per_pixel + (x - 100, y - 50)
        code, grey = go(tab, *map(float, place))
        np.testing.assert_allclose(code, wanted, atol=1e-5 * np.ptp(model.code_std_) + 1e-4)
        share = at - node
        mean = sum(
            abs(1 - i - share[0])
            * abs(1 - j - share[1])
            * pixels(model, corner, lattice, node, i, j)
            for i in (0, 1)
            for j in (0, 1)
        )
        np.testing.assert_allclose(grey, mean, atol=0 if at is node else 0.51)
    tab.mouse.up()
    assert "× typical" in tab.inner_text(".distance")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".figures figure:nth-child(2) canvas.pixels")
    assert tab.locator(".gallery .item").count() == 12


def pixels(
    model: Any, corner: np.ndarray, lattice: dict[str, Any], node: np.ndarray, i: int, j: int
) -> np.ndarray:
    """What the decoder makes of a node."""
    code = corner + lattice["step"] * (node + np.array([i, j]))
    decoded = model.inverse_transform(code[None].astype(np.float32))
    return for_screen(model, decoded)[0].ravel().astype(float)


def test_points_are_drawn_on_a_telephone(visit: Any, here: Path, digits: dict[str, Any]) -> None:
    look = {"width": 390, "height": 844, "dark": True, "touch": True}
    tab = open_file(visit, here, "digits.html?canvas", **look)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert 20 < tab.evaluate(INK) / 200 < 200  # pixels of a point
    x, y = middle(tab)
    before = tab.evaluate(DECODED)[1]
    tab.touchscreen.tap(x + 60, y + 40)
    tab.locator(".scatter").press("Shift+ArrowUp")
    wait_until(tab, lambda: tab.evaluate(DECODED)[1] != before)
    assert digits["space"]["title"] in tab.inner_text("h1")
    assert "PCA" in tab.inner_text(".about")


def test_nothing_is_asked_for_and_nothing_else_runs(
    visit: Any, here: Path, digits: dict[str, Any]
) -> None:
    visitor = visit(here)
    tab = visitor.open("digits.html")
    tab.wait_for_selector(".readout[data-code]")
    assert visitor.troubles == []
    found = tab.evaluate("""async () => {
      const script = document.createElement("script");
      script.textContent = "window.broken = 1";
      document.body.append(script);
      const asked = await fetch("https://example.org").then(() => 1, () => 0);
      return [asked, window.broken ?? 0];
    }""")
    assert found == [0, 0]
    assert all("Content Security Policy" in trouble for trouble in visitor.troubles)
    visitor.troubles.clear()


def test_names_do_not_break_out(visit: Any, here: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({HOSTILE: rng.normal(size=60), "width": rng.normal(size=60)})
    kinds = pl.Series("kind", ["ash", HOSTILE] * 30)
    frame.with_columns(kinds).write_csv(here / "t.csv")
    settings = [f"data.source={here / 't.csv'}", "data.labels=kind", "training.epochs=1"]
    recipe = parse_recipe(find_recipe("table")[1], HOSTILE, settings)
    start_run(recipe.model_copy(update={"title": HOSTILE}), here / "table")
    write_page(here / "table", here / "table.html")
    tab = open_file(visit, here, "table.html")
    assert tab.title().startswith(HOSTILE)
    assert tab.inner_text("h1") == HOSTILE
    assert HOSTILE in tab.locator(".chip").all_inner_texts()
    assert tab.evaluate("window.broken ?? 0") == 0
    assert tab.evaluate(DECODED)[1]  # bars


@pytest.fixture(scope="module")
def conditional(here: Path) -> Path:
    """A model whose decoder is told the digit, with codes of three units."""
    settings = [
        "model.kind=variational_autoencoder",
        "model.conditional=true",
        "model.code_size=3",
        "training.epochs=2",
    ]
    recipe = parse_recipe(find_recipe("digits-2d")[1], "Told", settings)
    start_run(recipe, here / "told")
    return here / "told"


def test_a_decoder_is_told_the_class(visit: Any, here: Path, conditional: Path) -> None:
    write_page(conditional, here / "told.html", samples=50)
    tab = open_file(visit, here, "told.html")
    assert "principal axes" in tab.inner_text(".note")
    first = tab.evaluate(DECODED)[1]
    tab.select_option("select[aria-label='Decode as']", "7")
    wait_until(tab, lambda: tab.evaluate(DECODED)[1] != first)


@pytest.mark.skipif(
    not RUNTIME.is_dir(),
    reason="onnxruntime-web is not at hand: ISTHMUS_ORT_WEB may name its folder dist",
)
def test_the_decoder_is_computed_live(visit: Any, here: Path, conditional: Path) -> None:
    pytest.importorskip("onnxruntime")
    write_page(conditional, here / "live.html", live=RUNTIME, samples=50)
    tab = open_file(visit, here, "live.html", "live")
    tab.select_option("select[aria-label='Decode as']", "7")
    x, y = middle(tab)
    before = tab.evaluate(DECODED)[0]
    drag(tab, (x, y), (x + 300, y - 200))
    tab.wait_for_selector(f'.readout:not([data-code="{",".join(map(repr, before))}"])')
    tab.locator(".scatter").press("Enter")  # a sample's own code, off the plane
    tab.wait_for_selector(".figures figure:nth-child(2) canvas.pixels")
    model = given_class(load(conditional), "7")

    def differs() -> float:
        code, grey = tab.evaluate(DECODED)
        decoded = for_screen(model, model.inverse_transform(np.array([code], np.float32)))
        return float(np.abs(decoded.ravel().astype(float) - grey).max())

    wait_until(tab, lambda: differs() <= 1)


def test_what_is_missing_is_told(runs: Path, here: Path) -> None:
    with pytest.raises(SettingError, match=r"has no ort\.wasm\.bundle"):
        write_page(runs / "digits-2d", here / "none.html", live=here)
    with pytest.raises(SettingError, match="holds a segmenter"):
        write_page(runs / "segment-demo", here / "none.html")
    with pytest.raises(SettingError, match="without its data"):
        write_page(runs / "digits-2d/model", here / "none.html")
    assert not (here / "none.html").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('import { a } from "./absent.js";', "is not there"),
        ('import a from "somewhere";', "no module of the studio"),
        ('const a = await import("./b.js");', "later"),
        ("import a\n  from './b.js'; import c from './c.js';", "is not there"),
        ("import a from `b`;", "cannot be written"),
    ],
)
def test_every_import_is_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, sentence: str
) -> None:
    monkeypatch.setattr(modules_file, "STATIC", tmp_path)
    (tmp_path / "a.js").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        modules("a.js")


def test_modules_name_each_other_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules_file, "STATIC", tmp_path)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/a.js").write_text(
        'import { b,\n c } from "../b.js";\nexport * from "./d.js";'
    )
    (tmp_path / "b.js").write_text('/** @type {import("./x.js").X} */\nexport const b = "./no.js";')
    (tmp_path / "pages/d.js").write_text('import "../b.js";\n')
    assert modules("pages/a.js") == {
        "isthmus/pages/a.js": (
            'import { b,\n c } from "isthmus/b.js";\nexport * from "isthmus/pages/d.js";'
        ),
        "isthmus/b.js": '/** @type {import("./x.js").X} */\nexport const b = "./no.js";',
        "isthmus/pages/d.js": 'import "isthmus/b.js";\n',
    }
