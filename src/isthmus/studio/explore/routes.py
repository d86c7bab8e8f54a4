"""Routes of the page Explore."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Body, Query
from numpy.typing import NDArray
from pydantic import BaseModel

from isthmus.core.errors import DataError, IsthmusError, SettingError
from isthmus.latent.planes import Plane, anchor_plane, principal_plane, unit_plane
from isthmus.models import VariationalAutoencoder
from isthmus.recipes.inputs import class_names, given_class
from isthmus.recipes.reductions import UMAP
from isthmus.studio.explore.answers import (
    Feature,
    Found,
    Near,
    Numbers,
    Sample,
    Shown,
    Space,
    codes_in,
    places_in,
)
from isthmus.studio.explore.codes import Codes, Part
from isthmus.studio.explore.lookup import as_address, read_sent
from isthmus.studio.explore.pictures import for_screen, is_picture, is_plain
from isthmus.studio.explore.work import Explorations, Work
from isthmus.studio.workspace import Workspace

Array = NDArray[Any]
Count = Annotated[int, Query(ge=1, le=10_000_000)]
Raw = Annotated[bytes, Body(media_type="application/octet-stream")]
Label = Annotated[str | None, Query(alias="class")]
_NEAR = 12  # neighbours of a sample
_MOST_PICTURES = 512
_LAID_OUT = 20_000  # codes at most that UMAP lays out


class View(BaseModel):
    """How codes are laid out on a plane.

    Attributes
    ----------
    kind
        ``principal``: the two directions in which codes vary most; ``units``: two of their units;
        ``anchors``: the plane through the codes of three samples; ``umap``: a layout that is no
        plane, so that nothing can be decoded from it.
    """

    kind: Literal["principal", "units", "anchors", "umap"] = "principal"
    units: tuple[int, int] = (0, 1)
    anchors: tuple[int, int, int] | None = None


def routes(workspace: Workspace) -> APIRouter:
    """What the page Explore asks for."""
    router = APIRouter(prefix="/explore/{run}", tags=["explore"])
    explorations = Explorations(workspace)
    layouts = _Layouts()

    @router.get("/space")
    def space(run: str, part: Part = "test", count: Count = 10_000) -> Space:
        """A code space, and how far the encoding of the samples is that is begun by asking."""
        work = explorations.work(run, part, count)
        return space_of(run, workspace.card(run).title, explorations.model(run), work)

    @router.get("/points", response_class=Numbers)
    def points(run: str, part: Part = "test", count: Count = 10_000) -> Numbers:
        """Of each sample the number of its class (-1 for none), error, density, strangeness."""
        codes = explorations.codes(run, part, count)
        labels = codes.dataset.labels
        none = np.full(len(codes.codes), -1, np.float32)
        columns = (codes.errors, codes.density, codes.strangeness)
        return Numbers.of(np.column_stack([none if labels is None else labels, *columns]))

    @router.post("/view", response_class=Numbers)
    def view(run: str, view: View, part: Part = "test", count: Count = 10_000) -> Numbers:
        """Origin and two axes of a plane (not of a layout), then the place of each sample."""
        codes = explorations.codes(run, part, count)
        if view.kind == "umap":
            return Numbers.of(layouts.of(codes), **{"X-Plane": "0"})
        plane = _plane(codes, view)
        block = [plane.origin, plane.axes.ravel(), plane.place(codes.codes).ravel()]
        return Numbers.of(np.concatenate(block), **{"X-Plane": "1"})

    @router.post("/decode", response_class=Numbers)
    def decode(
        run: str,
        body: Raw,
        label: Label = None,
        nearest: bool = False,
        side: Annotated[int | None, Query(ge=8, le=1024)] = None,
        part: Part = "test",
        count: Count = 10_000,
    ) -> Numbers:
        """What the decoder makes of codes, float32 ``(N, m)``: images as uint8, rows as float32.

        With `nearest` the headers tell the sample whose code is nearest to the first code, and how
        many typical distances it is away.
        """
        model = explorations.model(run)
        codes = codes_in(body, model)
        decoded = given_class(model, label).inverse_transform(codes)
        headers = {}
        if nearest:
            places, distances = explorations.codes(run, part, count).nearest(codes[0], 1)
            headers = {"X-Nearest": str(places[0]), "X-Distance": f"{distances[0]:.6g}"}
        return Numbers.of(for_screen(model, decoded, side), **headers)

    @router.post("/samples", response_class=Numbers)
    def samples(
        run: str,
        body: Raw,
        rebuilt: bool = False,
        side: Annotated[int, Query(ge=8, le=1024)] = 64,
        part: Part = "test",
        count: Count = 10_000,
    ) -> Numbers:
        """Samples by their places, int32, or what the model rebuilds of them."""
        codes = explorations.codes(run, part, count)
        places = places_in(body, len(codes.codes), _MOST_PICTURES)
        found = codes.rebuilt(places) if rebuilt else codes.dataset.samples[places]
        return Numbers.of(for_screen(codes.model, found, side))

    @router.get("/samples/{place}")
    def sample(run: str, place: int, part: Part = "test", count: Count = 10_000) -> Sample:
        """What is known of one sample."""
        codes = explorations.codes(run, part, count)
        if not 0 <= place < len(codes.codes):
            raise DataError(f"There are samples 0 to {len(codes.codes) - 1} only.")
        data = codes.dataset
        label = None if data.labels is None else data.labels[place]
        others = [one for one in _near(codes, codes.codes[place], _NEAR + 1) if one.place != place]
        return Sample(
            place=place,
            name=str(place + 1) if data.names is None else data.names[place],
            label=None if label is None else _class_name(codes, int(label)),
            error=float(codes.errors[place]),
            strangeness=float(codes.strangeness[place]),
            code=codes.codes[place].tolist(),
            near=others[:_NEAR],
        )

    @router.post("/search")
    def search(
        run: str, body: Raw, inverted: bool = False, part: Part = "test", count: Count = 10_000
    ) -> Found:
        """The samples whose codes are nearest to that of an image file."""
        codes = explorations.codes(run, part, count)
        model = codes.model
        sent = read_sent(body, model, inverted=inverted)
        code = np.asarray(model.transform(sent)[0])
        error = None
        if not model.conditional:
            error = -float(model.score_samples(sent)[0]) / sent[0].size
        near = _near(codes, code, _NEAR)
        return Found(code=code.tolist(), error=error, near=near, seen=as_address(model, sent))

    return router


def space_of(name: str, title: str, model: Any, work: Work) -> Space:
    """What is told of a model's code space, and of the codes of samples once they are there."""
    return Space(
        name=name,
        title=title,
        kind=model.kind,
        variational=isinstance(model, VariationalAutoencoder),
        units=len(model.code_mean_),
        mean=model.code_mean_.tolist(),
        std=model.code_std_.tolist(),
        order=np.argsort(-model.code_std_, kind="stable").tolist(),
        picture=is_picture(model),
        searchable=is_plain(model),
        sample_shape=list(model.sample_shape_),
        told=class_names(model) if model.conditional else [],
        umap=UMAP.installed(),
        doing=work.doing,
        done=work.done,
        mute=_mute(model),
        trouble=work.trouble,
        shown=None if work.codes is None else _shown(work.codes),
    )


