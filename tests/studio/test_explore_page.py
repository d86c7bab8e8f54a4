"""The page Explore in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus.models import load
from isthmus.recipes.apply import as_brightness
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.runner import read_recipe
from isthmus.studio.app import create_studio
from isthmus.studio.workspace import Workspace
from studio.test_studio import HERE
from support.exploring import DECODED, INK, drag, middle

CODE = "document.querySelector('.readout').dataset.code"


@pytest.fixture(scope="module")
def model(runs: Path) -> Any:
    return load(runs / "digits-2d")


def open_page(visit: Any, runs: Path, page: str = "", run: str = "digits-2d", **look: Any) -> Any:
    tab = visit(create_studio(Workspace(runs), HERE)).open(f"{page}#/explore/{run}", **look)
    tab.wait_for_selector(".readout[data-code]:not([aria-busy])")
    tab.wait_for_selector(".scatter[data-count='359']")
    return tab


def expect_decoded(tab: Any, model: Any) -> list[float]:
    """What is on the canvas is what the model makes of the code of the probe."""
    code, grey = tab.evaluate(DECODED)
    decoded = model.inverse_transform(np.array([code], np.float32))
    np.testing.assert_array_equal(grey, np.rint(as_brightness(model, decoded) * 255).ravel())
    return list(code)


def wait_for_other(tab: Any, code: str) -> str:
    tab.wait_for_selector(f'.readout:not([aria-busy]):not([data-code="{code}"])')
    return str(tab.evaluate(CODE))


def test_the_picture_follows_the_probe(visit: Any, runs: Path, model: Any) -> None:
    tab = open_page(visit, runs)
    x, y = middle(tab)
    before = tab.evaluate(CODE)
    drag(tab, (x, y), (x + 90, y - 60))
    dragged = wait_for_other(tab, before)
    first = expect_decoded(tab, model)
    assert "×" in tab.inner_text(".distance")
    tab.keyboard.press("ArrowRight")
    stepped = wait_for_other(tab, dragged)
    second = expect_decoded(tab, model)
    assert second[0] > first[0]
    assert second[1] == pytest.approx(first[1], abs=1e-4)

    tab.click("[role=tab] >> text=Units")
    slider = tab.locator("input[data-unit='1']")
    slider.focus()
    slider.press("End")
    wait_for_other(tab, stepped)
    moved = expect_decoded(tab, model)
    reach = model.code_mean_[1] + 3 * model.code_std_[1]
    assert moved[0] == pytest.approx(second[0], abs=1e-4)
    assert moved[1] == pytest.approx(float(reach), abs=0.02 * float(model.code_std_[1]))

    tab.click("text=Decoded grid")
    tab.wait_for_selector(".scatter[data-lattice]")
    assert int(tab.get_attribute(".scatter", "data-lattice")) > 20


@pytest.mark.parametrize("painter", ["webgl", "canvas"])
def test_a_loop_selects_the_points_inside(visit: Any, runs: Path, model: Any, painter: str) -> None:
    tab = open_page(visit, runs, f"?{painter}")
    assert tab.get_attribute(".scatter", "data-painter") == painter
    dataset, parts = read_data(read_recipe(runs / "digits-2d").data)
    codes = model.transform(dataset.samples[np.sort(parts.test)])
    x, y = middle(tab)
    corners = [(x - 120, y - 80), (x + 140, y - 90), (x + 110, y + 100), (x - 100, y + 120)]
    places = []
    before = tab.evaluate(CODE)
    for corner in corners:  # where they are on the plane, the probe tells
        drag(tab, (corner[0] - 9, corner[1]), corner)
        before = wait_for_other(tab, before)
        places.append(expect_decoded(tab, model))
    tab.click(".tools [data-tool=lasso]")
    drag(tab, *corners, corners[0])
    tab.wait_for_selector("p[data-count]")
    assert int(tab.get_attribute("p[data-count]", "data-count")) == pytest.approx(
        inside(codes, np.array(places)).sum(), abs=2
    )
    tab.wait_for_selector(".gallery canvas.pixels")
    tab.locator(".gallery .item").first.click()
    tab.wait_for_selector(".figures canvas.pixels")
    tab.locator(".scatter").press("Escape")
    tab.wait_for_selector("p[data-count='0']", state="attached")


def inside(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    from matplotlib.path import Path as Loop

    return np.asarray(Loop(corners).contains_points(points))


def test_points_are_drawn_without_webgl_until_they_are_hidden(visit: Any, runs: Path) -> None:
    tab = open_page(visit, runs, "?canvas")
    assert 20 < tab.evaluate(INK) / 359 < 120  # pixels of a point
    tab.click("text=Points")
    while tab.evaluate(INK):  # each waits for a frame
        pass


def test_a_drawn_digit_finds_samples(visit: Any, runs: Path) -> None:
    tab = open_page(visit, runs, width=390, height=844, dark=True, touch=True)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.click("[role=tab] >> text=Search")
    tab.locator(".pad").scroll_into_view_if_needed()
    box = tab.locator(".pad").bounding_box()
    x, y = box["x"] + 90, box["y"]
    drag(tab, (x, y + 30), (x, y + 150))
    tab.wait_for_selector(".search .gallery canvas.pixels")
    assert tab.locator(".search .gallery .item").count() == 12
    assert "Nearest sample" in tab.inner_text(".search")


def test_a_way_leads_from_one_sample_to_another(visit: Any, runs: Path, model: Any) -> None:
    tab = open_page(visit, runs)
    tab.click("[role=tab] >> text=Outliers")
    for number, end in enumerate("AB"):
        tab.click("[role=tab] >> text=Outliers")
        before = tab.evaluate(CODE)
        tab.locator("[role=tabpanel]:visible .gallery .item").nth(number).click()
        wait_for_other(tab, before)
        tab.click("[role=tab] >> text=Between")
        tab.click(f"text=Picked sample as {end}")
    tab.wait_for_selector(".strip canvas.pixels")
    assert tab.locator(".strip li").count() == 9
    before = tab.evaluate(CODE)
    tab.locator(".slide input").press("End")
    wait_for_other(tab, before)
    expect_decoded(tab, model)


def test_two_runs_on_the_same_samples_are_linked(visit: Any, runs: Path) -> None:
    tab = open_page(visit, runs, run="digits-2d/digits-2d")
    assert tab.locator(".scatter").count() == 2
    tab.locator(".scatter").first.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".figures figure:nth-child(3) canvas.pixels")
    codes = tab.evaluate(
        "[...document.querySelectorAll('.readout')].map((one) => one.dataset.code)"
    )
    assert codes[0] == codes[1]
