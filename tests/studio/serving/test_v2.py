"""The protocol, asked by a client that NVIDIA wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from isthmus.studio.guard import Access
from isthmus.studio.serving.app import create_server
from studio.conftest import serving

X = np.random.default_rng(0).integers(0, 17, (5, 8, 8))


@pytest.fixture(scope="module")
def client(models: dict[str, Any]) -> Iterator[Any]:
    with serving(create_server(models, Access.at("127.0.0.1"))) as url:
        client = triton.InferenceServerClient(url.removeprefix("http://"))
        yield client
        client.close()


def tensor(name: str, array: Any, datatype: str, *, binary: bool = True) -> Any:
    given = triton.InferInput(name, array.shape, datatype)
    given.set_data_from_numpy(array, binary_data=binary)
    return given


def test_it_is_alive_ready_and_tells_about_itself(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits-2d.encode")
    assert client.is_model_ready("digits-2d.encode", "1")
    assert not client.is_model_ready("digits-2d.fly")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    about = client.get_model_metadata("digits-2d.encode")
    assert about["inputs"] == [{"name": "samples", "datatype": "FP32", "shape": [-1, 8, 8]}]
    assert about["outputs"] == [{"name": "codes", "datatype": "FP32", "shape": [-1, 2]}]
    names = {one["name"] for one in client.get_model_repository_index()}
    assert names == {f"digits-2d.{v}" for v in ("encode", "decode", "reconstruct")} | {
        "segment-demo.segment"
    }


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    ("kind", "datatype"),
    [
        (np.float32, "FP32"),
        (np.float64, "FP64"),
        (np.uint8, "UINT8"),
        (np.int64, "INT64"),
        (np.int16, "INT16"),
    ],
)
def test_codes_are_the_model_s_own(
    client: Any, models: dict[str, Any], kind: Any, datatype: str, binary: bool
) -> None:
    given = tensor("samples", X.astype(kind), datatype, binary=binary)
    wanted = [triton.InferRequestedOutput("codes", binary_data=binary)]
    answer = client.infer("digits-2d.encode", [given], outputs=wanted, request_id="mine")
    own = models["digits-2d"].transform(X.astype(np.float32))
    np.testing.assert_allclose(answer.as_numpy("codes"), own, rtol=1e-6)
    assert answer.get_response()["id"] == "mine"
    assert answer.get_response()["model_name"] == "digits-2d.encode"


def test_decoding_codes_is_reconstructing(client: Any) -> None:
    x = X.astype(np.float32)
    codes = client.infer("digits-2d.encode", [tensor("samples", x, "FP32")]).as_numpy("codes")
    decoded = client.infer("digits-2d.decode", [tensor("codes", codes, "FP32")])
    rebuilt = client.infer("digits-2d.reconstruct", [tensor("samples", x, "FP32")])
    np.testing.assert_allclose(
        decoded.as_numpy("samples"), rebuilt.as_numpy("samples"), rtol=1e-5, atol=1e-5
    )


def test_a_segmenter_gives_labels_and_probabilities(client: Any, models: dict[str, Any]) -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 100, 120), np.uint8)
    model = models["segment-demo"]
    kind = "UINT8" if model.sample_dtype_ == "uint8" else "FP32"
    own = images.astype(model.sample_dtype_)
    given = tensor("samples", own.astype(np.float32) if kind == "FP32" else own, kind)
    answer = client.infer("segment-demo.segment", [given])
    np.testing.assert_allclose(
        answer.as_numpy("probabilities"), model.predict_proba(own), atol=1e-5
    )
    np.testing.assert_array_equal(answer.as_numpy("labels"), model.predict(own))
    only = [triton.InferRequestedOutput("labels")]
    told = client.infer("segment-demo.segment", [given], outputs=only).get_response()["outputs"]
    assert [one["name"] for one in told] == ["labels"]


def test_what_is_wrong_is_said_in_the_client_s_own_error(client: Any) -> None:
    for model, given, said in (
        ("digits-2d.fly", tensor("samples", X.astype(np.float32), "FP32"), "no model"),
        ("digits-2d.encode", tensor("codes", X.astype(np.float32), "FP32"), "no input 'codes'"),
        ("digits-2d.encode", tensor("samples", np.ones((1, 9, 9), np.float32), "FP32"), "shape"),
        ("digits-2d.encode", tensor("samples", np.full((1, 8, 8), np.nan), "FP64"), "finite"),
    ):
        with pytest.raises(InferenceServerException, match=said):
            client.infer(model, [given])
    assert client.is_server_live()


def body(**changes: Any) -> dict[str, Any]:
    one = {"name": "samples", "shape": [1, 8, 8], "datatype": "FP32", "data": [0.0] * 64}
    return {"inputs": [{key: v for key, v in {**one, **changes}.items() if v is not None}]}


PATH = "/v2/models/digits-2d.encode/infer"
LENGTH = "Inference-Header-Content-Length"


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        (body(shape=[2, 8, 8]), 422, "said to be"),
        (body(shape=[-1, 8, 8]), 422, "shape"),
        (body(datatype="BYTES"), 422, "datatype"),
        (body(data=None), 422, "bring its data"),
        (body(parameters={"binary_data_size": 256}), 422, "bring its data"),
        (body(data=[0.0] * 63 + ["1"]), 422, "numbers"),
        (body(more=1), 422, "more"),
        ({"inputs": []}, 422, "inputs"),
        ({**body(), "outputs": [{"name": "x"}]}, 422, "no output 'x'"),
        ([], 422, "request"),
    ],
)
def test_wrong_requests_are_refused(
    asking: httpx2.Client, given: Any, status: int, said: str
) -> None:
    answer = asking.post(PATH, content=json.dumps(given).encode())
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_bytes_that_are_not_as_announced_are_refused(asking: httpx2.Client) -> None:
    head = json.dumps(body(data=None, parameters={"binary_data_size": 256})).encode()
    for content, length in (
        (head + bytes(255), len(head)),
        (head, len(head)),
        (head, len(head) + 1),
        (head + bytes(256), 3),
    ):
        answer = asking.post(PATH, content=content, headers={LENGTH: str(length)})
        assert answer.status_code in (400, 422)
    good = asking.post(PATH, content=head + bytes(256), headers={LENGTH: str(len(head))})
    assert good.status_code == 200
    assert asking.post(PATH, content=head, headers={LENGTH: "x"}).status_code == 422
