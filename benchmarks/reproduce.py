"""The quality table: `make reproduce`, or `make reproduce ONLY=Q1` for some of its rows.

Each row trains recipes by the seeds named and scores the test part once. A run that is there
already is not repeated, and one that was interrupted goes on. The table is printed as Markdown.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.cli.progress import progress
from isthmus.metrics import measure_of
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.recipes.evaluation import Evaluation, mean_of_known
from isthmus.recipes.runner import evaluate_on, start_run

FOLDER = Path("runs/reproduce")
UNTOLD = ("model", "untrained network", "mean sample")  # methods without a place in the table


@dataclass(frozen=True)
class Row:
    """A row of the table: a recipe, its changes, the metric and what was published."""

    name: str
    recipe: str
    changes: tuple[str, ...] = ()
    metric: str = "squared_error"
    published: str = "–"
    seeds: tuple[int, ...] = (0, 1, 2)
    data: str | None = None  # folder of training data in $ISTHMUS_DATA, if the recipe names none
    test: str | None = None  # folder of images in $ISTHMUS_DATA to score on instead of a part


ROWS = (
    *(
        Row(f"Q1 linear, {size} units", "mnist-linear", (f"model.code_size={size}",))
        for size in (2, 10, 16, 30, 32, 64, 128)
    ),
    Row(
        "Q2 784-1000-500-250-30",
        "mnist-deep",
        published="3.00 (Hinton and Salakhutdinov 2006)",
        seeds=(0,),
    ),
    Row(
        "Q3 dense, 32 units",
        "mnist-32",
        metric="binary_cross_entropy",
        published="0.093 (Keras blog)",
        seeds=(0,),
    ),
    Row(
        "Q3 convolutional, 8 x 4 x 4",
        "mnist-conv",
        metric="binary_cross_entropy",
        published="0.094 (Keras blog)",
        seeds=(0,),
    ),
    Row(
        "K-04 convolutional, 8 x 4 x 4",
        "mnist-conv",
        metric="pixel_accuracy",
        published="88 % (note 001, no definition)",
        seeds=(0,),
    ),
    Row("Q4 denoising, noise factor 0.5", "mnist-denoise", metric="psnr", seeds=(0,)),
    Row(
        "K-04 denoising, noise factor 0.5",
        "mnist-denoise",
        metric="pixel_accuracy",
        published="92 % (note 001, no definition)",
        seeds=(0,),
    ),
    Row("Q5 sparse by KL, 500 units", "mnist-sparse", metric="probe_accuracy"),
    Row("Q5 the 20 largest of 1,000 units", "mnist-top-k", metric="probe_accuracy"),
    Row(
        "Q6 plain, 1,000 units",
        "mnist-contractive",
        ("model.penalties=[]",),
        metric="accuracy",
        published="98.22 % (Rifai et al. 2011)",
        seeds=(0, 1, 2, 3, 4),
    ),
    Row(
        "Q6 denoising, 1,000 units",
        "mnist-contractive",
        ("model.penalties=[]", "model.corruption=masking"),
        metric="accuracy",
        published="98.82 % (Rifai et al. 2011)",
        seeds=(0, 1, 2, 3, 4),
    ),
    Row(
        "Q6 contractive, 1,000 units",
        "mnist-contractive",
        metric="accuracy",
        published="98.86 % (Rifai et al. 2011)",
        seeds=(0, 1, 2, 3, 4),
    ),
    Row(
        "Q7 stacked denoising, three layers",
        "mnist-stacked",
        metric="accuracy",
        published="98.72 % (Vincent et al. 2010)",
        seeds=(0, 1, 2),
    ),
    Row(
        "Q7 stacked plain, three layers",
        "mnist-stacked",
        ("model.corruption.fraction=0",),
        metric="accuracy",
        published="98.60 % (Vincent et al. 2010)",
        seeds=(0, 1, 2),
    ),
    Row(
        "Q8 variational, 784-400-40",
        "mnist-vae",
        metric="negative_log_likelihood",
        published="89.9 (another draw of the pixels)",
        seeds=(0,),
    ),
    Row(
        "Q8 importance-weighted, 784-400-40",
        "mnist-iwae",
        metric="negative_log_likelihood",
        seeds=(0,),
    ),
    Row(
        "Q11 lungs in X-rays, U-Net",
        "lungs",
        metric="dice",
        published="0.982, 0.952 (U-Nets on other sets)",
        seeds=(0,),
    ),
    Row(
        "Q12 vessels of the retina, U-Net",
        "retina",
        metric="dice",
        published="0.778 (U-Net), 0.817 (R2U-Net); second observer 0.798",
        seeds=(0,),
    ),
    Row("Q14 membranes, U-Net", "em-membranes", metric="dice", seeds=(0,)),
    *(
        Row(
            f"Q15 smoke, {network}",
            "smoke",
            (f"model.network.kind={network}",),
            metric="mean_iou",
            published=published,
            seeds=(0,),
        )
        for network, published in (
            ("fcn", "64.03 % (FCN-8s, another set)"),
            ("segnet", "56.94 % (another set)"),
            ("coarse", "–"),
            ("fine", "–"),
            ("two_path", "71.04 % (DeepSmoke, another set)"),
        )
    ),
    Row("Q17 infection in CT, U-Net", "covid-ct", metric="dice", seeds=(0,)),
    Row(
        "Q18 left ventricle, U-Net",
        "cardiac",
        metric="dice",
        published="about 0.92 (FCN)",
        seeds=(0,),
    ),
    Row(
        "Q16 photographs, sigma 25",
        "photos-denoise",
        metric="psnr",
        published="BM3D 28.57, DnCNN 29.23 dB",
        seeds=(0,),
        data="photos/bsd400-gray",
        test="photos/cbsd68-colour",
    ),
    Row(
        "R-04 haze",
        "dehaze",
        metric="psnr",
        seeds=(0,),
        data="smoke/images",
        test="photos/cbsd68-colour",
    ),
    Row("M-17 class-encoder", "mnist-class-encoder", metric="probe_accuracy"),
    Row("M-07 784-128-64-12-2", "mnist-2d"),
    Row("C-04 one unit, 20 images", "mnist-code-1"),
    Row("C-04 one unit, 54,000 images", "mnist-code-1-full", seeds=(0,)),
    Row("demo, digits in 2 units", "digits-2d"),
)


def folder_of(row: Row, seed: int) -> Path:
    """Folder of the run of a row and seed."""
    label = "_".join([row.recipe, *(change.split(".")[-1] for change in row.changes)])
    return FOLDER / f"{label}_seed={seed}".replace("=", "-")


def evaluations(row: Row) -> list[tuple[Evaluation, float]]:
    """Evaluation and training minutes of each seed; trained where there is none yet."""
    results = []
    for seed in row.seeds:
        folder = folder_of(row, seed)
        name, text = find_recipe(row.recipe)
        changes = [*row.changes, f"training.random_state={seed}"]
        if row.data is not None:
            changes.append(f"data.source='{in_data(row.data)}'")
        recipe = parse_recipe(text, name, changes)
        if not (folder / "evaluation.json").exists():
            print(f"{row.name}, seed {seed}", file=sys.stderr)
            start_run(recipe, folder, resume=True, observers=[progress()])
        last = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1]
        seconds = float(last.split('"seconds": ')[1].split(",")[0])
        evaluation = Evaluation.load(folder)
        if row.test is not None:
            evaluation = evaluate_on(folder, in_data(row.test))
        results.append((evaluation, seconds / 60))
    return results


def in_data(name: str) -> str:
    """A folder of the data."""
    return str(Path(os.environ["ISTHMUS_DATA"]) / name)


def table_line(row: Row) -> str:
    """One line of the Markdown table."""
    results = evaluations(row)
    found = [evaluation for evaluation, _ in results]
    values = [evaluation.values["model"][row.metric] for evaluation in found]
    mean = mean_of_known(np.mean(values, axis=0), found[0].groups)
    seeds = [float(np.nanmean(value)) for value in values]
    spread = f"{min(seeds):.4g}–{max(seeds):.4g} ({len(seeds)})" if len(seeds) > 1 else "1 seed"
    others = {
        method: np.nanmean(columns[row.metric])
        for method, columns in found[0].values.items()
        if method not in UNTOLD and row.metric in columns
    }
    beside = "; ".join(f"{method} {value:.4g}" for method, value in others.items())
    facts = "; ".join(
        f"{name} {np.mean([evaluation.facts[name] for evaluation in found]):.3g}"
        for name in found[0].facts
    )
    minutes = np.mean([spent for _, spent in results])
    cells = [
        row.name,
        measure_of(row.metric).title,
        str(mean),
        spread,
        beside,
        row.published,
        facts,
        f"{minutes:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main(only: str) -> None:
    """Print the rows whose name begins with `only`."""
    header = "setup|measure|test mean [95 %]|over seeds|beside|published|also|minutes".split("|")
    lines = [table_line(row) for row in ROWS if row.name.startswith(only)]
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
