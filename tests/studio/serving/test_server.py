"""The plain routes: what they answer is the model's own, and what is wrong ends in a sentence."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import Request

from isthmus import DenoisingAutoencoder, VariationalAutoencoder
from isthmus.core.errors import DataError, SettingError
from isthmus.recipes.apply import as_pixels
from isthmus.recipes.restore import restore_image
from isthmus.recipes.search import index_file
from isthmus.studio.guard import Access
from isthmus.studio.serving.app import create_server
from isthmus.studio.serving.bodies import body_of
from isthmus.studio.serving.limits import Limits
from isthmus.studio.serving.served import refuse_infinite
from studio.conftest import serving
from studio.serving.conftest import run

Asker = Callable[..., httpx2.Client]
RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 17, (3, 8, 8))
DIGIT = RANDOM.integers(0, 256, (8, 8), np.uint8)
SCAN = RANDOM.integers(0, 256, (100, 120), np.uint8)
OF_DIGITS = {"model": "digits-2d"}
TO_PNG, TO_JSON = {"Accept": "image/png"}, {"Accept": "application/json"}


def picture(pixels: Any, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def pixels(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def refused(answer: Any, status: int, said: str) -> None:
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


# -- autoencoders ---------------------------------------------------------------------------------


def test_codes_and_samples_are_the_model_s_own(
    asking: httpx2.Client, models: dict[str, Any]
) -> None:
    model = models["digits-2d"]
    told = asking.post("/encode", json={"samples": X.tolist()}).json()
    np.testing.assert_allclose(told["codes"], model.transform(X.astype(np.float32)), rtol=1e-5)
    decoded = asking.post("/decode", json={"codes": told["codes"]}).json()["samples"]
    rebuilt = asking.post("/reconstruct", json={"samples": X.tolist()}).json()["samples"]
    own = model.reconstruct(X.astype(np.float32))
    np.testing.assert_allclose(decoded, own, atol=1e-4)
    np.testing.assert_allclose(rebuilt, own, atol=1e-4)


def test_a_picture_is_seen_in_the_units_of_the_data(
    asking: httpx2.Client, models: dict[str, Any]
) -> None:
    model = models["digits-2d"]
    own = model.reconstruct(DIGIT[None] * np.float32(16 / 255))
    np.testing.assert_array_equal(
        pixels(asking.post("/reconstruct", content=picture(DIGIT))), as_pixels(model, own)[0]
    )
    codes = asking.post("/encode", content=picture(DIGIT)).json()["codes"]
    np.testing.assert_allclose(
        codes, model.transform(DIGIT[None] * np.float32(16 / 255)), rtol=1e-4
    )
    both = pixels(asking.post("/decode", json={"codes": codes * 2}, headers=TO_PNG))
    assert both.shape == (8, 16)


def test_a_colour_picture_and_a_jpeg_are_taken(asking: httpx2.Client) -> None:
    grey = asking.post("/encode", content=picture(DIGIT)).json()
    colour = asking.post("/encode", content=picture(np.stack([DIGIT] * 3, -1))).json()
    np.testing.assert_allclose(colour["codes"], grey["codes"], atol=1e-4)
    assert asking.post("/encode", content=picture(DIGIT, "JPEG")).status_code == 200
    assert asking.post("/encode", content=picture(DIGIT, "TIFF")).json() == grey


def test_a_denoiser_keeps_size_and_type_of_a_picture(asker: Asker) -> None:
    noisy = RANDOM.random((20, 8, 8), np.float32)
    model = DenoisingAutoencoder(code_size=4, epochs=1, random_state=0).fit(noisy)
    asking = asker(models={"noise": model})
    np.testing.assert_array_equal(
        pixels(asking.post("/denoise", content=picture(SCAN))), restore_image(model, SCAN)
    )
    told = asking.post("/denoise", json={"samples": noisy[:2].tolist()}).json()["samples"]
    np.testing.assert_allclose(told, model.denoise(noisy[:2]), atol=1e-5)
    assert "noise.denoise" in {one["name"] for one in asking.post("/v2/repository/index").json()}


def test_a_conditional_model_is_told_a_class(asker: Asker) -> None:
    x, y = RANDOM.random((40, 6), np.float32), np.arange(40) % 2
    model = VariationalAutoencoder(code_size=2, conditional=True, epochs=1, random_state=0)
    model.fit(x, y)
    asking = asker(models={"two": model})
    codes = {"codes": [[0.5, -0.5]]}
    refused(asking.post("/decode", json=codes), 422, "0, 1")
    refused(asking.post("/decode?class=7", json=codes), 422, "0, 1")
    refused(asking.post("/decode?class=1", json=codes, headers=TO_PNG), 406, "json")
    told = asking.post("/decode?class=1", json=codes).json()["samples"]
    np.testing.assert_allclose(told, model.given(1).inverse_transform([[0.5, -0.5]]), atol=1e-5)
    infer = {
        "parameters": {"class": "1"},
        "inputs": [{"name": "codes", "shape": [1, 2], "datatype": "FP32", "data": [0.5, -0.5]}],
    }
    answer = asking.post("/v2/models/two.decode/infer", json=infer).json()
    np.testing.assert_allclose(answer["outputs"][0]["data"], told[0], atol=1e-6)
    refused(asking.post("/encode", content=picture(DIGIT)), 422, "not images")


def test_the_nearest_samples_of_an_index(
    asker: Asker, models: dict[str, Any], runs: Path, tmp_path: Path
) -> None:
    digits = np.load(_digits(tmp_path))
    index_file(runs / "digits-2d", str(tmp_path / "digits.npy"), tmp_path / "index")
    asking = asker(indexes=[tmp_path / "index"])
    told = asking.post("/search?k=3", json={"samples": digits[5:7].tolist()}).json()
    first, second = told["neighbours"]
    assert (first[0]["place"], second[0]["place"]) == (5, 6)
    assert first[0]["name"] == "6"
    assert first[0]["distance"] == pytest.approx(0, abs=1e-4)
    assert len(first) == 3
    strip = asking.post("/search?k=3", json={"samples": digits[:1].tolist()}, headers=TO_PNG)
    assert pixels(strip).shape == (8, 24)
    refused(asking.post("/search?k=101", json={"samples": digits[:1].tolist()}), 422, "k:")
    card = asking.get("/v2/models/digits-2d.search").json()
    assert [one["name"] for one in card["outputs"]] == ["places", "distances"]
    only = {"segment-demo": models["segment-demo"]}
    with pytest.raises(SettingError, match="another model"):
        create_server(only, Access.at("127.0.0.1"), indexes=[tmp_path / "index"])


def _digits(folder: Path) -> Path:
    path = folder / "digits.npy"
    np.save(path, RANDOM.integers(0, 17, (30, 8, 8)).astype(np.float64))
    return path


# -- segmenters -----------------------------------------------------------------------------------


def test_label_map_overlay_and_areas(asking: httpx2.Client, models: dict[str, Any]) -> None:
    content = picture(SCAN)
    labels = pixels(asking.post("/segment", content=content))
    np.testing.assert_array_equal(labels, models["segment-demo"].predict(SCAN))
    assert pixels(asking.post("/segment?overlay=true", content=content)).shape == (100, 120, 3)
    (image,) = asking.post("/segment", content=content, headers=TO_JSON).json()["images"]
    assert (image["height"], image["width"]) == (100, 120)
    for row in image["classes"]:
        assert row["pixels"] == (labels == row["label"]).sum()
        assert row["share"] == pytest.approx(row["pixels"] / labels.size)
    assert [row["class"] for row in image["classes"]] == ["background", "lung"]


# -- refusals -------------------------------------------------------------------------------------

GOOD = {"samples": X.tolist()}


@pytest.mark.parametrize(
    ("path", "content", "status", "said"),
    [
        ("/encode", b"", 415, "JSON"),
        ("/encode", b"hello", 415, "PNG"),
        ("/encode", b"{", 400, "JSON"),
        ("/encode", b'{"samples": [[NaN]]}', 400, "NaN"),
        ("/encode", b'{"samples": [[-Infinity]]}', 400, "Infinity"),
        ("/encode", b'{"samples": [[1e999]]}', 422, "shape"),
        ("/encode", b'{"samples": ' + b"[" * 100_000, 400, "JSON"),
        ("/encode", b'{"samples": []}', 422, "samples"),
        ("/encode", b'{"samples": [[1, 2], [3]]}', 422, "ragged"),
        ("/encode", b'{"samples": ["a"]}', 422, "numbers"),
        ("/encode", b'{"\\ud800": 1}', 422, "request"),
        ("/encode", b'{"samples": [1], "more": 2}', 422, "more"),
        ("/encode", b"\xff\xfe{\0", 415, "JSON"),
        ("/encode", picture(SCAN), 422, "120 x 100"),
        ("/encode", picture(DIGIT)[:60], 422, "The image"),
        ("/encode?model=segment-demo", json.dumps(GOOD).encode(), 404, "digits-2d"),
        ("/encode?model=%ff%00", json.dumps(GOOD).encode(), 404, "digits-2d"),
        ("/decode", json.dumps(GOOD).encode(), 422, "codes"),
        ("/decode", picture(DIGIT), 415, "codes"),
        ("/decode?class=7", b'{"codes": [[1, 2]]}', 422, "no class"),
        ("/decode", b'{"codes": [[1, 2, 3]]}', 422, "shape"),
        ("/segment", b'{"samples": [[[1, 2], [3, 1e39]]]}', 422, "no "),
        ("/segment?overlay=perhaps", picture(SCAN), 422, "overlay"),
    ],
)
def test_wrong_requests_end_in_a_sentence(
    asking: httpx2.Client, path: str, content: bytes, status: int, said: str
) -> None:
    refused(asking.post(path, content=content), status, said)


def test_no_form_that_is_accepted_and_no_compression(asking: httpx2.Client) -> None:
    for accept in ("text/html", "image/png;q=0, application/xml", "application/json;q=0"):
        refused(asking.post("/encode", json=GOOD, headers={"Accept": accept}), 406, "json")
    weighed = {"Accept": "application/json;q=0.1, image/*;q=0.5, text/*"}
    assert len(pixels(asking.post("/reconstruct", json=GOOD, headers=weighed))) == 8
    refused(
        asking.post("/encode", json=GOOD, headers={"Content-Encoding": "gzip"}), 415, "compressed"
    )


def test_more_than_the_limits_is_refused(asker: Asker) -> None:
    limits = Limits(samples=2, pixels=10_000)
    asking = asker(limits=limits, access=replace(Access.at("127.0.0.1"), most_bytes=20_000))
    refused(asking.post("/encode", json=GOOD), 413, "2 samples")
    refused(asking.post("/segment", content=picture(SCAN)), 422, "120 x 100")
    # Thin as it is, the network would see it as wide as the pieces that it was trained on.
    thin = np.zeros((1, 5000), np.uint8)
    refused(asking.post("/segment", content=picture(thin)), 413, "pixels")
    refused(asking.post("/encode", content=b"{" + b" " * 20_000), 413, "longer")
    refused(asking.post("/encode", content=iter([b" " * 9000] * 3)), 413, "longer")


def test_one_that_takes_too_long_is_given_up(asker: Asker, models: dict[str, Any]) -> None:
    held, late = threading.Event(), _Late(models["digits-2d"])
    late.held = held
    asking = asker(models={"late": late}, limits=Limits(seconds=0.2))
    refused(asking.post("/encode", json=GOOD), 504, "0.2 s")
    held.set()
    assert asking.post("/encode", json=GOOD).status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def never() -> Any:
        await asyncio.sleep(60)

    request = Request({"type": "http", "method": "POST", "headers": []}, never)
    with pytest.raises(HTTPException) as found:
        run(body_of(request, 0.01))
    assert found.value.status_code == 408


def test_a_server_that_fails_says_so_and_goes_on(asker: Asker, models: dict[str, Any]) -> None:
    late = _Late(models["digits-2d"])
    asking = asker(models={"late": late})
    late.fails = True
    refused(asking.post("/encode", json=GOOD), 500, "log")
    late.fails = False
    assert asking.post("/encode", json=GOOD).status_code == 200


class _Late:
    """A model that waits, or fails, where it should encode."""

    def __init__(self, model: Any) -> None:
        self._model, self.held, self.fails = model, threading.Event(), False
        self.held.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def transform(self, x: Any) -> Any:
        self.held.wait(10)
        if self.fails:
            raise RuntimeError("a fault of ours")
        return self._model.transform(x)


def test_an_answer_that_is_not_finite_is_none() -> None:
    with pytest.raises(DataError, match="not finite"):
        refuse_infinite({"codes": np.array([1.0, np.inf])})


# -- the server itself ----------------------------------------------------------------------------


def test_what_is_counted(asker: Asker) -> None:
    asking = asker()
    for _ in range(3):
        asking.post("/encode", json=GOOD)
    asking.post("/encode", content=b"")
    asking.get("/nothing")
    lines = asking.get("/metrics").text.splitlines()
    for line in (
        'isthmus_requests_total{model="digits-2d",route="/encode",status="200"} 3.0',
        'isthmus_errors_total{model="digits-2d",route="/encode",status="415"} 1.0',
        'isthmus_errors_total{model="",route="other",status="404"} 1.0',
        'isthmus_request_seconds_count{model="digits-2d",route="/encode"} 4.0',
        'isthmus_batch_samples_sum{model="digits-2d",verb="encode"} 9.0',
        'isthmus_waiting_requests{model="digits-2d"} 0.0',
    ):
        assert line in lines


def test_who_may_ask(asker: Asker) -> None:
    asking = asker(access=Access.at("0.0.0.0", ["127.0.0.1"]))
    assert asking.get("/v2/health/live").status_code == 401
    assert asking.get("/metrics").status_code == 401
    evil = asking.get("/v2/health/live", headers={"Host": "evil.example"})
    assert evil.status_code == 403


def test_the_documentation_names_all_routes_and_no_other_host(asking: httpx2.Client) -> None:
    paths = asking.get("/openapi.json").json()["paths"]
    assert {"/encode", "/decode", "/reconstruct", "/segment", "/metrics", "/models"} <= set(paths)
    assert "/denoise" not in paths  # no model here does it
    body = paths["/encode"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "image/png", "image/jpeg", "image/tiff"}
    assert "https://" not in asking.get("/docs").text


def test_nothing_to_serve_is_refused(asker: Asker) -> None:
    with pytest.raises(SettingError, match="no model"):
        asker(models={})


def test_an_answer_does_not_wait_for_the_other_side_s_acknowledgement(
    models: dict[str, Any],
) -> None:
    with serving(create_server(models, Access.at("127.0.0.1"))) as url, httpx2.Client() as client:
        took = []
        for _ in range(20):
            began = time.perf_counter()
            client.post(f"{url}/encode", json=GOOD)
            took.append(time.perf_counter() - began)
    assert min(took) < 0.03  # delayed acknowledgements would make each 0.04 at least
