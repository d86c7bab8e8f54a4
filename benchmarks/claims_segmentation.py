"""The notes' claims about segmentation: `make claims-segmentation`, or `ONLY=C-11` for one.

Each claim is one function, which trains what it needs by three seeds on sets of `$ISTHMUS_DATA`,
scores the test images once and returns a table; whatever comes out is printed, as Markdown. All
together take about 35 minutes on one CPU core; `--quick` looks only whether everything runs.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from claims_common import (
    CYCLE,
    Array,
    Claim,
    Table,
    chosen,
    gain,
    interval,
    parser_of,
    percent,
)
from numpy.typing import NDArray
from torch import nn

from isthmus import Autoencoder, Segmenter
from isthmus.data import PairSet, read_pairs, split
from isthmus.inference.segmentation import resized, resized_labels
from isthmus.metrics import segmentation_scores
from isthmus.networks import build_network, count_parameters
from isthmus.networks.windows import Windows, classify_window
from isthmus.objectives import LOSSES

CPU = torch.device("cpu")
_COMMON: dict[str, Any] = {
    "code_size": 64,
    "learning_rate": 3e-3,
    "schedule": CYCLE,
    "precision": "bfloat16",
    "batch_size": 8,
}
_FLIPS = ("flip", {"kind": "intensity", "contrast": 0.2, "brightness": 0.2})
_TIMED = 3  # rounds of a timing, of which the fastest counts


@dataclass(frozen=True)
class Study:
    """How thoroughly a claim is measured.

    Attributes
    ----------
    seeds
        Of the trainings.
    quick
        Few images, one step of each training, to see that everything runs.
    held_out
        Score the validation images in place of the test images, to choose settings by.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    quick: bool = False
    held_out: bool = False

    def data(self, name: str) -> tuple[PairSet, PairSet]:
        """Training images, and those that are scored."""
        pairs = read_pairs(name)
        parts = split(pairs)
        scored = parts.validation if self.held_out else parts.test
        few = slice(8 if self.quick else None)
        return pairs.subset(parts.train[few]), pairs.subset(scored[: 2 if self.quick else None])

    def fit(self, train: PairSet, seed: int, **settings: Any) -> Segmenter:
        """A segmenter by a seed."""
        given = {"epochs": 20, "patches": 160, **_COMMON, **settings, "random_state": seed}
        if self.quick:
            given |= {"epochs": 1, "patches": 2, "batch_size": 2}
        began = time.process_time()
        model = Segmenter(**given).fit(train.images, train.masks, class_names=train.class_names)
        print(f"seed {seed}: {time.process_time() - began:.0f} s, {settings}", file=sys.stderr)
        return model


def scores(model: Segmenter, scored: PairSet) -> dict[str, NDArray[np.float64]]:
    """Dice, boundary F and so on of each image, the mean over its classes."""
    classes = range(1, len(scored.class_names))
    cases = [
        segmentation_scores(found, mask, classes)
        for found, mask in zip(model.predict(scored.images), scored.masks, strict=True)
    ]
    return {name: np.array([case.mean(name) for case in cases]) for name in cases[0].values}


def column(found: Sequence[dict[str, Array]], measure: str) -> list[Array]:
    """One measure of each seed."""
    return [one[measure] for one in found]


def squared(pairs: PairSet, side: int) -> PairSet:
    """Images of one size, with their label maps."""
    images = tuple(
        resized(image[None].astype(np.float32) / 255, (side, side))[0] for image in pairs.images
    )
    masks = tuple(resized_labels(mask, (side, side)) for mask in pairs.masks)
    return PairSet(pairs.name, images, masks, pairs.names, pairs.class_names)


# -- the claims -----------------------------------------------------------------------------


