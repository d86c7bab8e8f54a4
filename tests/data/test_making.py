"""Sets of images with label maps that are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.filters import threshold_otsu

from isthmus.core.errors import DataError, SettingError
from isthmus.data import (
    CATALOGUE,
    check_pairs,
    draw_pictures,
    find,
    get,
    listing,
    make_pairs,
    read,
    read_pairs,
    split,
    write_pairs,
)
from isthmus.data.made import MADE_PAIRS
from isthmus.data.made._drawing import fractal, numbered
from isthmus.metrics import share

NAMES = [entry.name for entry in MADE_PAIRS]
CLASSES = {
    "made-smoke": ("background", "smoke"),
    "made-lungs": ("background", "lung"),
    "made-vessels": ("background", "vessel"),
    "made-cells": ("background", "cell"),
    "made-scenes": ("background", "person", "cat"),
    "made-hearts": ("background", "right ventricle", "myocardium", "left ventricle"),
    "made-breasts": ("background", "adipose", "fibroglandular", "pectoral muscle"),
    "made-chest-ct": ("background", "right lung", "left lung", "ground glass", "consolidation"),
}
QUICK = [name for name in CLASSES if name != "made-hearts"]  # which has 1,600 images
SOME_EMPTY = ("made-smoke", "made-chest-ct")
SMALL = (48, 64)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_a_function_of_seed_and_number(name: str) -> None:
    few, more = (make_pairs(name, count, seed=3, size=SMALL) for count in (2, 3))
    for first, second in zip((few.images, few.masks), (more.images, more.masks), strict=True):
        np.testing.assert_array_equal(first, second[:2])
    other = make_pairs(name, 2, seed=4, size=SMALL)
    assert (few.images[0] != few.images[1]).mean() > 0.5
    assert (few.images[0] != other.images[0]).mean() > 0.5
    assert (few.images[1] != other.images[0]).mean() > 0.5


@pytest.mark.parametrize("name", QUICK)
def test_a_set_is_as_the_catalogue_says(name: str) -> None:
    entry, pairs = CATALOGUE[name], read_pairs(name)
    assert len(pairs) == entry.count
    assert {image.shape for image in pairs.images} == {entry.sample_shape}
    values = {image.dtype.name for image in pairs.images}
    assert values == {"uint16" if name == "made-chest-ct" else "uint8"}
    assert pairs.class_names == CLASSES[name]
    assert pairs.predefined is not None
    many = entry.series
    found = pairs.predefined[::many]
    assert found[:6].tolist() == [*["train"] * 3, "validation", "test", "train"]
    np.testing.assert_array_equal(pairs.predefined, np.repeat(found, many))
    assert (pairs.groups is None) == (many == 1)
    if pairs.groups is not None:
        assert [*np.unique(pairs.groups, return_counts=True)[1]] == [many] * (len(pairs) // many)
    parts = split(pairs)
    units = np.arange(len(pairs)) // many
    assert parts.test.tolist() == np.flatnonzero(units % 5 == 4).tolist()
    assert parts.validation.tolist() == np.flatnonzero(units % 5 == 3).tolist()
    for indices in (parts.train, parts.validation, parts.test):
        masks = pairs.subset(indices).masks
        assert set(np.unique(masks)) == set(range(len(pairs.class_names)))
    shares = [(mask > 0).mean() for mask in pairs.masks]
    empty = sum(share == 0 for share in shares)
    assert 0 < empty < len(pairs) / 4 if name in SOME_EMPTY else empty == 0
    assert 0.02 < np.mean(shares) < (0.6 if name == "made-breasts" else 0.4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(32, 32), (33, 80)])
def test_any_size(name: str, size: tuple[int, int]) -> None:
    pairs = make_pairs(name, 4, size=size)
    assert {image.shape[-2:] for image in pairs.images} == {size}
    assert all(30 < image.max() for image in pairs.images)


@pytest.mark.parametrize("name", [name for name in NAMES if len(CLASSES[name]) == 2])
def test_a_threshold_does_not_do(name: str) -> None:
    """Otsu's, brighter or darker, whichever is better; a small U-Net reaches 0.77 and more."""
    pairs = make_pairs(name, 15)
    best = []
    for side in (1, -1):
        dice = []
        for image, mask in zip(pairs.images, pairs.masks, strict=True):
            grey = image if image.ndim == 2 else image.mean(0)
            threshold, there = threshold_otsu(grey), mask > 0
            found = grey > threshold if side > 0 else grey < threshold
            if there.any():
                dice.append(2 * (found & there).sum() / (found.sum() + there.sum()))
        best.append(np.mean(dice))
    assert max(best) < (0.85 if name == "made-cells" else 0.65)


