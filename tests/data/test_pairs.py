"""Reading of images with label maps, from files that the tests write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from isthmus.core.errors import DataError, SettingError
from isthmus.data import CATALOGUE, PairSet, limits, read, read_pairs, split
from isthmus.data.known_pairs import KNOWN_PAIRS
from isthmus.data.pair_reading import open_pairs
from isthmus.data.pairs import PARTS

LUNGS = {"background": 0, "lung": 255}
SIZES = ((6, 5), (9, 4), (3, 8))


def save(path: Path, pixels: np.ndarray) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def grey(seed: int, shape: tuple[int, ...] = (6, 5)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def mask(seed: int, shape: tuple[int, ...] = (6, 5)) -> np.ndarray:
    pixels = np.random.default_rng(seed).choice([0, 255], shape).astype(np.uint8)
    pixels.flat[:2] = 0, 255
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pairs of three sizes, of which one lies deeper."""
    for seed, name in enumerate(("a", "b", "deep/c")):
        save(tmp_path / "set" / "images" / f"{name}.png", grey(seed, SIZES[seed]))
        save(tmp_path / "set" / "masks" / f"{name}.bmp", mask(seed, SIZES[seed]))
    return tmp_path / "set"


def test_pairs_are_found_by_stem(folder: Path) -> None:
    pairs = read_pairs(folder, values=LUNGS)
    assert (pairs.name, len(pairs), pairs.channels) == ("set", 3, 1)
    assert pairs.names == ("a", "b", "deep/c")
    assert pairs.class_names == ("background", "lung")
    assert pairs.value_range == (0, 255)
    assert pairs.groups is pairs.predefined is None
    for seed, (image, labels) in enumerate(zip(pairs.images, pairs.masks, strict=True)):
        np.testing.assert_array_equal(image, grey(seed, SIZES[seed]))
        np.testing.assert_array_equal(labels, mask(seed, SIZES[seed]) == 255)
        assert labels.dtype == np.int16


def test_the_order_of_the_classes_is_the_users(folder: Path) -> None:
    first = read_pairs(folder, values=LUNGS).masks
    other = read_pairs(folder, values={"lung": 255, "background": 0}).masks
    for one, two in zip(first, other, strict=True):
        np.testing.assert_array_equal(one, 1 - two)


def test_other_folders_and_ignored_values(folder: Path) -> None:
    (folder / "masks").rename(folder / "masks-2nd-observer")
    (folder / "images").rename(folder / "photos")
    with pytest.raises(DataError, match=r"no folder .*images.*data\.images"):
        read_pairs(folder, values=LUNGS)
    with pytest.raises(DataError, match=r"masks, only masks-2nd-observer, photos; name"):
        read_pairs(folder, values=LUNGS, images="photos")
    save(folder / "masks-2nd-observer" / "a.bmp", np.full((6, 5), 7, np.uint8))
    pairs = read_pairs(
        folder, values=LUNGS, images="photos", masks="masks-2nd-observer", ignore=(7,)
    )
    assert (pairs.masks[0] == -1).all()


def test_colour(folder: Path) -> None:
    save(folder / "images" / "b.png", grey(1, (9, 4, 3)))
    with pytest.raises(DataError, match=r"images/a\.png is grey, but images/b\.png is in colour"):
        read_pairs(folder, values=LUNGS)
    pairs = read_pairs(folder, values=LUNGS, colour=True)
    assert [image.shape for image in pairs.images] == [(3, *size) for size in SIZES]
    assert pairs.channels == 3
    assert read_pairs(folder, values=LUNGS, colour=False).channels == 1


def test_bits_palettes_and_colours_of_masks(folder: Path) -> None:
    path = folder / "masks" / "b.png"
    (folder / "masks" / "b.bmp").unlink()
    chosen = mask(1, SIZES[1]) == 255
    Image.fromarray(chosen).save(path)
    np.testing.assert_array_equal(read_pairs(folder, values=LUNGS).masks[1], chosen)
    Image.fromarray(255 * chosen.astype(np.uint8)).convert("P").save(path)
    np.testing.assert_array_equal(read_pairs(folder, values=LUNGS).masks[1], chosen)
    palette = Image.fromarray(chosen.astype(np.uint8), "L")
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(path)
    with pytest.raises(DataError, match=r"b\.png is a mask in colours"):
        read_pairs(folder, values=LUNGS)
    red = {"background": "#000000", "lung": ["#ff0000", "#ffffff"]}
    np.testing.assert_array_equal(read_pairs(folder, values=red).masks[1], chosen)


