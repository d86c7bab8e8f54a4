"""Compression by codes: quantised, entropy-coded codes of an autoencoder as a file's bytes."""

from __future__ import annotations

import copy
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr

from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.latent import entropy
from isthmus.latent.compressed import DTYPES, GREATEST_STEP, LEAST_STEP, Compressed
from isthmus.models import model_fingerprint

Array = NDArray[Any]
_BATCH = 1024  # samples decoded at a time
_REACH = 8.0  # standard deviations, as far as the normal table goes
_MOST_LEVELS = 2**12  # entries of the normal table
_FREQUENCIES = 2**16  # their sum, nearly
_BINS = (1, 8, 64)  # groups of pixels that are tried


@dataclass(frozen=True)
class Codec:
    """Samples as bytes, and back, by the codes of a fitted autoencoder.

    Code unit j, of mean μ_j and standard deviation σ_j over the training samples, is quantised
    uniformly, q_j = round((h_j - μ_j) / (s σ_j)), and the samples are rebuilt as g(μ + s σ q).
    The whole numbers q are coded by a range coder, either by tables of each unit's frequencies,
    which are stored, or by the normal distribution of (μ_j, σ_j), which needs none: by what is
    shorter, so that files of few samples are short as well.

    With `lossless` the samples, which must be whole numbers, come back exactly. Pixels are grouped
    by the rank of their rebuilt value, and each group is coded by its own frequencies, as it is or
    as the difference from the rounded rebuilt value: what is shorter.

    Both sides must rebuild the same values. They do so on the CPU, in float64, so that another
    machine, number of threads or version of torch shifts a value by about 1e-15 of it, which
    changes a rank or a rounding hardly ever. It is not impossible: the bytes carry a checksum of
    what must come back, and a machine that finds something else refuses.

    Parameters
    ----------
    model
        A fitted autoencoder. The bytes can be decoded with this model alone, from its folder.
    step
        s, in standard deviations of a unit: greater is shorter and coarser.
    lossless
        Whether the samples must come back exactly.

    Raises
    ------
    SettingError
        If the step is not from 1e-6 to 1e6.
    """

    model: Any
    step: float = 0.5
    lossless: bool = False

    def __post_init__(self) -> None:
        """Check the step."""
        if not LEAST_STEP <= self.step <= GREATEST_STEP:
            raise SettingError(
                f"step={self.step:g} must lie between {LEAST_STEP:g} and {GREATEST_STEP:g};"
                " try 0.5."
            )

    def encode(self, samples: Any, names: Sequence[str] = ()) -> bytes:
        """Bytes of samples ``(N, ...)``, and of their file names if they have any.

        Raises
        ------
        DataError
            If the samples do not fit the model, or are not whole numbers and `lossless` is on.
        SettingError
            If the step is too fine for 32 bits.
        """
        codes = np.asarray(self.model.transform(samples), np.float64)
        scaled = np.rint((codes - self.model.code_mean_) / _steps(self.model, self.step))
        if np.abs(scaled).max() > np.iinfo(np.int32).max:
            raise SettingError(f"step={self.step:g} is too fine for 32 bits; take a greater one.")
        quantised = scaled.astype(np.int32)
        exact: Array = quantised
        pixels = b""
        if self.lossless:
            exact = np.asarray(samples)
            pixels = _pack_given(exact, _rebuild(self.model, quantised, self.step))
        return Compressed(
            model=bytes.fromhex(model_fingerprint(self.model)),
            check=_checksum(exact),
            shape=np.shape(samples),
            dtype=exact.dtype.str[1:],
            step=self.step,
            lossless=self.lossless,
            names=tuple(names),
            codes=pack_codes(quantised, self.step),
            pixels=pixels,
        ).to_bytes()

    def decode(self, content: bytes, name: str = "The compressed data") -> Array:
        """Samples ``(N, ...)``: of their own type if lossless, else float32 in the data's units.

        The step and the mode are those of the bytes.

        Parameters
        ----------
        name
            Of the file, for messages.

        Raises
        ------
        DataError
            If the bytes are truncated, damaged or foreign, or were compressed where the model
            computes otherwise.
        ModelFileError
            If they were compressed with another model.
        """
        file = Compressed.from_bytes(content, name)
        same_shape = file.shape[1:] == tuple(self.model.sample_shape_)
        if file.model.hex() != model_fingerprint(self.model) or not same_shape:
            raise ModelFileError(f"{name} was compressed with another model; give that one.")
        try:
            samples, exact = self._decode(file)
            intact = _checksum(exact) == file.check
        except DataError:  # the file's checksum held: other numbers were computed here
            intact = False
        if not intact:
            raise DataError(
                f"{name} cannot be decoded here: this machine computes the model otherwise than the"
                " one that compressed it; decompress it there."
            )
        return samples

    def _decode(self, file: Compressed) -> tuple[Array, Array]:
        """The samples, and what must have come back exactly."""
        units = len(self.model.code_mean_)
        quantised = unpack_codes(file.codes, (file.shape[0], units), file.step)
        rebuilt = _rebuild(self.model, quantised, file.step)
        if not file.lossless:
            return rebuilt.astype(np.float32), quantised
        samples = _unpack_given(file.pixels, rebuilt).astype(file.dtype)
        return samples, samples


