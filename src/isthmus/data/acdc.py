"""The folders of the ACDC challenge (Bernard and others 2018): hearts as NIfTI volumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.data.made._drawing import Picture
from isthmus.data.made.hearts import PHASES, VALUES
from isthmus.data.making import write_pictures

_INFO = "Info.cfg"


def read_acdc(folder: str | Path) -> Iterator[tuple[str, Picture]]:
    """Slices of all patients at the ends of diastole and systole, by names like patient001_ED_01.

    Parameters
    ----------
    folder
        Holds ``patient001/`` and so on, each with ``Info.cfg`` and, for the frames that it names,
        ``patient001_frame01.nii.gz`` and ``patient001_frame01_gt.nii.gz``; or is one of these.

    Yields
    ------
    str, Picture
        Image ``(H, W)`` uint16, labels 0 to 3 (see `VALUES`), and the facts ``patient``,
        ``group``, ``phase``, ``slice`` (from 1), ``pixel_mm`` and ``slice_mm``.

    Raises
    ------
    DataError
        If there is no patient, or a file is missing, damaged or does not fit the others.
    """
    folder = Path(folder)
    infos = [folder / _INFO] if (folder / _INFO).is_file() else sorted(folder.glob(f"*/{_INFO}"))
    if not infos:
        raise DataError(
            f"{folder} holds no patients as ACDC has them; give the folder of patient001/{_INFO}"
            " and so on."
        )
    for info in infos:
        patient, told = info.parent.name, _read_info(info)
        for phase in PHASES:
            stem = info.parent / f"{patient}_frame{_number(told, phase, info):02d}"
            image, sides = _read_volume(stem.with_name(f"{stem.name}.nii.gz"))
            labels, _ = _read_volume(stem.with_name(f"{stem.name}_gt.nii.gz"))
            if labels.shape != image.shape or not np.isin(labels, range(len(VALUES))).all():
                raise DataError(
                    f"{stem}_gt.nii.gz has shape {labels.shape} and values up to"
                    f" {labels.max():g}, but its image has shape {image.shape} and the classes are"
                    " 0 to 3; give the label map of this frame."
                )
            for place in range(image.shape[2]):
                facts = {
                    "patient": patient,
                    "group": told.get("Group", ""),
                    "phase": phase,
                    "slice": place + 1,
                    "pixel_mm": round(sides[0], 4),
                    "slice_mm": round(sides[2], 4),
                }
                pixels = np.rint(image[:, :, place].T).clip(0, 65535).astype(np.uint16)
                found = labels[:, :, place].T.astype(np.int16)
                yield f"{patient}_{phase}_{place + 1:02d}", Picture(pixels, found, facts=facts)


def convert_acdc(folder: str | Path, out: str | Path) -> int:
    """Write the slices of `read_acdc` as `isthmus.data.write_pairs` does; return their number.

    Raises
    ------
    SettingError
        If `out` is not empty.
    """
    out = Path(out)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise SettingError(f"{out} is not an empty folder; give a new one.")
    pictures = list(read_acdc(folder))
    write_pictures(out, pictures, np.arange(len(VALUES)), {})
    return len(pictures)


def _read_info(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); copy it again.") from error
    parts = [line.partition(":") for line in lines]
    return {key.strip(): value.strip() for key, colon, value in parts if colon}


def _number(told: dict[str, str], phase: str, info: Path) -> int:
    text = told.get(phase, "")
    if not text.isdecimal():
        raise DataError(f"{info} does not say which frame is {phase}; write a line '{phase}: 1'.")
    return int(text)


def _read_volume(path: Path) -> tuple[NDArray[Any], tuple[float, float, float]]:
    """Values ``(X, Y, Z)`` and the sides of a voxel in mm."""
    import nibabel

    if not path.is_file():
        raise DataError(f"{path} is missing; copy the patient's folder again.")
    try:
        volume: Any = nibabel.load(path)
        values = np.asarray(volume.dataobj)
        sides = tuple(float(side) for side in volume.header.get_zooms()[:3])
    except Exception as error:  # nibabel, gzip and zlib raise errors of many kinds
        raise DataError(f"{path} is no NIfTI volume ({error}); copy it again.") from error
    if values.ndim != 3 or len(sides) != 3:
        raise DataError(f"{path} has shape {values.shape}; give one frame, (X, Y, Z).")
    if abs(sides[0] - sides[1]) > 0.01 * sides[0]:
        raise DataError(
            f"{path} has pixels of {sides[0]:g} x {sides[1]:g} mm; make them square first."
        )
    return values, (sides[0], sides[1], sides[2])