def test_an_index_gives_parts_and_groups(folder: Path) -> None:
    (folder / "index.csv").write_text(
        "file,split,patient\ndeep/c.png,test,p2\na.png,train_valid,p1\nb,Valid,p3\n"
    )
    pairs = read_pairs(folder, values=LUNGS, groups="patient")
    assert pairs.predefined is not None
    assert pairs.groups is not None
    assert pairs.predefined.tolist() == ["train", "validation", "test"]
    assert pairs.groups.tolist() == ["p1", "p3", "p2"]
    parts = split(pairs, validation=0.9, test=0.05)
    assert [each.tolist() for each in (parts.train, parts.validation, parts.test)] == [
        [0],
        [1],
        [2],
    ]
    some = pairs.subset([2, 0])
    assert some.names == ("deep/c", "a")
    assert some.groups is not None
    assert some.groups.tolist() == ["p2", "p1"]


def test_groups_by_a_pattern_of_the_names(folder: Path) -> None:
    groups = read_pairs(folder, values=LUNGS, groups=r"([a-z])$").groups
    assert groups is not None
    assert groups.tolist() == ["a", "b", "c"]
    for pattern, error, message in (
        ("(deep)", DataError, "a has no group by data.groups="),
        ("(deep", SettingError, "is no pattern with a group in brackets"),
        ("(?:a)|b|c", SettingError, "is no pattern with a group in brackets"),
        ("patient", DataError, "no column 'patient' to take groups from"),
    ):
        with pytest.raises(error, match=message):
            read_pairs(folder, values=LUNGS, groups=pattern)


def test_a_csv_lists_pairs(folder: Path) -> None:
    listed = folder / "pairs.csv"
    listed.write_text(
        "image;mask;split;scene\nimages/a.png;masks/a.bmp;train;s1\nimages/b.png;masks/b.bmp;test;s2"
    )
    pairs = read_pairs(listed, values=LUNGS, groups="scene")
    assert pairs.names == ("images/a", "images/b")
    assert pairs.predefined is not None
    assert pairs.predefined.tolist() == ["train", "test"]
    np.testing.assert_array_equal(pairs.masks[1], mask(1, SIZES[1]) == 255)
    with pytest.raises(SettingError, match=r"data\.masks and data\.index are for folders"):
        read_pairs(listed, values=LUNGS, masks="labels")
    listed.write_text("image,mask\nimages/a.png,masks/a.bmp\nimages/a.png,masks/b.bmp\n")
    with pytest.raises(DataError, match=r"pairs\.csv, line 3, names images/a\.png again"):
        read_pairs(listed, values=LUNGS)
    listed.write_text("image,mask\nimages/a.png,\n")
    with pytest.raises(DataError, match="lists no pair"):
        read_pairs(listed, values=LUNGS)
    listed.write_text("image,label\nimages/a.png,1\n")
    with pytest.raises(DataError, match="no column 'mask'"):
        read_pairs(listed, values=LUNGS)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_pages_of_a_stack_are_pairs(tmp_path: Path, dtype: str) -> None:
    stack = np.random.default_rng(0).integers(0, 200, (11, 6, 5)).astype(dtype)
    labels = np.random.default_rng(1).integers(0, 2, (11, 6, 5)).astype(np.uint8)
    for name, pages in (("images", stack), ("masks", 255 * labels)):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "em.tif", pages, photometric="minisblack")
    pairs = read_pairs(tmp_path, values=LUNGS)
    assert pairs.names == tuple(f"em#{page}" for page in range(1, 12))
    np.testing.assert_array_equal(pairs.images, stack)
    np.testing.assert_array_equal(pairs.masks, labels)
    assert pairs.images[0].dtype == dtype
    parts = split(pairs, validation=["em#1", "em#2"], test=["em#1?"])
    assert parts.validation.tolist() == [0, 1]
    assert parts.test.tolist() == [9, 10]
    tifffile.imwrite(tmp_path / "masks" / "em.tif", labels[:4], photometric="minisblack")
    with pytest.raises(DataError, match=r"em\.tif has 11 pages, but .*em\.tif has 4"):
        read_pairs(tmp_path, values=LUNGS)


def test_a_damaged_page_is_named(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        with tifffile.TiffWriter(tmp_path / name / "em.tif") as writer:
            for seed in range(3):
                writer.write(mask(seed, (40, 40)), compression="zlib")
    path = tmp_path / "images" / "em.tif"
    with tifffile.TiffFile(path) as tiff:
        start, size = tiff.pages[1].dataoffsets[0], tiff.pages[1].databytecounts[0]  # type: ignore[union-attr]
    content = bytearray(path.read_bytes())
    content[start : start + size] = b"\xff" * size
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"em\.tif, page 2, cannot be read as an image"):
        read_pairs(tmp_path, values=LUNGS)