def skips(study: Study) -> Table:
    """Long skips reduce vanishing gradients and keep fine detail.

    Measured: how large the gradient of the first convolution is beside that of the last, before
    training, per weight (root mean square); Dice and boundary F of membranes in an electron
    microscope, with the skips concatenated, added or absent, with batch normalisation and without.
    """
    train, scored = study.data("em-membranes")
    rows = []
    for normalisation in ("none", "batch"):
        base: list[Any] = []
        for kind in ("concatenate", "add", "none"):
            spec = {"kind": "unet", "channels": [8, 16, 32], "skips": kind}
            spec |= {"normalisation": normalisation}
            ratios = [_early_gradient(spec, train, seed) for seed in study.seeds]
            settings = {"network": spec, "patch_size": 128, "augmentations": _FLIPS}
            found = [scores(study.fit(train, seed, **settings), scored) for seed in study.seeds]
            base = base or found
            edges = column(found, "boundary_f")
            rows.append(
                [
                    f"{kind}, {'batch' if normalisation == 'batch' else 'no'} normalisation",
                    str(interval(ratios)),
                    percent(column(found, "dice")),
                    percent(edges),
                    "" if found is base else gain(edges, column(base, "boundary_f")),
                ]
            )
    note = (
        f"{len(scored)} slices; U-Net 8-16-32, code 64, 400 steps of 8 pieces of 128 pixels, bf16."
        " Boundary F: within 2 pixels."
    )
    columns = ["skips", "first / last gradient", "Dice, %", "boundary F, %", "gain"]
    return Table(columns, rows, note)


def _early_gradient(spec: dict[str, Any], train: PairSet, seed: int) -> float:
    """Root mean square of the first convolution's gradient over that of the last one's."""
    network = build_network(spec, (1, 128, 128), 64, seed, 2).train()
    generator = np.random.default_rng(seed)
    x, y = [], []
    for _ in range(8):
        number = generator.integers(len(train))
        row, left = generator.integers(train.masks[number].shape[0] - 128, size=2)
        part = np.s_[row : row + 128, left : left + 128]
        x.append(train.images[number][part][None] / np.float32(255))
        y.append(train.masks[number][part].astype(np.int64))
    _, logits = network.trace(torch.from_numpy(np.stack(x)))
    loss = LOSSES.build("dice_cross_entropy")
    loss(logits, torch.from_numpy(np.stack(y))).mean().backward()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    first, last = (
        # `backward` has set all gradients.
        float(layer.weight.grad.square().mean().sqrt())  # type: ignore[union-attr]
        for layer in (layers[0], layers[-1])
    )
    return first / last


def windows(study: Study) -> Table:
    """A window around each pixel repeats work; small ones lack context, large ones are slow.

    Measured on retinal vessels, images brought to 500 pixels: seconds of an image, all windows at
    once (dense) and one by one (from 500 of them); in how many windows each pixel is looked at;
    Dice and boundary F after equal minutes of training, beside a U-Net.
    """
    train, scored = study.data("retina")
    names = {f"window {side}": side for side in (11, 23, 47)} | {"U-Net": None}
    rows = []
    for name, side in names.items():
        spec: dict[str, Any] = {"kind": "unet", "channels": [8, 16, 32]}
        if side is not None:
            spec = {"kind": "windows", "window": side, "channels": [8, 16]}
        settings = {"network": spec, "size": 500, "patch_size": 96, "foreground": 0.33}
        settings |= {"augmentations": _FLIPS, "minutes": 0.75, "epochs": 500, "patches": 64}
        models = [study.fit(train, seed, **settings) for seed in study.seeds]
        found = [scores(model, scored) for model in models]
        dense, single = _seconds(models[0], scored.images[0], 50 if study.quick else 500)
        rows.append(
            [
                name,
                f"{models[0].network_.reach}",
                f"{dense:.2f}",
                "" if math.isnan(single) else f"{single:.0f}",
                "" if side is None else f"{side * side}",
                percent(column(found, "dice")),
                percent(column(found, "boundary_f")),
            ]
        )
    note = (
        f"{len(scored)} photographs, {len(study.seeds)} seeds, 0.75 minutes each; windows 8-16,"
        " U-Net 8-16-32, code 64, pieces of 96 pixels, bf16 in training. Boundary F: within 2"
        " pixels of the full size. A second observer's Dice on the 8 test photographs is 79.8 %."
    )
    heads = ["network", "looks, pixels", "dense, s", "one by one, s", "times a pixel is seen"]
    return Table([*heads, "Dice, %", "boundary F, %"], rows, note)


