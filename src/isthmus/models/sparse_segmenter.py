"""A segmenter whose features are learnt without labels: the convolutional sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.core.errors import DataError, SettingError
from isthmus.core.registry import Spec
from isthmus.core.settings import NonNegativeFloat, NonNegativeInt, PositiveInt
from isthmus.data.scaling import NoScaling
from isthmus.inference import in_batches
from isthmus.inference.graphs import GraphNetwork, refuse_graphs
from isthmus.models._base import MODELS
from isthmus.models.segmenter import Segmenter
from isthmus.networks import NETWORKS, initialise
from isthmus.networks.pyramid import ConvolutionalStage, Pyramid, halved, pooled
from isthmus.objectives import LOSSES, PENALTIES
from isthmus.training import (
    Checkpoints,
    Equation,
    Examples,
    History,
    Observer,
    Patches,
    Phases,
    Plan,
    choose_device,
)

_SIDE = 24  # pixels of a patch
_PATCHES = 1536  # of all scales together
_BATCH = 48  # patches
_LEAST_CONTRAST = 0.05  # of a patch, in deviations of all pixels; below it there is nothing to see


@MODELS.register("sparse_segmenter")
@dataclass(kw_only=True, eq=False, repr=False)
class SparseSegmenter(Segmenter):
    """A segmenter whose encoder is a convolutional sparse autoencoder, learnt layer by layer.

    1. Each layer of the network is an autoencoder of patches of all scales of the training images:
       minimise ‖x - g(f(x))‖² / ‖x - mean‖² + λ Ω, Ω being `isthmus.objectives.sparseness`. What it
       makes of the patches, pooled, goes into the next layer. No label is looked at.
    2. A classifier of pixels, a softmax on the features of all scales, learns from the label maps
       for `classifier_epochs`, while the encoder stays as it is.
    3. The whole is trained on for `epochs`, if any.

    With 0 epochs in steps 1 and 2 it is the same network from scratch. All else is as of
    `Segmenter`. Source: Kallenberg et al. 2016.

    Parameters
    ----------
    network
        Of the kind ``"pyramid"``.
    pretraining_epochs
        Passes of step 1 over the patches, for each layer.
    sparsity_weight
        λ.
    classifier_epochs, epochs
        Of steps 2 and 3; 0 leaves a step out.
    """

    network: Annotated[Spec, NETWORKS] = "pyramid"
    code_size: PositiveInt = 32
    pretraining_epochs: NonNegativeInt = 20
    sparsity_weight: NonNegativeFloat = 0.3
    classifier_epochs: NonNegativeInt = 10
    epochs: NonNegativeInt = 30

    plannable: ClassVar[bool] = False

    def _train(
        self,
        pieces: Patches,
        held_out: Patches | None,
        observer: Observer,
        checkpoints: Checkpoints | None,
    ) -> History:
        if not isinstance(self.network_, Pyramid):
            raise SettingError(
                f"A {self.network_.kind} network has no layers to be trained one by one as sparse"
                " autoencoders; use the network 'pyramid', or the model 'segmenter'."
            )
        phases = Phases(observer, checkpoints)
        self._train_layers(phases, pieces)
        self.network_.encoder.requires_grad_(False)
        try:
            self._train_pixels(phases, pieces, held_out, "classifier_epochs")
        finally:
            self.network_.encoder.requires_grad_(True)
        self._train_pixels(phases, pieces, held_out, "epochs")
        self.network_.eval()  # also where no phase has an epoch
        return phases.history

    def _train_layers(self, phases: Phases, pieces: Patches) -> None:
        """Step 1: each layer on what the one before makes of the patches."""
        plan = self._phase_plan("pretraining_epochs")
        if not plan.epochs:
            return
        plan = replace(plan, batch_size=_BATCH, patience=None)
        device, generator = choose_device(self.device), torch.Generator().manual_seed(self.seed_)
        patches = multiscale_patches(pieces, cast(Pyramid, self.network_).scales, self.seed_)
        weight = self.settings_["sparsity_weight"]
        penalty = PENALTIES.build({"kind": "sparseness", "weight": weight})
        loss = LOSSES.build({"kind": "squared_error", "per": "pixel"})
        for stage in cast(list[ConvolutionalStage], self.network_.stages()):
            initialise(stage.back, generator)
            examples = Examples(patches, NoScaling(), device)
            equation = Equation(stage, loss, [penalty], loss_weight=1 / float(patches.var()))
            phases.train(equation, examples, plan)
            patches = in_batches(_then_pooled(stage), examples.in_order(_BATCH))

    def _train_pixels(
        self, phases: Phases, pieces: Patches, held_out: Patches | None, epochs: str
    ) -> None:
        """Steps 2 and 3."""
        plan = self._phase_plan(epochs)
        if plan.epochs:
            phases.train(self._equation(), pieces, plan, held_out)

    def _phase_plan(self, epochs: str) -> Plan:
        """The plan of a step; a time limit is shared among all by their epochs."""
        own = self.settings_
        passes = {"pretraining_epochs": len(self.network_.stages()), "classifier_epochs": 1}
        total = own["epochs"] + sum(count * own[name] for name, count in passes.items())
        minutes = own["minutes"] and own["minutes"] * own[epochs] / max(total, 1)
        return replace(self._plan(), epochs=own[epochs], minutes=minutes or None)

    def transform(self, X: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Codes of whole images, ``(N, scales * code_size)``: means of the last maps by scale."""
        check_is_fitted(self)
        if isinstance(self.network_, GraphNetwork):
            refuse_graphs("whose graphs have no outputs but the last")
        network, device = cast(Pyramid, self.network_), choose_device(self.device)
        network.to(device)

        def means(x: Tensor) -> Tensor:
            code, kept = network.down(network._padded(x))
            layers = len(network.encoder)
            last = [*kept, code][layers - 1 :: layers]
            return torch.cat([maps.mean((2, 3)) for maps in last], 1)

        images = (torch.from_numpy(self._seen(one))[None] for one in self._check_images(X))
        return in_batches(means, (image.to(device) for image in images))


def multiscale_patches(pieces: Patches, scales: int, seed: int) -> NDArray[np.float32]:
    """Patches ``(N, C, h, w)`` of all levels of the pyramids of images, as many of each level.

    Flat ones are left out, and levels that are smaller than a patch.

    Raises
    ------
    DataError
        If nothing is left.
    """
    draws, found = np.random.default_rng(seed), []
    levels = torch.cat(list(pieces.in_order(_BATCH))).cpu()
    least = _LEAST_CONTRAST * float(levels.std())
    for level in range(scales):
        levels = halved(levels) if level else levels
        free = [side - _SIDE for side in levels.shape[-2:]]
        if min(free) < 0:
            break
        for _ in range(_PATCHES // scales):
            row, column = (int(draws.integers(most + 1)) for most in free)
            image = levels[int(draws.integers(len(levels)))]
            found.append(image[:, row : row + _SIDE, column : column + _SIDE])
    kept = [patch for patch in found if float(patch.std()) > least]
    if not kept:
        raise DataError(
            f"There is no piece of {_SIDE} x {_SIDE} pixels with anything to see in it to learn"
            " features from; enlarge patch_size or size, or set pretraining_epochs = 0."
        )
    return torch.stack(kept).numpy()


def _then_pooled(stage: ConvolutionalStage) -> Any:
    def codes(x: Tensor) -> Tensor:
        return pooled(stage.eval().encode(x))

    return codes
