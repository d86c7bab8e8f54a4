"""Trainings as processes: begun, looked for, interrupted; found again by any later server."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

from isthmus.core.errors import StorageError
from isthmus.core.files import write_text
from isthmus.studio.jobs.keeper import EXIT

LOG = "log.txt"
_RECIPE = "recipe.toml"
_LOCK = "alive"
_ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


class Process:
    """The training of one job, known by a folder of its files.

    The folder holds ``recipe.toml``, ``log.txt``, ``alive``, which is locked as long as the
    training or its keeper runs and holds the number of their process group, and at the end
    ``exit`` with the exit code.
    """

    _children: list[subprocess.Popen[bytes]] = []  # noqa: RUF012  # of this server, to be reaped

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def log(self) -> Path:
        """What the training printed."""
        return self.folder / LOG

    def hold(self) -> int | None:
        """Take the lock, before anyone is told that the job runs; ``None`` if it is taken.

        Raises
        ------
        StorageError
            If the disk refuses.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(f"Cannot write into {self.folder}: {error.strerror}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return None
        os.ftruncate(lock, 0)  # the number of an earlier process may be another's by now
        return lock

    def start(self, lock: int, recipe: str, run: Path) -> None:
        """Train a recipe into a run folder, or go on with it; takes over the lock.

        Raises
        ------
        StorageError
            If the disk or the system refuses.
        """
        try:
            (self.folder / EXIT).unlink(missing_ok=True)
            write_text(self.folder / _RECIPE, recipe)
            train = command(self.folder / _RECIPE, run)
            keeper = ("isthmus.studio.jobs.keeper", str(self.folder), str(lock))
            with self.log.open("ab") as log:
                child = subprocess.Popen(  # noqa: S603  # our own words and paths
                    [sys.executable, "-m", *keeper, *train],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[lock],
                    env={**os.environ, **_ENVIRONMENT},
                )
            os.pwrite(lock, str(child.pid).encode(), 0)
            self._children.append(child)
        except OSError as error:
            raise StorageError(f"Cannot start the training: {error.strerror}.") from error
        finally:
            os.close(lock)

    def runs(self) -> bool:
        """Whether it goes on."""
        self._reap()
        try:
            lock = os.open(self.folder / _LOCK, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(lock)
        return False

    def code(self) -> int | None:
        """Its exit code; ``None`` if it is not known: it goes on, or ended with the machine."""
        try:
            return int((self.folder / EXIT).read_text())
        except (OSError, ValueError):
            return None

    def interrupt(self, *, at_once: bool = False) -> None:
        """Ask it to save its state and end, or end it."""
        try:
            group = int((self.folder / _LOCK).read_text())
            if self.runs():  # so the number is still its own
                os.killpg(group, signal.SIGKILL if at_once else signal.SIGINT)
        except (OSError, ValueError):
            pass  # has ended meanwhile

    def note(self, sentence: str) -> None:
        """Write a line of our own into its log."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{sentence}\n")

    def last_lines(self, count: int) -> list[str]:
        """The end of its log."""
        lines = [line for line in tail(self.log, 0)[0].splitlines() if line.strip()]
        return lines[-count:]

    @classmethod
    def _reap(cls) -> None:
        cls._children[:] = [child for child in cls._children if child.poll() is None]


def command(recipe: Path, run: Path) -> list[str]:
    """What trains a recipe into a folder, or goes on with it."""
    return [sys.executable, "-m", "isthmus", "train", str(recipe), "--out", str(run), "--resume"]


_MOST = 2**16  # bytes of a log that are shown


def tail(path: Path, start: int) -> tuple[str, int]:
    """Whole lines of a file from an offset on, of long ones the last, and the next offset."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            begin = max(start if start <= size else 0, size - _MOST)
            file.seek(begin)
            content = file.read(_MOST)
    except OSError:
        return "", 0
    whole = content[: content.rfind(b"\n") + 1]
    text = whole if begin <= start else whole[whole.find(b"\n") + 1 :]
    return text.decode(errors="replace"), begin + len(whole)
