"""``isthmus compress``, ``decompress`` and ``rate-distortion``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[Path, typer.Argument(help="Folder of a run or of a model.")]


def compress(
    model: Model,
    source: Annotated[str, typer.Argument(help="File, folder or name of the data.")],
    out: Annotated[Path, typer.Argument(help="File to write, which ends in .isthmus.")],
    step: Annotated[
        float,
        typer.Option(help="Step of the quantiser, in standard deviations: greater is shorter."),
    ] = 0.5,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Let whole numbers come back exactly.")
    ] = False,
) -> None:
    """Write data as entropy-coded codes of a model, which decodes them anywhere.

    Example: `isthmus compress runs/mnist-codec photos/ photos.isthmus`
    """
    from isthmus.metrics import METRICS
    from isthmus.recipes.compress import compress_file

    found = compress_file(model, source, out, step=step, lossless=lossless)
    bits = f", {found.bits_per_pixel:.4g} bits per pixel" if found.pixels else ""
    typer.echo(
        f"Wrote {found.samples} samples in {found.size} bytes to {out}:"
        f" {found.bytes_per_sample:.4g} bytes per sample{bits}"
    )
    for kind, estimate in found.scores.items():
        typer.echo(f"{METRICS[kind].title}: {estimate} over {estimate.cases} samples")


def decompress(
    model: Model,
    file: Annotated[Path, typer.Argument(help="What `isthmus compress` wrote.")],
    out: Annotated[Path, typer.Argument(help="File (.npy, .csv, .parquet) or folder to write.")],
) -> None:
    """Write the samples of a compressed file.

    Example: `isthmus decompress runs/mnist-codec photos.isthmus photos/`
    """
    from isthmus.recipes.compress import decompress_file

    typer.echo(f"Wrote {decompress_file(model, file, out)} samples to {out}")


def rate_distortion(
    run: Annotated[Path, typer.Argument(help="Folder of a run on images of 8 bits.")],
    out: Annotated[
        Path, typer.Argument(help="Table (.csv, .parquet); beside it a picture, a page.")
    ],
    samples: Annotated[int, typer.Option(min=1, help="Test images at most.")] = 2000,
) -> None:
    """Measure bits and quality of a run's test images over many steps, beside other codecs.

    Example: `isthmus rate-distortion runs/mnist-codec rates.csv`
    """
    from isthmus.recipes.rate_distortion import write_rates
    from isthmus.reports.rates import write_rate_report

    picture, page = out.with_suffix(".png"), out.with_suffix(".html")
    rates = write_rates(run, out, samples=samples)
    write_rate_report(run, rates, picture, page)
    typer.echo(f"Wrote {len(rates)} rows to {out}, a picture to {picture} and a page to {page}")
