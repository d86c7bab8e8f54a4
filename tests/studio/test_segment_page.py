"""The page Segment, and what it asks for."""

from __future__ import annotations

import base64
import email
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tifffile
from PIL import Image
from starlette.testclient import TestClient

import isthmus
from isthmus.data import make_pairs
from isthmus.data.overlay import class_colour
from isthmus.metrics import instance_scores, segmentation_scores, structure_entropy
from isthmus.models import InstanceSegmenter
from isthmus.recipes.runner import read_recipe
from isthmus.recipes.segment import segment_files
from isthmus.recipes.segmentation import read_data
from isthmus.recipes.segmented import Wanted
from isthmus.studio.app import create_studio
from isthmus.studio.workspace import Workspace
from studio.test_studio import HERE
from support.touching import SETTINGS, touching

Array = np.ndarray[Any, Any]
RUN = "segment-demo"


@pytest.fixture(scope="module")
def images() -> list[Array]:
    return list(make_pairs("made-lungs").images[:3])


@pytest.fixture(scope="module")
def workspace(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The runs, a second segmenter, one that measures a share, and one of single objects."""
    folder = tmp_path_factory.mktemp("models")
    model = isthmus.load(runs / RUN)
    model.untrained().save(folder / "other")
    model.data_["shares"] = {"air": {"part": ["lung"], "whole": ["background", "lung"]}}
    model.save(folder / "shares")
    InstanceSegmenter(**{**SETTINGS, "epochs": 3}).fit(*touching(16)).save(folder / "cells")
    return Workspace(runs, [folder / "other", folder / "shares", folder / "cells"])


@pytest.fixture(scope="module")
def app(workspace: Workspace) -> Any:
    return create_studio(workspace, HERE)


@pytest.fixture(scope="module")
def asking(app: Any) -> Any:
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


def png(image: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def parts(answer: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The JSON and the files of an answer."""
    assert answer.status_code == 200, answer.text
    head = b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n"
    fields = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in email.message_from_bytes(head + answer.content).get_payload()  # type: ignore[union-attr]
    }
    return json.loads(fields.pop("told")), fields  # type: ignore[return-value]


def array(packed: bytes, told: dict[str, Any], dtype: str = "u1") -> Array:
    return np.frombuffer(zlib.decompress(packed), dtype).reshape(told["height"], told["width"])


def read(content: bytes) -> Array:
    return np.asarray(Image.open(io.BytesIO(content)))


def sent(asking: Any, run: str, name: str, content: bytes, **asked: Any) -> Any:
    address = f"/api/segment/{run}/images"
    return asking.post(address, params={"name": name, **asked}, content=content)


# -- what the server answers ----------------------------------------------------------------------


def test_a_label_map_is_the_file_that_the_command_writes(
    asking: Any, workspace: Workspace, images: list[Array], tmp_path: Path
) -> None:
    (tmp_path / "scan.png").write_bytes(png(images[0]))
    out = tmp_path / "out"
    segment_files([workspace.path(RUN)], tmp_path / "scan.png", out, Wanted(uncertainty=True))
    told, files = parts(sent(asking, RUN, "scan.png", (tmp_path / "scan.png").read_bytes()))
    assert files["map"] == (out / "scan.png").read_bytes()
    (labels,) = workspace.model(RUN).predict([images[0]])
    assert labels.any()
    np.testing.assert_array_equal(array(files["labels"], told), labels)
    uncertain = np.asarray(Image.open(out / "scan.uncertainty.png"))
    np.testing.assert_array_equal(array(files["entropy"], told), uncertain)
    np.testing.assert_array_equal(read(files["image"]), images[0])
    table = pl.read_csv(out / "areas.csv").to_dicts()
    for row, one in zip(table, told["classes"], strict=True):
        assert one["name"] == row["class"]
        assert {key: one[key] for key in ("label", "pixels", "share", "pieces")} == {
            key: row[key] for key in ("label", "pixels", "share", "pieces")
        }
    review = pl.read_csv(out / "review.csv").to_dicts()[0]
    assert told["entropy_bits"] == pytest.approx(review["entropy_bits"])
    assert told["expected_dice"] == pytest.approx(review["expected_dice"])
    palette = np.frombuffer(zlib.decompress(files["palette"]), "u1").reshape(-1, 3)
    assert [tuple(colour) for colour in palette] == [class_colour(0), class_colour(1)]


