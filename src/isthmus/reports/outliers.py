"""A sheet of the strangest images."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from isthmus.core.files import atomic_file
from isthmus.recipes.apply import as_brightness
from isthmus.recipes.outliers import Outliers
from isthmus.reports.features import restoration_panel
from isthmus.reports.style import plain, to_png

_CASES = 10
_LONGEST = 12  # characters over an image


def write_outlier_sheet(path: Path, found: Outliers) -> None:
    """Draw the images with the lowest scores over what is rebuilt from them and where that errs.

    The third row has `OutlierDetector.explain`: from none of the error, dark, to the greatest share
    in it, light.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    cases = found.strangest(_CASES)
    samples, model = found.dataset.samples[cases], found.detector.autoencoder_
    shares = found.detector.explain(samples)
    if shares.ndim == 4:
        shares = shares.sum(1)
    greatest = np.maximum(shares.max((1, 2), keepdims=True), np.finfo(np.float32).tiny)
    rows = {
        "sample": as_brightness(model, samples),
        "rebuilt": as_brightness(model, model.reconstruct(samples)),
        "error": np.moveaxis(mpl.colormaps["magma"](shares / greatest)[..., :3], 3, 1),
    }
    names = [plain(str(name)[-_LONGEST:]) for name in found.names[cases]]
    scores = found.scores[cases]
    titles = [f"{name}\n{score:.3g}" for name, score in zip(names, scores, strict=True)]
    with atomic_file(path) as temporary:
        temporary.write_bytes(to_png(restoration_panel(rows, titles)))
