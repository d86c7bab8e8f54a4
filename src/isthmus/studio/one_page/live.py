"""The decoder within a page, computed there by onnxruntime-web."""

from __future__ import annotations

import gzip
import re
import tempfile
import zlib
from base64 import b64encode
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from isthmus.core.errors import SettingError
from isthmus.models import export_onnx
from isthmus.recipes.apply import black_and_white, coloured
from isthmus.recipes.inputs import class_names
from isthmus.studio.explore.pictures import is_picture

SPECIFIER = "onnxruntime-web"
# The bundle that computes by WebAssembly alone, with the glue of the compiled part inside.
_BUNDLE, _COMPILED = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"


class Decoder(BaseModel):
    """What a page must know of the graph that it computes.

    Attributes
    ----------
    graph
        The file, by zlib, in base64.
    black, white
        Values of an image that are seen as such.
    palette
        Of label maps: red, green and blue of each class.
    labels
        Of a conditional decoder, the number of each class that it can be told.
    """

    graph: str
    black: float = 0.0
    white: float = 1.0
    palette: list[list[int]] | None = None
    labels: list[int] | None = None


class Runtime(NamedTuple):
    """onnxruntime-web: its module, its compiled part by gzip in base64, its licence."""

    module: str
    compiled: str
    licence: str


def read_runtime(folder: Path) -> Runtime:
    """The files of onnxruntime-web in the folder ``dist`` of its npm package.

    Raises
    ------
    SettingError
        If they are not there.
    """
    absent = [name for name in (_BUNDLE, _COMPILED) if not (folder / name).is_file()]
    if absent:
        raise SettingError(
            f"{folder} has no {' and no '.join(absent)}; give the folder dist of onnxruntime-web"
            " (npm install onnxruntime-web, then node_modules/onnxruntime-web/dist)."
        )
    module = (folder / _BUNDLE).read_text(encoding="utf-8")
    licence = files("isthmus.studio.one_page").joinpath("onnxruntime-licence.txt")
    return Runtime(
        re.sub(r"\n//# sourceMappingURL=\S+\s*$", "\n", module),
        b64encode(gzip.compress((folder / _COMPILED).read_bytes(), mtime=0)).decode(),
        licence.read_text(encoding="utf-8"),
    )


def decoder_of(model: Any) -> Decoder:
    """The decoder of a model as ONNX, compared with what it is by torch."""
    with tempfile.TemporaryDirectory() as folder:
        export_onnx(model, Path(folder) / "onnx")
        graph = (Path(folder) / "onnx" / "decoder.onnx").read_bytes()
    decoder = Decoder(graph=b64encode(zlib.compress(graph, 9)).decode())
    structures = model.data_.get("structures")
    if structures:
        every = np.arange(model.sample_shape_[0])[None, None]
        decoder.palette = np.rint(255 * coloured(every)[0, :, 0].T).astype(int).tolist()
    elif is_picture(model):
        decoder.black, decoder.white = map(float, black_and_white(model))
    if model.conditional:
        numbers = range(len(class_names(model)))
        given = numbers if model.data_.get("class_names") else model.classes_
        decoder.labels = np.searchsorted(model.classes_, given).tolist()
    return decoder
