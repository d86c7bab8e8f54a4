"""``isthmus export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

_MIB = 2**20


def export(
    model: Annotated[Path, typer.Argument(help="Folder of a run or of a model.")],
    out: Annotated[
        Path,
        typer.Argument(help="New folder; a file .onnx, for models of one graph; or a page .html."),
    ],
    format: Annotated[
        Literal["onnx", "html"] | None,
        typer.Option("--format", help="ONNX, or one page to explore codes; by the name of OUT."),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Compute in 8 bits where that is faster and close enough."),
    ] = False,
    live: Annotated[
        Path | None,
        typer.Option(help="Folder dist of onnxruntime-web: the page computes the decoder itself."),
    ] = None,
) -> None:
    """Write a model as ONNX, which runs without PyTorch, or its code space as one HTML page.

    Example: `isthmus export runs/digits-2d digits-onnx`

    Example: `isthmus export runs/lungs lungs.onnx --int8`

    Example: `isthmus export runs/mnist-vae-2d mnist.html`
    """
    from isthmus.core.errors import SettingError

    if (format or _by_name(out)) == "html":
        if int8:
            raise SettingError("--int8 is for ONNX files; leave it out for a page.")
        _page(model, out, live)
    elif live is not None:
        raise SettingError("--live is for pages; give a file that ends in .html.")
    else:
        _onnx(model, out, int8)


def _by_name(out: Path) -> str:
    return "html" if out.suffix.lower() in (".html", ".htm") else "onnx"


def _onnx(model: Path, out: Path, int8: bool) -> None:
    from isthmus.models import export_onnx, load

    written = export_onnx(load(model), out, int8=int8)
    for one in written:
        typer.echo(f"{one.name}: differs from PyTorch by {one.difference:.1e} of its range")
        if one.int8 is not None:
            typer.echo(f"{one.name} in 8 bits: {one.int8}")
    typer.echo(f"Wrote {', '.join(one.name for one in written)} to {out}")


def _page(run: Path, out: Path, live: Path | None) -> None:
    from isthmus.studio.one_page import write_page

    page = write_page(run, out, live=live)
    typer.echo(
        f"{page.samples:,} samples, a lattice of {' x '.join(map(str, page.nodes))} pictures"
    )
    typer.echo(f"Wrote {out}, {page.size / _MIB:.1f} MiB")
