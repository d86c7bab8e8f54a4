"""``isthmus sample``, ``interpolate``, ``traverse``, ``augment`` and ``few-labels``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from isthmus.cli.tables import show_table

Model = Annotated[Path, typer.Argument(help="Folder of a run or of a model.")]
Source = Annotated[str, typer.Argument(help="File, folder or name of the data.")]
Out = Annotated[Path, typer.Argument(help="Picture (.png), file (.npy, .csv) or folder to write.")]
Label = Annotated[
    str | None, typer.Option("--class", help="Class to decode, for a conditional model.")
]
Steps = Annotated[int, typer.Option(min=2, max=100, help="How many codes, both ends counted.")]


class Way(StrEnum):
    """A way between two codes."""

    linear = "linear"
    spherical = "spherical"


def sample(
    model: Model,
    out: Out,
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 64,
    data: Annotated[
        str | None, typer.Option(help="Data that tell where codes lie; the run's own by default.")
    ] = None,
    components: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Gaussians fitted to the codes: 10, or of a variational model N(0, I) instead.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    label: Label = None,
) -> None:
    """Write new samples, decoded from codes drawn at random.

    Example: `isthmus sample runs/mnist-vae-2d digits.png`
    """
    from isthmus.recipes.walks import sample_file

    walk, distance = sample_file(
        model, out, count=count, source=data, components=components, seed=seed, label=label
    )
    if walk is not None:
        from isthmus.reports.walks import write_walk

        write_walk(walk, out)
    typer.echo(
        f"Wrote {count} new samples to {out}; median distance to the nearest sample of the data:"
        f" {distance:.4g}"
    )


def interpolate(
    model: Model,
    source: Source,
    out: Out,
    between: Annotated[
        tuple[str, str],
        typer.Option(help="Two samples: names of images, or numbers counted from 1."),
    ] = ("1", "2"),
    steps: Steps = 9,
    path: Annotated[Way, typer.Option(help="Way between the two codes.")] = Way.linear,
    label: Label = None,
) -> None:
    """Write what the decoder makes of codes between those of two samples.

    Example: `isthmus interpolate runs/mnist-vae mnist way.png --between 1 8`
    """
    from isthmus.recipes.walks import interpolate_file

    walk = interpolate_file(
        model, source, out, between=between, steps=steps, path=path.value, label=label
    )
    if walk is not None:
        from isthmus.reports.walks import write_walk

        write_walk(walk, out)
    typer.echo(f"Wrote {steps} samples to {out}")


def traverse(
    model: Model,
    source: Source,
    out: Annotated[Path, typer.Argument(help="Picture to write (.png).")],
    sample: Annotated[
        str, typer.Option(help="Sample to begin at: name of an image, or number from 1.")
    ] = "1",
    steps: Steps = 9,
    reach: Annotated[
        float, typer.Option(min=0.01, help="Standard deviations of a unit to either side.")
    ] = 3.0,
    label: Label = None,
) -> None:
    """Draw what each code unit does: the code of a sample with one unit after the other moved.

    Example: `isthmus traverse runs/mnist-vae mnist units.png --sample 3`
    """
    from isthmus.core.errors import SettingError
    from isthmus.recipes.walks import PICTURE, traverse_file
    from isthmus.reports.walks import write_walk

    if out.suffix.lower() != PICTURE:
        raise SettingError(f"A traversal is drawn as a picture: give a .png file, not '{out}'.")
    walk = traverse_file(model, source, sample=sample, steps=steps, reach=reach, label=label)
    write_walk(walk, out)
    typer.echo(f"Wrote the traversal of {len(walk.rows)} units to {out}")


def augment(
    model: Model,
    source: Source,
    out: Out,
    per_class: Annotated[int, typer.Option(min=1, help="New samples of each class.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
) -> None:
    """Write new samples of each class of labelled data, decoded from between their codes.

    Example: `isthmus augment runs/mnist-32 labelled/ more/ --per-class 50`
    """
    from isthmus.recipes.augment import augment_file

    count = augment_file(model, source, out, per_class=per_class, seed=seed)
    typer.echo(f"Wrote {count} new samples, {per_class} of each class, to {out}")


def few_labels(
    run: Annotated[Path, typer.Argument(help="Folder of a run on data with classes.")],
    out: Annotated[
        Path, typer.Argument(help="Table (.csv, .parquet); beside it a picture, a page.")
    ],
    draws: Annotated[int, typer.Option(min=2, help="Draws of the labelled samples.")] = 20,
    per_class: Annotated[int, typer.Option(min=1, help="New samples of each class.")] = 100,
) -> None:
    """Measure what synthetic samples do for a classifier that has few labelled ones.

    Beside samples between the codes of the run's model stand none, and samples between samples.

    Example: `isthmus few-labels runs/mnist-augment few.csv`
    """
    from isthmus.recipes.few_labels import write_few_labels
    from isthmus.reports.few_labels import verdict, write_few_labels_report

    effects = write_few_labels(run, out, draws=draws, per_class=per_class, say=typer.echo)
    picture, page = out.with_suffix(".png"), out.with_suffix(".html")
    write_few_labels_report(run, effects, draws, per_class, picture, page)
    show_table(
        ["labelled, new", "classifier", "accuracy", "gain"],
        [
            [f"{one.labelled}, {one.new}", one.classifier, str(one.accuracy), str(one.gain)]
            for one in effects
        ],
    )
    typer.echo(verdict(effects))
    typer.echo(f"Wrote {len(effects)} rows to {out}, a picture to {picture} and a page to {page}")
