from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from isthmus.cli import app
from isthmus.core.errors import DataError, SettingError
from isthmus.studio.jobs import uploads
from isthmus.studio.jobs.datasets import DataCard, DataSets
from isthmus.studio.jobs.measuring import measure
from isthmus.studio.jobs.store import FILE, Store

TABLE = b"height,weight\n1,2\n3,4\n5,6\n"


@pytest.fixture
def data(tmp_path: Path) -> DataSets:
    return DataSets(Store(tmp_path / FILE), tmp_path / ".studio" / "data")


def png(value: int, side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((side, side), value, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_png", ".png"), content)
    return buffer.getvalue()


def card(data: DataSets, name: str) -> DataCard:
    return next(one for one in data.cards() if one.name == name)


def measured(data: DataSets, name: str) -> DataCard:
    end = time.monotonic() + 30
    while card(data, name).share is not None:
        assert time.monotonic() < end
        time.sleep(0.01)
    return card(data, name)


def test_a_table_that_is_sent_gets_a_version_and_a_size(data: DataSets) -> None:
    data.keep("people", TABLE)
    found = measured(data, "people")
    assert (found.kind, found.samples, found.bytes, found.found) == ("table", 3, len(TABLE), True)
    assert found.version
    source = Path(data.source("people"))
    assert source.read_bytes() == TABLE
    assert data.name_of(str(source)) == "people"
    with pytest.raises(SettingError, match="already"):
        data.keep("people", TABLE)
    data.forget("people")
    assert not source.exists()
    assert "people" not in [one.name for one in data.cards()]


def test_images_in_a_zip_lose_the_folder_around_them(data: DataSets) -> None:
    inside = {"set__images__a_png": png(1), "set__images__b_png": png(2)}
    inside |= {"set__masks__a_png": png(0), "set__masks__b_png": png(1), "set__virus.sh": b"rm"}
    data.keep("pairs", packed(**inside))
    found = measured(data, "pairs")
    assert (found.kind, found.samples) == ("images with label maps", 2)
    folder = Path(data.source("pairs"))
    kept = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert kept == {"images/a.png", "images/b.png", "masks/a.png", "masks/b.png"}


def test_the_version_is_of_the_content(tmp_path: Path) -> None:
    for name, value in (("one", 1), ("same", 1), ("other", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(png(value))
    shares: list[float] = []
    one, same, other = (measure(tmp_path / n, shares.append) for n in ("one", "same", "other"))
    assert one == same
    assert one.version != other.version
    assert shares[-1] == 1.0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Nothing was sent"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a,b\n", "no rows"),
        (packed(readme=b"hello"), "holds no images"),
        (packed(a_png=b"not a picture"), "a.png"),
        (packed(**{"..__a_png": png(1)}), "a place outside"),
        (packed(**{"__etc__a_png": png(1)}), "a place outside"),
        (packed(a_png=png(1))[:-40] + b"\0" * 40, "UTF-8"),
        (packed(a_png=png(1)).replace(b"IHDR", b"IHDX"), "damaged"),
    ],
)
def test_what_cannot_be_used_leaves_nothing(
    data: DataSets, tmp_path: Path, content: bytes, sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence) as caught:
        data.keep("bad", content)
    assert str(tmp_path) not in str(caught.value)
    assert not list((tmp_path / ".studio" / "data").glob("*"))
    assert "bad" not in [one.name for one in data.cards()]


def test_a_zip_may_not_unpack_to_more_than_the_limit(
    data: DataSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 100)
    with pytest.raises(DataError, match="unpacks to more"):
        data.keep("large", packed(a_png=png(1, 64), b_png=png(2, 64)))


def test_what_is_registered_stays_where_it_is(data: DataSets, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(TABLE)
    data.register("people", path)
    data.measure_new()
    assert measured(data, "people").samples == 3
    data.forget("people")
    assert path.exists()
    data.register("people", path)
    path.unlink()
    assert not card(data, "people").found
    with pytest.raises(DataError, match="no longer"):
        data.source("people")
    with pytest.raises(SettingError, match="known data set"):
        data.register("mnist", tmp_path)
    with pytest.raises(DataError, match=r"no data set 'peple'.*people"):
        data.source("peple")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("people", "NAME=PATH"),
        ("people=nowhere.csv", "nowhere.csv"),
        ("a/b=people.csv", "cannot be a name"),
        ("mnist=people.csv", "known data set"),
    ],
)
def test_the_command_line_refuses_before_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_bytes(TABLE)
    result = CliRunner().invoke(app, ["studio", "runs", "--no-browser", "--data", given])
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()