def pack_codes(quantised: NDArray[np.int32], step: float) -> bytes:
    """Bytes of quantised codes ``(N, code units)``: by their own frequencies, or the normal ones.

    Parameters
    ----------
    step
        Of the quantiser, in standard deviations.
    """
    stored = b"\0" + entropy.pack(list(quantised.T))
    table = _normal(step)
    reach = len(table) // 2
    if not len(table) or np.abs(quantised).max() > reach:
        return stored
    return min(stored, b"\1" + entropy.encode([quantised.ravel() + reach], [table]), key=len)


def unpack_codes(content: bytes, shape: tuple[int, int], step: float) -> NDArray[np.int32]:
    """The quantised codes that `pack_codes` was given.

    Raises
    ------
    DataError
        If the bytes are not those of such codes.
    """
    if content[:1] == b"\0":
        return np.stack(entropy.unpack(content[1:], [shape[0]] * shape[1]), axis=1)
    table = _normal(step)
    (places,) = entropy.decode(content[1:], [table], [math.prod(shape)])
    return places.reshape(shape) - np.int32(len(table) // 2)


def _normal(step: float) -> NDArray[np.int64]:
    """Frequencies of 0, ±1, ... steps from the mean of a normal distribution, odd in number.

    Whole numbers, so that the last digit of a machine's error function does not matter; none for a
    step so fine that the table would be long.
    """
    reach = math.ceil(_REACH / step)
    if 2 * reach + 1 > _MOST_LEVELS:
        return np.zeros(0, np.int64)
    borders = (np.arange(-reach, reach + 2) - 0.5) * step
    shares: NDArray[np.float64] = np.diff(ndtr(borders))
    return 1 + np.rint(_FREQUENCIES * shares).astype(np.int64)


def _steps(model: Any, step: float) -> NDArray[np.float64]:
    """Step of each unit; a unit that never moved in training counts as one of σ = 1."""
    std = np.asarray(model.code_std_, np.float64)
    return step * np.where(std > 0, std, 1.0)


def _rebuild(model: Any, quantised: NDArray[np.int32], step: float) -> NDArray[np.float64]:
    """g(μ + s σ q) in the units of the data, in float64 on the CPU."""
    network = copy.deepcopy(model.network_).cpu().double()
    codes = torch.from_numpy(model.code_mean_ + quantised * _steps(model, step))
    with torch.inference_mode():
        parts = [
            network.decode(batch.unflatten(1, network.code_shape)) for batch in codes.split(_BATCH)
        ]
    rebuilt: NDArray[np.float64] = model.scaling_.undo(torch.cat(parts).numpy())
    return rebuilt


def _pack_given(samples: Array, rebuilt: NDArray[np.float64]) -> bytes:
    """Bytes of whole numbers, given what was rebuilt of them, in the shortest of some ways."""
    predicted = _whole(rebuilt)
    exact = samples.astype(np.int64)
    furthest = max(np.abs(exact).max(), np.abs(exact - predicted).max())
    known = samples.dtype.str[1:] in DTYPES
    if not known or (exact != samples).any() or furthest > np.iinfo(np.int32).max:
        raise DataError(
            "Only whole numbers of 32 bits can come back exactly, and these samples have others;"
            " compress them without lossless."
        )
    ways = []
    for number, bins in enumerate(_BINS):
        order, sizes = _ranked(rebuilt, bins)
        for difference in (0, 1):
            values = (exact - difference * predicted).astype(np.int32).ravel()[order]
            groups = np.split(values, np.cumsum(sizes)[:-1])
            ways.append(bytes([number, difference]) + entropy.pack(groups))
    return min(ways, key=len)


def _unpack_given(content: bytes, rebuilt: NDArray[np.float64]) -> NDArray[np.int64]:
    number, difference = content[:2].ljust(2, b"\xff")
    if number >= len(_BINS) or difference > 1:
        raise DataError("The pixels are not coded in a way that is known.")
    order, sizes = _ranked(rebuilt, _BINS[number])
    values = np.empty(rebuilt.size, np.int64)
    values[order] = np.concatenate(entropy.unpack(content[2:], sizes.tolist()))
    return values.reshape(rebuilt.shape) + difference * _whole(rebuilt)


def _ranked(rebuilt: NDArray[np.float64], bins: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of all values, group by group of equal shares by rank, and the groups' sizes."""
    edges = np.quantile(rebuilt, np.arange(1, bins) / bins, method="lower")
    group = np.searchsorted(edges, rebuilt.ravel(), side="right")
    return np.argsort(group, kind="stable"), np.bincount(group, minlength=bins)


def _whole(rebuilt: NDArray[np.float64]) -> NDArray[np.int64]:
    limits = np.iinfo(np.int32)
    return np.rint(np.clip(rebuilt, limits.min, limits.max)).astype(np.int64)


def _checksum(numbers: Array) -> int:
    """CRC-32 of numbers, the same whatever the byte order."""
    return zlib.crc32(np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("<")).data)
