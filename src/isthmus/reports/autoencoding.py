"""What a page shows of a run of an autoencoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from isthmus.corruption import CORRUPTIONS
from isthmus.metrics import contraction_map
from isthmus.objectives import LOSSES
from isthmus.recipes.apply import as_brightness
from isthmus.recipes.inputs import told
from isthmus.recipes.restoration import corrupt
from isthmus.recipes.runner import Run
from isthmus.recipes.scoring import scaled
from isthmus.reports import features, figures, pictures
from isthmus.reports.page import Drawing, Fact, Section

_CASES = 8  # columns of a panel
_DRAWN = 64  # new samples in a mosaic
_CLASSES = 10  # rows and columns of new samples of each class
_SUMS = 6  # samples shown as sums of features
_NEIGHBOURHOOD = 1000  # samples among which neighbours are looked for


NOTE = "Errors are those of the scaled data, in which the loss is measured."


def facts(run: Run) -> list[Fact]:
    """What the samples and their codes are."""
    shape = run.dataset.sample_shape
    values = "values " if len(shape) == 1 else ""
    return [
        (run.dataset.name, f"data, {' × '.join(map(str, shape))} {values}a sample"),
        (" × ".join(map(str, run.model.network_.code_shape)), "code"),
    ]


def sections(run: Run) -> list[Section]:
    """Nothing beside scores and pictures."""
    return []


def draw(run: Run) -> list[Drawing]:
    """All pictures that suit the run: name, caption, figure."""
    model, test = run.model, run.test
    restored = model.reconstruct(*told(model, test))
    codes = model.transform(test.samples)
    points = figures.choose_points(len(codes))
    labels = None if test.labels is None else test.labels[points]
    scatter = (
        "codes",
        f"Codes of {len(points)} {run.evaluation.part} samples"
        f"{', drawn at random' if len(points) < len(codes) else ''}.",
        figures.code_scatter(codes[points], labels, test.class_names),
    )
    if restored.ndim == 2:
        return [scatter, _columns(run, restored), *_scores(run)]
    if model.restores:
        return [_restorations(run), *_scores(run)]
    target, output = as_brightness(model, test.samples), as_brightness(model, restored)
    cases, *extremes = _panels(run, target, output, codes)
    learnt = [*_features(model, target, codes), *_contracted(run)]
    drawn = [*_grid(model, codes), *_new_samples(model)]
    return [cases, scatter, *drawn, *learnt, *_scores(run), *extremes]


def _scores(run: Run) -> Iterator[Drawing]:
    """Errors beside the baselines, and the loss."""
    yield (
        "errors",
        f"Error on the {run.evaluation.part} samples beside the baselines; bars show 95 %"
        " intervals.",
        figures.score_bars(run.evaluation, "squared_error"),
    )
    history = run.model.history_
    if history:
        loss = LOSSES.check(run.model.settings_["loss"])
        caption = f"Loss by epoch, per {loss.get('per', 'sample')}."
        yield "loss", caption, figures.loss_curves(history)


def _columns(run: Run, restored: Any) -> Drawing:
    """Errors of a table's columns."""
    names = run.dataset.feature_names or tuple(f"value {i + 1}" for i in range(restored.shape[1]))
    target, output = (scaled(run.model, rows) for rows in (run.test.samples, restored))
    caption = "Columns that the code keeps well and badly; the marks show predicting the mean."
    mean = scaled(run.model, run.dataset.samples[run.split.train]).mean(0)
    return "columns", caption, figures.feature_errors(names, target, output, mean)


def _features(model: Any, target: Any, codes: Any) -> Iterator[Drawing]:
    """What each unit adds, and samples as sums of it, where the decoder is one layer."""
    network = model.network_
    if network.single_layer is None:
        return
    yield (
        "features",
        "What each code unit adds to a reconstruction; grey is nothing.",
        features.feature_mosaic(network, codes),
    )
    yield (
        "sums",
        "Samples as sums of the features that add most to them, each times its code unit.",
        features.sums_of_features(network, target[:_SUMS], codes[:_SUMS]),
    )