def test_a_page_of_a_stack_and_its_brightness_are_named(
    asking: Any, workspace: Workspace, images: list[Array], tmp_path: Path
) -> None:
    stack = tmp_path / "stack.tif"
    with tifffile.TiffWriter(stack) as writer:
        for image in images[:2]:
            writer.write(np.stack([image] * 3, -1), photometric="rgb")
    for page in (1, 2):
        told, files = parts(sent(asking, RUN, "stack.tif", stack.read_bytes(), page=page))
        assert (told["page"], told["pages"]) == (page, 2)
        assert "brightness" in " ".join(told["notes"])
        np.testing.assert_array_equal(
            array(files["labels"], told), workspace.model(RUN).predict([images[page - 1]])[0]
        )


def large() -> bytes:
    file = io.BytesIO()
    Image.new("1", (6000, 6000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("../etc/a.png", b"junk", "../etc/a.png cannot be read as an image"),
        ("a.tif", b"junk", "a.tif cannot be read"),
        ("a.nii.gz", b"", "`isthmus segment RUN volumes/ labels/`"),
        ("a.txt", b"", "no image that can be read"),
        ("none", b"", "no image that can be read"),
        ("large.png", large(), "6000 x 6000 pixels, more than the 25 million"),
        ("", b"", "no image"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(
    asking: Any, name: str, content: bytes, words: str
) -> None:
    answer = sent(asking, RUN, name, content)
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert "/tmp" not in answer.json()["error"]


def test_what_does_not_segment_images_is_refused(asking: Any) -> None:
    answer = sent(asking, "digits-2d", "a.png", b"")
    assert answer.status_code == 422
    assert "autoencoder" in answer.json()["error"]
    assert sent(asking, "absent", "a.png", b"").status_code == 404


def test_test_images_come_with_their_references(asking: Any, workspace: Workspace) -> None:
    listed = asking.get(f"/api/segment/{RUN}/samples").json()
    dataset, split = read_data(read_recipe(workspace.path(RUN)).data)
    test = dataset.subset(split.test)
    assert listed["part"] == "test"
    assert listed["names"] == list(test.names)
    told, files = parts(asking.post(f"/api/segment/{RUN}/samples/3"))
    (labels,) = workspace.model(RUN).predict([test.images[3]])
    np.testing.assert_array_equal(array(files["labels"], told), labels)
    np.testing.assert_array_equal(array(files["reference"], told), test.masks[3])
    scores = segmentation_scores(labels, test.masks[3], [1])
    assert told["classes"][1]["dice"] == pytest.approx(scores.mean("dice"))
    small = asking.get(f"/api/segment/{RUN}/samples/3.png")
    assert read(small.content).shape == test.images[3].shape
    assert asking.get(f"/api/segment/{RUN}/samples/12.png").status_code == 404
    told, files = parts(asking.post("/api/segment/other/samples/3", params={"of": RUN}))
    np.testing.assert_array_equal(array(files["reference"], told), test.masks[3])
    told, files = parts(asking.post("/api/segment/cells/samples/3", params={"of": RUN}))
    assert "reference" not in files  # other classes


def test_a_model_without_a_run_says_why_it_has_no_test_images(asking: Any) -> None:
    listed = asking.get("/api/segment/cells/samples").json()
    assert listed["names"] == []
    assert "recipe" in listed["why"]


def test_objects_are_numbered_and_measured(asking: Any, workspace: Workspace) -> None:
    images, _ = touching(1, seed=3)
    told, files = parts(sent(asking, "cells", "a.png", png(images[0])))
    (found,) = workspace.model("cells").predict([images[0]])
    assert found.max() > 1
    np.testing.assert_array_equal(array(files["labels"], told), found)
    np.testing.assert_array_equal(read(files["map"]), found)
    assert instance_scores(array(files["labels"], told), found).ap_50 == 1
    assert told["objects"]["object"] == list(range(1, found.max() + 1))
    assert told["objects"]["area_px"] == np.bincount(found.ravel())[1:].tolist()
    assert set(told["objects"]["label"]) == {1}


def test_shares_that_the_recipe_names_are_told(asking: Any, images: list[Array]) -> None:
    told, files = parts(sent(asking, "shares", "a.png", png(images[0])))
    (share,) = told["shares"]
    assert share["name"] == "air"
    assert share["percent"] == pytest.approx(100 * array(files["labels"], told).mean())


# -- what is seen ---------------------------------------------------------------------------------

DROP = """([files, pasted]) => {
  const data = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
    data.items.add(new File([bytes], name));
  }
  if (pasted) {
    window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    return;
  }
  const target = document.querySelector(".page-segment");
  for (const kind of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(
      new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""
# Whether there is colour at the middle of each pixel of the image, which is grey itself.
COLOURED = """([height, width]) => {
  const canvas = document.querySelector(".view canvas");
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const [left, top] = [(canvas.width - width * scale) / 2, (canvas.height - height * scale) / 2];
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const middle = (from, k) => Math.floor(from + (k + 0.5) * scale);
  const rows = Array.from({ length: height }, (_, y) => middle(top, y) * canvas.width);
  const columns = Array.from({ length: width }, (_, x) => middle(left, x));
  const differs = (i) => data[4 * i] !== data[4 * i + 2];
  return rows.map((row) => columns.map((column) => differs(row + column)));
}"""


def drop(tab: Any, pasted: bool = False, **files: bytes) -> None:
    named = [
        [name.replace("_", "."), base64.b64encode(content).decode()]
        for name, content in files.items()
    ]
    tab.locator(".desk").wait_for()
    tab.evaluate(DROP, [named, pasted])


def coloured(tab: Any, shape: tuple[int, ...]) -> Array:
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return np.array(tab.evaluate(COLOURED, list(shape)))


def saved(tab: Any, words: str) -> tuple[str, bytes]:
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name=words, exact=True).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def test_a_mask_appears_over_a_dropped_image(
    visit: Any, app: Any, workspace: Workspace, images: list[Array]
) -> None:
    tab = visit(app).open(f"#/segment/{RUN}")
    (labels,) = workspace.model(RUN).predict([images[0]])
    drop(tab, scan_png=png(images[0]))
    tab.locator(".areas").wait_for()
    np.testing.assert_array_equal(coloured(tab, labels.shape), labels == 1)
    assert f"{int(labels.sum()):,}" in tab.locator(".areas").inner_text()
    name, content = saved(tab, "Label map")
    assert (name, read(content).tolist()) == ("scan.png", labels.tolist())
    name, content = saved(tab, "Overlay")
    shown = read(content)[..., :3].astype(int)
    np.testing.assert_array_equal((shown[..., 0] != shown[..., 2]), labels == 1)
    tab.get_by_label("Pixel size, mm").fill("0.5,2")
    tab.keyboard.press("Tab")
    name, content = saved(tab, "Areas")
    rows = pl.read_csv(content).to_dicts()
    assert name == "scan.areas.csv"
    assert [row["area_mm2"] for row in rows] == [(labels == k).sum() for k in (0, 1)]
    tab.get_by_label("Opacity").fill("0")
    assert not coloured(tab, labels.shape).any()
    tab.get_by_label("Opacity").fill("1")
    tab.locator("[data-class=lung]").uncheck()
    assert not coloured(tab, labels.shape).any()
    tab.get_by_label("Uncertainty").check()
    assert coloured(tab, labels.shape).any()


def test_the_least_certain_comes_first_and_a_bad_file_stops_no_other(
    visit: Any, app: Any, workspace: Workspace, images: list[Array]
) -> None:
    visitor = visit(app)
    tab = visitor.open(f"#/segment/{RUN}")
    drop(tab, a_png=png(images[0]), bad_png=b"junk", b_png=png(images[1]))
    drop(tab, True, c_png=png(images[2]))
    tab.locator(".review .certainty >> nth=2").wait_for()
    assert "bad.png cannot be read" in tab.locator(".review li").last.inner_text()
    model = workspace.model(RUN)
    entropy = {
        name: structure_entropy(model.predict_proba([image])[0])
        for name, image in zip(("a.png", "b.png", "c.png"), images, strict=True)
    }
    order = sorted(entropy, key=lambda name: -entropy[name])
    names = tab.locator(".review .name .grow").all_inner_texts()
    assert names == [*order, "bad.png"]
    tab.locator(".review .name").first.click()
    for place, key in ((1, "n"), (2, "n"), (1, "p")):
        tab.keyboard.press(key)
        tab.locator(f".review li:nth-child({place + 1}).shown").wait_for()
    assert "3 seen" in tab.locator(".review-card").inner_text()
    # A refusal is also noted by the browser.
    visitor.troubles[:] = [one for one in visitor.troubles if "status of 422" not in one]


def test_two_models_are_parted_by_a_line(
    visit: Any, app: Any, workspace: Workspace, images: list[Array]
) -> None:
    tab = visit(app).open(f"#/segment/{RUN}")
    drop(tab, scan_png=png(images[0]))
    tab.locator(".areas").wait_for()
    tab.get_by_label("Compare with").select_option("other")
    slider = tab.get_by_role("slider", name="Line between the two masks")
    slider.wait_for()
    tab.locator(".areas").wait_for()
    first, second = (workspace.model(name).predict([images[0]])[0] for name in (RUN, "other"))
    assert (first != second).any()
    half = np.arange(first.shape[1]) < first.shape[1] / 2
    np.testing.assert_array_equal(coloured(tab, first.shape), np.where(half, first, second) == 1)
    slider.press("End")
    np.testing.assert_array_equal(coloured(tab, first.shape), first == 1)
    slider.press("Home")
    np.testing.assert_array_equal(coloured(tab, first.shape), second == 1)
    dice = segmentation_scores(first, second, [1]).mean("dice")
    assert f"{dice:.3f}" in tab.locator(".areas").inner_text()


def test_a_test_image_is_chosen_by_a_finger(visit: Any, app: Any) -> None:
    tab = visit(app).open(f"#/segment/{RUN}", width=390, height=844, touch=True)
    tab.locator(".strip button").nth(1).tap()
    tab.locator(".areas").wait_for()
    assert "Dice" in tab.locator(".areas").inner_text()
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    box = tab.locator(".view canvas").bounding_box()
    tab.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "reference:" in tab.locator(".readout").inner_text()


def test_objects_have_colours_of_their_own(visit: Any, app: Any, workspace: Workspace) -> None:
    tab = visit(app).open("#/segment/cells")
    image = touching(1, seed=3)[0][0]
    (found,) = workspace.model("cells").predict([image])
    drop(tab, cells_png=png(image))
    tab.locator(".areas").wait_for()
    _, content = saved(tab, "Overlay")
    shown = read(content)[..., :3]
    colours = {tuple(shown[found == number][0]) for number in range(1, found.max() + 1)}
    assert len(colours) > 1
    _, content = saved(tab, "Objects")
    assert pl.read_csv(content)["area_px"].to_list() == np.bincount(found.ravel())[1:].tolist()


def test_without_a_segmenter_the_page_says_how_to_come_by_one(visit: Any, runs: Path) -> None:
    tab = visit(create_studio(Workspace(None, [runs / "digits-2d"]), HERE)).open("#/segment")
    tab.get_by_text("isthmus train segment-demo").wait_for()
