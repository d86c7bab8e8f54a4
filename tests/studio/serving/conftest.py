"""A server of the two small runs, and one who asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from isthmus.studio.guard import Access
from isthmus.studio.serving.app import create_server
from isthmus.studio.workspace import Workspace


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Its result, in a thread: the browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


HERE = Access.at("127.0.0.1")


@pytest.fixture(scope="session")
def models(runs: Path) -> dict[str, Any]:
    workspace = Workspace(runs)
    return {name: workspace.model(name) for name in ("digits-2d", "segment-demo")}


@pytest.fixture(scope="session")
def asker(models: dict[str, Any]) -> Iterator[Callable[..., httpx2.Client]]:
    """``asker(limits=..., indexes=..., access=..., models=...)`` gives a client of a new server."""
    clients = []

    def start(access: Access = HERE, models: dict[str, Any] = models, **others: Any) -> Any:
        app = create_server(models, access, **others)
        url = "http://127.0.0.1:8000"
        client = TestClient(app, base_url=url, raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="session")
def asking(asker: Callable[..., httpx2.Client]) -> httpx2.Client:
    return asker()
