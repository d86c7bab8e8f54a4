"""Keeps one training: ``python -m isthmus.studio.jobs.keeper FOLDER LOCK COMMAND...``.

A process of its own between the server and the training: it outlives the server, and writes the
training's exit code beside its log. The file whose descriptor is LOCK stays locked until both
are gone, so that whoever looks later knows whether they run, whatever became of their numbers.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from isthmus.core.files import write_text

EXIT = "exit"


def main(folder: str, lock: str, *command: str) -> None:
    """Run a command, and write how it ended."""
    # Signals come to the whole group. A handler, unlike SIG_IGN, is not handed on to the training.
    early: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, _: early.append(number))
    # What is run is what the server put together, never a client's words.
    training = subprocess.Popen(command, pass_fds=[int(lock)])  # noqa: S603  # as said
    if early:
        training.send_signal(early[0])
    write_text(Path(folder) / EXIT, str(training.wait()))


if __name__ == "__main__":
    main(*sys.argv[1:])
