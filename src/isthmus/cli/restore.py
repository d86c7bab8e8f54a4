"""``isthmus denoise`` and ``isthmus corrupt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Argument(help="File (.png, .tif) for an image, else a new folder.")]


def denoise(
    model: Annotated[Path, typer.Argument(help="Folder of a run or of a model.")],
    source: Annotated[
        str, typer.Argument(help="Image, folder of images of any size, or other data.")
    ],
    out: Out,
) -> None:
    """Write images as the model restores them, each in its own size, depth and colour.

    Example: `isthmus denoise runs/denoise noisy/ clean/`
    """
    from isthmus.recipes.restore import denoise_files

    typer.echo(f"Wrote {denoise_files(model, source, out)} restored samples to {out}")


def corrupt(
    kind: Annotated[
        str, typer.Argument(help="Kind of corruption, such as gaussian, blur or haze.")
    ],
    source: Annotated[Path, typer.Argument(help="Image or folder of images.")],
    out: Out,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the corruption: a=b. May be given several times."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all draws.")] = 0,
) -> None:
    """Write corrupted copies of images, to test with. Black counts as 0, white as 1.

    Example: `isthmus corrupt gaussian photos/ noisy/ --set sigma=25 --set white=255`
    """
    from isthmus.recipes.restore import corrupt_files

    count = corrupt_files(kind, source, out, settings or (), seed)
    typer.echo(f"Wrote {count} corrupted images to {out}")
