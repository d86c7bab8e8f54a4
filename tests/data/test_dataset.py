from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.data import DataSet
from isthmus.data.chunks import chunks
from isthmus.data.dataset import encode_labels


def example() -> DataSet:
    return DataSet(
        "example",
        np.arange(24, dtype=np.uint8).reshape(6, 2, 2),
        labels=np.array([0, 1, 0, 1, 0, 1], np.int32),
        class_names=("even", "odd"),
        groups=np.array(list("aabbcc")),
        names=tuple("uvwxyz"),
        predefined_test=np.arange(6) > 3,
    )


def test_subset_takes_every_part_along() -> None:
    part = example().subset([5, 0])
    assert part.labels is not None
    assert part.groups is not None
    assert part.predefined_test is not None
    np.testing.assert_array_equal(part.samples, example().samples[[5, 0]])
    assert part.labels.tolist() == [1, 0]
    assert part.labels.dtype == np.int64
    assert part.groups.tolist() == ["c", "a"]
    assert part.names == ("z", "u")
    assert part.predefined_test.tolist() == [True, False]
    assert part.class_names == ("even", "odd")
    assert part.value_range == (0, 255)


def test_sizes() -> None:
    assert (len(example()), example().sample_shape, example().size_in_bytes) == (6, (2, 2), 24)


@pytest.mark.parametrize(
    ("dtype", "shape", "expected"),
    [
        ("uint8", (2, 3, 3), (0, 255)),
        ("uint16", (2, 3, 3, 3), (0, 65535)),
        ("float32", (2, 3, 3), None),
        ("uint8", (2, 3), None),
    ],
)
def test_value_range(dtype: str, shape: tuple[int, ...], expected: tuple[int, int] | None) -> None:
    assert DataSet("x", np.zeros(shape, dtype)).value_range == expected


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"labels": np.zeros(5, int)}, "labels has 5 entries for 6 samples"),
        ({"names": ("a",)}, "names has 1 entries for 6 samples"),
        ({"groups": np.zeros(7)}, "groups has 7 entries"),
        ({"predefined_test": np.zeros(7, bool)}, "predefined_test has 7 entries"),
        ({"feature_names": ("a",)}, "feature_names has 1 entries for 2 columns"),
        ({"labels": np.zeros(6)}, "one whole number for each sample, but they are float64"),
        ({"labels": np.full(6, 2), "class_names": ("a", "b")}, "run from 2 to 2"),
        ({"labels": np.full(6, -1), "class_names": ("a", "b")}, "run from -1 to -1"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        DataSet("x", np.zeros((6, 2)), **parts)  # type: ignore[arg-type]


def test_some_classes_are_numbered_anew() -> None:
    samples = np.arange(12).reshape(6, 2)
    labels, names = np.array([2, 0, 1, 2, 0, 1]), ("ash", "elm", "oak")
    trees = DataSet("trees", samples, labels=labels, class_names=names)
    some = trees.of_classes(("oak", "ash"))
    assert some.class_names == ("ash", "oak")
    assert some.labels is not None
    assert some.labels.tolist() == [1, 0, 1, 0]
    assert some.samples[:, 0].tolist() == [0, 2, 6, 8]
    one = trees.of_classes(["elm"])
    assert (len(one), one.labels, one.class_names) == (2, None, None)
    with pytest.raises(DataError, match=r"no class 'okk' \(did you mean 'oak'\?\)"):
        trees.of_classes(["okk"])
    with pytest.raises(DataError, match=r"has no classes.*data\.labels"):
        DataSet("x", samples).of_classes(["oak"])


def test_one_axis_is_refused() -> None:
    with pytest.raises(DataError, match=r"at least two axes.*\(6,\)"):
        DataSet("x", np.zeros(6))


def test_fingerprint_depends_on_content_shape_and_type_only(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.uint16).reshape(3, 4)
    np.save(tmp_path / "x.npy", values)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    first = DataSet("a", values).fingerprint()
    assert len(first) == 16
    assert first == DataSet("b", mapped).fingerprint()
    assert first == DataSet("b", np.asfortranarray(values)).fingerprint()
    others = [values.reshape(4, 3), values.astype(np.uint8), values + np.uint16(1)]
    assert len({first, *(DataSet("a", other).fingerprint() for other in others)}) == 4


def test_chunks_cover_a_large_array_in_order() -> None:
    samples = np.zeros((5, 9 * 2**20), np.uint8)
    assert [(start, len(part)) for start, part in chunks(samples)] == [
        (0, 1),
        (1, 1),
        (2, 1),
        (3, 1),
        (4, 1),
    ]


@pytest.mark.parametrize(
    ("values", "labels", "names"),
    [
        (np.array(["b", "a", "b"]), [1, 0, 1], ("a", "b")),
        (np.array(["10", "9", "10"]), [1, 0, 1], ("9", "10")),
        (np.array([7, -1, 7]), [1, 0, 1], ("-1", "7")),
    ],
)
def test_labels_are_numbered_from_zero(
    values: np.ndarray, labels: list[int], names: tuple[str, ...]
) -> None:
    numbers, class_names = encode_labels(values)
    assert numbers.tolist() == labels
    assert class_names == names