def change(folder: Path, what: str) -> None:
    images, masks = folder / "images", folder / "masks"
    changes: dict[str, Callable[[], Any]] = {
        "no mask": (masks / "b.bmp").unlink,
        "no image": (images / "b.png").unlink,
        "size": lambda: save(masks / "b.bmp", mask(1, (4, 9))),
        "stray": lambda: save(masks / "b.bmp", np.full((9, 4), 128, np.uint8)),
        "lossy": lambda: (masks / "b.bmp").rename(masks / "b.jpg"),
        "twice": lambda: save(masks / "b.png", mask(1, (9, 4))),
        "image": lambda: (images / "b.png").write_bytes((images / "b.png").read_bytes()[:40]),
        "mask": lambda: (masks / "b.bmp").write_bytes(b"junk"),
        "depth": lambda: save(images / "b.png", grey(1, (9, 4)).astype(np.uint16)),
        "split": lambda: (folder / "index.csv").write_text(
            "file,split\na.png,train\nb.png,later\ndeep/c.png,test\n"
        ),
        "row": lambda: (folder / "index.csv").write_text("file\na.png\ndeep/c.png\n"),
        "rows": lambda: (folder / "index.csv").write_text(
            "file\na.png\nb.png\nb.png\ndeep/c.png\n"
        ),
        "column": lambda: (folder / "index.csv").write_text("name\na.png\n"),
        "empty": lambda: [save(path, 0 * mask(0)) for path in masks.rglob("*.bmp")],
    }
    changes[what]()


FAULTS = {
    "no mask": r"images/b\.png has no mask 'b' in .*masks; add it, or remove the file",
    "no image": r"masks/b\.bmp has no image 'b' in .*images",
    "size": r"masks/b\.bmp is 9 x 4, but its image .*b\.png is 4 x 9",
    "stray": r"masks/b\.bmp holds 128 in 36 pixels",
    "lossy": r"masks/b\.jpg is a mask in a lossy format",
    "twice": r"masks/b\.bmp and .*masks/b\.png have the same name",
    "image": r"images/b\.png cannot be read as an image",
    "mask": r"masks/b\.bmp cannot be read as an image",
    "depth": r"images/a\.png has uint8 values, but images/b\.png has uint16",
    "split": r"The split of b is 'later'; write one of train, train_valid, val",
    "row": r"index\.csv has no row for .*b\.png",
    "rows": r"index\.csv has two rows for 'b\.png'",
    "column": r"index\.csv has no column 'file'",
}


@pytest.mark.parametrize(("what", "message"), FAULTS.items(), ids=FAULTS)
def test_faults_are_one_sentence(folder: Path, what: str, message: str) -> None:
    change(folder, what)
    with pytest.raises(DataError, match=message):
        read_pairs(folder, values=LUNGS)


def test_a_class_that_no_mask_holds(folder: Path) -> None:
    with pytest.raises(DataError, match=r"set: no mask holds the class 'heart' .*heart = 7"):
        read_pairs(folder, values={**LUNGS, "heart": 7})


def test_sources_without_pairs(folder: Path, tmp_path: Path) -> None:
    (folder / "masks").rename(folder / "old")
    for name in ("x", "y"):
        save(folder / "masks" / f"{name}.png", mask(0))
    with pytest.raises(DataError, match=r"no image and mask of the same name, but images such as"):
        read_pairs(folder, values=LUNGS)
    (tmp_path / "empty" / "images").mkdir(parents=True)
    with pytest.raises(DataError, match="holds no images but no files"):
        read_pairs(tmp_path / "empty", values=LUNGS)
    with pytest.raises(DataError, match=r"no folder or CSV file .*did you mean 'lungs'"):
        read_pairs("lugs", values=LUNGS)
    with pytest.raises(DataError, match="'digits' has no masks"):
        read_pairs("digits")
    with pytest.raises(SettingError, match="which mask values are which classes"):
        read_pairs(folder)


