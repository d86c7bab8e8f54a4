"""Samples of anyone's data, their codes, and what a model rebuilds of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isthmus.core.errors import SettingError
from isthmus.core.files import atomic_file
from isthmus.recipes.apply import as_brightness, refuse_target
from isthmus.recipes.inputs import load_autoencoder, read_for, told
from isthmus.reports.pictures import reconstruction_panel
from isthmus.reports.style import look, to_png

_SHOWN = 8


def write_panels(model_folder: Path, source: str, out: Path) -> int:
    """Write a PNG of originals over their codes over their reconstructions; return their number.

    Of more than eight images, eight are drawn at random, the same ones each time. The numbers are
    squared errors per pixel, black being 0 and white 1.

    Raises
    ------
    SettingError
        If the model is one of tables, or `out` is no PNG or `source` itself.
    DataError
        If the data do not suit the model.
    """
    refuse_target(out, Path(source))
    model = load_autoencoder(model_folder)
    if out.suffix.lower() != ".png":
        raise SettingError(f"The panels are one picture: give a name that ends in .png, not {out}.")
    if len(model.sample_shape_) == 1:
        raise SettingError(f"{model_folder} is a model of tables, whose rows are no pictures.")
    dataset = read_for(model, source)
    some = np.sort(np.random.default_rng(0).permutation(len(dataset))[:_SHOWN])
    shown = dataset.subset(some)
    target = as_brightness(model, shown.samples)
    output = as_brightness(model, model.reconstruct(*told(model, shown)))
    codes = model.transform(shown.samples).reshape(-1, *model.network_.code_shape)
    errors = np.square(target - output).reshape(len(shown), -1).mean(1)
    with look():
        png = to_png(reconstruction_panel(target, codes, output, [f"{e:.2g}" for e in errors]))
    with atomic_file(out) as temporary:
        temporary.write_bytes(png)
    return len(shown)
