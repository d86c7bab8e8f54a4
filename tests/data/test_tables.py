from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import DataError, SettingError
from isthmus.data import read

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def write(folder: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@given(
    rows=st.lists(st.tuples(FINITE, st.integers(-(10**15), 10**15)), min_size=1, max_size=20),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
)
def test_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[float, int]],
    delimiter: str,
    end: str,
    mark: bool,
) -> None:
    lines = [delimiter.join(("first", "second")), *(delimiter.join(map(repr, row)) for row in rows)]
    path = write(tmp_path_factory.getbasetemp(), ("\ufeff" if mark else "") + end.join(lines) + end)
    data = read(path)
    np.testing.assert_array_equal(data.samples, np.array(rows, np.float64))
    assert data.samples.flags.c_contiguous
    assert data.feature_names == ("first", "second")


def test_csv_against_pandas(tmp_path: Path) -> None:
    text = 'a,"b, c",d\n1, 2.5,-3e-2\n+4,"5",6\n'
    oracle = pd.read_csv(write(tmp_path, text))
    np.testing.assert_array_equal(read(tmp_path / "t.csv").samples, oracle.to_numpy())
    assert read(tmp_path / "t.csv").feature_names == tuple(oracle.columns)


def test_parquet_against_pandas(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, -1], "c": [True, False], "k": ["x", "y"]})
    frame.to_parquet(tmp_path / "t.parquet")
    data = read(tmp_path / "t.parquet", labels="k")
    np.testing.assert_array_equal(data.samples, frame[["a", "b", "c"]].to_numpy(np.float64))
    assert data.class_names == ("x", "y")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_row_names_of_pandas(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=["r1", "r2"])
    getattr(frame, f"to_{suffix}")(tmp_path / f"t.{suffix}")
    data = read(tmp_path / f"t.{suffix}")
    np.testing.assert_array_equal(data.samples, frame.to_numpy())
    assert data.names == ("r1", "r2")


def test_labels_and_groups_are_taken_out(tmp_path: Path) -> None:
    path = write(tmp_path, "x,kind,patient\n1,b,p1\n2,a,p1\n3,b,p2\n")
    data = read(path, labels="kind", groups="patient")
    assert data.feature_names == ("x",)
    assert data.labels is not None
    assert data.groups is not None
    assert data.labels.tolist() == [1, 0, 1]
    assert data.class_names == ("a", "b")
    assert data.groups.tolist() == ["p1", "p1", "p2"]


def test_numeric_labels_are_sorted_as_numbers(tmp_path: Path) -> None:
    data = read(write(tmp_path, "x,y\n1,10\n2,9\n3,100\n"), labels="y")
    assert data.class_names == ("9", "10", "100")


def test_a_class_may_be_called_none(tmp_path: Path) -> None:
    assert read(write(tmp_path, "x,y\n1,none\n2,a\n"), labels="y").class_names == ("a", "none")


def test_true_and_false_are_numbers(tmp_path: Path) -> None:
    data = read(write(tmp_path, "a,b\nTrue,1\nfalse,2\n"))
    assert data.samples.tolist() == [[1, 1], [0, 2]]


def test_empty_lines_at_the_end_do_not_count(tmp_path: Path) -> None:
    assert len(read(write(tmp_path, "a,b\n1,2\n3,4\n,\n\n"))) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,cat\n", "column 'b' holds the text 'cat' in line 3 .*data.labels=b"),
        ("a,b\n1,2\n3,true\n", "column 'b' holds the text 'true' in line 3"),
        ('n,b\n"x\ny",2\nz,cat\n', "column 'n' holds the text 'x\ny' in line 2"),
        (
            "a,b\n1,2\n3,\n4,NaN\n",
            "column 'b' has 2 missing or infinite values, the first in line 3",
        ),
        ("a,b\n1,2\n3,NA\n", "column 'b' has 1 missing or infinite values"),
        ("a,b\n1,2\n3,-inf\n", "column 'b' has 1 missing or infinite values"),
        ("a\n1\n\n3\n", "column 'a' has 1 missing or infinite values, the first in line 3"),
        ("a,b\n1\n2,3\n", "column 'b' has 1 missing or infinite values, the first in line 2"),
        ("a,a\n1,2\n", r"two columns named 'a' \(1 and 2\)"),
        ("a,b\n", "has no rows"),
        ("a,b\n,\n", "has no rows"),
        ("", "is empty or starts with an empty line"),
        ("\na,b\n1,2\n", "is empty or starts with an empty line"),
        ("a,b\n1,2\n1,2,3\n", "has 3 cells in line 3, but 2 columns"),
        ('a,b\n1,"2\n', "cannot be read as a CSV file"),
        ("a,b\r1,2\r", "cannot be read as a CSV file|mixes kinds of line ends|has no rows"),
        (b"a,b\n\xff\xfe,2\n", "not text in UTF-8"),
        (b"\xff,b\n1,2\n", "not text in UTF-8"),
        (b"a" * 200_000, "cannot be read as a CSV file"),
    ],
)
def test_faults_of_csv(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(write(tmp_path, text))
    assert str(tmp_path / "t.csv") in str(caught.value)


def test_lines_are_counted_through_cells_of_several_lines(tmp_path: Path) -> None:
    path = write(tmp_path, 'k,b\n"x\ny",2\nz,cat\n')
    with pytest.raises(DataError, match="'cat' in line 4"):
        read(path, labels="k")


def test_faults_of_the_chosen_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "size,kind\n1,a\n2,\n")
    with pytest.raises(DataError, match=r"no column 'knd' \(did you mean 'kind'\?\) for data.lab"):
        read(path, labels="knd")
    with pytest.raises(DataError, match=r"no column 'zzz' for data.groups; its .* 'size', 'kind'"):
        read(path, groups="zzz")
    with pytest.raises(DataError, match="column 'kind' has 1 missing values, the first in line 3"):
        read(path, labels="kind")
    with pytest.raises(DataError, match="has no feature columns"):
        read(write(tmp_path, "kind\na\n"), labels="kind")


