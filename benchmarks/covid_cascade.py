"""A cascade beside one network on real CT slices whose lungs nobody has drawn (`covid-ct`).

    python benchmarks/covid_cascade.py --seconds 30 --seeds 2 --out runs/covid-cascade

The cascade's first network is a stand-in: it learns masks of the lungs that a threshold makes of
the training slices alone (`stand_in`); in the arm `cascade+lesions` also that the infection of
these slices is lung. The second one learns infection in the boxes that the first finds. The single
network has about as many weights, sees whole slices, and trains for the same seconds of computing,
of which each network of a cascade has half. Tested are the validation and test slices, by which
nothing is chosen; patients are not known, so intervals draw slices (and trainings). Trainings that
are finished are read from `--out`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from cascade import epochs_in, wider
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.morphology import disk

from isthmus import Cascade
from isthmus.data import PairSet, read_pairs, split
from isthmus.metrics import bootstrap_mean_of_seeds, overlap_counts
from isthmus.models import MODELS
from isthmus.networks import count_parameters

STAGE: dict[str, Any] = {
    "kind": "segmenter",
    "network": {"kind": "unet", "channels": [12, 24, 48]},
    "code_size": 48,
    "loss": {"kind": "dice_cross_entropy", "over": "batch"},
    "intensities": "standard",
    "augmentations": [
        {"kind": "affine", "rotation": 15, "scale": 0.15, "outside": "reflection"},
        {"kind": "flip", "vertical": True},
        {"kind": "intensity", "contrast": 0.3, "brightness": 0.3, "gamma": 0.3},
    ],
    "patches": 64,
    "batch_size": 6,
    "learning_rate": 0.005,
    "schedule": {"kind": "one_cycle", "warmup": 0.1},
}
FIRST, SECOND, WHOLE = 96, 192, 192  # longer side of what each network sees
_SMALLEST = 0.01  # share of the slice below which a dark piece is no lung
_BRIDGED = 0.08  # of the slice's longer side: what is closed in a lung's outline
ARMS = ("single", "cascade", "cascade+lesions")


def main() -> None:
    """Train what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of computing, a training")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/covid-cascade"))
    parser.add_argument("--only", help="one training, such as cascade-0, and no table")
    given = parser.parse_args()
    dataset = read_pairs("covid-ct")
    parts = split(dataset)
    train = dataset.subset(parts.train)
    test = dataset.subset(np.sort(np.concatenate([parts.validation, parts.test])))
    lungs = [stand_in(image) for image in train.images]
    found: dict[str, list[Any]] = {arm: [] for arm in ARMS}
    for seed in range(given.seeds):
        for arm, results in found.items():
            path = given.out / f"{arm}-{seed}.npz"
            if not path.exists() and given.only in (None, path.stem):
                path.parent.mkdir(parents=True, exist_ok=True)
                if arm == "single":
                    trained = single(train, given.seconds, seed)
                else:
                    more = train.masks if arm == "cascade+lesions" else lungs
                    known = [np.maximum(one, other) for one, other in zip(lungs, more, strict=True)]
                    folder = given.out / f"first-{arm}-{seed}"
                    trained = cascade(train, known, given.seconds, seed, folder)
                np.savez(path, **measured(*trained, test))
            if given.only is None:
                results.append(dict(np.load(path)))
    if given.only is None:
        missed(train, lungs)
        table(found)


def stand_in(image: NDArray[Any]) -> NDArray[np.int16]:
    """Lungs by grey values: large dark pieces, their outlines closed and their holes filled.

    A slice is cut to its lungs, which may touch its sides; what touches a corner is outside air.
    """
    dark = ndimage.binary_opening(image < threshold_otsu(image), disk(1))
    pieces, count = ndimage.label(dark)
    corners = {int(pieces[y, x]) for y in (0, -1) for x in (0, -1)}
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    lungs = np.zeros(image.shape, np.int16)
    reach = max(1, round(_BRIDGED * max(image.shape)))
    for one in range(1, count + 1):
        if sizes[one] >= _SMALLEST * image.size and one not in corners:
            lung = np.pad(pieces == one, reach + 1)
            wide = ndimage.distance_transform_edt(~lung) <= reach
            closed = ndimage.distance_transform_edt(wide) > reach
            inner = slice(reach + 1, -reach - 1)
            lungs[ndimage.binary_fill_holes(closed)[inner, inner]] = 1
    return lungs