def _mute(model: Any) -> str | None:
    try:
        told = class_names(model)[0] if model.conditional else None
        given_class(model, told).inverse_transform(model.code_mean_[None])
    except IsthmusError as error:
        return str(error)
    return None


def _shown(codes: Codes) -> Shown:
    data, features = codes.dataset, []
    if data.samples.ndim == 2:
        names = data.feature_names or [f"x{i}" for i in range(data.samples.shape[1])]
        ranges = np.quantile(data.samples, (0.01, 0.99), axis=0).T
        features = [
            Feature(name=name, low=low, high=high)
            for name, (low, high) in zip(names, ranges, strict=True)
        ]
    return Shown(
        name=data.name,
        count=len(data),
        sizes=codes.sizes,
        class_names=list(map(str, data.class_names or ())),
        labelled=data.labels is not None,
        fingerprint=codes.fingerprint,
        threshold=codes.threshold,
        features=features,
    )


def _class_name(codes: Codes, label: int) -> str:
    names = codes.dataset.class_names
    return str(label) if names is None else str(names[label])


def _near(codes: Codes, code: Array, k: int) -> list[Near]:
    return [
        Near(place=int(place), distance=float(distance))
        for place, distance in zip(*codes.nearest(code, k), strict=True)
    ]


def _plane(codes: Codes, view: View) -> Plane:
    if view.kind == "principal":
        return principal_plane(codes.codes)
    if view.kind == "units":
        return unit_plane(codes.codes.mean(0), *view.units)
    if view.anchors is None:
        raise SettingError("A plane of anchors needs three samples.")
    if not 0 <= min(view.anchors) <= max(view.anchors) < len(codes.codes):
        raise SettingError(f"There are samples 0 to {len(codes.codes) - 1} only.")
    return anchor_plane(*codes.codes[list(view.anchors)])


class _Layouts:
    """Layouts by UMAP, each made once and one at a time: they take long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[Codes, Array] | None = None

    def of(self, codes: Codes) -> Array:
        if not UMAP.installed():
            raise SettingError("UMAP is not installed; `pip install isthmus[umap]` adds it.")
        if len(codes.codes) > _LAID_OUT:
            raise SettingError(f"UMAP lays out at most {_LAID_OUT:,} codes; show fewer.")
        with self._lock:
            if self._last is None or self._last[0] is not codes:
                # With a seed it runs on one thread, and warns unless that is asked for.
                umap = import_module("umap").UMAP(n_components=2, random_state=0, n_jobs=1)
                self._last = (codes, np.asarray(umap.fit_transform(codes.codes), np.float32))
            return self._last[1]
