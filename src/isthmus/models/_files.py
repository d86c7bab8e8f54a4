"""The model folder: ``model.safetensors`` and ``model.json``, checked before they are believed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from annotated_types import MinLen
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from torch import Tensor

import isthmus
from isthmus.core.errors import ModelFileError, SettingError
from isthmus.core.files import atomic_folder, sha256
from isthmus.core.registry import explain
from isthmus.core.settings import PositiveInt
from isthmus.data.fingerprint import fingerprint
from isthmus.training.tensors import read_tensors, write_tensors

DOCUMENT = "model.json"
_TENSORS = "model.safetensors"
_MOST_TEXT = 64 * 2**20  # bytes of model.json
_MOST_WEIGHTS = 64 * 2**30  # bytes of all tensors
_MOST_SETTINGS = 2**16  # characters; a network of millions of layers would take the memory
_FORMAT = "isthmus-model-1"
_TYPES = {torch.float32: "F32", torch.int64: "I64"}


class Document(BaseModel):
    """``model.json``: everything about a model but its weights."""

    # JSON has no number for a loss that is not finite, so it is written as a text.
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")

    format: str
    isthmus: str
    torch: str
    kind: str
    parameters: dict[str, Any]
    seed: int
    sample_shape: Annotated[tuple[PositiveInt, ...], MinLen(1)]
    sample_dtype: str
    feature_names: tuple[str, ...] | None
    scaling_shapes: tuple[tuple[PositiveInt, ...], tuple[PositiveInt, ...]]
    classes: list[int | float | bool | str] | None = None
    data: dict[str, Any]
    history: list[dict[str, float]]
    scores: dict[str, Any]
    weights_sha256: str = ""

    @classmethod
    def new(cls, **content: Any) -> Self:
        """A document of this version's format."""
        versions = {"isthmus": isthmus.__version__, "torch": torch.__version__}
        return cls(format=_FORMAT, **versions, **content)

    @model_validator(mode="after")
    def _fit_each_other(self) -> Self:
        if not set(self.scaling_shapes) <= {(), self.sample_shape}:
            raise ValueError(f"scaling_shapes do not fit samples of shape {self.sample_shape}")
        if self.feature_names is not None and len(self.feature_names) != self.sample_shape[0]:
            raise ValueError(f"feature_names do not fit samples of shape {self.sample_shape}")
        if len(repr(self.parameters)) > _MOST_SETTINGS:
            raise ValueError("parameters are longer than any model needs")
        return self


@dataclass(frozen=True)
class SavedModel:
    """A model folder whose document was read and whose weights were not yet."""

    folder: Path
    document: Document

    def tensors(self, expected: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights, if names, shapes and types are as expected.

        Raises
        ------
        ModelFileError
            If the file is truncated, foreign, not the one saved with the document, or if it holds
            other tensors; found out before any tensor is read.
        """
        path = self.folder / _TENSORS
        _refuse_large(path, _MOST_WEIGHTS)
        try:
            with safe_open(path, framework="pt") as file:
                parts = {name: file.get_slice(name) for name in list(file.keys())}
            forms = {name: f"{x.get_dtype()} {x.get_shape()}" for name, x in parts.items()}
            self._compare(forms, expected)
            if sha256(path) != self.document.weights_sha256:
                raise ModelFileError(
                    f"{path} is not the file that was saved with {DOCUMENT} (its checksum"
                    " differs); copy the whole model folder again."
                )
            return read_tensors(path)[0]
        except (SafetensorError, OSError) as error:
            raise ModelFileError(
                f"{path} is missing, truncated or not a safetensors file ({error});"
                " copy the whole model folder again."
            ) from error

    def _compare(self, forms: dict[str, str], expected: dict[str, Tensor]) -> None:
        """Refuse a file whose tensors have other names, types or shapes."""
        wanted = {
            name: f"{_TYPES[tensor.dtype]} {list(tensor.shape)}"
            for name, tensor in expected.items()
        }
        for name in sorted(forms.keys() | wanted):
            found, belongs = forms.get(name, "missing"), wanted.get(name, "nothing")
            if found != belongs:
                raise ModelFileError(
                    f"{self.folder / _TENSORS} does not fit {DOCUMENT}: '{name}' is {found} where"
                    f" {belongs} belongs; use the two files of one model."
                )


def save_model(path: str | Path, document: Document, tensors: dict[str, Tensor]) -> None:
    """Write the folder, atomically.

    Raises
    ------
    SettingError
        If the path exists and is not a model folder.
    StorageError
        If the disk refuses.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and (path / DOCUMENT).exists()) and not _empty(path):
        raise SettingError(f"{path} exists and is not a model; choose another name.")
    with atomic_folder(path) as temporary:
        write_tensors(temporary / _TENSORS, tensors)
        whole = document.model_copy(update={"weights_sha256": sha256(temporary / _TENSORS)})
        (temporary / DOCUMENT).write_text(whole.model_dump_json(indent=2), encoding="utf-8")


def model_fingerprint(model: Any) -> str:
    """First 16 hexadecimal digits of the SHA-256 of all numbers that a fitted model computes with.

    Those of its network and scaling, and the statistics of its codes: the same once it is saved and
    loaded.
    """
    weights = [weight.cpu().numpy() for weight in model.network_.state_dict().values()]
    scaling = [model.scaling_.offset, model.scaling_.scale]
    numbers = [*weights, *scaling, model.code_mean_, model.code_std_]
    prints = "".join(fingerprint(np.atleast_1d(array)) for array in numbers)
    return hashlib.sha256(prints.encode()).hexdigest()[:16]


def read_document(folder: Path) -> Document:
    """``model.json`` of a model folder, checked."""
    path = folder / DOCUMENT
    if not path.is_file():
        raise ModelFileError(
            f"{folder} holds no model ({DOCUMENT} is missing); give the folder of a model or of a"
            " run."
        )
    _refuse_large(path, _MOST_TEXT)
    try:
        document = Document.model_validate_json(path.read_bytes())
    except ValidationError as error:
        reason = explain(error, Document, str(path))
        raise ModelFileError(
            f"{reason.removesuffix('.')}; copy the whole model folder again."
        ) from None
    if document.format != _FORMAT:
        raise ModelFileError(
            f"{path} is of the format '{document.format}', which isthmus"
            f" {isthmus.__version__} does not read; use the version that wrote it"
            f" ({document.isthmus})."
        )
    return document


def _refuse_large(path: Path, limit: int) -> None:
    if path.is_file() and path.stat().st_size > limit:
        raise ModelFileError(
            f"{path} is larger than {limit / 2**20:,.0f} MiB, the most that a model may take."
        )


def _empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
