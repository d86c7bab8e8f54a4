"""Label maps in few numbers: reconstruction, smoothness, plausibility; tables and the picture.

    isthmus train hearts-vae --out runs/hearts-vae
    python benchmarks/shapes.py runs/hearts-vae docs/shapes.png

Damage is drawn on the maps of the run's test part; nothing is chosen by it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture

from isthmus.data.label_maps import one_hot
from isthmus.data.overlay import class_colour
from isthmus.latent.paths import linear
from isthmus.latent.shape_damage import DAMAGES
from isthmus.latent.shapes import ShapeModel
from isthmus.metrics import Estimate, bootstrap_mean, bootstrap_statistic, overlap_counts
from isthmus.metrics.overlap import nan_mean
from isthmus.recipes.plausibility import as_labels, shape_model

STEPS, WAYS = 9, 60


def main() -> None:
    """Print the tables, draw the picture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path, nargs="?")
    options = parser.parse_args()
    shape, dataset, parts = shape_model(options.run)
    test = as_labels(dataset, parts.test)
    groups = np.arange(len(test)) if dataset.groups is None else dataset.groups[parts.test]
    print(f"{len(test)} test maps of {len(np.unique(groups))} groups\n")
    smoothness(shape, test)
    damaged = plausibility(shape, test, groups)
    if options.picture:
        draw(shape, test, damaged, options.picture)


def dice(found: np.ndarray, wanted: np.ndarray, classes: int) -> np.ndarray:
    """Mean Dice over the structures that either has, of each map ``(N,)``."""
    return np.array(
        [
            nan_mean(np.array([overlap_counts(f == k, w == k).dice for k in range(1, classes)]))
            for f, w in zip(found, wanted, strict=True)
        ]
    )


def smoothness(shape: ShapeModel, maps: np.ndarray) -> None:
    """How evenly the areas go from one map to another, along straight ways between codes.

    1 / (STEPS - 1) of the whole change at each step would be even. Beside it the ways of the maps
    themselves: the mean of two one-hot maps jumps at once.
    """
    model, random = shape.autoencoder, np.random.default_rng(0)
    classes = model.sample_shape_[0]
    codes = model.transform(one_hot(maps, classes))
    largest, monotone, valid = [], [], []
    for _ in range(WAYS):
        first, last = codes[random.choice(len(codes), 2, replace=False)]
        way = model.inverse_transform(linear(first, last, STEPS)).argmax(1)
        valid += [not found for found in shape.findings(way)]
        for label in range(1, classes):
            area = (way == label).sum((1, 2)).astype(float)
            change = np.diff(area)
            if abs(area[-1] - area[0]) > 0.2 * area.max():
                largest.append(abs(change).max() / abs(area[-1] - area[0]))
                monotone.append((np.sign(change) * np.sign(area[-1] - area[0]) >= 0).all())
    print(f"ways between {WAYS} pairs of test maps, {STEPS} codes each:")
    print(f"  largest step of an area, share of the change: {bootstrap_mean(np.array(largest))}")
    print(f"  monotone: {bootstrap_mean(np.array(monotone))}")
    print(f"  maps on the ways without findings: {bootstrap_mean(np.array(valid))}")
    for name, new in (
        ("N(0, I)", model.draw_codes(200)),
        ("a mixture of Gaussians fitted to training codes", mixture_codes(shape, 200)),
    ):
        drawn = model.inverse_transform(new).argmax(1)
        fine = np.array([not found for found in shape.findings(drawn)])
        print(f"  200 new maps drawn from {name}, without findings: {bootstrap_mean(fine)}")
    print()


def mixture_codes(shape: ShapeModel, count: int) -> np.ndarray:
    """Codes of no map, drawn from ten Gaussians that are fitted to codes of the training maps."""
    model = shape.autoencoder
    codes = model.transform(one_hot(shape.maps_, model.sample_shape_[0]))
    mixture = GaussianMixture(10, random_state=0, reg_covar=1e-3).fit(codes.astype(np.float64))
    drawn = mixture.sample(count)[0]
    return np.random.default_rng(0).permutation(drawn).astype(np.float32)


