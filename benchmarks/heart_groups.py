"""The disease group of a heart by codes of its label maps, by its volumes and by both.

    python benchmarks/heart_groups.py runs/hearts-vae                 # 100 new made patients
    python benchmarks/heart_groups.py runs/cardiac-shapes cardiac     # 23 patients, left ventricle

Made patients are of another seed than those of the run. Of the real ones the autoencoder has seen
some, without their groups. Their pixels and slices have sizes that are not known: volumes are in
pixels, and the end of systole is the frame where the ventricle is smaller.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from isthmus.data import draw_pictures
from isthmus.data.catalogue import find
from isthmus.data.csv_files import load_csv
from isthmus.data.label_maps import read_label_maps
from isthmus.models import load
from isthmus.recipes.heart_groups import Stack, heart_features, stacks_of, tell_groups

_FRAMES = 20  # of a slice, in the numbers of the cardiac files


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("source", nargs="?", default="made-hearts")
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model = load(options.run)
    names = list(model.data_["structures"])
    if options.source == "cardiac":
        found, folds = heart_features(cardiac(), names, model), 3
    else:
        pictures = list(draw_pictures(options.source, 16 * options.patients, seed=options.seed))
        maps = np.stack([one.labels for one in pictures])
        stacks = stacks_of(maps, [one.facts for one in pictures])
        found, folds = heart_features(stacks, names, model, cavity=3, wall=2), 5
    measures = np.column_stack([*found.measures.values()])
    features = {
        "codes": found.codes,
        "volumes, fractions, wall": measures,
        "both": np.column_stack([found.codes, measures]),
    }
    kinds, counts = np.unique(found.groups, return_counts=True)
    groups = ", ".join(f"{kind} {count}" for kind, count in zip(kinds, counts, strict=True))
    print(f"{len(found.patients)} patients: {groups}; measures: {', '.join(found.measures)}\n")
    print("| features | classifier | accuracy |\n| --- | --- | --- |")
    for name, row in tell_groups(features, found.groups, folds=folds).items():
        for kind, one in row.items():
            print(f"| {name} | {kind} | {one.mean:.3f} ({one.low:.3f} to {one.high:.3f}) |")


def cardiac() -> list[Stack]:
    """Patients of the known set, each slice once at either end of the beat."""
    data = read_label_maps("cardiac")
    maps = dict(zip(data.names or (), data.samples.argmax(1), strict=True))
    by_frame: dict[tuple[str, str], dict[int, list[np.ndarray]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in load_csv(find("cardiac") / "index.csv")[0].to_dicts():
        labels = maps[Path(row["file"]).stem]
        frame = int(row["dicom_number"]) % _FRAMES
        by_frame[row["patient"], row["pathology"]][frame].append(labels)
    stacks = []
    for (patient, group), frames in by_frame.items():
        usual = sorted(frames.values(), key=len)[-2:]  # two frames hold nearly all slices
        usual.sort(key=lambda one: sum(labels.sum() for labels in one))
        for phase, one in zip(("ES", "ED"), usual, strict=True):
            stacks.append(Stack(patient, group, phase, np.stack(one)))
    return stacks


if __name__ == "__main__":
    main()
