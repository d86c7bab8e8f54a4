"""A server in a thread, and a Chromium that reaches nothing but it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from isthmus.studio.server import address, bound_socket

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_REQUIRED = "ISTHMUS_BROWSER_TESTS"  # set to "required" where the tests must not be left out
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address of an application that is served meanwhile."""
    bound = bound_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield address(bound, "127.0.0.1")
    finally:
        server.should_exit = True
        thread.join(10)
        bound.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser; tests with it are left out where none is installed, unless they are required."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        if os.environ.get(_REQUIRED) == "required":
            pytest.fail("The tests in a browser are required, and no Chromium is installed.")
        pytest.skip("no Chromium is installed: the tests in a browser are left out")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


class Visitor:
    """Pages of one server, whose errors are kept and whose requests elsewhere are stopped."""

    def __init__(self, browser: Any, url: str) -> None:
        self.url, self.troubles = url, list[str]()
        self._browser = browser
        self._contexts: list[Any] = []

    def open(
        self,
        page: str = "",
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        touch: bool = False,
    ) -> Any:
        """A page, by what stands after the address, such as ``#/runs``."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            has_touch=touch,
        )
        self._contexts.append(context)
        context.route("**/*", self._stay)
        tab = context.new_page()
        tab.on("console", lambda said: said.type == "error" and self.troubles.append(said.text))
        tab.on("pageerror", lambda error: self.troubles.append(str(error)))
        tab.goto(f"{self.url}/{page}")
        return tab

    def _stay(self, route: Any) -> None:
        url = route.request.url
        if url.startswith((self.url, "data:", "blob:")):
            route.continue_()
        else:
            self.troubles.append(f"asked for {url}")
            route.abort()

    def leave(self) -> None:
        """Close all pages."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Any]:
    """A `Visitor` of an application, or of the files of a folder, which nothing serves.

    Fails if a page logged an error or left the machine.
    """
    open_servers: list[Any] = []
    visitors: list[Visitor] = []

    def start(app: Any) -> Visitor:
        if isinstance(app, Path):
            visitors.append(Visitor(chromium, app.as_uri()))
            return visitors[-1]
        server = serving(app)
        visitors.append(Visitor(chromium, server.__enter__()))
        open_servers.append(server)
        return visitors[-1]

    yield start
    for visitor in visitors:
        visitor.leave()
    for server in open_servers:
        server.__exit__(None, None, None)
    assert [trouble for visitor in visitors for trouble in visitor.troubles] == []


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small trained runs: read only."""
    from isthmus.recipes import find_recipe, parse_recipe
    from isthmus.recipes.runner import start_run

    folder = tmp_path_factory.mktemp("runs")
    for recipe, name, settings in (
        ("digits-2d", "digits-2d", ["training.epochs=3"]),
        ("segment-demo", "segment-demo", ["training.epochs=1"]),
    ):
        title, text = find_recipe(recipe)
        start_run(parse_recipe(text, title, settings), folder / name)
    return folder
