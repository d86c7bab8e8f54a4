from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from isthmus.core.errors import SettingError
from isthmus.data import check, limits, read


def save(path: Path, pixels: np.ndarray) -> None:
    path.write_bytes(imagecodecs.png_encode(pixels))


def noise(seed: int, shape: tuple[int, ...] = (20, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)


def test_good_data_has_no_problems(tmp_path: Path) -> None:
    for seed in range(3):
        save(tmp_path / f"{seed}.png", noise(seed))
    assert check(tmp_path) == []
    assert check("digits") == []


def test_all_problems_of_images_are_listed(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(0))
    save(tmp_path / "b.png", noise(0))
    save(tmp_path / "c.png", np.zeros((20, 30), np.uint8))
    save(tmp_path / "d.png", noise(1, (10, 10)))
    save(tmp_path / "e.png", noise(2, (20, 30, 3)))
    save(tmp_path / "f.png", noise(3))
    (tmp_path / "f.png").write_bytes((tmp_path / "f.png").read_bytes()[:200])
    (tmp_path / "g.png").write_bytes(b"junk")
    problems = {problem.place: problem for problem in check(tmp_path)}
    for place, sentence, fatal in (
        ("b.png", "exact copy of a.png", False),
        ("c.png", "single flat colour", False),
        ("d.png", "d.png is 10 x 10", True),
        ("e.png", "e.png is in colour", True),
        ("f.png", "f.png cannot be read", True),
        ("g.png", "g.png cannot be read", True),
    ):
        assert sentence in problems[place].sentence
        assert problems[place].fatal is fatal
    assert len(problems) == 6
    fixed = {problem.place for problem in check(tmp_path, size=8, colour=False) if problem.fatal}
    assert fixed == {"f.png", "g.png"}


def test_memory_and_empty_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "holds no images" in check(tmp_path)[0].sentence
    save(tmp_path / "a.png", noise(0))
    monkeypatch.setattr(limits, "memory_limit", lambda: 100)
    assert "memory" in check(tmp_path)[0].sentence


def test_all_columns_of_a_table_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,c,d\n1,x,,1\n2,2,inf,1\n")
    assert [problem.place for problem in check(path)] == ["b", "c"]
    path.write_text("a,d\n1,5\n2,5\n1,5\n")
    problems = check(path)
    assert [problem.fatal for problem in problems] == [False, False]
    assert "1 of 3 samples repeat earlier ones" in problems[0].sentence
    assert "sample 3, which equals sample 1" in problems[0].sentence
    assert "column 'd' holds only the value 5.0" in problems[1].sentence
    assert len(read(path)) == 3
    path.write_text("a,a\n1,5\n")
    assert "two columns named 'a'" in check(path)[0].sentence


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.array([[1.0, 2], [np.nan, 2], [1, 2]]))
    sentences = [problem.sentence for problem in check(path)]
    assert [problem.fatal for problem in check(path)] == [True, False, False]
    assert "holds nan at position (1, 0)" in sentences[0]
    assert "sample 3, which equals sample 1" in sentences[1]
    assert "column '1' holds only the value 2.0" in sentences[2]
    path.write_bytes(b"junk")
    assert "cannot be read" in check(path)[0].sentence


def test_missing_and_unsuited(tmp_path: Path) -> None:
    assert check(tmp_path / "absent")[0].fatal
    save(tmp_path / "a.png", noise(0))
    with pytest.raises(SettingError, match=r"data\.labels is for tables"):
        check(tmp_path, labels="a")
