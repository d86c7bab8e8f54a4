"""``isthmus studio`` and ``isthmus explore``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

if TYPE_CHECKING:
    from isthmus.studio.workspace import Workspace

Host = Annotated[
    str, typer.Option(help="Address to listen at; others than this machine's need a token.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(help="Another name by which this machine is reached. May be given repeatedly."),
]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")]


def studio(
    folder: Annotated[Path, typer.Argument(help="Folder of runs; made if it is not there.")] = Path(
        "runs"
    ),
    host: Host = "127.0.0.1",
    port: Port = 8000,
    allow_host: AllowHost = None,
    browser: Browser = True,
    data: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH: a data set for new runs. May be given repeatedly."),
    ] = None,
) -> None:
    """Explore, start, watch and compare runs in the browser; no network is needed.

    Example: `isthmus studio runs --port 8080`
    """
    from isthmus.core.errors import SettingError
    from isthmus.studio.workspace import Workspace

    if folder.exists() and not folder.is_dir():
        raise SettingError(f"{folder} is a file; give the folder of the runs.")
    for given in data or ():
        _register(folder, given)
    _serve(Workspace(folder), host, port, allow_host, browser, "")


def _register(folder: Path, given: str) -> None:
    """Keep a data set of ``NAME=PATH``."""
    from isthmus.core.errors import SettingError
    from isthmus.studio.jobs.datasets import DataSets

    name, equals, path = given.partition("=")
    if not equals:
        raise SettingError(f"--data is written NAME=PATH, not '{given}'.")
    DataSets.of(folder).register(name.strip(), Path(path).expanduser())


def explore(
    run: Annotated[list[Path], typer.Argument(help="Runs or models; two stand side by side.")],
    host: Host = "127.0.0.1",
    port: Port = 0,
    allow_host: AllowHost = None,
    browser: Browser = True,
) -> None:
    """Look into the code space of a model, and drag a point through it.

    Example: `isthmus explore runs/mnist-vae-2d`
    """
    from isthmus.studio.workspace import Workspace

    workspace = Workspace(None, run)
    names = list(workspace.runs())
    for path in run:
        _refuse_codeless(path)
    page = "/".join(quote(name, safe="") for name in names)
    _serve(workspace, host, port, allow_host, browser, f"#/explore/{page}")


def _refuse_codeless(path: Path) -> None:
    """Refuse what has no code space, before a server begins."""
    from isthmus.core.errors import SettingError
    from isthmus.models import load

    if load(path).task != "autoencoding":
        raise SettingError(
            f"{path} is no autoencoder, so it has no code space; see isthmus studio."
        )


def _serve(
    workspace: Workspace, host: str, port: int, names: list[str] | None, browser: bool, page: str
) -> None:
    import webbrowser

    from isthmus.studio.app import create_studio
    from isthmus.studio.guard import Access
    from isthmus.studio.server import address, bound_socket, run_server

    access = Access.at(host, names or ())
    with bound_socket(host, port) as bound:
        url = address(bound, host, access.token)
        shown = url + (page if access.token else f"/{page}")

        def ready() -> None:
            typer.echo(f"Isthmus is at {shown}\nStop it by Ctrl-C.")
            if browser:
                webbrowser.open(shown)

        run_server(create_studio(workspace, access), bound, ready)
