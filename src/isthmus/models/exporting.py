"""Fitted models written as ONNX, compared with what they are by torch before they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from isthmus.core.errors import SettingError
from isthmus.core.files import atomic_file, atomic_folder
from isthmus.inference.graphs import GraphNetwork, refuse_graphs
from isthmus.inference.onnx_files import graph_checksum, library
from isthmus.models._exported import (
    CHECKSUM_KEY,
    FORMAT,
    KEY,
    NAME_KEY,
    SUFFIX,
    Export,
    graph_names,
    graphs_of,
    load_exported,
)
from isthmus.models._parts import Part, Tried, quantised
from isthmus.networks import ImageNetwork


@dataclass(frozen=True)
class Written:
    """One graph of an export.

    Attributes
    ----------
    name
        ``"encoder"``, ``"decoder"``, ``"autoencoder"``, ``"classifier"``, ``"segmenter"``,
        ``"first"`` or ``"second"``.
    difference
        Largest difference from torch's outputs, as a share of their range; of scaled samples, and
        of the logarithms of probabilities.
    int8
        What was found of 8 bits, where they were tried.
    """

    name: str
    difference: float
    int8: Tried | None = None


def export_onnx(model: Any, path: str | Path, *, int8: bool = False) -> list[Written]:
    """Write a fitted model as ONNX: one file for each graph, each with all that is to know.

    Every graph is first compared with what torch computes, on several numbers and sizes of samples;
    nothing is written if an output differs by more than 1e-4 of the outputs' range.

    Parameters
    ----------
    model
        A fitted estimator.
    path
        A new folder; or a file that ends in ``.onnx``, for models of one graph.
    int8
        Let graphs compute in 8 bits where that is faster on this machine, by a tenth at least, and
        the outputs differ by at most 2 % of their range; of classes, where 99.5 % stay the same.

    Raises
    ------
    SettingError
        If the path cannot be written to, the libraries of ONNX are not installed, or an output
        differs too much.
    StorageError
        If the disk refuses.
    """
    check_is_fitted(model)
    path = Path(path)
    if any(isinstance(network, GraphNetwork) for network in model._networks().values()):
        refuse_graphs("and is exported already")
    parts = {
        name: Part(name, methods[method], network, model)
        for network, methods in graphs_of(model).items()
        for method, name in graph_names(network, methods).items()
    }
    _check_target(path, list(parts))
    graphs = {name: part.traced() for name, part in parts.items()}
    written = [Written(name, part.compared(graphs[name])) for name, part in parts.items()]
    if int8:
        for place, one in enumerate(written):
            smaller = quantised(graphs[one.name])
            found = parts[one.name].tried(graphs[one.name], smaller)
            written[place] = replace(one, int8=found)
            if found.kept:
                graphs[one.name] = smaller
    kept = tuple(one.name for one in written if one.int8 is not None and one.int8.kept)
    _write(path, graphs, _described(model, tuple(parts), kept))
    return written


def _check_target(path: Path, names: list[str]) -> None:
    """Whether the graphs can be written there, before the work is done."""
    if path.is_dir() and any(path.iterdir()):
        raise SettingError(f"The folder {path} is not empty; give a new one.")
    if path.suffix == SUFFIX and len(names) > 1:
        raise SettingError(
            f"This model is exported as {len(names)} files ({', '.join(names)}), so give a folder,"
            f" not '{path}'."
        )
    if path.suffix != SUFFIX and path.is_file():
        raise SettingError(f"{path} is a file; give a new folder, or a file that ends in {SUFFIX}.")


def _described(model: Any, names: tuple[str, ...], int8: tuple[str, ...]) -> Export:
    """What is told of the model; its history is left out."""
    reach = {
        name: network.reach
        for name, network in model._networks().items()
        if model.task != "autoencoding" and isinstance(network, ImageNetwork)
    }
    return Export(
        format=FORMAT,
        onnxruntime=library("onnxruntime").__version__,
        model=model._document().model_copy(update={"history": []}),
        numbers={name: x.flatten().tolist() for name, x in model._numbers().items()},
        graphs=names,
        int8=int8,
        reach=reach,
    )


def _write(path: Path, graphs: Mapping[str, Any], export: Export) -> None:
    """Write the files, atomically, once they can be loaded."""
    text, onnx = export.model_dump_json(), library("onnx")
    for name, graph in graphs.items():
        checksum = graph_checksum(graph, name + text)
        onnx.helper.set_model_props(graph, {NAME_KEY: name, KEY: text, CHECKSUM_KEY: checksum})
    if path.suffix == SUFFIX:
        with atomic_file(path) as temporary:
            temporary.write_bytes(next(iter(graphs.values())).SerializeToString())
            load_exported(temporary)
        return
    with atomic_folder(path) as temporary:
        for name, graph in graphs.items():
            (temporary / f"{name}{SUFFIX}").write_bytes(graph.SerializeToString())
        load_exported(temporary)
