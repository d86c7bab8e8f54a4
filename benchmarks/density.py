"""How much of a breast is dense: `python benchmarks/density.py`.

Five folds of all 66 mammograms of the set "mammo": the recipe's sparse segmenter, the same network
from scratch, and grey thresholds inside the reference's breast. Dice of the dense class, agreement
of the share, and density groups A to D told by the share or by codes. `--picture` writes original,
threshold and map side by side; `--large` measures one image of 4000 x 4000 pixels.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from claims_common import Array, Table
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import SparseSegmenter, load
from isthmus.data import PairSet, make_pairs, overlay, read_pairs, split
from isthmus.inference.thresholds import learn_deviations
from isthmus.metrics import agreement, bootstrap_mean, bootstrap_statistic, overlap_counts, share
from isthmus.recipes.library import find_recipe
from isthmus.recipes.runner import read_recipe
from isthmus.recipes.schema import parse_recipe
from isthmus.recipes.segmentation import read_data
from isthmus.recipes.share_thresholds import ORACLE, grey_of, thresholds

DENSE, BREAST = [2], [1, 2]
MODEL, SCRATCH = "sparse autoencoder", "same network from scratch"


def segmenter(epochs: int, *, scratch: bool = False) -> SparseSegmenter:
    """The recipe's, with so many epochs of the whole; from scratch with those of step 2 too."""
    name, text = find_recipe("density")
    model: SparseSegmenter = parse_recipe(text, name).build_model()
    model.set_params(epochs=epochs)
    if scratch:
        both = epochs + model.classifier_epochs
        model.set_params(pretraining_epochs=0, classifier_epochs=0, epochs=both)
    return model


def fitted(model: SparseSegmenter, train: PairSet) -> SparseSegmenter:
    """The model, trained."""
    return model.fit(train.images, train.masks, class_names=train.class_names)


class Scores:
    """Dice of the dense class and shares by method, over the cases of all folds."""

    def __init__(self) -> None:
        self.dice: dict[str, list[float]] = defaultdict(list)
        self.share: dict[str, list[float]] = defaultdict(list)
        self.true: list[float] = []

    def add_maps(self, method: str, maps: Sequence[Array], test: PairSet) -> None:
        """Of predicted label maps."""
        for map_, mask in zip(maps, test.masks, strict=True):
            self.dice[method].append(overlap_counts(map_ == 2, mask == 2).dice)
            self.share[method].append(float(np.nan_to_num(share(map_, DENSE, BREAST))))

    def add_thresholds(self, train: PairSet, test: PairSet) -> None:
        """Of grey thresholds, and the references' own shares."""
        cases = [
            grey_of(*pair, DENSE, BREAST) for pair in zip(train.images, train.masks, strict=True)
        ]
        deviations = learn_deviations(cases)
        for image, mask in zip(test.images, test.masks, strict=True):
            grey, bright = grey_of(image, mask, DENSE, BREAST)
            self.true.append(float(bright.mean()))
            for method, threshold in thresholds(grey, bright, deviations).items():
                found = grey > threshold
                self.dice[method].append(overlap_counts(found, bright).dice)
                self.share[method].append(float(found.mean()))

    def table(self, note: str) -> Table:
        """A row for each method."""
        rows = []
        for method, dice in self.dice.items():
            found = agreement(self.share[method], self.true)
            limits = f"{found.lower.mean:+.3f} to {found.upper.mean:+.3f}"
            estimates = (bootstrap_mean(np.array(dice)), found.correlation, found.bias)
            rows.append([method, *map(str, estimates), limits, str(found.absolute_error)])
        if {MODEL, SCRATCH} <= self.dice.keys():
            gain = bootstrap_mean(np.subtract(self.dice[MODEL], self.dice[SCRATCH]))
            note = f"{note} Gain over the network from scratch, case by case: {gain} of Dice."
        columns = ["", "Dice of dense", "R of the share", "bias", "limits of agreement", "|error|"]
        return Table(columns, rows, note)


def folds(epochs: int, count: int) -> tuple[Table, Table]:
    """Segmentation and shares; groups. Every case by a model that has not seen it."""
    whole = replace(read_pairs("mammo"), predefined=None)
    groups = np.array([name[0] for name in whole.names])
    scores, told, order = Scores(), defaultdict(list), []
    for number in range(1, count + 1):
        parts = split(whole, validation=0.0, test=0.0, fold=(number, count))
        train, test = whole.subset(parts.train), whole.subset(parts.test)
        order.extend(parts.test.tolist())
        model = fitted(segmenter(epochs), train)
        scratch = fitted(segmenter(epochs, scratch=True), train)
        scores.add_maps(MODEL, model.predict(test.images), test)
        scores.add_maps(SCRATCH, scratch.predict(test.images), test)
        scores.add_thresholds(train, test)
        seen = np.array([[share(mask, DENSE, BREAST)] for mask in train.masks])
        own = np.array(scores.share[MODEL][-len(test) :])[:, None]
        true = np.array(scores.true[-len(test) :])[:, None]
        codes = model.transform(train.images), model.transform(test.images)
        for name, (x, z) in {
            "measured share": (seen, own),
            "reference's share": (seen, true),
            "codes": codes,
        }.items():
            told[name].append(_told(x, groups[parts.train], z))
        print(f"fold {number}", scores.table(""), flush=True)
    note = f"{len(order)} mammograms, {count} folds, {epochs} epochs. Brackets: 95 % intervals."
    return scores.table(note), _groups(
        {k: np.concatenate(v) for k, v in told.items()}, groups[order]
    )