def test_lungs_are_two_and_darker_than_what_is_around() -> None:
    pairs = make_pairs("made-lungs", 10)
    for image, mask in zip(pairs.images, pairs.masks, strict=True):
        parts = np.sort(np.bincount(ndimage.label(mask)[0].ravel())[1:])
        assert parts[-2] > 0.3 * parts[-1]
        assert parts[-2:].sum() > 0.97 * parts.sum()  # the heart may cut a corner off
        around = ndimage.binary_dilation(mask, iterations=4) & (mask == 0)
        assert image[mask > 0].mean() < image[around].mean()


def test_breasts_are_of_all_densities_which_no_threshold_tells() -> None:
    pairs, dense, best = make_pairs("made-breasts", 20), [], []
    for image, mask in zip(pairs.images, pairs.masks, strict=True):
        tissue = np.isin(mask, (1, 2))
        dense.append(share(mask, [2], [1, 2]))
        grey, bright = image[tissue], mask[tissue] == 2
        assert grey[bright].mean() > grey[~bright].mean()
        found = grey > threshold_otsu(grey)
        best.append(2 * (found & bright).sum() / (found.sum() + bright.sum()))
        assert ndimage.label(mask == 3)[1] == 1  # one muscle, at the upper end of the chest wall
        assert (mask[0, 0], mask[-1, -1]) == (3, 0)
    assert min(dense) < 0.15
    assert max(dense) > 0.55
    assert np.mean(best) < 0.85


def test_vessels_are_one_to_eight_pixels_wide() -> None:
    for mask in make_pairs("made-vessels", 4).masks:
        core = ndimage.distance_transform_edt(mask)
        assert (core[mask > 0] == 1).mean() > 0.3  # thin, or at a wall
        assert 2 < np.percentile(core[mask > 0], 99) < 8  # where vessels cross it is wider
        assert 1 <= ndimage.label(mask, np.ones((3, 3)))[1] <= 8  # mostly one tree


def test_smoke_hides_what_is_behind_it() -> None:
    """Within the plumes the landscape has less colour than without."""

    def saturation(image: np.ndarray) -> np.ndarray:
        return np.ptp(image.astype(float), axis=0) / image.max(0).clip(1)

    pictures = [one for one in draw_pictures("made-smoke", 30) if one.labels.any()]
    inside, outside = (
        np.mean([saturation(one.image)[one.labels == label].mean() for one in pictures])
        for label in (1, 0)
    )
    assert inside < 0.8 * outside


@pytest.mark.parametrize("name", ["made-cells", "made-scenes"])
def test_objects_go_with_the_labels(name: str) -> None:
    touching = 0
    for picture in draw_pictures(name, 8):
        objects = picture.objects
        assert objects is not None
        assert objects.dtype == np.int16
        np.testing.assert_array_equal(objects > 0, picture.labels > 0)
        count = int(objects.max())
        assert set(np.unique(objects)) == set(range(count + 1))
        for number in range(1, count + 1):  # an object is of one class
            assert len(np.unique(picture.labels[objects == number])) == 1
        touching += count > ndimage.label(objects > 0)[1]
    assert touching >= 4
    assert next(draw_pictures("made-lungs", 1)).objects is None


def test_lesions_are_denser_than_lungs_and_not_alone_with_that() -> None:
    pairs = make_pairs("made-chest-ct", 60)
    for image, mask in zip(pairs.images, pairs.masks, strict=True):
        values = image.astype(float) - 1024
        healthy, glass = (np.isin(mask, labels) for labels in ((1, 2), (3,)))
        if min(healthy.sum(), glass.sum()) > 50:
            assert values[glass].mean() > values[healthy].mean() + 100
        outside = values[mask == 0]
        assert ((outside > -700) & (outside < -300)).mean() > 0.01
    sick = [(mask > 2).any() for mask in pairs.masks]
    assert 0.2 < np.mean(sick) < 0.8
    bodies = [pairs.images[number] for number in (0, 1, 6)]  # two of one patient, one of another
    one, same, other = (image.astype(float) > 900 for image in bodies)
    assert (one != same).mean() < (one != other).mean()


