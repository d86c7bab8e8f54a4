"""The page Explore, and the page that is exported, as a visitor sees and handles them."""

from __future__ import annotations

from typing import Any

# Grey values of what is decoded, with the code that it was decoded from.
DECODED = """() => {
  const canvas = document.querySelector(".readout canvas.decoded");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const grey = Array.from(data).filter((_, i) => i % 4 === 0);
  return [document.querySelector(".readout").dataset.code.split(",").map(Number), grey];
}"""
# Pixels of the layer of points that are drawn on.
INK = """() => {
  const points = document.querySelectorAll(".scatter canvas.layer")[1];
  const copy = new OffscreenCanvas(points.width, points.height).getContext("2d");
  return new Promise((resolve) => requestAnimationFrame(() => {
    copy.drawImage(points, 0, 0);
    const { data } = copy.getImageData(0, 0, points.width, points.height);
    let seen = 0;
    for (let i = 3; i < data.length; i += 4) seen += data[i] > 64;
    resolve(seen);
  }));
}"""


def middle(tab: Any) -> tuple[float, float]:
    tab.locator(".scatter").first.scroll_into_view_if_needed()
    box = tab.locator(".scatter").first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(tab: Any, *places: tuple[float, float]) -> None:
    tab.mouse.move(*places[0])
    tab.mouse.down()
    for place in places[1:]:
        tab.mouse.move(*place, steps=4)
    tab.mouse.up()