def few(labelled: int, epochs: int) -> Table:
    """Dice of the dense class with few labels, the encoder learnt from all images or from none."""
    whole = replace(read_pairs("mammo"), predefined=None)
    parts = split(whole, validation=0.0, test=0.0, fold=(1, 5))
    train, test = whole.subset(parts.train), whole.subset(parts.test)
    chosen = np.random.default_rng(0).permutation(len(train))[:labelled]
    scores = Scores()
    scores.add_thresholds(train, test)
    with TemporaryDirectory() as folder:
        encoder = segmenter(0).set_params(classifier_epochs=0)
        fitted(encoder, train).save(Path(folder) / "encoder")
        start = str(Path(folder) / "encoder")
        for method, own in {
            MODEL: segmenter(epochs).set_params(pretraining_epochs=0, start=start),
            SCRATCH: segmenter(epochs, scratch=True),
        }.items():
            model = fitted(own, train.subset(np.sort(chosen)))
            scores.add_maps(method, model.predict(test.images), test)
    return scores.table(
        f"{labelled} labelled images, an encoder of {len(train)}, {len(test)} scored."
    )


def _told(x: Array, groups: Array, z: Array) -> Array:
    """Probabilities of the groups A to D."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    return np.asarray(model.fit(x, groups).predict_proba(z))


def _groups(told: dict[str, Array], groups: Array) -> Table:
    """Accuracy and area under the curve of the four groups, and of A, B against C, D."""
    names, numbers = np.unique(groups, return_inverse=True)
    high = numbers >= len(names) // 2
    rows = []
    for name, p in told.items():
        both = np.column_stack([p, numbers])
        hits = bootstrap_mean((p.argmax(1) == numbers).astype(float))
        each = bootstrap_statistic(_area_of_all, both)
        score = p[:, len(names) // 2 :].sum(1)
        two = bootstrap_statistic(_area_of_two, np.column_stack([score, high]))
        rows.append([name, str(hits), str(each), str(two)])
    most = np.bincount(numbers).max() / len(numbers)
    rows.append(["chance", f"{most:.3f} (the most frequent group)", "0.5", "0.5"])
    return Table(["told from", "accuracy, A to D", "AUC, A to D", "AUC, A B against C D"], rows, "")


def _area_of_all(both: Array) -> float:
    numbers = both[:, -1].astype(int)
    if len(np.unique(numbers)) < both.shape[1] - 1:
        return float("nan")
    return float(roc_auc_score(numbers, both[:, :-1], multi_class="ovr"))


def _area_of_two(both: Array) -> float:
    return float(roc_auc_score(both[:, 1], both[:, 0])) if len({*both[:, 1]}) > 1 else np.nan


def picture(path: Path, run: Path, count: int = 4) -> None:
    """Original, best threshold, map and reference of test images of a run, two to a row."""
    opened, model = read_data(read_recipe(run).data), load(run)
    test = opened[0].subset(opened[1].test)
    rows = []
    for place in np.linspace(0, len(test) - 1, count).astype(int):
        image, mask = test.images[place], test.masks[place]
        grey, bright = grey_of(image, mask, DENSE, BREAST)
        threshold = thresholds(grey, bright, 0.0)[ORACLE]
        by_hand = np.where(np.isin(mask, BREAST), 1 + (image > threshold), mask)
        (found,) = model.predict([image])
        maps: list[Any] = [np.zeros_like(mask), by_hand, found, mask]
        shown = [overlay(image, labels.astype(np.int16)) for labels in maps]
        step = -(-image.shape[1] // 160)
        rows.append(np.concatenate([one[:, ::step, ::step] for one in shown], 2))
        print(test.names[place], *(f"{share(one, DENSE, BREAST):.2f}" for one in maps[1:]))
    sheet = np.concatenate([np.concatenate(rows[at : at + 2], 2) for at in range(0, count, 2)], 1)
    Image.fromarray(sheet.transpose(1, 2, 0)).save(path)


def large(side: int = 4000) -> None:
    """Seconds and greatest memory of one large image, at the working size and at its own pixels."""
    pairs = make_pairs("made-breasts", 4)
    (image,) = make_pairs("made-breasts", 1, seed=9, size=(side // 10, side // 10)).images
    image = np.ascontiguousarray(image.repeat(10, 0).repeat(10, 1))
    for size in (320, None):
        model = segmenter(0)
        model.set_params(size=size, pretraining_epochs=0, classifier_epochs=0)
        fitted(model, pairs)
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        (found,) = model.predict([image])
        seconds = time.process_time() - began
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"size={size}: {found.shape}, {seconds:.1f} s of CPU, {most / 1024:.0f} MB at most")
        print(f"(before {before / 1024:.0f} MB; the image has {image.nbytes / 2**20:.0f} MB)")


def main() -> None:
    """Print the tables, or do what is asked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=40, help="of the whole network")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--labelled", type=int, help="train on so many labelled images instead")
    parser.add_argument("--picture", type=Path, help="write this PNG instead")
    parser.add_argument("--run", type=Path, default=Path("runs/density"), help="of the picture")
    parser.add_argument("--large", action="store_true", help="one image of 4000 x 4000 instead")
    given = parser.parse_args()
    if given.picture:
        picture(given.picture, given.run)
    elif given.large:
        large()
    elif given.labelled:
        print(few(given.labelled, given.epochs))
    else:
        for table in folds(given.epochs, given.folds):
            print(table, "\n")


if __name__ == "__main__":
    main()
