"""The quality table: `make reproduce`, or `make reproduce ONLY=Q1` for some of its rows.

Each row trains recipes by the seeds named and scores the test part once. A run that is there
already is not repeated, and one that was interrupted goes on. The table is printed as Markdown.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.cli.progress import progress
from isthmus.metrics import METRICS, bootstrap_mean
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.runner import start_run

FOLDER = Path("runs/reproduce")


@dataclass(frozen=True)
class Row:
    """A row of the table: a recipe, its changes, the metric and what was published."""

    name: str
    recipe: str
    changes: tuple[str, ...] = ()
    metric: str = "squared_error"
    published: str = "–"
    seeds: tuple[int, ...] = (0, 1, 2)


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
    Row("M-07 784-128-64-12-2", "mnist-2d"),
    Row("C-04 one unit, 20 images", "mnist-code-1"),
    Row("C-04 one unit, 54,000 images", "mnist-code-1-full", seeds=(0,)),
    Row("demo, digits in 2 units", "digits-2d"),
)


def evaluations(row: Row) -> list[tuple[Evaluation, float]]:
    """Evaluation and training minutes of each seed; trained where there is none yet."""
    results = []
    for seed in row.seeds:
        label = "_".join([row.recipe, *(change.split(".")[-1] for change in row.changes)])
        folder = FOLDER / f"{label}_seed={seed}".replace("=", "-")
        name, text = find_recipe(row.recipe)
        recipe = parse_recipe(text, name, [*row.changes, f"training.random_state={seed}"])
        if not (folder / "evaluation.json").exists():
            print(f"{row.name}, seed {seed}", file=sys.stderr)
            start_run(recipe, folder, resume=True, observers=[progress()])
        last = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1]
        seconds = float(last.split('"seconds": ')[1].split(",")[0])
        results.append((Evaluation.load(folder), seconds / 60))
    return results


def table_line(row: Row) -> str:
    """One line of the Markdown table."""
    results = evaluations(row)
    found = [evaluation for evaluation, _ in results]
    values = [evaluation.values["model"][row.metric] for evaluation in found]
    mean = bootstrap_mean(np.mean(values, axis=0), found[0].groups)
    seeds = [float(value.mean()) for value in values]
    spread = f"{min(seeds):.4g}–{max(seeds):.4g} ({len(seeds)})" if len(seeds) > 1 else "1 seed"
    pca = found[0].values["PCA"][row.metric].mean()
    facts = "; ".join(
        f"{name} {np.mean([evaluation.facts[name] for evaluation in found]):.3g}"
        for name in found[0].facts
    )
    minutes = np.mean([spent for _, spent in results])
    cells = [
        row.name,
        METRICS[row.metric].title,
        str(mean),
        spread,
        f"{pca:.4g}",
        row.published,
        facts,
        f"{minutes:.1f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main(only: str) -> None:
    """Print the rows whose name begins with `only`."""
    header = "setup|measure|test mean [95 %]|over seeds|PCA|published|also|minutes".split("|")
    lines = [table_line(row) for row in ROWS if row.name.startswith(only)]
    print("| " + " | ".join(header) + " |")
    print("|" + " --- |" * len(header))
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