def test_objects_that_are_hidden_leave_no_gap() -> None:
    assert numbered(np.array([[0, 7], [3, 7]])).tolist() == [[0, 2], [1, 2]]
    assert numbered(np.array([[9, 7]])).tolist() == [[2, 1]]


def test_fractal_noise_falls_as_it_should() -> None:
    field = fractal(np.random.default_rng(0), (256, 256), 1.5)
    assert abs(field.mean()) < 1e-9
    assert field.std() == pytest.approx(1)
    power = np.abs(np.fft.rfft2(field)) ** 2
    rows, columns = 256 * np.fft.fftfreq(256), 256 * np.fft.rfftfreq(256)
    frequency = np.hypot(rows[:, None], columns)
    seen = (frequency > 2) & (frequency < 120)
    slope = np.polyfit(np.log(frequency[seen]), np.log(power[seen]), 1)[0]
    assert slope == pytest.approx(-3, abs=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_written_files_hold_the_same_and_are_found_good(name: str, tmp_path: Path) -> None:
    made = make_pairs(name, 15, seed=1, size=SMALL)
    values = write_pairs(name, tmp_path / "set", 15, seed=1, size=SMALL)
    checked = check_pairs(tmp_path / "set", values=values)
    assert [one.sentence for one in checked.problems if one.fatal or name not in SOME_EMPTY] == []
    read_back = read_pairs(tmp_path / "set", values=values)
    assert (read_back.class_names, read_back.names) == (made.class_names, made.names)
    np.testing.assert_array_equal(read_back.images, made.images)
    np.testing.assert_array_equal(read_back.masks, made.masks)
    np.testing.assert_array_equal(read_back.predefined, made.predefined)
    if made.groups is not None:
        again = read_pairs(tmp_path / "set", values=values, groups="patient")
        np.testing.assert_array_equal(again.groups, made.groups)
    with_objects = name in ("made-cells", "made-scenes")
    assert (tmp_path / "set" / "objects").is_dir() == with_objects


def test_objects_are_written_too(tmp_path: Path) -> None:
    write_pairs("made-cells", tmp_path, 2, size=SMALL)  # an empty folder may be there
    pairs = read_pairs(tmp_path, masks="objects", values={"background": 0, "cell": ">0"})
    again = read_pairs(tmp_path, values={"background": 0, "cell": 255})
    np.testing.assert_array_equal(pairs.masks, again.masks)


def test_check_knows_the_parts_of_a_made_set() -> None:
    checked, first = check_pairs("made-lungs"), make_pairs("made-lungs", 5)
    assert (checked.problems, checked.masks.tolist()) == ([], [0, 60, 60])
    counts = [checked.pixels[part] for part in ("all", "train", "validation", "test")]
    assert [int(count.sum()) for count in counts] == [96 * 96 * n for n in (60, 36, 12, 12)]
    np.testing.assert_array_equal(counts[0], np.sum(counts[1:], axis=0))
    assert counts[0][2] / counts[0].sum() == pytest.approx(np.mean(first.masks), rel=0.2)


def test_colour_and_grey() -> None:
    grey, colour = read_pairs("made-scenes", colour=False), read_pairs("made-lungs", colour=True)
    assert (grey.channels, colour.channels) == (1, 3)
    assert {image.shape for image in grey.images} == {(128, 128)}
    np.testing.assert_array_equal(colour.images[0][1], make_pairs("made-lungs", 1).images[0])


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"no made set 'made-lung' \(did you mean 'made-lungs'"):
        make_pairs("made-lung")
    for settings in ({"count": 0}, {"seed": -1}, {"size": (31, 40)}):
        with pytest.raises(SettingError, match="give a count from 1, a seed from 0 and 32 pixels"):
            write_pairs("made-lungs", tmp_path / "new", **settings)
    assert not (tmp_path / "new").exists()
    with pytest.raises(SettingError, match="made, not read from files, and has no values"):
        read_pairs("made-lungs", values={"background": 0, "lung": 255})
    (tmp_path / "a.txt").touch()
    with pytest.raises(SettingError, match="is not an empty folder"):
        write_pairs("made-lungs", tmp_path)
    for action in (find, get, read):
        with pytest.raises(DataError, match=r"has no folder; .*`isthmus data make made-lungs F"):
            action("made-lungs")
    assert {entry.name: folder for entry, folder in listing()}["made-lungs"] is None
