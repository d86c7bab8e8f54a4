"""What the page Segment asks for: label maps of images that are sent, and of test images."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path, PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from isthmus.core.errors import DataError, SettingError
from isthmus.data.image_files import IMAGE_SUFFIXES, count_pages
from isthmus.data.images import Page
from isthmus.data.overlay import displayed
from isthmus.data.pixels import resize
from isthmus.models import Ensemble
from isthmus.recipes.pages import HeldPage
from isthmus.studio.answers import Png
from isthmus.studio.parts import Parts
from isthmus.studio.samples import OF_IMAGES, Sample, Shelf
from isthmus.studio.segmentation import answer, png
from isthmus.studio.workspace import Workspace

_MOST_PIXELS = 25_000_000  # 2 GB of memory while it is segmented
_THUMBNAIL = 160  # pixels of the longer side
_VOLUMES = (".nii", ".gz", ".dcm")


class SampleList(BaseModel):
    """Test images of a run, evenly spread over the part; `why` says why there are none."""

    names: list[str]
    part: str
    why: str


async def _body(request: Request) -> bytes:
    return await request.body()


_RAW: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def routes(workspace: Workspace) -> APIRouter:
    """Routes under ``/segment``.

    A segmentation is answered as `Parts`: ``told``, see `isthmus.studio.segmentation.Segmentation`;
    ``image``, the PNG to be shown; ``map``, the PNG that `isthmus segment` writes; and packed
    arrays: ``labels`` (H, W), classes or numbers of objects; ``entropy`` (H, W), 255 for
    ``most_bits``; ``palette`` (n, 3), the colour of each label; and where there is one
    ``reference`` (H, W), in the terms of ``labels``.
    """
    router = APIRouter(prefix="/segment", tags=["segment"])
    shelf, turn = Shelf(workspace), threading.Lock()

    @router.get("/{run}/samples")
    def samples(run: str) -> SampleList:
        """Test images of a run whose data are at hand."""
        found = shelf.of(run)
        return SampleList(names=[case.name for case in found.cases], part=found.part, why=found.why)

    @router.get("/{run}/samples/{number}.png", response_class=Png)
    def thumbnail(run: str, number: int) -> Png:
        """A test image, small."""
        image = displayed(shelf.one(run, number)[0].image)
        factor = min(1.0, _THUMBNAIL / max(image.shape[-2:]))
        height, width = (max(1, round(side * factor)) for side in image.shape[-2:])
        return Png(png(resize(image, (height, width))))

    @router.post("/{run}/samples/{number}", response_class=Parts)
    def segment_sample(run: str, number: int, of: str | None = None) -> Parts:
        """Segment a test image, of the run itself or of another one."""
        ensemble = _ensemble(workspace, run)
        sample, names = shelf.one(of or run, number)
        page = HeldPage(sample.name, Path(sample.name), sample.image)
        _refuse_large(sample.name, *sample.image.shape[-2:])
        alike = names == ensemble.class_names
        with turn:
            reference = sample if alike and _can_refer(sample, ensemble) else None
            return answer(run, ensemble, page, reference, colour=sample.image.ndim == 3)

    @router.post("/{run}/images", response_class=Parts, openapi_extra=_RAW)
    def segment_sent(
        run: str,
        name: Annotated[str, Query(description="Of the file, for its kind and in messages.")],
        body: Annotated[bytes, Depends(_body)],
        page: Annotated[int, Query(ge=1, description="Of a TIFF of several.")] = 1,
    ) -> Parts:
        """Segment an image file, sent as it is; it is not kept."""
        ensemble = _ensemble(workspace, run)
        suffix = PurePath(name).suffix.lower()
        if suffix in _VOLUMES:
            raise DataError(
                f"{name} is a volume, and this page shows images; for volumes there is `isthmus"
                " segment RUN volumes/ labels/`."
            )
        if suffix not in IMAGE_SUFFIXES:
            kinds = ", ".join(one[1:] for one in IMAGE_SUFFIXES)
            raise DataError(f"{name} is no image that can be read; give one of {kinds}.")
        with turn, tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"image{suffix}"
            path.write_bytes(body)
            try:
                pages = count_pages(path)
                if page > pages:
                    raise DataError(f"{name} has {pages} pages, and no page {page}.")
                one = Page("image", path, page if pages > 1 else None)
                header = one.header()
                _refuse_large(name, *header.size)
                return answer(run, ensemble, one, None, header.colour, page, pages)
            except DataError as error:
                raise DataError(str(error).replace(str(path), name)) from None

    return router


def _ensemble(workspace: Workspace, run: str) -> Ensemble:
    model = workspace.model(run)
    if model.task not in OF_IMAGES:
        what = (
            "segments volumes; use `isthmus segment RUN volumes/ labels/`"
            if model.task == "volumes"
            else "is an autoencoder, which gives no label maps; choose a segmenter"
        )
        raise SettingError(f"'{run}' {what}.")
    return Ensemble([model])


def _can_refer(sample: Sample, ensemble: Ensemble) -> bool:
    """Whether what is known of a sample is what the model finds: single objects, or classes."""
    return sample.objects is not None or ensemble.members[0].task != "instances"


def _refuse_large(name: str, height: int, width: int) -> None:
    if height * width > _MOST_PIXELS:
        raise DataError(
            f"{name} has {width} x {height} pixels, more than the {_MOST_PIXELS // 10**6} million"
            " that this page takes; use `isthmus segment`, or make it smaller."
        )
