"""What a page shows of a run of a segmenter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from isthmus.core.errors import SettingError
from isthmus.core.files import atomic_file
from isthmus.data import PairSet
from isthmus.metrics import measure_of
from isthmus.recipes.predicting import SHOWN
from isthmus.recipes.runner import Run
from isthmus.recipes.schema import Recipe
from isthmus.recipes.segmentation import notes, read_data
from isthmus.recipes.shares import shares_of
from isthmus.reports import figures, shares
from isthmus.reports.beside import beside_baselines
from isthmus.reports.overlays import case_of, case_panel, piece_panel
from isthmus.reports.page import Cell, Drawing, Fact, Section, Table
from isthmus.reports.style import look, plain, to_png

Array = NDArray[Any]
NOTE = (
    "Each score is that of an image, the mean over the classes but the background, distances in"
    " pixels. A structure that is missed as a whole, or seen where there is none, counts with Dice"
    " 0; a class in neither has no score."
)
_PIECES = 4
_OPEN = 30  # cases in a table that is not folded
_TITLES = {
    "name": "",
    "group": "group",
    "missed": "missed",
    "false_positives": "seen where there is none",
    "pixels": "pixels",
    "predicted_pixels": "predicted pixels",
    "share": "true per cent",
    "predicted_share": "per cent",
}


def facts(run: Run) -> list[Fact]:
    """What the images are, and how the network looks at them."""
    model, images = run.model, run.dataset.images
    sizes = sorted({image.shape[-2:] for image in images}, key=np.prod)
    ends = dict.fromkeys([sizes[0], sizes[-1]])
    size = " to ".join(f"{width} × {height}" for height, width in ends)
    colour = "colour" if run.dataset.channels == 3 else "grey"
    found = [
        (run.dataset.name, f"data, {colour} images of {size} pixels"),
        (", ".join(run.dataset.class_names), "classes, the background first"),
    ]
    for name, stage in getattr(model, "stages", {"": model}).items():
        found += [(value, f"{name}: {words}" if name else words) for value, words in _look(stage)]
    return found


def _look(model: Any) -> list[Fact]:
    """How a network looks at images."""
    height, width = model.sample_shape_[1:]
    settings = model.settings_
    seen = settings["size"]
    return [
        (
            f"{seen} pixels" if seen else "own size",
            "working size: longer side of an image as the network sees it",
        ),
        (f"{width} × {height}", f"pixels, pieces in training; {settings['batch_size']} in a batch"),
        (f"{model.network_.stride}", "stride, pixels beside one another in the code"),
    ]


def draw(run: Run) -> Iterator[Drawing]:
    """All pictures that suit the run: name, caption, figure."""
    model, evaluation = run.model, run.evaluation
    dice = evaluation.values["model"]["dice"]
    some = np.random.default_rng(0).permutation(len(dice))[:SHOWN]
    yield _panel(run, "cases", f"{evaluation.part} images, drawn at random", some)
    order = np.argsort(dice, kind="stable")[: np.isfinite(dice).sum()]
    if len(order) > SHOWN:
        yield _panel(run, "worst", f"{evaluation.part} images with the least Dice", order[:SHOWN])
    if len(order) >= 2 * SHOWN:
        best = order[::-1][:SHOWN]
        yield _panel(run, "best", f"{evaluation.part} images with the greatest Dice", best)
    yield from _scores(run)
    yield from shares.draw(evaluation, shares_of(model.data_))
    if model.settings_["augmentations"]:
        yield "augmented", *_augmented(model, run.dataset.subset(run.split.train))


def _panel(run: Run, name: str, what: str, places: Array) -> Drawing:
    """Some cases side by side; uncertainty is shown of the worst."""
    dice, test = run.evaluation.values["model"]["dice"], run.test
    scores = ["no Dice" if np.isnan(one) else f"Dice {one:.3f}" for one in dice[places]]
    titles = [
        f"{plain(test.names[place])}\n{score}" for place, score in zip(places, scores, strict=True)
    ]
    predicted, uncertain = run.evaluation.predicted, name == "worst"
    cases = [
        case_of(
            test,
            place,
            title,
            predicted.maps[place],
            predicted.uncertain[place] if uncertain else None,
        )
        for place, title in zip(places, titles, strict=True)
    ]
    caption = (
        f"{what[0].upper()}{what[1:]}: image, outline of the reference, prediction, and where they"
        " differ: vermilion is missed, blue is added"
        + (", yellow is another class" if len(test.class_names) > 2 else "")
        + "."
        + (" Uncertainty is the entropy of the probabilities: yellow is unsure." * uncertain)
    )
    return name, caption, case_panel(cases, test.class_names)


def _scores(run: Run) -> Iterator[Drawing]:
    """Dice beside the baselines, case by case and on average; the loss; classes mixed up."""
    yield from beside_baselines(run, "dice", what="image", by_case="dice", pieces="images")
    if len(run.dataset.class_names) > 2:
        yield (
            "confusion",
            "Where the pixels of each class of the reference went: shares of a row in per cent.",
            figures.confusion(_confusion(run), run.dataset.class_names),
        )


def _confusion(run: Run) -> NDArray[np.int64]:
    """Pixels by class of the reference and of the prediction, ``(K, K)``."""
    count = len(run.dataset.class_names)
    counts = np.zeros(count * count, np.int64)
    for predicted, mask in zip(run.evaluation.predicted.maps, run.test.masks, strict=True):
        pairs = mask.astype(np.int64) * count + predicted
        counts += np.bincount(pairs[mask >= 0], minlength=count * count)
    return counts.reshape(count, count)


def write_augmented(recipe: Recipe, path: Path) -> None:
    """Draw pieces of a recipe's training images, as cut and as augmented, into a PNG.

    Raises
    ------
    SettingError
        If the recipe is not one of a segmenter, or the file is no PNG.
    """
    model = recipe.build_model()
    if not hasattr(model, "pieces"):
        raise SettingError(f"'{recipe.title}' is not a recipe of a segmenter, such as lungs is.")
    if path.suffix.lower() != ".png":
        raise SettingError(f"The picture is a PNG: give a file that ends in .png, not '{path}'.")
    dataset, parts = read_data(recipe.data)
    with look():
        png = to_png(_augmented(model, dataset.subset(parts.train))[1])
    with atomic_file(path) as temporary:
        temporary.write_bytes(png)


def _augmented(model: Any, train: PairSet) -> tuple[str, Any]:
    """Caption and figure: the first pieces of a training, before and after the augmentations."""
    pieces: list[tuple[Array, Array]] = []
    for changes in ({"augmentations": ()}, {}):  # what is cut depends on the seed alone
        twin = clone(model).set_params(random_state=0, **changes)
        found = twin.pieces(train.images, train.masks, class_names=train.class_names)
        batch = next(found.batches(_PIECES, twin.seed_, 0))
        pieces.append((batch.x.cpu().numpy(), batch.y.cpu().numpy()))
    kinds = [spec["kind"] for spec in twin.settings_["augmentations"]]
    caption = (
        "Pieces of training images with the outlines of their label maps, as they are cut and after"
        f" the augmentations: {', '.join(kinds) or 'none'}."
    )
    return caption, piece_panel(pieces[0], pieces[1], train.class_names)


def sections(run: Run) -> list[Section]:
    """A table of all cases, as in ``cases.csv``."""
    details = run.evaluation.details
    if not details:
        return []
    columns = [_title(name) for name in details]
    rows: list[list[Cell]] = [
        list(row) for row in zip(*(column.tolist() for column in details.values()), strict=True)
    ]
    return [
        Section(
            f"Each of the {len(rows)} {run.evaluation.part} images, worst first",
            " ".join([*notes(run.dataset, run.split), *failures(details)]),
            tables=[Table(columns, rows)],
            note="The same as `cases.csv` in the folder of the run.",
            folded=len(rows) > _OPEN,
        ),
        *shares.sections(run.evaluation, shares_of(run.model.data_)),
    ]


def failures(details: dict[str, Array]) -> Iterator[str]:
    """Sentences that name the cases with structures that were missed, or are not there."""
    for failure, what in (
        ("missed", "Missed as a whole"),
        ("false_positives", "Seen where there is none"),
    ):
        named = [
            f"{classes} in {name}"
            for name, classes in zip(details["name"], details[failure], strict=True)
            if classes
        ]
        yield f"{what}: {'; '.join(named) or 'nothing'}."


def _title(name: str) -> str:
    measure, _, label = name.partition("/")
    if measure in _TITLES:
        return f"{_TITLES[measure]} of {label}" if label else _TITLES[measure]
    return measure_of(name).title
