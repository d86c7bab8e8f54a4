"""``isthmus index``, ``search`` and ``cluster``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.cli.tables import show_table

Model = Annotated[Path, typer.Argument(help="Folder of a run or of a model.")]
Source = Annotated[str, typer.Argument(help="File, folder or name of the data.")]
New = Annotated[Path, typer.Argument(help="New folder to write.")]


def index(
    model: Model,
    source: Source,
    out: New,
    metric: Annotated[str, typer.Option(help="Distance: euclidean or cosine.")] = "euclidean",
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Add a graph for very large sets (usearch).")
    ] = False,
) -> None:
    """Write an index of the codes of data, in which `isthmus search` finds neighbours.

    Example: `isthmus index runs/digits-2d digits digits-index`
    """
    from isthmus.recipes.search import index_file

    made = index_file(model, source, out, metric=metric, approximate=approximate)
    count, units = made.codes.shape
    typer.echo(f"Wrote an index of {count} codes of {units} units to {out}")
    if made.recall is not None:
        typer.echo(f"Recall of its graph, of the 10 nearest of 500 codes: {made.recall:.4f}")


def search(
    index: Annotated[Path, typer.Argument(help="Folder that `isthmus index` wrote.")],
    query: Annotated[str, typer.Argument(help="Image, folder or other data to look for.")],
    out: New,
    k: Annotated[int, typer.Option(help="Neighbours of each query.")] = 10,
    model: Annotated[
        Path | None, typer.Option(help="Where the model is now; by default where it was.")
    ] = None,
) -> None:
    """Write the nearest samples of an index: neighbours.csv, report.html, of images sheet.png.

    Example: `isthmus search digits-index photo.png found --k 10`
    """
    from isthmus.recipes.search import refuse_filled, search_files
    from isthmus.reports.sheets import write_search

    refuse_filled(out)
    found = search_files(index, query, k=k, model_folder=model)
    write_search(found, out)
    typer.echo(f"Wrote {k} neighbours of {len(found.queries)} samples to {out}")
    for name, estimate in found.precision.items():
        typer.echo(f"Precision at {k} by {name}: {estimate}")


def cluster(
    model: Model,
    source: Source,
    out: New,
    kind: Annotated[
        str,
        typer.Option(help="kmeans, mini_batch_kmeans, gaussian_mixture, hdbscan or deep."),
    ] = "kmeans",
    clusters: Annotated[int | None, typer.Option(help="Number of clusters.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the kind: a=b. May be given several times."),
    ] = None,
) -> None:
    """Cluster the codes of data: assignments.csv and report.html.

    Beside them of images sheet.png, of a table groups.csv. Scores are printed beside those of the
    raw samples. The kind deep tunes the encoder, and writes the model too.

    Example: `isthmus cluster runs/digits-2d digits groups --kind kmeans --clusters 10`
    """
    from isthmus.cli.progress import progress
    from isthmus.recipes.cluster import cluster_file
    from isthmus.recipes.search import refuse_filled
    from isthmus.reports.sheets import write_clusters

    refuse_filled(out)
    given = [*(settings or ()), *([] if clusters is None else [f"clusters={clusters}"])]
    found = cluster_file(model, source, kind, given, observer=progress())
    write_clusters(found, out)
    noise = int((found.clusters < 0).sum())
    left_out = f", {noise} left out as noise" if noise else ""
    count = len(set(found.clusters[found.clusters >= 0].tolist()))
    typer.echo(f"Wrote {count} clusters of {len(found.codes)} samples{left_out} to {out}")
    if found.dataset.samples.ndim == 2:
        profile = found.profile()
        shown = ("cluster", "rows", "sets it apart")
        show_table(
            [*shown],
            [list(map(str, row)) for row in zip(*(profile[c] for c in shown), strict=True)],
        )
    columns = list(dict.fromkeys(name for row in found.scores.values() for name in row))
    rows = [
        [name, *(f"{row[column]:.4f}" if column in row else "–" for column in columns)]
        for name, row in found.scores.items()
    ]
    show_table(["", *columns], rows)
