"""Synthetic samples of a labelled set, by a trained model: `isthmus augment`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.files import atomic_folder
from isthmus.data import write_images, write_table
from isthmus.latent.augmentation import codes_between
from isthmus.recipes.apply import as_pixels, check_form, number_names, refuse_target, sample_columns
from isthmus.recipes.inputs import load_autoencoder, read_for


def augment_file(folder: Path, source: str, out: Path, *, per_class: int, seed: int = 0) -> int:
    """Write new samples of each class, decoded between codes of labelled samples; their number.

    Images are written into a folder for each class, rows of a table with a column ``class``.

    Raises
    ------
    DataError
        If the classes are not known, or one has a single sample.
    SettingError
        If `out` cannot hold such samples, or is `source` itself.
    """
    refuse_target(out, Path(source))
    model = load_autoencoder(folder)
    check_form(model, out, labelled=True)
    data = read_for(model, source)
    if data.labels is None or data.class_names is None:
        raise DataError(
            f"The classes of {source} are not known; give a folder for each class, or a table with"
            " the column of classes that the model was trained with."
        )
    codes, labels = codes_between(model.transform(data.samples), data.labels, per_class, seed=seed)
    samples = model.inverse_transform(codes)
    classes = [data.class_names[label] for label in labels]
    if samples.ndim == 2:
        write_table(out, {**sample_columns(model, samples), "class": np.array(classes)})
    else:
        places = number_names(len(labels))
        names = [f"{name}/{place}" for name, place in zip(classes, places, strict=True)]
        with atomic_folder(out) as temporary:
            write_images(temporary, as_pixels(model, samples), names)
    return len(samples)
