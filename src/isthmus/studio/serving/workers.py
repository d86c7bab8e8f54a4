"""Servers as processes: one, or several behind one address that are replaced when they die."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from uvicorn import Config
from uvicorn.supervisors import Multiprocess

from isthmus.studio.guard import Access
from isthmus.studio.server import ENDING, run_server
from isthmus.studio.serving.limits import Limits
from isthmus.studio.serving.metrics import SHARED

_STARTING = 120  # seconds for a worker to answer its keeper


@dataclass(frozen=True)
class Setup:
    """What is served, to whom, within what limits: a process makes its own server of it."""

    runs: tuple[Path, ...]
    indexes: tuple[Path, ...]
    access: Access
    limits: Limits

    def app(self) -> Any:
        """The application, with its models loaded; see `create_server`."""
        from isthmus.models import load
        from isthmus.studio.serving.app import create_server
        from isthmus.studio.workspace import Workspace

        models = {name: load(path) for name, path in Workspace(None, self.runs).runs().items()}
        return create_server(models, self.access, self.limits, self.indexes)


def serve_runs(setup: Setup, bound: socket.socket, workers: int, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C; `ready` is called once requests are answered.

    Raises
    ------
    IsthmusError
        If a model or index cannot be served, before any worker begins.
    """
    app = setup.app()
    if workers == 1:
        run_server(app, bound, ready)
        return
    del app  # was made to refuse what cannot be served; each worker makes its own
    with _shared_counts():
        settings = Config(
            partial(_worker, setup),
            factory=True,
            workers=workers,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=ENDING,
            timeout_worker_healthcheck=_STARTING,
        )
        threading.Thread(target=_wait, args=(setup, bound, ready), daemon=True).start()
        _Workers(settings, [bound]).run()


class _Workers(Multiprocess):
    """Processes on one socket; what a dead one was doing is no longer counted."""

    def init_processes(self) -> None:
        """Start them."""
        resource_tracker.ensure_running()  # which would let them through
        with _interrupts_held():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        """Replace those that died."""
        from prometheus_client.multiprocess import mark_process_dead

        before = {process.pid for process in self.processes}
        with _interrupts_held():
            super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]  # it has no types


def _worker(setup: Setup) -> Any:
    """The application of a worker, which ends if its keeper does."""
    keeper = multiprocessing.parent_process()

    def end() -> None:
        if keeper is not None:
            keeper.join()
            os._exit(1)

    threading.Thread(target=end, daemon=True).start()
    _hold_interrupts(False)
    return setup.app()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Processes that are started within see no Ctrl-C until they know what to do with it."""
    _hold_interrupts(True)
    try:
        yield
    finally:
        _hold_interrupts(False)


def _hold_interrupts(held: bool) -> None:
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        how = signal.SIG_BLOCK if held else signal.SIG_UNBLOCK
        signal.pthread_sigmask(how, [signal.SIGINT])


@contextmanager
def _shared_counts() -> Iterator[None]:
    """A temporary folder in which all workers count."""
    with tempfile.TemporaryDirectory(prefix="isthmus-metrics-") as folder:
        os.environ[SHARED] = folder
        try:
            yield
        finally:
            del os.environ[SHARED]


def _wait(setup: Setup, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Ask until a worker answers."""
    host, port = bound.getsockname()[:2]
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # not bound here
    headers = {"Host": "localhost", "Authorization": f"Bearer {setup.access.token}"}
    end = time.monotonic() + _STARTING
    while time.monotonic() < end:
        try:
            connection = http.client.HTTPConnection(near, port, timeout=1)
            connection.request("GET", "/v2/health/ready", headers=headers)
            if connection.getresponse().status == http.client.OK:
                ready()
                return
        except OSError:
            time.sleep(0.1)
