"""X-rays and brain slices as plain folders of images, and what became of their codes.

    python benchmarks/panels.py make sets       # sets/xrays, sets/brain; sets/shown may be shown
    python benchmarks/panels.py errors runs/xrays runs/brain
    python benchmarks/panels.py groups groups/assignments.csv

The commands between are in docs/panels.md. A file is called PART-GROUP-NAME.png, the group being
the patient or the volume, which no part shares with another. X-rays lie in a folder for each view.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from shapes import text
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from isthmus.data import write_images
from isthmus.data.catalogue import find
from isthmus.data.csv_files import load_csv
from isthmus.data.volumes import read_volumes
from isthmus.metrics import bootstrap_mean, bootstrap_statistic
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.runner import read_recipe

_NAME = re.compile(r"(?:.*/)?(train|val|test)-([^-]+)-(.+?)(?:\.png)?")
_FREE = ("CC BY 3.0", "CC BY 4.0")  # licences of X-rays that may be shown anywhere
_STEP = 2  # of the slices of a volume, of which neighbours are alike


def main() -> None:
    """Write the folders, or print the figures."""
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("make").add_argument("folder", type=Path)
    verbs.add_parser("errors").add_argument("runs", type=Path, nargs="+")
    verbs.add_parser("groups").add_argument("tables", type=Path, nargs="+")
    options = parser.parse_args()
    if options.verb == "make":
        make(options.folder)
    for run in getattr(options, "runs", ()):
        errors(run)
    for table in getattr(options, "tables", ()):
        agreement(table)


def make(folder: Path) -> None:
    """Write both sets, and of each the test images that may be shown; the X-rays of these too."""
    rays, slices = dict(xrays()), dict(brain())
    free = {Path(row["file"]).stem for row in facts() if row["image_licence"] in _FREE}
    shown = {name: one for name, one in rays.items() if group_and_file(name)[1] in free}
    write(folder / "xrays", rays)
    write(folder / "brain", slices)
    write(folder / "shown" / "xrays", shown)
    for name, images in (("xrays", shown), ("brain", slices)):
        test = {key: one for key, one in images.items() if "test-" in key}
        write(folder / "shown" / f"{name}-test", test)


def facts() -> list[dict[str, str]]:
    """Rows of the index of the X-rays."""
    return load_csv(find("lungs") / "index.csv")[0].to_dicts()


def xrays() -> Iterator[tuple[str, np.ndarray]]:
    """By VIEW/PART-PATIENT-NAME."""
    for row in facts():
        with Image.open(find("lungs") / "images" / row["file"]) as image:
            name = f"{row['split']}-{row['patient']}-{Path(row['file']).stem}"
            yield f"{row['view'].replace(' ', '-')}/{name}", np.asarray(image.convert("L"))


def brain() -> Iterator[tuple[str, np.ndarray]]:
    """Axial slices that hold some hippocampus, grey values from 0 to 255 within each volume."""
    volumes = read_volumes("hippocampus")
    parts = {"validation": "val"}
    for name, volume, labels, part in zip(
        volumes.names, volumes.images, volumes.masks, volumes.predefined, strict=True
    ):
        low, high = np.percentile(volume, [0.5, 99.5])
        grey = np.rint(255 * ((volume - low) / (high - low)).clip(0, 1)).astype(np.uint8)
        for place in np.flatnonzero((labels > 0).any((1, 2)))[::_STEP]:
            yield f"{parts.get(part, part)}-{name}-{place:02d}", grey[place]


def write(folder: Path, images: dict[str, np.ndarray]) -> None:
    """Write PNG files of any sizes."""
    for name, image in images.items():
        write_images(folder, image[None], [name])
    print(f"{len(images)} images in {folder}")


def group_and_file(name: str) -> tuple[str, str]:
    """Patient or volume, and the rest, of a name that `main` gave."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise SystemExit(f"'{name}' is not one of the names that `panels.py make` gives.")
    return found[2], found[3]


def errors(run: Path) -> None:
    """Squared error of each pixel, for grey values from 0 to 1, with intervals by group."""
    dataset, parts = read_data(read_recipe(run).data)
    groups = np.array([group_and_file(dataset.names[i])[0] for i in parts.test])
    values = Evaluation.load(run).values
    print(f"\n{run.name}: {len(parts.train)} training, {len(groups)} test images", end="")
    print(f" of {len(np.unique(groups))} groups\n\n| method | error | less the model's |")
    print("| --- | --- | --- |")
    own = values["model"]["mean_squared_error"]
    for method, columns in values.items():
        error = columns["mean_squared_error"]
        cells = [f"{bootstrap_mean(one, groups)}" for one in (error, error - own)]
        print(f"| {method} | {' | '.join(cells)} |")


def agreement(table: Path) -> None:
    """How far clusters agree with what the index says of the X-rays, with intervals by patient."""
    known = {Path(row["file"]).stem: row for row in facts()}
    rows = load_csv(table)[0].to_dicts()
    found = [known[group_and_file(row["name"])[1]] for row in rows]
    clusters = np.array([int(row["cluster"]) for row in rows])
    patients = np.array([row["patient"] for row in found])
    columns = {
        "view": [row["view"] for row in found],
        "where it is from": [row["image_source"].split("/")[2] for row in found],
        "sex": [str(row["sex"]) for row in found],
        "patient": patients,
    }
    print(
        f"\n{table}: {np.bincount(clusters[clusters >= 0])} X-rays, {len(set(patients))} patients"
    )
    print("\n| what is known | values | ARI | NMI |\n| --- | --- | --- | --- |")
    for name, column in columns.items():
        _, labels = np.unique(column, return_inverse=True)
        pairs = np.column_stack([labels, clusters])
        cells = [
            text(bootstrap_statistic(lambda pairs, of=of: of(*pairs.T), pairs, patients))
            for of in (adjusted_rand_score, normalized_mutual_info_score)
        ]
        print(f"| {name} | {labels.max() + 1} | {' | '.join(cells)} |")
    grey = {group_and_file(name)[1]: image.mean() for name, image in xrays()}
    pairs = np.column_stack([[grey[Path(row["file"]).stem] for row in found], clusters])
    share = bootstrap_statistic(between, pairs, patients)
    print(f"\nshare of the variance of mean grey values between groups: {text(share)}")


def between(pairs: np.ndarray) -> float:
    """Share of the variance of the first column that lies between the groups of the second."""
    values, groups = pairs.T
    means = np.zeros_like(values)
    for group in np.unique(groups):
        means[groups == group] = values[groups == group].mean()
    return float(means.var() / values.var()) if values.var() else np.nan


if __name__ == "__main__":
    main()
