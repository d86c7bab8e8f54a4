"""The file of compressed samples: a header, names, coded codes and coded pixels; a checksum."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from isthmus.core.errors import DataError
from isthmus.data.limits import check_memory

_MAGIC = b"ISTH"
_VERSION = 1
_START = struct.Struct("<4sBI")  # magic, version, CRC-32 of all that follows
# Model, check, samples, step, lossless, dtype, axes; lengths of names, codes and pixels.
_HEADER = struct.Struct("<8sIQd?3sBIQQ")
_AXIS = np.dtype("<u4")
# Of samples, whatever the byte order.
DTYPES = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8")
LEAST_STEP, GREATEST_STEP = 1e-6, 1e6
_MOST_AXES = 8
_MOST_NAMES = 2**28  # bytes
_NEEDED = 6  # arrays of float64, as large as the samples, that decoding holds at a time


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """What a compressed file holds.

    Attributes
    ----------
    model : bytes of length 8
        Fingerprint of the model that decodes it.
    check : int
        CRC-32 of what must come back exactly: the samples if lossless, else the quantised codes.
    shape, dtype : tuple of int, str
        Of the samples ``(N, ...)``, as NumPy names the type: ``"u1"``.
    step : float
        Of the quantiser, in standard deviations of each code unit.
    lossless : bool
        Whether the samples come back exactly.
    names : tuple of str
        File names of the samples, or none.
    codes, pixels : bytes
        Coded codes, and what is coded given their reconstruction (nothing, unless lossless).
    """

    model: bytes
    check: int
    shape: tuple[int, ...]
    dtype: str
    step: float
    lossless: bool
    names: tuple[str, ...]
    codes: bytes
    pixels: bytes

    def to_bytes(self) -> bytes:
        """The file's bytes."""
        names = zlib.compress("\0".join(self.names).encode(), 9) if self.names else b""
        header = _HEADER.pack(
            self.model,
            self.check,
            self.shape[0],
            self.step,
            self.lossless,
            self.dtype.encode(),
            len(self.shape) - 1,
            len(names),
            len(self.codes),
            len(self.pixels),
        )
        axes = np.array(self.shape[1:], _AXIS).tobytes()
        rest = b"".join([header, axes, names, self.codes, self.pixels])
        return _START.pack(_MAGIC, _VERSION, zlib.crc32(rest)) + rest

    @classmethod
    def from_bytes(cls, content: bytes, name: str) -> Self:
        """Read what `to_bytes` wrote; what the header declares is checked before it is believed.

        Parameters
        ----------
        name
            Of the file, for messages.

        Raises
        ------
        DataError
            If the bytes are foreign, of a later version, truncated or damaged, or declare more than
            the memory holds.
        """
        if content[: len(_MAGIC)] != _MAGIC:
            raise DataError(f"{name} is not a file that `isthmus compress` wrote; give such a one.")
        damaged = DataError(f"{name} is truncated or damaged; copy it again, or compress anew.")
        if len(content) < _START.size + _HEADER.size:
            raise damaged
        _, version, crc = _START.unpack_from(content)
        rest = memoryview(content)[_START.size :]
        if version != _VERSION:
            raise DataError(f"{name} was written by a later version of Isthmus; update this one.")
        if zlib.crc32(rest) != crc:
            raise damaged
        model, check, count, step, lossless, kind, axes, *lengths = _HEADER.unpack_from(rest)
        dtype = kind.rstrip(b"\0").decode(errors="replace")
        begin = _HEADER.size + axes * _AXIS.itemsize
        if (
            dtype not in DTYPES
            or not 0 < axes <= _MOST_AXES
            or count == 0
            or not LEAST_STEP <= step <= GREATEST_STEP
            or begin + sum(lengths) != len(rest)
        ):
            raise damaged
        shape = (count, *np.frombuffer(rest[_HEADER.size : begin], _AXIS).tolist())
        check_memory(
            _NEEDED * np.dtype(np.float64).itemsize * math.prod(shape),
            Path(name),
            "decompress it on a larger machine",
        )
        names, codes, pixels = (
            bytes(rest[begin + sum(lengths[:place]) :][: lengths[place]]) for place in range(3)
        )
        try:
            text = zlib.decompressobj().decompress(names, _MOST_NAMES).decode()
        except (zlib.error, UnicodeDecodeError):
            raise damaged from None
        found = tuple(text.split("\0")) if names else ()
        if found and len(found) != count:
            raise damaged
        return cls(
            model=model,
            check=check,
            shape=shape,
            dtype=dtype,
            step=step,
            lossless=lossless,
            names=found,
            codes=codes,
            pixels=pixels,
        )
