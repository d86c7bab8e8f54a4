"""From the values of a mask file to labels, by what the user says and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.core.labels import IGNORED
from isthmus.data.pairs import Value

_STRAY = -2
_REST = ">0"
_COLOUR = re.compile("#[0-9a-fA-F]{6}")
_SHOWN = 3  # stray values that a sentence names


class MaskValues:
    """Labels of mask values: label k for the values of the k-th class, -1 for those to ignore.

    Parameters
    ----------
    values
        Value or values of each class, the background first: a whole number, a colour such as
        ``"#ff0000"``, or ``">0"`` for every value above 0 that is not named otherwise.
    ignore
        Values of the pixels to ignore.

    Attributes
    ----------
    class_names : tuple of str
        Names of the classes in the order of their labels.

    Raises
    ------
    SettingError
        For fewer than two classes, a class without value, a value that is none or is given twice,
        or colours together with numbers.
    """

    def __init__(self, values: Mapping[str, Value], ignore: Sequence[int | str] = ()) -> None:
        if len(values) < 2:
            raise SettingError(
                "data.values says which mask values are which classes; name two classes at least,"
                ' the background first, such as {"background": 0, "lung": 255}.'
            )
        self.class_names = tuple(values)
        self._values = values
        self._labels: dict[int, int] = {}
        self._rest: int | None = None
        kinds = set()
        for label, name in enumerate(self.class_names):
            given = _as_list(values[name])
            if not given:
                raise SettingError(f"data.values gives the class '{name}' no value; name one.")
            kinds |= {self._add(value, label) for value in given}
        kinds |= {self._add(value, IGNORED) for value in ignore}
        if len(kinds) > 1:
            raise SettingError("data.values holds colours and numbers; use one kind.")
        self._colours = kinds == {"colour"}

    def _add(self, value: int | str, label: int) -> str:
        """Note one value; say of which kind it is."""
        text = str(value).strip()
        if text == _REST and label != IGNORED and self._rest is None:
            self._rest = label
            return "number"
        colour = _COLOUR.fullmatch(text) is not None
        try:
            number = int(text[1:], 16) if colour else int(text)
        except ValueError:
            raise SettingError(
                f"data.values: {value!r} is no value of a mask, or stands there twice; give a whole"
                ' number, a colour such as "#ff0000", or, once, ">0".'
            ) from None
        if number in self._labels:
            raise SettingError(f"data.values gives {text} twice; give each value to one class.")
        self._labels[number] = label
        return "colour" if colour else "number"

    def __str__(self) -> str:
        return ", ".join(
            f"{name} = {' or '.join(map(str, _as_list(value)))}"
            for name, value in self._values.items()
        )

    def encode(self, pixels: NDArray[Any], place: str) -> NDArray[np.int16]:
        """Labels ``(H, W)`` int16 of a decoded mask ``(H, W)`` or ``(3, H, W)``.

        Raises
        ------
        DataError
            For values of no class, and for colours where the classes are numbers; `place` says
            which file.
        """
        numbers = self._as_colours(pixels, place) if self._colours else _as_grey(pixels, place)
        if numbers.dtype.kind == "u":
            labels = self._look_up(np.arange(np.iinfo(numbers.dtype).max + 1))[numbers]
        else:
            unique, places = np.unique(numbers, return_inverse=True)
            labels = self._look_up(unique)[places].reshape(numbers.shape)
        if (labels == _STRAY).any():
            raise self._strays(numbers[labels == _STRAY], place)
        return labels

    def encode_volume(self, voxels: NDArray[Any], place: str) -> NDArray[np.int16]:
        """Labels ``(D, H, W)`` int16 of the voxels of a label volume."""
        flat = voxels.reshape(len(voxels), -1)  # else its axes could be those of colours
        return self.encode(flat, place).reshape(voxels.shape)

    def _look_up(self, numbers: NDArray[Any]) -> NDArray[np.int16]:
        labels = np.full(numbers.shape, _STRAY, np.int16)
        if self._rest is not None:
            labels[numbers > 0] = self._rest
        for number, label in self._labels.items():
            labels[numbers == number] = label
        return labels

    def _as_colours(self, pixels: NDArray[Any], place: str) -> NDArray[np.int32]:
        """Each colour as one number, 0xRRGGBB."""
        if pixels.dtype != np.uint8:
            raise DataError(f"{place} has {pixels.dtype} values; save its colours in 8 bits.")
        red, green, blue = np.broadcast_to(pixels, (3, *pixels.shape[-2:])).astype(np.int32)
        return np.asarray((red << 16) + (green << 8) + blue)

    def _strays(self, strays: NDArray[Any], place: str) -> DataError:
        found, counts = np.unique(strays, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        listed = [
            f"{f'#{found[i]:06x}' if self._colours else f'{found[i]:.9g}'} in {counts[i]} pixels"
            for i in order[:_SHOWN]
        ]
        more = f" and {len(found) - _SHOWN} more values" if len(found) > _SHOWN else ""
        return DataError(
            f"{place} holds {', '.join(listed)}{more}, which no class has ({self}); give such"
            " values to a class in data.values, name them in data.ignore, or correct the mask."
        )


def _as_list(value: Value) -> list[int | str]:
    return [value] if isinstance(value, int | str) else list(value)


def _as_grey(pixels: NDArray[Any], place: str) -> NDArray[Any]:
    if pixels.ndim == 2:
        return pixels
    if not (pixels == pixels[:1]).all():
        raise DataError(
            f"{place} is a mask in colours; give the colour of each class in data.values, such as"
            ' "#ff0000", or save it in grey.'
        )
    return np.asarray(pixels[0])
