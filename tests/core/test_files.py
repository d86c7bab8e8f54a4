"""Files and folders are whole or absent, whatever goes wrong and whenever."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from isthmus.core.errors import StorageError
from isthmus.core.files import atomic_file, atomic_folder, sha256, write_text


def put_file(target: Path, content: str) -> None:
    with atomic_file(target) as temporary:
        temporary.write_text(content)


def put_folder(target: Path, content: str) -> None:
    with atomic_folder(target) as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "a.txt").write_text(content)
        (temporary / "b.txt").write_text(content)


def read_file(target: Path) -> str:
    return target.read_text()


def read_folder(target: Path) -> str:
    one, two = (target / "inner" / "a.txt").read_text(), (target / "b.txt").read_text()
    assert one == two
    return one


put_and_read = pytest.mark.parametrize(
    ("put", "read"), [(put_file, read_file), (put_folder, read_folder)], ids=["file", "folder"]
)


def fail(number: int):
    def failing(*_, **__):
        raise OSError(number, os.strerror(number))

    return failing


# Every call to the file system that writing makes, in order.
MOMENTS = {
    "create": [("tempfile.mkstemp"), ("tempfile.mkdtemp")],
    "write": ["pathlib.Path.write_text"],
    "sync": ["os.fsync"],
    "mode": ["pathlib.Path.chmod"],
    "rename": ["pathlib.Path.replace"],
}


@put_and_read
def test_writes_and_replaces(put, read, tmp_path):
    target = tmp_path / "deep" / "er" / "thing.x"
    for content in ("old", "new"):
        put(target, content)
        assert read(target) == content
    assert list(target.parent.iterdir()) == [target]


@put_and_read
@pytest.mark.parametrize("error", [KeyError("x"), KeyboardInterrupt()], ids=repr)
def test_an_error_inside_keeps_the_old_and_leaves_nothing_else(put, read, error, tmp_path):
    atomic = atomic_file if put is put_file else atomic_folder
    target = tmp_path / "thing"

    def break_off():
        with atomic(target) as temporary:
            place = temporary if put is put_file else temporary / "half.txt"
            place.write_text("half")
            raise error

    with pytest.raises(type(error)):
        break_off()
    assert list(tmp_path.iterdir()) == []
    put(target, "old")
    with pytest.raises(type(error)):
        break_off()
    assert read(target) == "old"
    assert list(tmp_path.iterdir()) == [target]


@put_and_read
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_full_disk_at_any_moment_is_one_sentence_and_keeps_the_old(
    put, read, moment, tmp_path, monkeypatch
):
    target = tmp_path / "thing"
    put(target, "old")
    with monkeypatch.context() as patch:
        for name in MOMENTS[moment]:
            patch.setattr(name, fail(errno.ENOSPC))
        with pytest.raises(StorageError) as caught:
            put(target, "new")
    assert str(caught.value) == (
        f"Cannot write {target}: the disk is full; free some space and try again."
        " Nothing was left half-written."
    )
    assert read(target) == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "torn"), KeyboardInterrupt()], ids=repr)
def test_old_folder_comes_back_if_the_new_cannot_take_its_place(error, tmp_path, monkeypatch):
    target = tmp_path / "thing"
    put_folder(target, "old")
    replace, calls = Path.replace, []

    def replace_second_time_fails(self, other):
        calls.append(other)
        if len(calls) == 2:
            raise error
        return replace(self, other)

    monkeypatch.setattr(Path, "replace", replace_second_time_fails)
    with pytest.raises((StorageError, KeyboardInterrupt)):
        put_folder(target, "new")
    assert len(calls) == 3
    assert read_folder(target) == "old"
    assert list(tmp_path.iterdir()) == [target]


@put_and_read
@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EDQUOT, "quota is used up; free some space"),
        (errno.EACCES, "permission is denied; choose another place"),
        (errno.EROFS, "read-only; choose another place"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_reason_is_told(put, read, number, reason, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", fail(number))
    with pytest.raises(StorageError, match=reason):
        put(tmp_path / "thing", "new")
    assert list(tmp_path.iterdir()) == []


@put_and_read
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(put, read, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="permission is denied"):
            put(tmp_path / "thing", "new")
    finally:
        tmp_path.chmod(0o700)


def test_neither_kind_replaces_the_other(tmp_path):
    put_file(tmp_path / "file", "old")
    put_folder(tmp_path / "folder", "old")
    with pytest.raises(StorageError, match="a file of that name is there"):
        put_folder(tmp_path / "file", "new")
    with pytest.raises(StorageError, match="Is a directory"):
        put_file(tmp_path / "folder", "new")
    assert read_file(tmp_path / "file") == read_folder(tmp_path / "folder") == "old"
    assert len(list(tmp_path.iterdir())) == 2


@put_and_read
def test_parent_that_is_a_file_is_told(put, read, tmp_path):
    put_file(tmp_path / "file", "old")
    with pytest.raises(StorageError, match="Cannot write"):
        put(tmp_path / "file" / "thing", "new")
    assert read_file(tmp_path / "file") == "old"


@put_and_read
def test_others_may_read_what_was_written(put, read, tmp_path):
    """A temporary file is its owner's alone; the final one is not."""
    put(tmp_path / "thing", "new")
    mode = stat.S_IMODE((tmp_path / "thing").stat().st_mode)
    assert mode == (0o644 if put is put_file else 0o755)


def test_temporary_file_keeps_the_suffix(tmp_path):
    """Some writers choose the format by it."""
    with atomic_file(tmp_path / "picture.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path


def test_text_is_utf_8_and_its_sum_is_known(tmp_path):
    write_text(tmp_path / "a.txt", "σ")
    assert (tmp_path / "a.txt").read_bytes() == b"\xcf\x83"
    write_text(tmp_path / "abc.txt", "abc")
    assert sha256(tmp_path / "abc.txt") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
