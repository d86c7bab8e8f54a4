from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.core.errors import SettingError
from isthmus.data import check_pairs

VALUES = {"background": 0, "lung": 255}


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def noise(seed: int, values: list[int], shape: tuple[int, int] = (8, 6)) -> np.ndarray:
    return np.random.default_rng(seed).choice(values, shape).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate("abcd"):
        save(tmp_path / "images" / f"{name}.png", noise(seed, [*range(256)]))
        save(tmp_path / "masks" / f"{name}.png", noise(seed, [0, 255]))
    return tmp_path


def test_good_pairs(folder: Path) -> None:
    (folder / "index.csv").write_text("file,split\na,train\nb,train\nc,train\nd,test\n")
    checked = check_pairs(folder, values=VALUES)
    assert checked.problems == []
    assert checked.class_names == ("background", "lung")
    assert checked.masks.tolist() == [0, 4, 4]
    assert list(checked.pixels) == ["all", "train", "test"]
    for part, names in {"all": "abcd", "train": "abc", "test": "d"}.items():
        stored = [np.asarray(Image.open(folder / "masks" / f"{name}.png")) for name in names]
        counts = [0, sum((m == 0).sum() for m in stored), sum((m == 255).sum() for m in stored)]
        assert checked.pixels[part].tolist() == counts


def test_all_problems_are_listed_by_file(folder: Path) -> None:
    images, masks = folder / "images", folder / "masks"
    (masks / "a.png").unlink()
    save(masks / "b.png", noise(0, [0, 255], (6, 8)))
    save(masks / "c.png", noise(0, [0, 7, 255]))
    (images / "d.png").write_bytes((images / "d.png").read_bytes()[:60])
    save(masks / "e.png", noise(0, [0, 255]))
    for name, origin in (("f", "c"), ("F_0", "c"), ("g", "g")):
        save(images / f"{name}.png", noise(ord(origin), [*range(256)]))
        save(masks / f"{name}.png", noise(1, [0, 255]))
    save(masks / "g.png", noise(0, [0]))
    (folder / "index.csv").write_text(
        "file,split,patient\na,train,p1\nb,train,p2\nc,train,p3\nd,train,p3\nf,train,p4\n"
        "F_0,test,p4\ng,train,p5\nz,train,p6\n"
    )
    problems = check_pairs(folder, values=VALUES, groups="patient").problems
    places = [problem.place for problem in problems]
    assert places == sorted(places)
    assert {(problem.place, problem.fatal) for problem in problems} == {
        ("a", True),
        ("b", True),
        ("c", True),
        ("d", True),
        ("e", True),
        ("f (train)", False),
        ("g", False),
        ("p4", True),
        ("z", False),
    }
    text = " ".join(problem.sentence for problem in problems)
    for words in (
        "a.png has no mask 'a'",
        "b.png is 8 x 6, but its image",
        "c.png holds 7 in",
        "d.png cannot be read",
        "e.png has no image 'e'",
        "f (train) is an exact copy of F_0 (test)",
        "g.png holds nothing but background",
        "group 'p4' lies in the parts test and train",
        "names 'z', of which there is no image",
    ):
        assert words in text


def test_names_that_are_nearly_the_same(folder: Path) -> None:
    for seed, name in enumerate(("Scan 1", "scan_01", "scan-001 copy", "scan11", "1-11", "11-1")):
        save(folder / "images" / f"{name}.png", noise(10 + seed, [*range(256)]))
        save(folder / "masks" / f"{name}.png", noise(10 + seed, [0, 255]))
    problems = check_pairs(folder, values=VALUES).problems
    assert {problem.place for problem in problems} == {"scan_01", "scan-001 copy"}
    assert not any(problem.fatal for problem in problems)


def test_classes_that_are_absent(folder: Path) -> None:
    save(folder / "masks" / "d.png", noise(0, [0]))
    (folder / "index.csv").write_text("file,split\na,train\nb,train\nc,train\nd,test\n")
    problems = check_pairs(folder, values={**VALUES, "heart": 9}).problems
    assert [(problem.place, problem.fatal) for problem in problems] == [
        ("d", False),
        ("heart", True),
        ("test", False),
    ]
    assert "The test part does not hold the class 'lung'" in problems[-1].sentence


def test_no_pair_is_good(folder: Path) -> None:
    for path in (folder / "images").iterdir():
        path.write_bytes(b"junk")
    checked = check_pairs(folder, values=VALUES, groups="patient")
    assert [problem.place for problem in checked.problems] == ["a", "b", "c", "d"]
    assert checked.pixels["all"].tolist() == [0, 0, 0]
    save(folder / "images" / "a.png", noise(0, [*range(256)]))
    problems = check_pairs(folder, values=VALUES, groups="patient").problems
    assert sum("cannot be read" in problem.sentence for problem in problems) == 3
    assert sum("no column 'patient'" in problem.sentence for problem in problems) == 1


def test_nothing_to_check(tmp_path: Path) -> None:
    checked = check_pairs(tmp_path, values=VALUES)
    assert "There is no folder" in checked.problems[0].sentence
    assert checked.pixels == {}
    with pytest.raises(SettingError, match="which mask values"):
        check_pairs(tmp_path)