def test_one_pair_is_read_but_not_parted(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.png", grey(0))
    save(tmp_path / "masks" / "a.png", mask(0))
    pairs = read_pairs(tmp_path, values=LUNGS)
    assert len(pairs) == 1
    with pytest.raises(DataError, match="too few"):
        split(pairs)


def test_declared_memory_is_limited(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = sum(height * width for height, width in SIZES)
    monkeypatch.setattr(limits, "memory_limit", lambda: 5 * pixels)
    assert len(read_pairs(folder, values=LUNGS)) == 3
    monkeypatch.setattr(limits, "memory_limit", lambda: 5 * pixels - 1)
    with pytest.raises(DataError, match="use a part of the images"):
        read_pairs(folder, values=LUNGS)


def example(**changes: Any) -> PairSet:
    parts: dict[str, Any] = {
        "images": (grey(0), grey(1)),
        "masks": tuple((mask(seed) == 255).astype(np.int16) for seed in range(2)),
        "names": ("a", "b"),
        "class_names": ("background", "lung"),
    }
    return PairSet("two", **{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ("a",)}, "names has 1 entries for 2 images"),
        ({"groups": np.arange(3)}, "groups has 3 entries for 2 images"),
        ({"class_names": ("background",)}, "2 images and 1 classes"),
        ({"predefined": np.array(["train", "later"])}, "predefined holds 'later'"),
        ({"images": (grey(0), grey(1, (6, 5, 3)))}, r"b is uint8 of shape \(6, 5, 3\)"),
        ({"images": (grey(0), grey(1, (3, 6, 5)))}, "b is uint8 with 3 axes, but a"),
        ({"images": (grey(0), grey(1).astype(float))}, "b is float64"),
        ({"masks": (mask(0), mask(1))}, "mask of a is uint8"),
        ({"masks": (np.zeros((6, 5), np.int16), np.zeros((5, 6), np.int16))}, "of b is int16"),
        ({"masks": (np.full((6, 5), 2, np.int16),) * 2}, "run from 2 to 2, but there are 2"),
        ({"masks": (np.full((6, 5), -2, np.int16),) * 2}, "run from -2 to -2"),
    ],
)
def test_a_set_whose_parts_do_not_fit(changes: dict[str, Any], message: str) -> None:
    assert len(example()) == 2
    with pytest.raises(DataError, match=message):
        example(**changes)


def test_values_of_floating_point_have_no_natural_range() -> None:
    assert example(images=(np.ones((6, 5), np.float32),) * 2).value_range is None


def test_known_sets_are_for_pairs_alone() -> None:
    assert {entry.name for entry in KNOWN_PAIRS} < set(CATALOGUE)
    for entry in KNOWN_PAIRS:
        assert entry.pairs is not None
        assert entry.missing(Path("absent")) == [entry.pairs.images, entry.pairs.masks]
        with pytest.raises(DataError, match="are for segmentation"):
            entry.read(Path("absent"))


REAL = Path(os.environ.get("ISTHMUS_DATA", ""))
PARTS_AND_GROUPS = {
    "lungs": ([108, 21, 24], 86),
    "em-membranes": ([20, 5, 5], None),
    "retina": ([20, 0, 8], 14),
    "nuclei": ([199, 42, 39], None),
    "cardiac": ([260, 0, 150], 23),
    "covid-ct": ([50, 0, 48], None),
    "smoke": ([289, 60, 72], 286),
    "mammo": ([60, 0, 6], None),
}


@pytest.mark.skipif(not (REAL / "lungs").is_dir(), reason="ISTHMUS_DATA names no folder of lungs")
class TestRealPairs:
    @pytest.mark.parametrize("name", PARTS_AND_GROUPS)
    def test_all_known_sets(self, name: str) -> None:
        if not (REAL / name).is_dir():
            pytest.skip(f"{name} is not there")
        pairs, entry = open_pairs(name, {}), CATALOGUE[name]
        assert (pairs.name, len(pairs.pairs), pairs.problems) == (name, entry.count, [])
        sizes = {pair.image.size for pair in pairs.pairs}
        assert sizes == {entry.sample_shape[-2:]} if entry.sample_shape else len(sizes) > 1
        counts, groups = PARTS_AND_GROUPS[name]
        assert pairs.predefined is not None
        assert [int((pairs.predefined == part).sum()) for part in PARTS] == counts
        assert groups == (None if pairs.groups is None else len(set(pairs.groups)))

    def test_consecutive_slices_are_parted_in_their_order(self) -> None:
        pairs = read_pairs("em-membranes")
        parts = split(pairs, test=0.5)
        assert [pairs.names[part[0]] for part in (parts.validation, parts.test)] == ["em20", "em25"]
        assert len(parts.train) == 20
        assert pairs.class_names == ("cell", "membrane")
        assert 0.15 < np.mean(pairs.masks) < 0.3

    def test_the_fundus_is_parted_by_child_and_has_a_second_observer(self) -> None:
        first, second = read_pairs("retina"), read_pairs("retina", masks="masks-2nd-observer")
        parts = split(first)
        children = [{first.names[i][:8] for i in part} for part in (parts.train, parts.validation)]
        assert not children[0] & children[1]
        overlap = np.mean([(a == b).mean() for a, b in zip(first.masks, second.masks, strict=True)])
        assert 0.9 < overlap < 1

    def test_against_pillow(self) -> None:
        pairs = read_pairs("nuclei")
        stored = np.asarray(Image.open(REAL / "nuclei" / "masks" / "nuc001.png"))
        np.testing.assert_array_equal(pairs.masks[1], stored > 0)
        with pytest.raises(DataError, match="images alone give the folder"):
            read("nuclei")
