"""An answer of several parts: one JSON, and bytes that it speaks of."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from fastapi import Response
from numpy.typing import NDArray
from pydantic import BaseModel

_PART = (
    "--{boundary}\r\n"
    'Content-Disposition: form-data; name="{name}"{file}\r\n'
    "Content-Type: {kind}\r\n\r\n"
)


class Parts(Response):
    """``multipart/form-data``, which browsers read by ``Response.formData()``."""

    media_type = "multipart/form-data"

    @classmethod
    def of(cls, told: BaseModel, files: Mapping[str, bytes]) -> Self:
        """An answer of a JSON and files.

        Parameters
        ----------
        told
            The field ``told``.
        files
            Further fields by name: PNG pictures, or arrays as `packed` makes them.
        """
        boundary = secrets.token_hex(16)
        body = []
        fields = {"told": told.model_dump_json().encode(), **files}
        for name, content in fields.items():
            plain = name == "told"
            head = _PART.format(
                boundary=boundary,
                name=name,
                file="" if plain else f'; filename="{name}"',
                kind="application/json" if plain else "application/octet-stream",
            )
            body += [head.encode(), content, b"\r\n"]
        body.append(f"--{boundary}--\r\n".encode())
        return cls(b"".join(body), media_type=f"{cls.media_type}; boundary={boundary}")


def packed(values: NDArray[Any]) -> bytes:
    """Whole numbers as little-endian bytes in C order, by zlib."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return zlib.compress(little.tobytes(), 1)
