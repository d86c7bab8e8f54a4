"""Models applied to files: what goes in comes out, in the form that it had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import isthmus
from isthmus.core.errors import DataError, ModelFileError, SettingError, StorageError
from isthmus.data import read, write_array, write_images, write_table
from isthmus.recipes import parse_recipe
from isthmus.recipes.apply import (
    as_brightness,
    as_pixels,
    decode_file,
    encode_file,
    reconstruct_file,
)
from isthmus.recipes.runner import Run, start_run
from support.recipes import RECIPE

NUMBERS = ["length", "width", "mass"]


def table(rows: int = 40) -> pl.DataFrame:
    values = np.random.default_rng(0).normal(size=(rows, 3)) * [1, 10, 100] + [0, 50, 1000]
    frame = pl.DataFrame(dict(zip(NUMBERS, values.T, strict=True)))
    kinds = pl.Series("kind", ["oak" if row % 2 else "ash" for row in range(rows)])
    return frame.insert_column(0, kinds)


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on a table with a column of classes."""
    folder = tmp_path_factory.mktemp("forest")
    table().write_csv(folder / "trees.csv")
    changes = [f"data.source='{folder / 'trees.csv'}'", "data.labels=kind"]
    return start_run(parse_recipe(RECIPE, "trees", changes), folder / "run")


