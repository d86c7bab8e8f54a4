"""``isthmus encode``, ``decode`` and ``reconstruct``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[Path, typer.Argument(help="Folder of a run or of a model.")]
Out = Annotated[Path, typer.Argument(help="File (.npy, .csv, .parquet) or folder to write.")]


def encode(
    model: Model,
    source: Annotated[str, typer.Argument(help="File, folder or name of the data.")],
    out: Out,
) -> None:
    """Write the codes of data.

    Example: `isthmus encode runs/digits-2d digits codes.csv`
    """
    from isthmus.recipes.apply import encode_file

    count, units = encode_file(model, source, out)
    typer.echo(f"Wrote {count} codes of {units} units to {out}")


def decode(
    model: Model,
    codes: Annotated[Path, typer.Argument(help="Codes: .npy, .csv or .parquet.")],
    out: Out,
    label: Annotated[
        str | None, typer.Option("--class", help="Class to decode, for a conditional model.")
    ] = None,
) -> None:
    """Write the samples that codes stand for.

    Example: `isthmus decode runs/digits-2d codes.csv pictures/`
    """
    from isthmus.recipes.apply import decode_file

    typer.echo(f"Wrote {decode_file(model, codes, out, label)} samples to {out}")


def reconstruct(
    model: Model,
    source: Annotated[str, typer.Argument(help="File, folder or name of the data.")],
    out: Out,
    panels: Annotated[
        bool,
        typer.Option(
            "--panels",
            help="Write one PNG instead: some images over their codes over their reconstructions.",
        ),
    ] = False,
) -> None:
    """Write data as the model rebuilds them.

    Example: `isthmus reconstruct runs/digits-2d digits pictures/`

    Example: `isthmus reconstruct runs/digits-2d digits panels.png --panels`
    """
    from isthmus.recipes.apply import reconstruct_file

    if panels:
        from isthmus.reports.panels import write_panels

        typer.echo(f"Drew {write_panels(model, source, out)} samples in {out}")
    else:
        typer.echo(f"Wrote {reconstruct_file(model, source, out)} samples to {out}")