def cascade(
    train: PairSet, lungs: list[Any], seconds: float, seed: int, folder: Path
) -> tuple[Any, float]:
    """The stand-in's network, one of infection in its boxes; and their seconds of computing."""
    known = PairSet("lungs", train.images, tuple(lungs), train.names, ("background", "lung"))
    specs = {size: {**STAGE, "size": size, "random_state": seed} for size in (FIRST, SECOND)}
    of_first = epochs_in(specs[FIRST], known, seconds / 2)
    of_second = epochs_in(specs[SECOND], train, seconds / 2)
    began = time.process_time()
    first = MODELS.build({**specs[FIRST], "epochs": of_first})
    first.fit(known.images, known.masks, class_names=known.class_names).save(folder)
    model = Cascade(first=str(folder), second={**specs[SECOND], "epochs": of_second})
    model.fit(train.images, train.masks, class_names=train.class_names)
    return model, time.process_time() - began


def single(train: PairSet, seconds: float, seed: int) -> tuple[Any, float]:
    """One network of as many weights, and its seconds of computing."""
    spec = wider(Cascade(first=STAGE, second=STAGE), train, WHOLE) | {"random_state": seed}
    model = MODELS.build({**spec, "epochs": epochs_in(spec, train, seconds)})
    began = time.process_time()
    model.fit(train.images, train.masks, class_names=train.class_names)
    return model, time.process_time() - began


def measured(model: Any, seconds: float, test: PairSet) -> dict[str, Any]:
    """Dice of each slice, what is the most that the found lungs leave possible, and the cost."""
    began = time.process_time()
    maps = model.predict(test.images)
    per_image = (time.process_time() - began) / len(test)
    masks = [mask == 1 for mask in test.masks]
    most = [1.0] * len(masks)
    if isinstance(model, Cascade):
        lungs = [one > 0 for one in model.in_full().predict(test.images)]
        most = [overlap_counts(r & lung, r).dice for r, lung in zip(masks, lungs, strict=True)]
    return {
        "dice": [overlap_counts(p == 1, r).dice for p, r in zip(maps, masks, strict=True)],
        "most": most,
        "cost": [seconds, per_image, count_parameters(model.network_)],
    }


def missed(train: PairSet, lungs: list[Any]) -> None:
    """Print what the stand-in masks of the training slices leave out."""
    kinds = {"background": 0, "ground glass": 1, "consolidation": 2}
    labelled = read_pairs("covid-ct", masks="labels", values=kinds)
    masks = [labelled.masks[labelled.names.index(name)] for name in train.names]
    print(f"stand-in: {100 * np.mean([one.mean() for one in lungs]):.0f} % of a training slice")
    for label, name in enumerate(labelled.class_names[1:], 1):
        pairs = [(lung > 0, mask == label) for lung, mask in zip(lungs, masks, strict=True)]
        pixels = sum(int(mask.sum()) for _, mask in pairs)
        outside = sum(int((mask & ~lung).sum()) for lung, mask in pairs) / pixels
        print(f"  {100 * outside:.1f} % of {pixels:,} pixels of {name} lie outside it")


def table(found: dict[str, list[Any]]) -> None:
    """Print means and the paired difference."""
    dice = {arm: np.stack([one["dice"] for one in results]) for arm, results in found.items()}
    for arm, results in found.items():
        seconds, per_image, count = np.mean([one["cost"] for one in results], 0)
        each = ", ".join(f"{row.mean():.3f}" for row in dice[arm])
        print(f"{arm}: {count:,.0f} weights, {seconds:.1f} s, {per_image:.3f} s an image; {each}")
        if arm != "single":
            most = np.mean([one["most"] for one in results])
            print(f"  Dice that the lungs that were found leave possible: {most:.3f}")
    print("| | Dice of infection | minus the single network's |\n| --- | --- | --- |")
    for arm, values in dice.items():
        own, less = (bootstrap_mean_of_seeds(one) for one in (values, values - dice["single"]))
        print(f"| {arm} | {own} | {'' if arm == 'single' else less} |")


if __name__ == "__main__":
    main()
