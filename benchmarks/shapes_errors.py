"""Plausibility of what a segmenter makes of real images: whether it tells and mends real errors.

    python benchmarks/shapes_errors.py runs/lv-shapes runs/cardiac-8 runs/cardiac-24 runs/cardiac-45

docs/shapes.md has the commands that train these. The images are those of the segmenter's test part.
Beside the plausibility stand what `review.csv` and `areas.csv` of `isthmus segment` hold: the
entropy in the structure, the Dice to be expected, and the area. Greater values are made to mean a
better map throughout. Beside the correction stands what is usual: the largest piece of each class.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_fill_holes, label
from scipy.stats import rankdata
from shapes import dice, text
from sklearn.metrics import roc_auc_score

from isthmus.latent.shapes import ShapeModel
from isthmus.metrics import bootstrap_mean, bootstrap_statistic, expected_dice, structure_entropy
from isthmus.recipes.inputs import load_segmenter
from isthmus.recipes.plausibility import check_map, shape_model
from isthmus.recipes.runner import read_recipe
from isthmus.recipes.segmentation import read_data

POOR = 0.8  # a Dice below it is what a reviewer should find


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shapes", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    options = parser.parse_args()
    shape, seen, parts = shape_model(options.shapes)
    names = seen.names or ()
    learnt = {names[i] for i in (*parts.train, *parts.validation)}
    for run in options.runs:
        dataset, own = read_data(read_recipe(run).data)
        test = dataset.subset(own.test)
        if learnt & {*test.names}:
            parser.error(f"{options.shapes} has learnt from test images of {run}; part them alike.")
        print(f"\n## {run.name}\n")
        groups = np.arange(len(test)) if test.groups is None else test.groups
        tell(judged(shape, load_segmenter(run), test), groups)


def judged(shape: ShapeModel, model: object, test: object) -> dict[str, np.ndarray]:
    """By name a value for each image ``(N,)``: Dice before and after, and what may tell it."""
    columns: dict[str, list[float]] = {}
    for image, mask in zip(test.images, test.masks, strict=True):
        (p,) = model.predict_proba([image])
        labels = p.argmax(0)
        score, findings, corrected = check_map(shape, labels)
        maps = np.stack([labels, largest_pieces(labels), corrected])
        before, plain, after = dice(maps, np.stack([mask] * 3), len(p))
        row = {
            "Dice": before,
            "Dice, largest pieces": plain,
            "Dice, corrected": after,
            "findings": float(bool(findings)),
            "plausibility": score,
            "entropy": -structure_entropy(p, labels),
            "expected Dice": expected_dice(p, labels).mean(),
            "area": float((labels > 0).sum()),
        }
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    found = {name: np.array(column) for name, column in columns.items()}
    known = ~np.isnan(found["Dice"])  # NaN where nothing is there and nothing was seen
    if not known.all():
        raise SystemExit("Some images hold no structure and none was found; they have no Dice.")
    return found


def largest_pieces(labels: np.ndarray) -> np.ndarray:
    """What is usual instead of a shape model: of each class the largest piece, its holes filled."""
    kept = np.zeros_like(labels)
    for one in np.unique(labels[labels > 0]):
        pieces, _ = label(labels == one, np.ones((3, 3)))
        largest = pieces == 1 + np.bincount(pieces.ravel())[1:].argmax()
        kept[largest | (binary_fill_holes(largest) & (labels == 0))] = one
    return kept


def tell(found: dict[str, np.ndarray], groups: np.ndarray) -> None:
    """How well each measure orders the maps by their Dice; what the correction does to it."""
    true, plausible = found["Dice"], found["plausibility"]
    poor, flagged = true < POOR, found["findings"] > 0
    print(
        f"{len(true)} images of {len(np.unique(groups))} groups, mean Dice"
        f" {text(bootstrap_mean(true, groups))}; {poor.sum()} below {POOR};"
        f" {(plausible < 0).sum()} with a score below 0; {flagged.sum()} with findings, of which"
        f" {(flagged & poor).sum()} are below {POOR}\n"
    )
    measures = {
        "plausibility": plausible,
        **{name: found[name] for name in ("entropy", "expected Dice", "area")},
        "ranks of plausibility and entropy": rankdata(plausible) + rankdata(found["entropy"]),
    }
    print("| measure | Spearman | less entropy's | AUROC | less entropy's |")
    print("| --- | --- | --- | --- | --- |")
    for name, values in measures.items():
        rows = np.column_stack([true, values, found["entropy"]])
        cells = [
            text(bootstrap_statistic(statistic, rows, groups))
            for alone in (spearman, auroc)
            for statistic in (alone, lambda rows, alone=alone: alone(rows) - alone(rows[:, [0, 2]]))
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print(
        "\n| maps | number | Dice | largest pieces | corrected | gain | gain over pieces | worse |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    pieces, corrected = found["Dice, largest pieces"], found["Dice, corrected"]
    for name, some in (
        ("all", np.ones(len(true), bool)),
        (f"Dice below {POOR}", poor),
        (f"Dice of {POOR} or more", ~poor),
        ("with findings", flagged),
        ("without findings", ~flagged),
    ):
        if not some.any():
            continue
        cells = [
            text(bootstrap_mean(values[some], groups[some]))
            for values in (true, pieces, corrected, corrected - true, corrected - pieces)
        ]
        worse = (corrected < true - 0.005)[some].sum()
        print(f"| {name} | {some.sum()} | {' | '.join(cells)} | {worse} |")


def spearman(rows: np.ndarray) -> float:
    """Rank correlation of the first two columns; NaN where one is constant."""
    if (np.ptp(rows[:, :2], axis=0) == 0).any():
        return np.nan
    return float(np.corrcoef(rankdata(rows[:, 0]), rankdata(rows[:, 1]))[0, 1])


def auroc(rows: np.ndarray) -> float:
    """Chance that a poor map has a smaller value than another; NaN if all are alike."""
    poor = rows[:, 0] < POOR
    return float(roc_auc_score(poor, -rows[:, 1])) if 0 < poor.sum() < len(poor) else np.nan


if __name__ == "__main__":
    main()
