"""What a trained model does for those who ask: tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.models import Ensemble
from isthmus.recipes.inputs import class_names, given_class
from isthmus.recipes.restore import restore_image
from isthmus.recipes.segmented import segment_image
from isthmus.studio.serving.tensors import Outputs, Tensor

Array = NDArray[Any]
Run = Callable[[Array, str | None], Outputs]
_TYPES = {"uint8": "UINT8", "uint16": "UINT16"}  # images of other numbers are taken as FP32


@dataclass(frozen=True, eq=False)
class Verb:
    """Something that a model does with samples.

    Attributes
    ----------
    input, outputs
        What it takes and gives; the first axes count samples.
    run
        From samples, and the name of their class where one must be told, to the outputs.
    classes
        Names of which one must be told, of a conditional model; else none.
    stacks
        Whether samples of several requests are computed faster together.
    """

    name: str
    input: Tensor
    outputs: tuple[Tensor, ...]
    run: Run
    classes: tuple[str, ...] = ()
    stacks: bool = True

    def check_class(self, label: str | None) -> None:
        """Refuse a class that is missing, unknown, or not asked for."""
        if self.classes and label not in self.classes:
            raise DataError(
                f"The decoder of this model must be told a class, one of {', '.join(self.classes)}:"
                " send it as 'class'."
            )
        if label is not None and not self.classes:
            raise DataError(f"To {self.name} this model is told no class; leave it out.")


def verbs_of(model: Any) -> dict[str, Verb]:
    """What a model can do, by name; nothing for a model of volumes."""
    if model.task == "autoencoding":
        return _of_autoencoder(model)
    return {"segment": _segment(model)} if model.task in _SEGMENTS else {}


def restoring(model: Any) -> Verb:
    """`restore_image` of images of any size, one at a time, in their own type."""

    def run(images: Array, _: str | None) -> Outputs:
        return {"samples": np.stack([restore_image(model, image) for image in images])}

    any_image = Tensor("samples", "FP32", (-1, -1, -1))
    return Verb("denoise", any_image, (any_image,), run, stacks=False)


def _of_autoencoder(model: Any) -> dict[str, Verb]:
    samples = Tensor("samples", "FP32", (-1, *model.sample_shape_))
    codes = Tensor("codes", "FP32", (-1, len(model.code_mean_)))
    classes = tuple(class_names(model)) if model.conditional else ()

    def encode(x: Array, _: str | None) -> Outputs:
        return {"codes": np.asarray(model.transform(x))}

    def decode(x: Array, label: str | None) -> Outputs:
        return {"samples": given_class(model, label).inverse_transform(x)}

    def reconstruct(x: Array, label: str | None) -> Outputs:
        return {"samples": given_class(model, label).reconstruct(x)}

    verbs = {
        "encode": Verb("encode", samples, (codes,), encode),
        "decode": Verb("decode", codes, (samples,), decode, classes),
        "reconstruct": Verb("reconstruct", samples, (samples,), reconstruct, classes),
    }
    if model.restores:
        verbs["denoise"] = Verb("denoise", samples, (samples,), reconstruct, classes)
    return verbs


# -- segmenters -----------------------------------------------------------------------------------

_SEGMENTS = ("segmentation", "instances")


def _segment(model: Any) -> Verb:
    ensemble = Ensemble([model])
    channels = () if ensemble.channels == 1 else (ensemble.channels,)
    kind = _TYPES.get(model.sample_dtype_, "FP32")
    outputs = _outputs(model, len(model.classes_))

    def run(images: Array, _: str | None) -> Outputs:
        found = [_of_image(ensemble, image) for image in images]
        return {one.name: np.stack([each[one.name] for each in found]) for one in outputs}

    samples = Tensor("samples", kind, (-1, *channels, -1, -1))
    return Verb("segment", samples, outputs, run, stacks=False)


def _outputs(model: Any, classes: int) -> tuple[Tensor, ...]:
    maps = Tensor("labels", "INT16", (-1, -1, -1))
    if model.task == "instances":
        return maps, Tensor("objects", "INT32", (-1, -1, -1))
    return maps, Tensor("probabilities", "FP32", (-1, classes, -1, -1))


def _of_image(ensemble: Ensemble, image: Array) -> dict[str, Array]:
    found = segment_image(ensemble, image)
    if found.objects is None:
        return {"labels": found.labels, "probabilities": found.p}
    return {"labels": found.labels, "objects": found.objects.map}
