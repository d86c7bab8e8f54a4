"""Networks, losses and deep supervision that no recipe uses, beside the recipes as they are.

`python benchmarks/segmentation_choices.py --minutes 10` trains each choice for so many minutes, on
the lungs and the vessels of `$ISTHMUS_DATA`, and prints its Dice on the validation images; choose
by these. The same with `--test` prints the scores of the test images, once all is chosen. What is
trained is kept in runs/choices and not trained again, so give another --out for other settings;
what was stopped goes on. Nothing else should run meanwhile, since minutes are those of the clock: 8
choices of 10 minutes and their scores take about an hour and a half.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from isthmus.cli.progress import progress
from isthmus.models import load
from isthmus.networks import count_parameters
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.recipes.evaluation import Evaluation, mean_of_known
from isthmus.recipes.runner import has_recipe, read_recipe, start_run
from isthmus.recipes.segmentation import evaluate, read_data


@dataclass(frozen=True)
class Choice:
    """A recipe with changes."""

    name: str
    recipe: str
    changes: tuple[str, ...] = ()


CHOICES = (
    Choice("the recipe", "lungs"),
    Choice("network small", "lungs", ("model.network={kind='small'}",)),
    Choice("loss tversky", "lungs", ("model.loss=tversky",)),
    Choice("loss focal", "lungs", ("model.loss=focal",)),
    Choice("loss boundary_cross_entropy", "lungs", ("model.loss=boundary_cross_entropy",)),
    Choice(
        "deep supervision",
        "lungs",
        (
            "model.network.side_outputs=true",
            "model.penalties=[{kind='deep_supervision', weight=0.5}]",
        ),
    ),
    Choice("the recipe", "retina"),
    Choice("network windows", "retina", ("model.network={kind='windows'}",)),
)
_ENDLESS = "training.epochs=1000000"  # the minutes end it, and the schedule with them
_BASELINES = ("most frequent class", "Otsu threshold", "untrained network")


def folder_of(out: Path, recipe: str, name: str) -> Path:
    """Where the run of a choice is kept."""
    return out / Path(recipe).stem / name.replace(" ", "-")


def trained(choice: Choice, minutes: float, changes: list[str], out: Path) -> Path:
    """The run of a choice, which is trained unless it is there."""
    folder = folder_of(out, choice.recipe, choice.name)
    if not (folder / "evaluation.json").is_file():
        print(f"{choice.recipe}: {choice.name}", flush=True)
        name, text = find_recipe(choice.recipe)
        given = [*choice.changes, *changes, _ENDLESS, f"training.minutes={minutes}"]
        recipe = parse_recipe(text, name, given)
        start_run(recipe, folder, resume=has_recipe(folder), observers=[progress()])
    return folder


def scored(folder: Path, *, test: bool) -> Evaluation:
    """Scores of the test images, or of the validation images, which are kept too."""
    if test:
        return Evaluation.load(folder)
    kept = folder / "validation"
    if not (kept / "evaluation.json").is_file():
        dataset, parts = read_data(read_recipe(folder).data)
        train, validation = dataset.subset(parts.train), dataset.subset(parts.validation)
        evaluate(load(folder), train, validation, "validation").save(kept)
    return Evaluation.load(kept)


def rows_of(recipe: str, folders: dict[str, Path], *, test: bool) -> list[list[str]]:
    """Rows of the choices on one recipe, the recipe first, and of its baselines."""
    found = {name: scored(folder, test=test) for name, folder in folders.items()}
    first = next(iter(found.values()))
    rows = []
    for name, evaluation in found.items():
        model = load(folders[name])
        dice = evaluation.values["model"]["dice"]
        difference = mean_of_known(dice - first.values["model"]["dice"], first.groups)
        rows.append(
            [
                recipe,
                name,
                str(evaluation.table()["model"]["dice"]),
                "" if evaluation is first else str(difference),
                str(evaluation.table()["model"]["boundary_f"]),
                f"{count_parameters(model.network_):,}",
                f"{model.history_[-1]['epoch']:.0f}" if model.history_ else "0",
            ]
        )
    for name in _BASELINES:
        scores = first.table()[name]
        dice, edges = (str(scores.get(measure, "–")) for measure in ("dice", "boundary_f"))
        rows.append([recipe, name, dice, "", edges, "", ""])
    return rows


def main() -> None:
    """Train what is not there, and print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10, help="of each training")
    parser.add_argument("--test", action="store_true", help="score the test images: once, at last")
    parser.add_argument("--only", choices=("lungs", "retina"), help="the choices on this recipe")
    parser.add_argument("--set", action="append", default=[], help="a setting of all, as in train")
    parser.add_argument("--out", type=Path, default=Path("runs/choices"), help="folder of the runs")
    given = parser.parse_args()
    table = []
    for recipe in dict.fromkeys(choice.recipe for choice in CHOICES):
        if given.only in (None, recipe):
            folders = {
                choice.name: trained(choice, given.minutes, given.set, given.out)
                for choice in CHOICES
                if choice.recipe == recipe
            }
            table += rows_of(recipe, folders, test=given.test)
    part = "test" if given.test else "validation"
    titles = ["data", "choice", f"Dice, {part}", "minus the recipe's", "boundary F", "parameters"]
    for cells in ([*titles, "epochs"], ["---"] * 7, *table):
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
