"""A cascade of two networks beside one network of as many weights, trained as long.

    python benchmarks/cascade.py made-chest-ct --seconds 25 --out runs/cascade
    python benchmarks/cascade.py mammo --seconds 25 --out runs/cascade --folds 5

Both have the same data, seeds and augmentations, as many weights in all (the one network is wider),
and the same seconds of computing (process time, not of the wall clock) to train in, half of them
for each network of the cascade. The one network sees whole images at the size at which the
cascade's second network sees boxes, or larger where `SETS` says so. Trainings that are finished are
read from `--out`. The table has the means over the images, trainings taken together, and the paired
differences, with 95 % intervals that draw patients (and trainings, where there are several).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from isthmus import Cascade, Segmenter
from isthmus.data import PairSet
from isthmus.metrics import agreement, bootstrap_mean_of_seeds, overlap_counts
from isthmus.models import MODELS
from isthmus.networks import count_parameters
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.recipes.segmentation import read_data

SETS = {"made-chest-ct": ("lung-involvement", 128), "mammo": ("breast-cascade", 192)}
_TRIED = 24  # pieces of the epoch that is timed


def main() -> None:
    """Train what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--seconds", type=float, default=25.0, help="of computing, a training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, help="test on each fold, instead of the test part")
    parser.add_argument("--out", type=Path, default=Path("runs/cascade"))
    parser.add_argument("--only", help="one training, such as cascade-0, and no table")
    given = parser.parse_args()
    trainings = range(given.folds or given.seeds)
    found: dict[str, list[Any]] = {"cascade": [], "single": []}
    for number in trainings:
        for arm, results in found.items():
            name = f"{arm}-{number}"
            path = given.out / f"{given.set}-{name}.npz"
            if not path.exists() and given.only in (None, name):
                path.parent.mkdir(parents=True, exist_ok=True)
                np.savez(path, **measured(given, arm, number))
            if given.only is None:
                results.append(dict(np.load(path)))
    if given.only is None:
        table(found, folds=given.folds is not None)


def measured(given: argparse.Namespace, arm: str, number: int) -> dict[str, Any]:
    """Scores of each tested image by one training."""
    recipe_name, size = SETS[given.set]
    fold = (f"data.fold=[{number + 1}, {given.folds}]",) if given.folds else ()
    recipe = parse_recipe(find_recipe(recipe_name)[1], recipe_name, fold)
    dataset, parts = read_data(recipe.data)
    train = dataset.subset(parts.train)
    test = dataset.subset(parts.validation if given.folds else parts.test)
    seed = 0 if given.folds else number
    cascade = recipe.build_model().set_params(random_state=seed)
    if arm == "cascade":
        for stage in ("first", "second"):
            spec = getattr(cascade, stage)
            epochs = epochs_in(spec, train, given.seconds / 2)
            cascade.set_params(**{stage: {**spec, "epochs": epochs}})
        model: Any = cascade
    else:
        spec = wider(cascade, train, size)
        spec |= {"epochs": epochs_in(spec, train, given.seconds), "random_state": seed}
        model = MODELS.build(spec)
    began = time.process_time()
    model.fit(train.images, train.masks, class_names=train.class_names)
    seconds = time.process_time() - began
    share = next(iter(recipe.data.shares.values()))
    part, _ = share.labels(dataset.class_names)
    began = time.process_time()
    maps = model.predict(test.images)
    per_image = (time.process_time() - began) / len(test)
    pairs = list(zip(maps, test.masks, strict=True))
    return {
        "dice": [overlap_counts(np.isin(p, part), np.isin(r, part)).dice for p, r in pairs],
        "measured": [share.percent(p, dataset.class_names) for p, _ in pairs],
        "true": [share.percent(r, dataset.class_names) for _, r in pairs],
        "groups": test.groups if test.groups is not None else np.array(test.names),
        "cost": [seconds, per_image, count_parameters(model.network_)],
    }


def wider(cascade: Cascade, train: PairSet, size: int) -> dict[str, Any]:
    """The second network's settings, with as many weights as both together."""
    spec = {**cascade.second, "size": size}
    twice = 2 * weights(spec, train)
    first, *_ = spec["network"]["channels"]
    options = []
    for width in range(first, 3 * first):
        channels = [round(one * width / first) for one in spec["network"]["channels"]]
        code_size = round(spec["code_size"] * width / first)
        network = {**spec["network"], "channels": channels}
        options.append({**spec, "network": network, "code_size": code_size})
    return min(options, key=lambda one: abs(weights(one, train) - twice))


def weights(spec: dict[str, Any], train: PairSet) -> int:
    """Number of weights of a segmenter's network."""
    some = train.subset(range(2))
    model = MODELS.build({**spec, "epochs": 0, "patches": 1})
    model.fit(some.images, some.masks, class_names=train.class_names)
    return count_parameters(model.network_)


def epochs_in(spec: dict[str, Any], train: PairSet, seconds: float) -> int:
    """How many epochs take so many seconds of computing."""
    model: Segmenter = MODELS.build({**spec, "epochs": 1, "patches": _TRIED})
    some = train.subset(range(min(_TRIED, len(train))))
    took = []
    for _ in range(2):  # the first one warms up
        model.set_params(epochs=len(took) + 1)
        began = time.process_time()
        model.fit(some.images, some.masks, class_names=train.class_names)
        took.append(time.process_time() - began)
    pieces = spec["patches"] or max(64, len(train))
    return max(2, round(seconds / (took[1] / 2 * pieces / _TRIED)))


def table(found: dict[str, list[Any]], *, folds: bool) -> None:
    """Print means and paired differences."""
    columns = {}
    for arm, results in found.items():
        parts = {key: [one[key] for one in results] for key in results[0]}
        # Each image is tested by one training where there are folds, else by all.
        join = (lambda rows: np.concatenate(rows)[None]) if folds else np.stack
        dice, measured, true = (join(parts[key]) for key in ("dice", "measured", "true"))
        defined = np.isfinite(true)
        error = np.abs(np.where(defined, np.nan_to_num(measured) - true, np.nan))
        groups = join(parts["groups"])[0]
        columns[arm] = (np.where(np.isfinite(true) & (true > 0), dice, np.nan), error, groups)
        seconds, per_image, count = np.mean(parts["cost"], 0)
        lost = int((np.isnan(measured) & defined).sum())
        print(
            f"{arm}: {count:,.0f} weights, {seconds:.1f} s of training, {per_image:.3f} s an image;"
            f" organ not found in {lost} of {int(defined.sum())}, counted as 0 %"
        )
        known = np.isfinite(measured[0]) & defined[0]
        agreed = agreement(measured[0][known], true[0][known], groups[known])
        print(f"  first training: bias {agreed.bias}, limits {agreed.lower} and {agreed.upper}")
        print(f"  correlation {agreed.correlation}, concordance {agreed.concordance}")
    print("| | cascade | single | difference |\n| --- | --- | --- | --- |")
    for place, name in enumerate(("Dice of the lesions", "error of the share, points")):
        cascade, single = columns["cascade"][place], columns["single"][place]
        known = np.isfinite(cascade).all(0) & np.isfinite(single).all(0)
        groups = columns["cascade"][2][known]
        values = [cascade[:, known], single[:, known], (cascade - single)[:, known]]
        cells = " | ".join(str(bootstrap_mean_of_seeds(one, groups)) for one in values)
        print(f"| {name}, {int(known.sum())} images | {cells} |")


if __name__ == "__main__":
    main()
