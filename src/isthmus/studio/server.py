"""A server on an address: refused in one sentence where it cannot be, ended by Ctrl-C."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from isthmus.core.errors import SettingError

ENDING = 3  # seconds for requests that are answered when a server ends
_WAITING = 30.0  # seconds for a server to begin


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket that listens soon; port 0 takes a free one.

    Raises
    ------
    SettingError
        If the address is taken, or not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named since asyncio sends at once (TCP_NODELAY) only where it is: an answer in
    # two parts, headers and body, would else wait 40 ms for the other side.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingError(
            f"Cannot listen at {host}:{port} ({reason}); give another --port, or --host."
        ) from None
    return bound


def address(bound: socket.socket, host: str, token: str | None = None) -> str:
    """What to type into a browser."""
    name = f"[{host}]" if ":" in host else host
    asked = "" if token is None else f"/?token={token}"
    return f"http://{name}:{bound.getsockname()[1]}{asked}"


def run_server(app: Any, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C; `ready` is called once requests are answered."""
    import uvicorn

    settings = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=ENDING
    )
    server = uvicorn.Server(settings)

    def wait() -> None:
        end = time.monotonic() + _WAITING
        while not server.started and time.monotonic() < end:
            time.sleep(0.02)
        if server.started:
            ready()

    threading.Thread(target=wait, daemon=True).start()
    try:
        server.run(sockets=[bound])
    except KeyboardInterrupt:
        pass  # is how a server ends
