"""What a page shows of a run of a segmenter of volumes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.metrics import measure_of
from isthmus.recipes.runner import Run
from isthmus.recipes.shares import shares_of
from isthmus.recipes.volume_pictures import seen, sides_of
from isthmus.recipes.volumes import notes, volume_agreement
from isthmus.reports import shares
from isthmus.reports.agreement import agreement_figure
from isthmus.reports.beside import beside_baselines
from isthmus.reports.overlays import Case, case_panel, drawn
from isthmus.reports.page import Cell, Drawing, Fact, Section, Table
from isthmus.reports.segmentation import failures
from isthmus.reports.style import plain

Array = NDArray[Any]
NOTE = (
    "Each score is that of a volume, the mean over the classes but the background, distances in"
    " mm. A structure that is missed as a whole, or seen where there is none, counts with Dice 0; a"
    " class in neither has no score."
)
_CASES = 4  # columns of a panel
_OPEN = 30  # cases in a table that is not folded
_TITLES = {
    "name": "",
    "group": "group",
    "missed": "missed",
    "false_positives": "seen where there is none",
    "ml": "ml",
    "predicted_ml": "predicted ml",
    "share": "true per cent",
    "predicted_share": "per cent",
}
_MEASURES = {
    "bias": "bias",
    "lower": "lower limit",
    "upper": "upper limit",
    "absolute_error": "absolute error",
    "correlation": "correlation",
    "concordance": "concordance",
}


def facts(run: Run) -> list[Fact]:
    """What the volumes are, and how the network looks at them."""
    model, dataset = run.model, run.dataset
    shapes = sorted({image.shape for image in dataset.images}, key=np.prod)
    sizes = dict.fromkeys(" × ".join(map(str, shape)) for shape in (shapes[0], shapes[-1]))
    spacing = np.median(dataset.spacings, axis=0)
    found = [
        (dataset.name, f"data, volumes of {' to '.join(sizes)} voxels (up, backwards, left)"),
        (" × ".join(f"{side:.3g}" for side in spacing), "mm, the median size of a voxel"),
        (", ".join(dataset.class_names), "classes, the background first"),
    ]
    for name, stage in getattr(model, "stages", {"": model}).items():
        found += [(value, f"{name}: {words}" if name else words) for value, words in _look(stage)]
    return found


def _look(model: Any) -> list[Fact]:
    """How a network looks at volumes."""
    settings = model.settings_
    height, width = model.sample_shape_[1:]
    pixels = settings["spacing"]
    return [
        (model.plane_, f"slices, with {settings['neighbours']} on either side as channels"),
        (f"{pixels:g} mm" if pixels else "own size", "pixels of slices as the network sees them"),
        (f"{width} × {height}", f"pixels, pieces in training; {settings['batch_size']} in a batch"),
    ]


def draw(run: Run) -> Iterator[Drawing]:
    """All pictures that suit the run: name, caption, figure."""
    evaluation = run.evaluation
    dice = evaluation.values["model"]["dice"]
    some = np.random.default_rng(0).permutation(len(dice))[:_CASES]
    yield _panel(run, "cases", f"{evaluation.part} volumes, drawn at random", some)
    order = np.argsort(dice, kind="stable")[: np.isfinite(dice).sum()]
    if len(order) > _CASES:
        yield _panel(run, "worst", f"{evaluation.part} volumes with the least Dice", order[:_CASES])
    yield from beside_baselines(run, "dice", what="volume", by_case="dice", pieces="slices")
    if evaluation.details and evaluation.cases > 1:
        for label, name in enumerate(run.dataset.class_names[1:], 1):
            yield (
                f"agreement-{label}",
                f"Measured and true volume of {name} of the {evaluation.part} cases; right:"
                " differences over means, with the bias and the limits of agreement, between which"
                " 95 % of the cases lie if the differences are normal.",
                agreement_figure(
                    evaluation.details[f"predicted_ml/{name}"],
                    evaluation.details[f"ml/{name}"],
                    "ml",
                    name,
                ),
            )
        yield from shares.draw(evaluation, shares_of(run.model.data_), "volumes")


def _panel(run: Run, name: str, what: str, places: Array) -> Drawing:
    """Some cases side by side, each in the slice that holds most of the structures."""
    dice, test = run.evaluation.values["model"]["dice"], run.test
    scores = ["no Dice" if np.isnan(one) else f"Dice {one:.3f}" for one in dice[places]]
    cases = [
        _case(run, place, f"{plain(test.names[place])}\n{score}")
        for place, score in zip(places.tolist(), scores, strict=True)
    ]
    caption = (
        f"{what[0].upper()}{what[1:]}, each in the {run.model.plane_} slice that holds most of the"
        " structures: image, outline of the reference, prediction, and where they differ: vermilion"
        " is missed, blue is added"
        + (", yellow is another class" if len(test.class_names) > 2 else "")
        + "."
    )
    return name, caption, case_panel(cases, test.class_names)


def _case(run: Run, place: int, title: str) -> Case:
    axis, test, shown = run.model.axis_, run.test, run.evaluation.predicted[place]
    image, reference = (seen(one[place], axis, shown.place) for one in (test.images, test.masks))
    prediction, uncertainty = (
        seen(np.expand_dims(one, axis), axis, 0) for one in (shown.prediction, shown.uncertainty)
    )
    sides = sides_of(test.masks[place].shape, test.spacings[place], axis)
    return drawn(title, image, reference, prediction, sides, uncertainty)


def sections(run: Run) -> list[Section]:
    """Agreement of the volumes, and a table of all cases, as in ``cases.csv``."""
    details = run.evaluation.details
    if not details:
        return []
    rows: list[list[Cell]] = []
    for name in run.dataset.class_names[1:]:
        found = volume_agreement(details, name)
        if found is not None:
            rows.append([name, *(getattr(found, measure) for measure in _MEASURES)])
    cases: list[list[Cell]] = [
        list(row) for row in zip(*(column.tolist() for column in details.values()), strict=True)
    ]
    return [
        Section(
            "Volumes in ml: predicted against true",
            tables=[Table(["", *_MEASURES.values()], rows)],
            note="Bias: mean of predicted - true. Limits of agreement: bias ± 1.96 standard"
            " deviations of the differences. Concordance: Lin's, 1 only if all volumes are the"
            " true ones. Each with a 95 % interval.",
        ),
        Section(
            f"Each of the {len(cases)} {run.evaluation.part} volumes, worst first",
            " ".join([*notes(run.dataset, run.split), *failures(details)]),
            tables=[Table([_title(name) for name in details], cases)],
            note="The same as `cases.csv` in the folder of the run.",
            folded=len(cases) > _OPEN,
        ),
        *shares.sections(run.evaluation, shares_of(run.model.data_), "volumes"),
    ][0 if rows else 1 :]


def _title(name: str) -> str:
    measure, _, label = name.partition("/")
    if measure in _TITLES:
        return f"{_TITLES[measure]} of {label}" if label else _TITLES[measure]
    return measure_of(name).title