def pictures(dtype: str, colour: bool, count: int = 12) -> NDArray[np.generic]:
    """Images of one hill of light each."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:10, :12]
    centres = generator.uniform(2, 8, (count, 2, 1, 1))
    hill = np.exp(-((y - centres[:, 0]) ** 2 + (x - centres[:, 1]) ** 2) / 10)
    if colour:
        hill = hill[:, None] * generator.uniform(0.3, 1, (count, 3, 1, 1))
    return (hill * np.iinfo(dtype).max).astype(dtype)


def image_run(folder: Path, dtype: str = "uint8", colour: bool = False, *changes: str) -> Run:
    names = [f"site {index % 2}/photo-{index}.png" for index in range(12)]
    write_images(folder / "photos", pictures(dtype, colour), names)
    changes = (f"data.source='{folder / 'photos'}'", *changes)
    return start_run(parse_recipe(RECIPE, "photos", changes), folder / "run")


def trees(run: Run) -> Path:
    return run.folder.parent / "trees.csv"


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_codes_of_a_table_decode_to_its_reconstruction(
    tmp_path: Path, forest: Run, suffix: str
) -> None:
    codes, decoded, rebuilt = (tmp_path / f"{n}{suffix}" for n in ("codes", "decoded", "rebuilt"))
    assert encode_file(forest.folder, str(trees(forest)), codes) == (40, 2)
    assert decode_file(forest.folder, codes, decoded) == 40
    assert reconstruct_file(forest.folder, str(trees(forest)), rebuilt) == 40
    found, expected = read(decoded), read(rebuilt)
    np.testing.assert_allclose(found.samples, expected.samples, rtol=1e-5)
    if suffix != ".npy":
        assert found.feature_names == tuple(NUMBERS)  # the column of classes is no feature


def test_columns_are_found_by_name(tmp_path: Path, forest: Run) -> None:
    frame = table()
    for name, columns in {
        "shuffled": ["mass", "kind", "width", "length"],
        "unlabelled": NUMBERS,
        "with more": [*NUMBERS, "age"],
    }.items():
        shown = frame.with_columns(pl.lit(3).alias("age")).select(columns)
        shown.write_csv(tmp_path / f"{name}.csv")
        encode_file(forest.folder, str(tmp_path / f"{name}.csv"), tmp_path / "codes.npy")
        expected = forest.model.transform(frame.select(NUMBERS).to_numpy())
        np.testing.assert_array_equal(np.load(tmp_path / "codes.npy"), expected)


def test_a_parquet_table_does_as_well(tmp_path: Path, forest: Run) -> None:
    table().select("kind", "mass", "width", "length").write_parquet(tmp_path / "t.parquet")
    assert encode_file(forest.folder, str(tmp_path / "t.parquet"), tmp_path / "c.csv") == (40, 2)


def test_a_missing_column_is_named(tmp_path: Path, forest: Run) -> None:
    table().drop("width").write_csv(tmp_path / "t.csv")
    with pytest.raises(DataError, match="no column 'width'"):
        encode_file(forest.folder, str(tmp_path / "t.csv"), tmp_path / "codes.csv")
    assert not (tmp_path / "codes.csv").exists()


def test_an_array_stands_for_a_table(tmp_path: Path, forest: Run) -> None:
    write_array(tmp_path / "t.npy", table().select(NUMBERS).to_numpy())
    assert encode_file(forest.folder, str(tmp_path / "t.npy"), tmp_path / "codes.npy") == (40, 2)


def test_the_model_alone_knows_how_to_read(tmp_path: Path, forest: Run) -> None:
    isthmus.load(forest.folder).save(tmp_path / "model")
    assert encode_file(tmp_path / "model", str(trees(forest)), tmp_path / "c.csv") == (40, 2)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_images_keep_names_depth_and_colour(tmp_path: Path, dtype: str, colour: bool) -> None:
    run = image_run(tmp_path, dtype, colour)
    photos, codes = str(tmp_path / "photos"), tmp_path / "codes.csv"
    reconstruct_file(run.folder, photos, tmp_path / "rebuilt")
    encode_file(run.folder, photos, codes)
    decode_file(run.folder, codes, tmp_path / "decoded")
    original, rebuilt, decoded = (read(tmp_path / n) for n in ("photos", "rebuilt", "decoded"))
    assert rebuilt.names == decoded.names == original.names
    assert rebuilt.samples.dtype == original.samples.dtype
    assert rebuilt.samples.shape == original.samples.shape
    expected = np.rint(run.model.reconstruct(original.samples))
    limit = np.iinfo(dtype).max
    step = np.abs(rebuilt.samples - np.clip(expected, 0, limit))
    assert step.max() <= 1
    assert np.abs(decoded.samples.astype(float) - rebuilt.samples).max() <= 1
    assert pl.read_csv(codes).columns[0] == "name"


def test_images_are_resized_as_they_were(tmp_path: Path) -> None:
    run = image_run(tmp_path, "uint8", False, "data.size=[6, 8]")
    write_images(tmp_path / "others", pictures("uint8", False, 3)[:, :9], ["a", "b", "c"])
    reconstruct_file(run.folder, str(tmp_path / "others"), tmp_path / "rebuilt")
    assert read(tmp_path / "rebuilt").samples.shape == (3, 6, 8)


def test_images_as_an_array_are_numbered(tmp_path: Path) -> None:
    run = image_run(tmp_path)
    write_array(tmp_path / "photos.npy", pictures("uint8", False))
    reconstruct_file(run.folder, str(tmp_path / "photos.npy"), tmp_path / "rebuilt")
    assert sorted(p.name for p in (tmp_path / "rebuilt").iterdir())[:2] == ["01.png", "02.png"]
    reconstruct_file(run.folder, str(tmp_path / "photos.npy"), tmp_path / "rebuilt.npy")
    assert np.load(tmp_path / "rebuilt.npy").shape == (12, 10, 12)


def test_pixels_of_another_range_fill_the_file(tmp_path: Path) -> None:
    changes = ["data.source=digits", "model.scaling={kind='unit', low=0, high=16}"]
    run = start_run(parse_recipe(RECIPE, "digits", changes), tmp_path / "run")
    reconstruct_file(run.folder, "digits", tmp_path / "digits")
    pixels = read(tmp_path / "digits").samples
    expected = run.model.reconstruct(read("digits").samples) / 16 * 255
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - np.clip(expected, 0, 255)).max() <= 1


@pytest.mark.parametrize("out", ["codes.txt", "codes", "codes.npz"])
def test_codes_go_into_a_known_kind_of_file(tmp_path: Path, forest: Run, out: str) -> None:
    with pytest.raises(SettingError, match=r"\.npy, \.csv or \.parquet"):
        encode_file(forest.folder, str(trees(forest)), tmp_path / out)
    assert not list(tmp_path.iterdir())


def test_samples_go_where_they_fit(tmp_path: Path, forest: Run) -> None:
    with pytest.raises(SettingError, match="Tables are written"):
        reconstruct_file(forest.folder, str(trees(forest)), tmp_path / "folder")
    run = image_run(tmp_path)
    for out in ("rebuilt.csv", "rebuilt.png"):
        with pytest.raises(SettingError, match="Images are written"):
            reconstruct_file(run.folder, str(tmp_path / "photos"), tmp_path / out)


def test_what_is_read_is_never_written_over(tmp_path: Path, forest: Run) -> None:
    source = tmp_path / "trees.csv"
    table().write_csv(source)
    content = source.read_bytes()
    for function in (encode_file, reconstruct_file):
        with pytest.raises(SettingError, match="is what is read"):
            function(forest.folder, str(source), source)
    assert source.read_bytes() == content
    run = image_run(tmp_path)
    with pytest.raises(SettingError, match="is what is read"):
        reconstruct_file(run.folder, str(tmp_path / "photos"), tmp_path / "photos")
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "photo-1.png").touch()
    with pytest.raises(SettingError, match="not empty"):
        reconstruct_file(run.folder, str(tmp_path / "photos"), tmp_path / "album")


def test_codes_of_another_model_are_refused(tmp_path: Path, forest: Run) -> None:
    write_table(tmp_path / "codes.csv", {f"c{i}": np.zeros(4) for i in range(3)})
    with pytest.raises(DataError, match="another model"):
        decode_file(forest.folder, tmp_path / "codes.csv", tmp_path / "out.csv")
    write_images(tmp_path / "photos", pictures("uint8", False), [str(i) for i in range(12)])
    with pytest.raises(DataError, match="no codes but images"):
        decode_file(forest.folder, tmp_path / "photos", tmp_path / "out.csv")
    with pytest.raises(ModelFileError, match="holds no model"):
        decode_file(tmp_path, tmp_path / "codes.csv", tmp_path / "out.csv")


def test_samples_of_another_shape_are_refused(tmp_path: Path, forest: Run) -> None:
    with pytest.raises(DataError, match="has shape 8 x 8, but this model was trained on 3"):
        encode_file(forest.folder, "digits", tmp_path / "codes.csv")


def test_a_full_disk_leaves_no_half_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = image_run(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    written = []

    def fill(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) == 5:
            raise OSError(28, "No space left on device", str(path))
        return len(content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(StorageError, match=r"rebuilt.*disk is full") as caught:
        reconstruct_file(run.folder, str(tmp_path / "photos"), tmp_path / "rebuilt")
    assert "/." not in str(caught.value)  # no temporary name
    assert sorted(tmp_path.rglob("*")) == before


def test_damaged_reading_instructions_are_refused(tmp_path: Path, forest: Run) -> None:
    model = isthmus.load(forest.folder)
    model.data_["reading"] = {"size": "large"}
    model.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="size"):
        encode_file(tmp_path / "model", str(trees(forest)), tmp_path / "codes.csv")


@pytest.mark.parametrize(
    ("scaling", "dtype", "white"),
    [
        ({"kind": "unit", "low": 0, "high": 16}, np.uint8, 16),
        ({"kind": "centre", "scale": 255}, np.uint8, 255),
        ("standard", np.uint16, 65535),
        ("standard", np.float32, 3.0),
    ],
)
def test_brightness_is_0_for_black_and_1_for_white(scaling: Any, dtype: Any, white: float) -> None:
    images = np.random.default_rng(0).uniform(0, white, (30, 4, 4)).astype(dtype)
    images[0, 0, 0], images[1, 0, 0] = 0, white
    network = {"kind": "dense", "hidden_sizes": [4]}
    model = isthmus.Autoencoder(
        code_size=2, network=network, scaling=scaling, epochs=1, random_state=0
    ).fit(images)
    seen = as_brightness(model, images)
    np.testing.assert_allclose(seen, images / np.float32(white), atol=1e-6)
    assert as_pixels(model, images).max() == np.iinfo(as_pixels(model, images).dtype).max
