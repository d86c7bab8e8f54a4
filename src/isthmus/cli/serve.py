"""``isthmus serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.cli.studio import AllowHost, Host, Port


def serve(
    runs: Annotated[
        list[Path], typer.Argument(help="Runs or models; each is named as its folder.")
    ],
    index: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of `isthmus index`, for /search. May be given several times."),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    allow_host: AllowHost = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes behind the address.")] = 1,
    batch: Annotated[
        int, typer.Option(min=1, help="Samples of several requests computed together; 1: none.")
    ] = 64,
    wait: Annotated[
        float, typer.Option(min=0, help="Milliseconds that a request waits for others to join.")
    ] = 2.0,
    most_megabytes: Annotated[int, typer.Option(min=1, help="Longest body, in MiB.")] = 16,
    most_pixels: Annotated[
        int, typer.Option(min=1, help="Pixels of all images of a request.")
    ] = 16_000_000,
    most_samples: Annotated[int, typer.Option(min=1, help="Samples of a request.")] = 1024,
    most_waiting: Annotated[
        int, typer.Option(min=1, help="Requests that may wait for a model, of each worker.")
    ] = 256,
    seconds: Annotated[
        float, typer.Option(min=0.001, help="For a body to come, and for an answer to be ready.")
    ] = 30.0,
) -> None:
    """Serve trained models over HTTP: encode, decode, reconstruct, denoise, segment, search.

    Pictures and JSON, the Open Inference Protocol v2, and metrics for Prometheus. The address with
    /docs shows all routes.

    Example: `isthmus serve runs/digits-2d runs/lungs --port 8080 --workers 2`
    """
    from isthmus.studio.guard import Access
    from isthmus.studio.server import address, bound_socket
    from isthmus.studio.serving.limits import Limits
    from isthmus.studio.serving.workers import Setup, serve_runs

    limits = Limits(
        pixels=most_pixels,
        samples=most_samples,
        batch=batch,
        wait=wait / 1000,
        waiting=most_waiting,
        seconds=seconds,
    )
    access = Access.at(host, allow_host or (), most_megabytes * 2**20)
    setup = Setup(tuple(runs), tuple(index or ()), access, limits)
    with bound_socket(host, port) as bound:
        url = address(bound, host)

        def ready() -> None:
            token = f"\nSend the header: Authorization: Bearer {access.token}"
            typer.echo(f"Isthmus serves at {url}/docs{token if access.token else ''}")
            typer.echo("Stop it by Ctrl-C.")

        serve_runs(setup, bound, workers, ready)