def plausibility(
    shape: ShapeModel, maps: np.ndarray, groups: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Findings, scores and corrections of damaged test maps; the first examples of each damage."""
    classes, random = shape.autoencoder.sample_shape_[0], np.random.default_rng(0)
    scores, alarms = shape.score_samples(maps), shape.findings(maps)
    false = np.array([bool(found) for found in alarms])
    strange = shape.percentiles_of(scores) < 1
    after = dice(shape.correct(maps), maps, classes)
    print("| damage | maps | named so | any finding | AUROC of the score | Dice before | after |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    unhurt = f"{bootstrap_mean(false, groups)}"
    print(f"| none | {len(maps)} | – | {unhurt} | – | 1 | {bootstrap_mean(after, groups)} |")
    examples = {}
    for kind, damage in DAMAGES.items():
        done = [damage(random, labels, shape.rules_) for labels in maps]
        which = np.flatnonzero([one is not None for one in done])
        if not len(which):
            print(f"| {kind} | 0 | | | | | |")
            continue
        hurt, whose = np.stack([done[i] for i in which]), groups[which]
        found = shape.findings(hurt)
        named = np.array([any(one.kind == kind for one in each) for each in found])
        either = np.array([bool(each) for each in found])
        pairs = np.concatenate(
            [
                np.column_stack([np.zeros(len(maps)), scores]),
                np.column_stack([np.ones(len(hurt)), shape.score_samples(hurt)]),
            ]
        )
        area = bootstrap_statistic(_auroc, pairs, np.concatenate([groups, whose]), resamples=300)
        mended = shape.correct(hurt)
        values = [
            bootstrap_mean(named, whose),
            bootstrap_mean(either, whose),
            area,
            bootstrap_mean(dice(hurt, maps[which], classes), whose),
            bootstrap_mean(dice(mended, maps[which], classes), whose),
        ]
        print(f"| {kind} | {len(hurt)} | {' | '.join(map(text, values))} |")
        middle = np.argsort([(labels > 0).sum() for labels in hurt])[-len(hurt) // 4]
        examples[kind] = hurt[middle], mended[middle]
    print(f"\nundamaged maps below the first percentile: {bootstrap_mean(strange, groups)}")
    return examples


def _auroc(pairs: np.ndarray) -> float:
    return float(roc_auc_score(pairs[:, 0], -pairs[:, 1]))


def text(estimate: Estimate) -> str:
    """A mean with its interval."""
    return f"{estimate.mean:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def draw(
    shape: ShapeModel,
    maps: np.ndarray,
    examples: dict[str, tuple[np.ndarray, np.ndarray]],
    path: Path,
) -> None:
    """Rows: test maps, rebuilt; a way between two codes; new maps; damaged maps, corrected."""
    from isthmus.reports.style import bare, look, new_figure, to_png

    model, classes = shape.autoencoder, shape.autoencoder.sample_shape_[0]
    random = np.random.default_rng(3)
    some = maps[random.choice(len(maps), STEPS, replace=False)]
    codes = model.transform(one_hot(some, classes))
    order = np.argsort((some > 0).sum((1, 2)))
    first, last = codes[order[-1]], codes[order[STEPS // 2]]
    rows = {
        "label maps": some,
        "rebuilt": model.reconstruct(one_hot(some, classes)).argmax(1),
        "a way": model.inverse_transform(linear(first, last, STEPS)).argmax(1),
        "drawn": model.inverse_transform(mixture_codes(shape, STEPS)).argmax(1),
        "damaged": np.stack([hurt for hurt, _ in examples.values()]),
        "corrected": np.stack([mended for _, mended in examples.values()]),
    }
    palette = np.array([(0, 0, 0), *map(class_colour, range(1, classes))]) / 255
    with look():
        figure, panels = new_figure(0.95 * STEPS + 1, 6.2, nrows=len(rows), ncols=STEPS)
        for line, (name, images) in zip(panels, rows.items(), strict=True):
            for place, panel in enumerate(line):
                bare(panel)
                if place < len(images):
                    panel.imshow(palette[images[place]], interpolation="nearest")
                if name == "damaged" and place < len(images):
                    panel.set_title([*examples][place], fontsize=8, loc="center")
            line[0].set_ylabel(name, rotation=0, ha="right", va="center")
        path.write_bytes(to_png(figure))


if __name__ == "__main__":
    main()