def test_faults_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match=r"t\.parquet cannot be read as Parquet"):
        read(path)
    pl.DataFrame({"a": [1.0, None, float("nan")]}).write_parquet(path)
    with pytest.raises(DataError, match="'a' has 2 missing or infinite values, the first in row 2"):
        read(path)
    pl.DataFrame({"a": [1], "d": [pl.date(2020, 1, 1)]}, strict=False).select(
        "a", d=pl.date(2020, 1, 1)
    ).write_parquet(path)
    with pytest.raises(DataError, match="column 'd' has the type Date"):
        read(path)


def test_settings_of_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"data\.size is for images"):
        read(write(tmp_path, "a\n1\n"), size=8)


# -- categories and gaps ----------------------------------------------------------------------

GAPPY = "size,kind,mass\n1,oak,10\n,ash,20\n5,,\n9,oak,30\n"


def test_categories_become_columns_of_0_and_1(tmp_path: Path) -> None:
    path = write(tmp_path, "size,kind\n1,oak\n2,ash\n3,oak\n")
    data = read(path, categories=["kind"])
    oracle = pd.get_dummies(pd.read_csv(path), prefix_sep="=", dtype=float)
    assert data.feature_names == tuple(oracle.columns) == ("size", "kind=ash", "kind=oak")
    np.testing.assert_array_equal(data.samples, oracle.to_numpy())
    numbers = read(write(tmp_path, "code,x\n2,1\n1,2\n"), categories=["code"])
    assert numbers.feature_names == ("code=1", "code=2", "x")


def test_gaps_are_filled_with_the_median_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path, GAPPY)
    data = read(path, categories=["kind"], missing="median")
    assert data.feature_names == ("size", "kind=ash", "kind=missing", "kind=oak", "mass")
    oracle = pd.read_csv(path)
    for name, place in (("size", 0), ("mass", 4)):
        expected = oracle[name].fillna(oracle[name].median())
        np.testing.assert_array_equal(data.samples[:, place], expected)
    assert data.samples[:, 2].tolist() == [0, 0, 1, 0]
    assert data.filled == 2
    assert dict(data.medians) == {"size": 5.0, "mass": 20.0}
    again = read(path, categories=["kind"], missing={"size": -7.0})
    assert again.samples[1, 0] == -7


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (GAPPY, {"categories": ["kind"]}, "the column 'size' has 1 missing or infinite values"),
        (GAPPY, {"missing": "median"}, "the column 'kind' holds the text 'oak' in line 2"),
        (GAPPY, {"categories": ["kid"]}, "no column 'kid' (did you mean 'kind'?) for data.cat"),
        ("a,b\n1,\n2,\n", {"missing": "median"}, "the column 'b' has no value at all; remove it"),
        ("a,b\n1,inf\n2,3\n", {"missing": "median"}, "the column 'b' has 1 infinite values"),
    ],
)
def test_what_cannot_be_filled_is_refused(
    tmp_path: Path, text: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, text), **settings)
    assert message in str(caught.value)


def test_a_misspelt_setting_is_refused() -> None:
    for settings, message in (
        ({"lables": "kind"}, r"^Reading of digits: unknown key 'lables' \(did you mean 'labels'"),
        ({"missing": "fill"}, "^Reading of digits: missing: should be 'refuse' or 'median'"),
        ({"missing": {"size": float("nan")}}, "^Reading of digits: missing: "),
    ):
        with pytest.raises(SettingError, match=message):
            read("digits", **settings)


def test_images_have_no_categories() -> None:
    with pytest.raises(SettingError, match=r"data\.categories is for tables, which digits is not"):
        read("digits", categories=["kind"])
    with pytest.raises(SettingError, match=r"data\.missing is for tables, which digits is not"):
        read("digits", missing="median")
