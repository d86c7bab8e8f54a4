"""Does an autoencoder's encoder help with few labels? `python benchmarks/pretraining.py`.

Membranes in an electron microscope: an autoencoder (a U-Net without skips) learns to rebuild the
training slices and the 30 slices without labels; then U-Nets learn from 2, 5 or all 20 labelled
slices, from scratch and with the autoencoder's encoder, by the same seeds and steps. Both are
scored on the validation slices, whose labels nothing has seen. Seven minutes on one CPU core.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from claims_common import CYCLE, Array, Table, gain, percent
from numpy.typing import NDArray

from isthmus import Autoencoder, Segmenter
from isthmus.data import PairSet, read, read_pairs, split
from isthmus.metrics import overlap_counts

PIECE = 128
NETWORK = {"kind": "unet", "channels": [8, 16, 32, 64], "normalisation": "batch"}
COMMON = {"code_size": 64, "schedule": CYCLE, "precision": "bfloat16"}


def pieces(images: list[Array]) -> NDArray[np.float32]:
    """Images in [0, 1], cut without overlap, ``(N, h, w)``."""
    whole = np.stack(images).astype(np.float32) / 255
    count, height, width = whole.shape
    rows, columns = height // PIECE, width // PIECE
    cut = whole.reshape(count, rows, PIECE, columns, PIECE).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(cut).reshape(-1, PIECE, PIECE)


def pretrained(images: list[Array], seed: int, folder: Path, epochs: int) -> str:
    """Folder of an autoencoder of these images."""
    model = Autoencoder(
        network={**NETWORK, "skips": "none", "output_activation": "sigmoid"},
        scaling="none",
        batch_size=16,
        learning_rate=3e-3,
        epochs=epochs,
        random_state=seed,
        **COMMON,
    )
    samples = pieces(images)
    model.fit(samples)
    left = -model.score(samples) / (PIECE**2 * samples.var())
    print(f"autoencoder {seed}: {100 * left:.0f} % of the variance is left", flush=True)
    model.save(folder / str(seed))
    return str(folder / str(seed))


def dice(
    train: PairSet, scored: PairSet, seed: int, start: str | None, epochs: int
) -> NDArray[np.float64]:
    """Dice of the membranes in each scored slice, of a U-Net trained by a seed."""
    model = Segmenter(
        NETWORK,
        start=start,
        augmentations=("flip", {"kind": "intensity", "contrast": 0.2, "brightness": 0.2}),
        patch_size=PIECE,
        patches=80,
        batch_size=8,
        learning_rate=3e-3,
        epochs=epochs,
        random_state=seed,
        **COMMON,
    )
    model.fit(train.images, train.masks, class_names=train.class_names)
    found = model.predict(scored.images)
    return np.array(
        [
            overlap_counts(map_ == 1, mask == 1).dice
            for map_, mask in zip(found, scored.masks, strict=True)
        ]
    )


def measured(quick: bool, seeds: tuple[int, ...]) -> Table:
    """Dice by number of labelled slices, from scratch and pre-trained."""
    membranes = read_pairs("em-membranes")
    parts = split(membranes)
    train, scored = membranes.subset(parts.train), membranes.subset(parts.validation)
    unlabelled = read(str(Path(os.environ["ISTHMUS_DATA"]) / "em-membranes" / "unlabelled"))
    images = [*train.images, *unlabelled.samples]
    rows, epochs = [], 1 if quick else 15
    with tempfile.TemporaryDirectory() as folder:
        starts = [pretrained(images, seed, Path(folder), 1 if quick else 8) for seed in seeds]
        for labelled in (2, 5, 20):
            scores: dict[bool, list[Array]] = {False: [], True: []}
            for seed, start in zip(seeds, starts, strict=True):
                chosen = np.random.default_rng(seed).permutation(len(train))[:labelled]
                few = train.subset(np.sort(chosen))
                for with_start in (False, True):
                    found = dice(few, scored, seed, start if with_start else None, epochs)
                    scores[with_start].append(found)
            cells = [f"{labelled}", percent(scores[False]), percent(scores[True])]
            rows.append([*cells, gain(scores[True], scores[False])])
            print(rows[-1], flush=True)
    note = (
        f"{len(scored)} validation slices, {len(seeds)} seeds, each with other labelled slices;"
        f" U-Net 8-16-32-64, code 64, {10 * epochs} steps of 8 pieces of 128 pixels, AdamW at"
        " 0.003, bf16; the autoencoder, without skips, saw 50 slices 8 times. Brackets: 95 %"
        " intervals over slices and seeds."
    )
    columns = ["labelled slices", "from scratch, Dice %", "pre-trained, Dice %", "gain"]
    return Table(columns, rows, note)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one epoch, to see that it runs")
    parser.add_argument("--seeds", type=int, default=3, help="how many trainings of each")
    given = parser.parse_args()
    began = time.process_time()
    table = measured(given.quick, tuple(range(given.seeds)))
    print(f"\n{table} ({time.process_time() - began:.0f} s of CPU time)")


if __name__ == "__main__":
    main()
