"""Label maps in files, each with a score, findings and a corrected map, by the run of a model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import SettingError
from isthmus.data import DataSet, Split, write_label_map, write_table
from isthmus.data.image_files import decode
from isthmus.data.label_maps import label_map_files, resized_map
from isthmus.data.mask_values import MaskValues
from isthmus.latent.shape_rules import Finding
from isthmus.latent.shapes import ShapeModel
from isthmus.recipes.apply import FILES, refuse_target
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.inputs import load_autoencoder
from isthmus.recipes.runner import has_recipe, read_recipe

TABLE = "plausibility.csv"
Labels = NDArray[Any]


class Checked(NamedTuple):
    """How many label maps were looked at, how many have findings, and how many a strange score."""

    maps: int
    with_findings: int
    strange: int


def shape_model(folder: Path) -> tuple[ShapeModel, DataSet, Split]:
    """The shape model of a run on label maps, and the run's data with their parts.

    Its rules are learnt from the training maps, and its usual scores from the validation maps.

    Raises
    ------
    SettingError
        If the run's samples are no label maps, or the folder is a model without its data.
    """
    model = load_autoencoder(folder)
    names = model.data_.get("structures")
    if not names:
        raise SettingError(
            f"{folder} has not learnt from label maps; give a run such as that of `isthmus train"
            " hearts-vae`."
        )
    if not has_recipe(folder):
        raise SettingError(
            f"{folder} holds a model without its data, so nothing tells what is usual; give the"
            " folder of its run."
        )
    dataset, parts = read_data(read_recipe(folder).data)
    shape = ShapeModel(autoencoder=model)
    maps = {part: as_labels(dataset, getattr(parts, part)) for part in ("train", "validation")}
    shape.fit(maps["train"], names=tuple(names), validation=maps["validation"])
    return shape, dataset, parts


def as_labels(dataset: DataSet, part: NDArray[np.int64]) -> NDArray[np.int16]:
    """Label maps ``(N, H, W)`` of some one-hot samples."""
    return np.asarray(dataset.samples[part].argmax(1), np.int16)


def check_files(
    folder: Path,
    source: Path,
    out: Path,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Checked:
    """Write what is wrong with label maps, and how they should be.

    Parameters
    ----------
    folder
        Of a run on label maps, whose mask values those of `source` are.
    source
        A label map or a folder of label maps, of any sizes.
    out
        A new folder: ``plausibility.csv``, a row for each map, with the least plausible first; and
        ``corrected/NAME.png``, each in the size and with the values of its map.

    Raises
    ------
    DataError
        If a map cannot be read or holds a value of no class; nothing is written.
    SettingError
        If `out` is taken, or the run is not of label maps.
    StorageError
        If the disk refuses.
    """
    refuse_target(out, source)
    if out.suffix.lower() in FILES:
        raise SettingError(f"Label maps are written to a folder, not to '{out}'.")
    headers = label_map_files(source)
    shape, _, _ = shape_model(folder)
    structures = shape.autoencoder.data_["structures"]
    classes = MaskValues(structures)
    for header in headers.values():  # all are read before anything is written
        classes.encode(decode(header), header.place)
    shades = _shades(structures)
    table: dict[str, list[Any]] = defaultdict(list)
    for done, (name, header) in enumerate(headers.items(), 1):
        labels = classes.encode(decode(header), header.place)
        score, findings, corrected = check_map(shape, labels)
        write_label_map(out / "corrected" / f"{name}.png", shades[corrected])
        row = {
            "file": name,
            "score": round(score, 3),
            "percentile": round(float(shape.percentiles_of(np.array(score))), 2),
            "findings": "; ".join(one.sentence for one in findings),
            "corrected_pixels": int((corrected != labels).sum()),
        }
        for column, value in row.items():
            table[column].append(value)
        progress(done, len(headers))
    order = np.argsort(table["score"], kind="stable")
    write_table(out / TABLE, {column: np.array(found)[order] for column, found in table.items()})
    flagged = sum(text != "" for text in table["findings"])
    strange = sum(percentile < 1 for percentile in table["percentile"])
    return Checked(len(headers), flagged, strange)


def check_map(shape: ShapeModel, labels: Labels) -> tuple[float, list[Finding], Labels]:
    """Score and findings of a label map ``(H, W)`` of any size, and the corrected map in its size.

    It is judged in the size of the shape model; only pixels that this changes differ afterwards.
    """
    count, height, width = shape.autoencoder.sample_shape_
    small = resized_map(labels, (height, width), count)[None]
    (score,), (findings,) = shape.score_samples(small), shape.findings(small)
    (found,) = shape.correct(small)
    changed = resized_map((found != small[0]).astype(np.int16), labels.shape, 2) > 0
    corrected = np.where(changed, resized_map(found, labels.shape, count), labels)
    return float(score), findings, corrected


def _shades(structures: Mapping[str, Any]) -> NDArray[np.int64]:
    """The first value of each class in files; labels, where values are colours or ``">0"``."""
    first = [value if isinstance(value, int | str) else value[0] for value in structures.values()]
    if not all(str(value).strip().isdecimal() for value in first):
        return np.arange(len(first))
    return np.array([int(value) for value in first])
