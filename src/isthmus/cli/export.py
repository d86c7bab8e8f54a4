"""``isthmus export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def export(
    model: Annotated[Path, typer.Argument(help="Folder of a run or of a model.")],
    out: Annotated[
        Path, typer.Argument(help="New folder; or a file .onnx, for the models of one graph.")
    ],
    format: Annotated[
        Literal["onnx"], typer.Option("--format", help="Format of the files.")
    ] = "onnx",
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Compute in 8 bits where that is faster and close enough."),
    ] = False,
) -> None:
    """Write a model as ONNX, which runs without PyTorch, and here wherever a run is asked for.

    Example: `isthmus export runs/digits-2d digits-onnx`

    Example: `isthmus export runs/lungs lungs.onnx --int8`
    """
    from isthmus.models import export_onnx, load

    written = export_onnx(load(model), out, int8=int8)
    for one in written:
        typer.echo(f"{one.name}: differs from PyTorch by {one.difference:.1e} of its range")
        if one.int8 is not None:
            typer.echo(f"{one.name} in 8 bits: {one.int8}")
    typer.echo(f"Wrote {', '.join(one.name for one in written)} to {out}")
