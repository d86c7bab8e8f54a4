"""Pages on what `isthmus search` and `isthmus cluster` found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isthmus.data import DataSet
from isthmus.recipes.cluster import Clusters, Difference
from isthmus.recipes.search import Found, class_of_each, sample_names
from isthmus.reports import figures
from isthmus.reports.page import Cell, Picture, Section, Table, findings, number, words_of_model
from isthmus.reports.style import look

_QUERIES, _NEIGHBOURS = 20, 10  # at most, in the table
_COLUMNS = 6  # that set a group apart
_ON_SCORES = (
    "Where classes are known: accuracy by best matching of groups and classes, normalised mutual"
    " information, adjusted Rand index. The silhouette is measured in the space that was clustered:"
    " it tells how well groups are parted there, not which space is the better one."
)


def search_page(found: Found, sheets: Sequence[Picture]) -> str:
    """Neighbours of queries, and how many are of their class."""
    count, k = found.neighbours.places.shape
    origin, distances = found.index.origin, found.neighbours.distances
    how = "by comparing all" if found.index.graph is None else "by the graph of usearch"
    text = (
        f"The {k} nearest of {len(found.source):,} samples ({found.source.name}) for each of"
        f" {count:,} queries ({found.queries.name}): those whose codes have the least"
        f" {found.index.metric} distance, found {how}. Model:"
        f" {words_of_model(found.model, origin.model)}."
    )
    facts = [
        (f"{count:,}", "queries"),
        (f"{len(found.source):,}", "samples in the index"),
        (str(k), "neighbours of each"),
        (number(float(np.median(distances[:, 0]))), "median distance of the nearest"),
        (number(float(np.median(distances[:, -1]))), "median distance of the farthest"),
    ]
    if found.index.recall is not None:
        facts.append((f"{found.index.recall:.1%}", "of the true neighbours found by the graph"))
    sections = [_precision(found)] if found.precision else []
    if sheets:
        sections.append(Section("Queries and their neighbours", pictures=sheets))
    first = "" if count <= _QUERIES else f"The first {_QUERIES} queries. "
    note = f"{first}Under each name stands its distance; `neighbours.csv` has all."
    sections.append(Section("Names and distances", tables=[_neighbours(found)], note=note))
    return findings("Nearest samples", text, facts, sections)


def _precision(found: Found) -> Section:
    """By codes and by what they should beat."""
    count, k = found.neighbours.places.shape
    rows: list[list[Cell]] = [[name, estimate] for name, estimate in found.precision.items()]
    note = (
        f"Means with 95 % bootstrap intervals over {count:,} queries. PCA has as many components as"
        " a code has units."
    )
    copies = int((found.neighbours.distances[:, 0] == 0).sum())
    if copies:
        note += f" {copies:,} queries are in the index themselves, which makes all numbers greater."
    text = f"Share of the {k} neighbours that are of the class of their query."
    table = Table(["neighbours by", f"precision at {k}"], rows, ours="codes")
    return Section("Scores", text, [table], note=note)


def _neighbours(found: Found) -> Table:
    """The first queries, and their nearest neighbours with distances."""
    queries, others = _titles(found.queries), _titles(found.source)
    places, distances = (part[:_QUERIES, :_NEIGHBOURS] for part in found.neighbours)
    rows: list[list[Cell]] = []
    for query, its, ways in zip(queries, places, distances, strict=False):
        near = [(*others[place], f"{way:.3g}") for place, way in zip(its, ways, strict=True)]
        rows.append([query, *((name, f"{way} {known}") for name, known, way in near)])
    return Table(["query", *map(str, range(1, places.shape[1] + 1))], rows)


def _titles(dataset: DataSet) -> list[tuple[str, str]]:
    """Names of samples, and their classes where these are known."""
    names, classes = sample_names(dataset), class_of_each(dataset)
    shown = [""] * len(dataset) if classes is None else [f"class {its}" for its in classes]
    return [(str(name), its) for name, its in zip(names, shown, strict=True)]


def clusters_page(found: Clusters, sheets: Sequence[Picture]) -> str:
    """Groups of samples: how many, how well parted, and what each is like."""
    known, counts = np.unique(found.clusters, return_counts=True)
    settings = ", ".join(f"{key} = {value}" for key, value in found.spec.items())
    tuned = ", which was tuned to form clusters" if found.tuned else ""
    text = (
        f"{len(found.codes):,} samples ({found.dataset.name}) put into groups by their codes."
        f" Model: {words_of_model(found.model, found.folder)}{tuned}. Settings: `{settings}`."
    )
    sizes, noise = counts[known >= 0], int(counts[known < 0].sum())
    facts = [(f"{len(found.codes):,}", "samples"), (str(len(sizes)), "groups")]
    if len(sizes):
        facts.append((f"{sizes.min():,} – {sizes.max():,}", "samples in a group"))
    if noise:
        facts.append((f"{noise:,}", "samples left out as noise"))
    sections = [
        Section("Groups", tables=[_groups(found)], pictures=[_scatter(found), *sheets]),
        Section("Scores", tables=[_scores(found)], note=_ON_SCORES),
    ]
    if found.dataset.samples.ndim == 2:
        text_of_cards = (
            "The columns in which the mean of a group differs most from that of all rows, in the"
            " units of the data; σ is the standard deviation of the column over all rows."
        )
        cards = [_card(found, int(cluster)) for cluster in known]
        note = "The means of all columns stand in `groups.csv`."
        sections.append(Section("What sets each group apart", text_of_cards, cards, note=note))
    return findings("Groups of samples", text, facts, sections)


def _name(cluster: int) -> str:
    return f"Group {cluster}" if cluster >= 0 else "Noise"


def _groups(found: Clusters) -> Table:
    """Size and share of each group and, where known, its most frequent class."""
    classes = class_of_each(found.dataset)
    columns = ["", "samples", "share", *([] if classes is None else ["most frequent class"])]
    rows: list[list[Cell]] = []
    for cluster in np.unique(found.clusters):
        members = found.clusters == cluster
        row: list[Cell] = [_name(int(cluster)), int(members.sum()), f"{members.mean():.1%}"]
        if classes is not None:
            names, counts = np.unique(classes[members], return_counts=True)
            row.append(f"{names[counts.argmax()]} ({counts.max() / counts.sum():.1%})")
        rows.append(row)
    return Table(columns, rows)


def _scores(found: Clusters) -> Table:
    columns = list(dict.fromkeys(name for row in found.scores.values() for name in row))
    rows: list[list[Cell]] = [
        [name, *(row.get(column, "–") for column in columns)] for name, row in found.scores.items()
    ]
    return Table(["clustered", *columns], rows, ours="codes")


def _card(found: Clusters, cluster: int) -> Table:
    """What a group of a table's rows is like."""
    rows = [_difference(one) for one in found.differences(cluster)[:_COLUMNS]]
    members = found.clusters == cluster
    title = f"{_name(cluster)}: {members.sum():,} rows, {members.mean():.1%}"
    return Table(["column", "group", "all", "difference"], rows, title=title)


def _difference(one: Difference) -> list[Cell]:
    difference = one.mean - one.overall
    signed = f"{'+' if difference > 0 else ''}{number(difference)}"
    return [one.column, one.mean, one.overall, (signed, f"{one.sigmas:+.1f} σ")]


def _scatter(found: Clusters) -> Picture:
    """Codes, coloured by group."""
    points = figures.choose_points(len(found.codes))
    names = (*map(str, range(int(found.clusters.max()) + 1)), "noise")
    some = ", drawn at random" if len(points) < len(found.codes) else ""
    with look():
        figure = figures.code_scatter(found.codes[points], found.clusters[points], names)
        return Picture.of("codes", f"Codes of {len(points):,} samples{some}, by group.", figure)
