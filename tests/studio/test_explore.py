from __future__ import annotations

import io
import shutil
import time
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from isthmus.models import load
from isthmus.recipes.apply import as_brightness
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.runner import read_recipe
from isthmus.studio.explore import routes
from isthmus.studio.explore.codes import _distances
from isthmus.studio.workspace import Workspace
from studio.test_studio import HERE, client

RUN = "/api/explore/digits-2d"


def until_ready(asking: httpx2.Client, run: str = RUN, query: str = "") -> dict[str, Any]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        space: dict[str, Any] = asking.get(f"{run}/space{query}").json()
        if "error" in space or space["shown"] or space["trouble"]:
            return space
        time.sleep(0.02)
    raise AssertionError("the codes were never ready")


@pytest.fixture(scope="module")
def asking(runs: Path) -> httpx2.Client:
    made = client(HERE, Workspace(runs))
    until_ready(made)
    return made


@pytest.fixture(scope="module")
def known(runs: Path) -> tuple[Any, Any]:
    """The model, and the test samples in the order in which they are shown."""
    model = load(runs / "digits-2d")
    dataset, parts = read_data(read_recipe(runs / "digits-2d").data)
    return model, dataset.subset(np.sort(parts.test))


def numbers(answer: httpx2.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    kind = {"uint8": "u1", "float32": "<f4"}[answer.headers["x-type"]]
    shape = [int(part) for part in answer.headers["x-shape"].split(",")]
    return np.frombuffer(answer.content, kind).reshape(shape)


def send(asking: httpx2.Client, path: str, array: np.ndarray) -> httpx2.Response:
    return asking.post(f"{RUN}/{path}", content=array.tobytes())


def test_each_sample_has_its_class_and_error(asking: httpx2.Client, known: Any) -> None:
    model, test = known
    points = numbers(asking.get(f"{RUN}/points"))
    assert (points[:, 0] == test.labels).all()
    np.testing.assert_allclose(points[:, 1], -model.score_samples(test.samples) / 64, rtol=1e-4)
    assert np.isfinite(points).all()
    # The densest code is the one whose tenth neighbour is nearest.
    codes = model.transform(test.samples)
    far = NearestNeighbors(n_neighbors=11).fit(codes).kneighbors()[0][:, 9]
    assert np.corrcoef(-np.log(far), points[:, 2])[0, 1] > 0.999


def test_exactly_so_many_are_shown(asking: httpx2.Client) -> None:
    space = until_ready(asking, query="?part=all&count=1000")
    assert space["shown"]["count"] == 1000
    assert numbers(asking.get(f"{RUN}/points?part=all&count=1000")).shape == (1000, 4)


def test_codes_as_they_are_have_their_units_as_places(asking: httpx2.Client, known: Any) -> None:
    model, test = known
    block = numbers(asking.post(f"{RUN}/view", json={"kind": "units", "units": [0, 1]}))
    np.testing.assert_allclose(block[:6], [0, 0, 1, 0, 0, 1])
    np.testing.assert_allclose(
        block[6:].reshape(-1, 2), model.transform(test.samples), rtol=1e-4, atol=1e-5
    )


def test_a_layout_is_no_plane(asking: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Layout:
        def __init__(self, **settings: Any) -> None:
            assert settings["random_state"] == 0

        def fit_transform(self, codes: np.ndarray) -> np.ndarray:
            return 2 * codes

    monkeypatch.setattr(routes.UMAP, "installed", staticmethod(lambda: False))
    refused = asking.post(f"{RUN}/view", json={"kind": "umap"})
    assert refused.status_code == 422
    assert "isthmus[umap]" in refused.json()["error"]
    monkeypatch.setattr(routes.UMAP, "installed", staticmethod(lambda: True))
    monkeypatch.setattr(routes, "import_module", lambda name: SimpleNamespace(UMAP=Layout))
    answer = asking.post(f"{RUN}/view", json={"kind": "umap"})
    assert answer.headers["x-plane"] == "0"
    plain = numbers(asking.post(f"{RUN}/view", json={"kind": "units"}))
    np.testing.assert_allclose(numbers(answer).ravel(), 2 * plain[6:])


def test_a_code_is_decoded_as_by_the_model(asking: httpx2.Client, known: Any) -> None:
    model, test = known
    codes = np.array([[0.3, -1.2], [2, 1]], np.float32)
    answer = send(asking, "decode?nearest=true", codes)
    expected = np.rint(as_brightness(model, model.inverse_transform(codes)) * 255)
    np.testing.assert_array_equal(numbers(answer)[..., 0], expected)
    far = np.linalg.norm(model.transform(test.samples) - codes[0], axis=1)
    assert int(answer.headers["x-nearest"]) == far.argmin()
    typical = np.median(
        NearestNeighbors().fit(model.transform(test.samples)).kneighbors(None, 1)[0]
    )
    assert float(answer.headers["x-distance"]) == pytest.approx(far.min() / typical, rel=1e-3)


@pytest.mark.parametrize("known", [1000, 40])
def test_no_code_is_its_own_neighbour(monkeypatch: pytest.MonkeyPatch, known: int) -> None:
    monkeypatch.setattr("isthmus.studio.explore.codes._KNOWN", known)
    codes = np.random.default_rng(0).normal(3, 1, (60, 128)).astype(np.float32)
    near, tenth = _distances(codes, NearestNeighbors().fit(codes), lambda what, share: None)
    kept = np.sort(np.random.default_rng(0).permutation(60)[:known])
    far = cdist(codes.astype(float), codes[kept].astype(float))
    far[kept, np.arange(len(kept))] = np.inf
    np.testing.assert_allclose(near, far.min(1), rtol=1e-4)
    np.testing.assert_allclose(tenth, np.sort(far)[:, 9], rtol=1e-4)


def test_a_sample_is_shown_beside_what_is_rebuilt(asking: httpx2.Client, known: Any) -> None:
    model, test = known
    places = np.array([5, 0], np.int32)
    for query, samples in (
        ("", test.samples[[5, 0]]),
        ("?rebuilt=true", model.reconstruct(test.samples[[5, 0]])),
    ):
        shown = numbers(send(asking, f"samples{query}", places))[..., 0]
        np.testing.assert_array_equal(shown, np.rint(as_brightness(model, samples) * 255))
    told = asking.get(f"{RUN}/samples/5").json()
    assert told["label"] == str(test.labels[5])
    assert told["near"][0]["distance"] > 0
    assert 5 not in [one["place"] for one in told["near"]]


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_a_sample_that_is_sent_finds_itself(asking: httpx2.Client, known: Any) -> None:
    _, test = known
    pixels = np.rint(test.samples[7] * (255 / 16)).astype(np.uint8)
    for body, query in ((png(pixels), ""), (png(255 - pixels), "?inverted=true")):
        found = asking.post(f"{RUN}/search{query}", content=body).json()
        assert found["near"][0] == {"place": 7, "distance": pytest.approx(0, abs=1e-4)}
        assert found["seen"].startswith("data:image/png;base64,")
    colour = np.stack([np.kron(pixels, np.ones((4, 4), np.uint8))] * 3, axis=-1)
    assert asking.post(f"{RUN}/search", content=png(colour)).json()["near"][0]["distance"] < 20


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("decode", b"", "body"),
        ("decode", b"1234567", "2 float32"),
        ("decode", np.array([np.nan, 0], np.float32).tobytes(), "finite"),
        ("decode?class=3", np.zeros(2, np.float32).tobytes(), "not told classes"),
        ("decode?count=0", np.zeros(2, np.float32).tobytes(), "count"),
        ("samples", np.array([10**6], np.int32).tobytes(), "samples 0 to"),
        ("samples", np.array([-1], np.int32).tobytes(), "samples 0 to"),
        ("samples", b"", "body"),
        ("samples", bytes(4 * 513), "1 to 512"),
        ("search", b"hello", "no PNG"),
        ("search", b"\x89PNG" + bytes(50), "The image cannot be read"),
        ("view", b'{"kind": "units", "units": [0, 9]}', "units 1 to 2"),
        ("view", b'{"kind": "anchors"}', "three samples"),
        ("view", b'{"kind": "anchors", "anchors": [0, 1, 99999]}', "samples 0 to"),
        ("view", b'{"kind": "sphere"}', "kind"),
    ],
)
def test_what_cannot_be_used_is_refused(
    asking: httpx2.Client, path: str, body: bytes, says: str
) -> None:
    kind = "application/json" if path == "view" else "application/octet-stream"
    answer = asking.post(f"{RUN}/{path}", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 422
    assert says in answer.json()["error"]


def test_a_bomb_is_refused_before_it_is_decoded(asking: httpx2.Client) -> None:
    small = bytearray(png(np.zeros((8, 8), np.uint8)))
    small[16:24] = (60_000).to_bytes(4, "big") * 2
    small[29:33] = zlib.crc32(small[12:29]).to_bytes(4, "big")
    answer = asking.post(f"{RUN}/search", content=bytes(small))
    assert answer.status_code == 422
    assert "pixels" in answer.json()["error"]
    assert "/tmp" not in answer.json()["error"]


def test_a_segmenter_has_no_codes(asking: httpx2.Client) -> None:
    answer = asking.get("/api/explore/segment-demo/space")
    assert answer.status_code == 422
    assert "no autoencoder" in answer.json()["error"]
    assert asking.get("/api/explore/nothing/space").status_code == 404


def test_without_data_codes_can_still_be_decoded(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "digits-2d" / "model", tmp_path / "bare" / "model")
    alone = client(HERE, Workspace(tmp_path))
    space = until_ready(alone, "/api/explore/bare")
    assert "without its data" in space["trouble"]
    assert len(space["std"]) == 2
    code = np.zeros(2, np.float32).tobytes()
    assert numbers(alone.post("/api/explore/bare/decode", content=code)).shape == (1, 8, 8, 1)
    assert alone.get("/api/explore/bare/points").status_code == 404
