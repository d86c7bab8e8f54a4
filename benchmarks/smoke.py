"""Smoke by five networks trained alike: the table and the picture of lecture note 001.

`make smoke` trains what is not there yet (rows Q15 of `make reproduce`), prints the table with the
note's figures, marked as quoted, and draws some test pictures beside what each network makes of
them. mIoU counts the background; mMse is the mean over the pictures of the mean squared error of
the predicted mask.
"""

from __future__ import annotations

import numpy as np
from reproduce import ROWS, evaluations, folder_of

from isthmus.data.overlay import overlay
from isthmus.models import load
from isthmus.networks import count_parameters
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.recipes.segmentation import read_data
from isthmus.reports.pictures import as_picture
from isthmus.reports.style import bare, look, new_figure, to_png

QUOTED = {  # note 001, after Yuan et al. 2019, on another set
    "FCN-8s": (64.03, 0.3221),
    "SegNet": (56.94, 0.3976),
    "SMD": (62.88, 0.3209),
    "TBFCN": (66.67, 0.3021),
    "DeepLab v1": (68.41, 0.2981),
    "LRN": (66.43, 0.3069),
    "DeepSmoke": (71.04, 0.2745),
}
_SHOWN = 6  # test pictures


def main() -> None:
    """Print the table, write ``smoke.png`` beside the runs."""
    rows = [row for row in ROWS if row.name.startswith("Q15")]
    print("| method | mIoU, % | mMse | Dice | parameters | minutes |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        ((evaluation, minutes),) = evaluations(row)
        table = evaluation.table()["model"]
        percent = [100 * part for part in table["mean_iou"][:3]]
        weights = count_parameters(load(folder_of(row, 0)).network_)
        print(
            f"| {row.name.removeprefix('Q15 smoke, ')} | {percent[0]:.2f} [{percent[1]:.2f},"
            f" {percent[2]:.2f}] | {table['mask_squared_error']} | {table['dice']} | {weights:,} |"
            f" {minutes:.1f} |"
        )
    for name, (mean_iou, squared_error) in QUOTED.items():
        print(f"| {name}, quoted | {mean_iou:.2f} | {squared_error:.4f} | – | – | – |")
    draw(rows)


def draw(rows: list) -> None:
    """Test pictures, their reference and what each network makes of them."""
    name, text = find_recipe("smoke")
    dataset, parts = read_data(parse_recipe(text, name).data)
    some = np.random.default_rng(0).permutation(parts.test)[:_SHOWN]
    test = dataset.subset(some)
    columns = {"picture": test.images, "reference": _over(test.images, test.masks)}
    for row in rows:
        predicted = load(folder_of(row, 0)).predict(test.images)
        columns[row.name.removeprefix("Q15 smoke, ")] = _over(test.images, predicted)
    with look():
        figure, panels = new_figure(
            1.5 * len(columns), 1.6 * _SHOWN, nrows=_SHOWN, ncols=len(columns), squeeze=False
        )
        for place, (title, images) in enumerate(columns.items()):
            panels[0, place].set_title(title, fontsize=9, loc="center")
            for line, image in enumerate(images):
                panels[line, place].imshow(as_picture(image / 255))
                bare(panels[line, place])
        path = folder_of(rows[0], 0).parent / "smoke.png"
        path.write_bytes(to_png(figure))
    print(f"\nPicture: {path}")


def _over(images: tuple, maps: list) -> list:
    return [overlay(image, labels) for image, labels in zip(images, maps, strict=True)]


if __name__ == "__main__":
    main()
