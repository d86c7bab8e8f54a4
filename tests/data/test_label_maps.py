"""Label maps as one-hot samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isthmus.core.errors import DataError, SettingError
from isthmus.data import make_pairs, read, split, write_label_map
from isthmus.data.label_maps import one_hot, read_label_maps, resized_map
from support.rings import VALUES, ring_maps, write_rings


@given(arrays(np.int16, st.tuples(*[st.integers(1, 9)] * 3), elements=st.integers(0, 4)))
def test_one_hot_and_back(maps: np.ndarray) -> None:
    found = one_hot(maps, 5)
    assert found.shape == (len(maps), 5, *maps.shape[1:])
    assert (found.sum(1) == 1).all()
    np.testing.assert_array_equal(found.argmax(1), maps)


@given(
    arrays(np.int16, st.tuples(*[st.integers(2, 12)] * 2), elements=st.integers(0, 3)),
    st.tuples(*[st.integers(1, 20)] * 2),
)
def test_a_resized_map_holds_no_new_label(labels: np.ndarray, size: tuple[int, int]) -> None:
    found = resized_map(labels, size, 4)
    assert found.shape == size
    assert set(np.unique(found)) <= set(np.unique(labels))


def test_a_resized_map_keeps_shares_and_places() -> None:
    labels = ring_maps(1, side=64)[0]
    for side in (32, 96):
        found = resized_map(labels, (side, side), 4)
        for label in range(4):
            share = (labels == label).mean()
            assert (found == label).mean() == pytest.approx(share, abs=0.01)
    blocks = np.kron(np.array([[0, 1], [2, 3]], np.int16), np.ones((6, 6), np.int16))
    np.testing.assert_array_equal(resized_map(blocks, (2, 2), 4), [[0, 1], [2, 3]])


def test_a_folder_with_its_index(tmp_path: Path) -> None:
    folder = write_rings(tmp_path / "maps")
    data = read(folder, label_maps=True, values=VALUES, groups="patient", labels="kind")
    assert data.samples.dtype == np.uint8
    np.testing.assert_array_equal(data.samples, one_hot(ring_maps(40), 4))
    assert data.structures == VALUES
    assert data.value_range == (0, 1)
    assert data.class_names == ("even", "odd")
    parts = split(data, validation=0.2)
    assert set(data.groups[parts.test]) == {"p6", "p7"}
    assert not set(data.groups[parts.train]) & set(data.groups[parts.validation])
    small = read_label_maps(folder, values=VALUES, size=(16, 20))
    assert small.sample_shape == (4, 16, 20)


def test_a_folder_of_pairs_and_a_known_set(tmp_path: Path) -> None:
    write_rings(tmp_path / "set" / "masks")
    (tmp_path / "set" / "masks" / "index.csv").rename(tmp_path / "set" / "index.csv")
    data = read_label_maps(tmp_path / "set", values=VALUES, groups="patient")
    assert len(np.unique(data.groups)) == 8
    made = read("made-lungs", label_maps=True)
    np.testing.assert_array_equal(made.samples.argmax(1), make_pairs("made-lungs").masks)
    assert made.predefined_test.sum() == 12


def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path) -> None:
    folder = write_rings(tmp_path / "maps", 3)
    with pytest.raises(DataError, match=r"holds 180 in \d+ pixels, which no class has"):
        read_label_maps(folder, values={"background": 0, "heart": [60, 120]})
    with pytest.raises(SettingError, match=r"Label maps need data\.values"):
        read_label_maps(folder)
    with pytest.raises(DataError, match=r"no column 'sex' in its index\.csv"):
        read_label_maps(folder, values=VALUES, labels="sex")
    with pytest.raises(DataError, match=r"There is no column 'patiet' .did you mean 'patient'"):
        read_label_maps(folder, values=VALUES, groups="patiet")
    with pytest.raises(DataError, match="There is no file or folder"):
        read_label_maps(tmp_path / "nothing", values=VALUES)
    with pytest.raises(SettingError, match="made, and its classes are known"):
        read_label_maps("made-hearts", values=VALUES)
    with pytest.raises(DataError, match="'mnist' has no label maps"):
        read_label_maps("mnist")
    with pytest.raises(SettingError, match=r"data\.values is for label maps"):
        read(folder, values=VALUES)
    with pytest.raises(SettingError, match=r"data\.missing is for tables"):
        read(folder, label_maps=True, values=VALUES, missing="median")
    (folder / "index.csv").unlink()
    write_label_map(folder / "03.png", np.zeros((8, 9), np.uint8))
    with pytest.raises(DataError, match="00 is 32 x 32, but 03 is 9 x 8; bring all to one size"):
        read_label_maps(folder, values=VALUES)