def _contracted(run: Run) -> Iterator[Drawing]:
    """What a contractive penalty has contracted."""
    model, samples = run.model, run.test.samples[:_NEIGHBOURHOOD]
    kinds = [penalty["kind"] for penalty in model.settings_["penalties"]]
    if "contractive" not in kinds or len(samples) < _NEIGHBOURHOOD:
        return
    encoders = {"this model": model, "untrained": model.untrained()}
    yield (
        "contraction",
        "How far the code moves, as a share of the greatest distance, for steps of at most the"
        " distance of neighbours: lines that are long upwards tell that steps across the data are"
        " contracted more than steps along them.",
        figures.contraction_maps(
            {name: contraction_map(one.transform, samples) for name, one in encoders.items()}
        ),
    )


def _restorations(run: Run) -> Drawing:
    """Some samples, corrupted and restored."""
    model, samples = run.model, run.test.samples
    some = np.random.default_rng(0).permutation(len(samples))[:_CASES]
    corruption = CORRUPTIONS.build(model.settings_["corruption"])
    given = model.scaling_.undo(corrupt(corruption, scaled(model, samples))[some])
    errors = run.evaluation.values["model"]["squared_error"]
    rows = {"clean": samples[some], "corrupted": given, "restored": model.denoise(given)}
    figure = features.restoration_panel(
        {name: as_brightness(model, images) for name, images in rows.items()},
        [f"{errors[case]:.3g}" for case in some],
    )
    caption = f"{run.evaluation.part.capitalize()} samples; the numbers are squared errors."
    return "restorations", caption, figure


def _grid(model: Any, codes: Any) -> Iterator[Drawing]:
    """Decoded images, where the code can be drawn."""

    def decode(grid: Any) -> Any:
        return as_brightness(model, model.inverse_transform(grid))

    if codes.shape[1] <= 2 and not model.conditional:
        places = ("", "places on the line", "each place in the plane")[codes.shape[1]]
        caption = f"What the decoder makes of {places} of codes."
        yield "grid", caption, pictures.decoded_grid(decode, codes)


def _new_samples(model: Any) -> Iterator[Drawing]:
    """What a generative model makes of draws from its prior."""
    if not hasattr(model, "sample"):
        return
    if model.conditional:
        classes = model.classes_[:_CLASSES]
        rows = [as_brightness(model, model.given(one).sample(_CLASSES)) for one in classes]
        caption = "New samples: a row for each class, a column for each code drawn from N(0, I)."
        yield "samples", caption, pictures.mosaic(np.concatenate(rows), columns=_CLASSES)
    else:
        images = as_brightness(model, model.sample(_DRAWN))
        caption = "New samples, decoded from codes drawn from N(0, I)."
        yield "samples", caption, pictures.mosaic(images)


def _panels(run: Run, target: Any, output: Any, codes: Any) -> list[Drawing]:
    """Samples over codes over reconstructions: some, the best and the worst."""
    errors = run.evaluation.values["model"]["squared_error"]
    shaped = codes.reshape(-1, *run.model.network_.code_shape)
    order = np.argsort(errors, kind="stable")
    some = np.random.default_rng(0).permutation(len(errors))[:_CASES]
    part = run.evaluation.part

    def panel(name: str, caption: str, cases: Any) -> Drawing:
        titles = [f"{errors[case]:.3g}" for case in cases]
        chosen = (target[cases], shaped[cases], output[cases])
        return name, caption, pictures.reconstruction_panel(*chosen, titles)

    caption = (
        f"{part.capitalize()} samples, their codes and what is rebuilt from them; the numbers are"
        " squared errors."
    )
    shown = [panel("reconstructions", caption, some)]
    if len(order) > _CASES:
        best, worst = order[:_CASES], order[::-1][:_CASES]
        shown.append(panel("best", f"The {part} samples with the least error.", best))
        shown.append(panel("worst", f"The {part} samples with the greatest error.", worst))
    return shown