def _seconds(model: Segmenter, image: Array, count: int) -> tuple[float, float]:
    """Of an image, dense and by single windows."""
    network = model.network_
    x = torch.from_numpy(model._seen(image))[None]
    times = []
    with torch.inference_mode():
        for _ in range(_TIMED):
            began = time.process_time()
            network(x)
            times.append(time.process_time() - began)
        if not isinstance(network, Windows):
            return min(times), math.nan
        some = network.windows(x[..., :64, :64]).flatten(0, 2)[:count].contiguous()
        alone = []
        for _ in range(_TIMED):
            began = time.process_time()
            for window in some.split(100):
                classify_window(network, window)
            alone.append(time.process_time() - began)
    return min(times), min(alone) / len(some) * math.prod(x.shape[-2:])


def both_ways(study: Study) -> Table:
    """U-Nets are supervised, autoencoders are not; both have an encoder and a decoder.

    Measured: one backbone, a U-Net without skips, trained to give its image back and trained to
    give the left ventricle in MRI: what is left of the images' variance, and Dice; and the
    segmenter once more, from the encoder of the autoencoder.
    """
    train, scored = (squared(pairs, 128) for pairs in study.data("cardiac"))
    spec = {"kind": "unet", "channels": [8, 16, 32, 64], "skips": "none", "normalisation": "none"}
    images, others = np.stack(train.images), np.stack(scored.images)
    left, plain, begun = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in study.seeds:
            epochs = 1 if study.quick else 36
            coder = Autoencoder(
                network=spec, scaling="none", epochs=epochs, random_state=seed, **_COMMON
            ).fit(images)
            errors = -coder.score_samples(others)
            left.append(errors / np.square(others - others.mean(0)).sum((1, 2)).mean())
            coder.save(f"{folder}/{seed}")
            for start, kept in ((None, plain), (f"{folder}/{seed}", begun)):
                model = study.fit(train, seed, network=spec, start=start, foreground=0.0)
                kept.append(scores(model, scored))
    count = [
        f"{count_parameters(build_network(spec, (1, 128, 128), 64, None, outputs)):,}"
        for outputs in (None, 2)
    ]
    dice = column(plain, "dice")
    rows = [
        ["autoencoder", "the image", "no", count[0], percent(left), "", ""],
        ["segmenter", "the label map", "yes", count[1], "", percent(dice), ""],
        [
            "segmenter, begun as the autoencoder",
            "the label map",
            "yes",
            count[1],
            "",
            percent(column(begun, "dice")),
            gain(column(begun, "dice"), dice),
        ],
    ]
    note = (
        f"{len(train)} training and {len(scored)} test images of 128 pixels; U-Net 8-16-32-64, code"
        " 64 maps of 8 x 8, no skips, no normalisation; steps of 8 images, 1,000 of the autoencoder"
        " and 400 of the segmenters; bf16."
    )
    heads = ["model", "y", "labels", "parameters", "variance left, %", "Dice, %", "gain"]
    return Table(heads, rows, note)


def depth(study: Study) -> Table:
    """An encoder of five blocks, and not more, is a matter of speed.

    Measured: U-Nets of one to five poolings on the left ventricle in MRI: weights, how far a pixel
    looks, milliseconds of a training step of 8 images, and Dice after the same steps.
    """
    train, scored = (squared(pairs, 128) for pairs in study.data("cardiac"))
    rows = []
    for levels in range(1, 6):
        widths = [8 * min(8, 2**level) for level in range(levels + 1)]
        spec = {"kind": "unet", "channels": widths[:-1]}
        settings = {"network": spec, "code_size": widths[-1], "foreground": 0.0}
        models = [study.fit(train, seed, **settings) for seed in study.seeds]
        steps = sum(1 for _ in range(0, models[0].patches, models[0].batch_size))
        steps *= len(models[0].history_)
        spent = [1000 * model.history_[-1]["seconds"] / steps for model in models]
        rows.append(
            [
                f"{levels}",
                f"{count_parameters(models[0].network_):,}",
                f"{models[0].network_.reach}",
                f"{min(spent):.0f}",
                percent([scores(model, scored)["dice"] for model in models]),
            ]
        )
    note = (
        f"{len(scored)} test images of 128 pixels; widths 8, 16, 32, 64, 64, 64; 400 steps of 8"
        " images, bf16. Milliseconds: the fastest seed's mean."
    )
    heads = ["poolings", "parameters", "looks, pixels", "ms a step", "Dice, %"]
    return Table(heads, rows, note)


