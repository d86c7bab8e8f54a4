"""Saving and loading, for every estimator that has a network and a scaling."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.core.errors import ModelFileError, SettingError
from isthmus.core.registry import check_settings
from isthmus.inference.graphs import GraphNetwork, refuse_graphs
from isthmus.models._files import Document, SavedModel, save_model
from isthmus.networks import Network
from isthmus.training import History, choose_device

# What torch raises for sizes that no machine can count.
_ABSURD_SIZES = (RuntimeError, TypeError, OverflowError)


class SavingMixin:
    """`save`, and `from_saved` that `isthmus.load` calls."""

    kind: ClassVar[str]
    parameters_: dict[str, Any]
    seed_: int
    sample_shape_: tuple[int, ...]
    sample_dtype_: str
    network_: Network
    history_: History
    data_: dict[str, Any]
    scores_: dict[str, Any]
    classes_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    if TYPE_CHECKING:  # what the estimator that is mixed in has

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        @property
        def uses_labels(self) -> bool: ...
        def _needs_labels(self) -> bool: ...
        def _take_settings(self, own: dict[str, Any]) -> None: ...
        def _build_networks(self, seed: int | None) -> None: ...

    def save(self, path: str | Path) -> None:
        """Write the model folder: ``model.safetensors`` and ``model.json``, nothing pickled.

        Raises
        ------
        StorageError
            If the disk refuses; nothing is left half-written.
        SettingError
            If the folder holds something other than a model, or the model was loaded from ONNX.
        """
        check_is_fitted(self)
        if any(isinstance(network, GraphNetwork) for network in self._networks().values()):
            refuse_graphs("which is copied as it is")
        save_model(path, self._document(), {**self._weights(), **self._numbers()})

    def _document(self) -> Document:
        """All about the model but its weights."""
        # As they were at `fit`, in full, so that other defaults in a later version change nothing.
        parameters = dict(self.parameters_)
        if not isinstance(parameters["random_state"], int | None):
            parameters["random_state"] = self.seed_
        feature_names = getattr(self, "feature_names_in_", None)
        return Document.new(
            kind=self.kind,
            parameters=parameters,
            seed=self.seed_,
            sample_shape=self.sample_shape_,
            sample_dtype=self.sample_dtype_,
            feature_names=None if feature_names is None else tuple(map(str, feature_names)),
            scaling_shapes=self._scaling_shapes(),
            data=self.data_,
            classes=_plain(getattr(self, "classes_", None)),
            history=self.history_,
            scores=getattr(self, "scores_", {}),
        )

    def _scaling_shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Of offset and scale, where samples are scaled by fitted numbers."""
        return (), ()

    def _networks(self) -> dict[str, Network]:
        """All networks of the model, by the name that stands before their weights."""
        return {"network": self.network_}

    def _put_networks(self, networks: Mapping[str, Network]) -> None:
        """Take others in place of those of the same names."""
        self.network_ = networks["network"]

    def _weights(self) -> dict[str, Tensor]:
        return {
            f"{prefix}.{name}": weight
            for prefix, network in self._networks().items()
            for name, weight in network.state_dict().items()
        }

    def _numbers(self) -> dict[str, Tensor]:
        """Fitted numbers that are saved beside the weights."""
        return {}

    def _number_shapes(self, document: Document) -> dict[str, tuple[int, ...]]:
        """Their shapes, which the document tells."""
        return {}

    def _take_numbers(self, numbers: dict[str, NDArray[Any]]) -> None:
        """Read them."""

    @classmethod
    def from_saved(cls, saved: SavedModel) -> Self:
        """The fitted estimator of a model folder; see `isthmus.load`."""
        document = saved.document
        own = _on_this_machine(check_settings(cls, document.parameters, "parameters"))
        model = cls(**own)
        model._take_settings(own)
        model.seed_, model.data_ = document.seed, document.data
        model.sample_shape_, model.sample_dtype_ = document.sample_shape, document.sample_dtype
        model.n_features_in_ = document.sample_shape[0]
        if document.feature_names is not None:
            names = np.array(document.feature_names, dtype=object)
            model.feature_names_in_ = names
        if document.classes is not None:
            model.classes_ = np.array(document.classes)
        elif model.uses_labels and model._needs_labels():
            raise ModelFileError(
                f"{saved.folder} describes a model of classes without naming them; copy the model"
                " again."
            )
        try:
            model._build_networks(seed=None)
        except _ABSURD_SIZES:
            raise ModelFileError(
                f"{saved.folder} describes a network that no memory can hold; copy the model again."
            ) from None
        model._take(saved)
        model.history_, model.scores_ = document.history, document.scores
        return model

    def _take(self, saved: SavedModel) -> None:
        """Read the weights and numbers, whose shapes the document has told."""
        shapes = self._number_shapes(saved.document)
        weights = self._weights()
        numbers = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
        tensors = saved.tensors({**weights, **numbers})
        for prefix, network in self._networks().items():
            start = f"{prefix}."
            own = {name: tensors[name] for name in weights if name.startswith(start)}
            network.load_state_dict(
                {name.removeprefix(start): weight for name, weight in own.items()}, assign=True
            )
            # The layout of training, so that a loaded model answers to the bit as the saved one;
            # torch's types do not know that a module takes it alone.
            network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self._take_numbers({name: tensors[name].numpy() for name in shapes})


def _plain(classes: NDArray[Any] | None) -> list[Any] | None:
    return None if classes is None else classes.tolist()


def _on_this_machine(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters, with ``device="auto"`` where this machine lacks the one of the training."""
    try:
        choose_device(parameters["device"])
    except SettingError:
        return {**parameters, "device": "auto"}
    return parameters
