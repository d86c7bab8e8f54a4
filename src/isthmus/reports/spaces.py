"""The spaces of codes of several runs, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from isthmus.core.files import atomic_file
from isthmus.metrics import class_overlap, in_holes
from isthmus.models import VariationalAutoencoder
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.inputs import load_autoencoder
from isthmus.recipes.runner import read_recipe
from isthmus.reports import figures
from isthmus.reports.style import look, plain, to_png

_KNOWN = 20_000  # training codes among which draws are looked for
_DRAWN = 2_000
_NEIGHBOURS = 10


def write_spaces(runs: Sequence[Path], path: Path) -> None:
    """Draw the codes of each run's test samples, at most a thousand, into one PNG.

    Above each stand the overlap of the classes (mean share of the ten nearest test codes that are
    of another class) and the share of draws that lie in holes, see `isthmus.metrics.in_holes`: of
    N(0, I) for a variational model, of the Gaussian with the codes' means and spreads for others.
    """
    shown, names = {}, None
    for run in runs:
        model = load_autoencoder(run)
        dataset, parts = read_data(read_recipe(run).data)
        test = dataset.subset(parts.test if len(parts.test) else parts.train)
        some = np.random.default_rng(0).permutation(parts.train)[:_KNOWN]
        known, codes = (
            np.asarray(model.transform(x)) for x in (dataset.samples[some], test.samples)
        )
        draws = np.random.default_rng(0).standard_normal((_DRAWN, codes.shape[1]))
        if not isinstance(model, VariationalAutoencoder):
            draws = known.mean(0) + known.std(0) * draws
        title = f"{plain(run.name)}\nin holes {in_holes(known, codes, draws).mean():.1%}"
        points = figures.choose_points(len(codes))
        labels = None
        if test.labels is not None and len(codes) > 1:
            neighbours = min(_NEIGHBOURS, len(codes) - 1)
            title += f", overlap {class_overlap(codes, test.labels, neighbours).mean():.1%}"
            labels, names = test.labels[points], test.class_names
        shown[title] = (codes[points], labels)
    with look():
        png = to_png(figures.code_scatters(shown, names))
    with atomic_file(path) as temporary:
        temporary.write_bytes(png)