def shapes(study: Study) -> Table:
    """A transposed convolution gives back the size that a convolution took.

    Measured: sizes i = k ... 64 that come back after a convolution of kernel k, stride s and
    padding p and a transposed one of the same, o = s ⌊(i + 2p - k) / s⌋ - 2p + k + a, without an
    output padding and with a = (i + 2p - k) mod s; both as torch computes them.
    """
    rows = []
    for k, s, p in ((3, 1, 1), (2, 2, 0), (3, 2, 1), (4, 2, 1), (3, 3, 0), (5, 3, 2)):
        sizes = range(k, 65)
        back = [[_back(i, k, s, p, a) == i for i in sizes] for a in (False, True)]
        rows.append([f"{k}", f"{s}", f"{p}", *(f"{sum(row)} of {len(row)}" for row in back)])
    note = "A stride of s brings s sizes to one; only the output padding tells them apart."
    return Table(["k", "s", "p", "without output padding", "with it"], rows, note)


def _back(i: int, k: int, s: int, p: int, padded: bool) -> int:
    """Size after a convolution and its transposed one."""
    extra = (i + 2 * p - k) % s if padded else 0
    small = nn.Conv1d(1, 1, k, s, p)(torch.zeros(1, 1, i))
    found = nn.ConvTranspose1d(1, 1, k, s, p, output_padding=extra)(small).shape[-1]
    assert found == s * ((i + 2 * p - k) // s) - 2 * p + k + extra
    return int(found)


def losses(study: Study) -> Table:
    """The squared error of the label map can be a segmenter's loss.

    Measured beside the other losses on an unbalanced mask, the left ventricle in MRI: Dice and
    sensitivity after the same steps, and how many ventricles are missed as a whole.
    """
    train, scored = (squared(pairs, 128) for pairs in study.data("cardiac"))
    share = np.mean([mask.mean() for mask in train.masks])
    spec = {"kind": "unet", "channels": [8, 16, 32, 64]}
    rows, base = [], []
    for loss in (
        "probability_squared_error",
        "categorical_cross_entropy",
        "dice",
        "dice_cross_entropy",
    ):
        given = loss if loss.startswith("dice") else {"kind": loss, "per": "pixel"}
        settings = {"network": spec, "loss": given, "foreground": 0.0, "epochs": 10}
        found = [scores(study.fit(train, seed, **settings), scored) for seed in study.seeds]
        dice = column(found, "dice")
        base = base or dice
        missed = [float((values == 0).sum()) for values in dice]
        rows.append(
            [
                loss.replace("_", " "),
                percent(dice),
                "" if dice is base else gain(dice, base),
                percent(column(found, "sensitivity")),
                f"{np.mean(missed):.1f} of {len(scored)}",
            ]
        )
    note = (
        f"Ventricles cover {100 * share:.1f} % of the pixels. {len(train)} training images of 128"
        " pixels; U-Net 8-16-32-64, code 64, 200 steps of 8 images, bf16."
    )
    return Table(["loss", "Dice, %", "gain", "sensitivity, %", "missed"], rows, note)


CLAIMS = (
    Claim(("C-11",), skips),
    Claim(("C-12", "M-23", "M-24"), windows),
    Claim(("C-15",), both_ways),
    Claim(("C-20",), shapes),
    Claim(("C-22",), depth),
    Claim(("L-14",), losses),
)


def main() -> None:
    """Print the claims of which a name begins with the one given."""
    parser = parser_of("The notes' claims about segmentation, measured.")
    given = parser.parse_args()
    claims = chosen(CLAIMS, parser, given)
    study = Study(tuple(range(given.seeds)), given.quick, given.held_out)
    where = "validation" if given.held_out else "test"
    print(
        f"{where.capitalize()} images, {given.seeds} seed(s). Brackets: 95 % intervals over images"
        " and seeds (Student's t; Satterthwaite)."
    )
    for claim in claims:
        claim.show(study)


if __name__ == "__main__":
    main()
