"""Deep embedded clustering: an encoder is tuned so that its codes form clusters."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.core.registry import check_settings
from isthmus.core.settings import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Precision,
)
from isthmus.latent.nearest import nearest_codes
from isthmus.networks.classifier import Centres, Classified
from isthmus.objectives import LOSSES, PENALTIES
from isthmus.training import (
    OPTIMIZERS,
    SCHEDULES,
    Equation,
    Examples,
    Observer,
    Plan,
    choose_device,
    train,
)


@dataclass(kw_only=True)
class DeepClustering:
    """Minimise w L(x, g(f(x))) + KL(P ‖ Q) over encoder, centres and, if w > 0, decoder.

    It goes on from a fitted autoencoder and the k-means centres of its codes; Q are soft
    assignments of codes to centres and P surer ones, see `isthmus.objectives.clustering`.
    Source: Xie et al. 2016 (DEC, w = 0); Guo et al. 2017 (IDEC, which keeps the reconstruction).

    Parameters
    ----------
    clusters
        K.
    reconstruction_weight
        w; 0 gives up the reconstruction, and clusters may then merge. By default that of Guo et
        al.: 10 where the loss is a mean over pixels, 10 / D where it is the sum over D of them.
    epochs, batch_size, learning_rate, minutes, precision
        How the weights move, by Adam; see `isthmus.training.Plan`.
    random_state
        Seed of the centres and of the data's order.

    Attributes
    ----------
    model_ : estimator
        A copy of the autoencoder with the tuned network; the one that was given stays as it is.
    centres_ : ndarray of float32, ``(K, m)``
        μ, among the codes of `model_`.
    labels_ : ndarray of int64, ``(N,)``
        Cluster of each training sample.
    history_ : list of dict
        One row per epoch: w L and the divergence.
    """

    clusters: PositiveInt = 10
    reconstruction_weight: NonNegativeFloat | None = None
    epochs: NonNegativeInt = 20
    batch_size: PositiveInt = 256
    learning_rate: PositiveFloat = 1e-3
    minutes: PositiveFloat | None = None
    precision: Precision = "float32"
    random_state: NonNegativeInt = 0

    def fit(self, model: Any, X: Any, *, observer: Observer | None = None) -> Self:
        """Tune a fitted autoencoder on samples ``(N, ...)``, given as it takes them.

        Raises
        ------
        SettingError
            For a setting of a wrong type or out of range.
        DataError
            If the samples do not fit the model, or are fewer than the clusters.
        """
        own = check_settings(type(self), asdict(self), type(self).__name__)
        tuned = copy.deepcopy(model)
        tuned.__dict__.pop("scores_", None)  # those of other weights
        head = self._head(tuned.transform(X))
        spec, weight = tuned.settings_["loss"], own["reconstruction_weight"]
        if weight is None:
            weight = 10 / math.prod(tuned.sample_shape_) if spec["per"] == "sample" else 10.0
        equation = Equation(
            Classified(tuned.network_, head),
            LOSSES.build(spec),
            [PENALTIES.build({"kind": "clustering", "weight": 1.0})],
            loss_weight=weight,
        )
        plan = Plan(
            **{name: own[name] for name in ("epochs", "batch_size", "learning_rate", "minutes")},
            precision=own["precision"],
            optimizer=OPTIMIZERS.check("adam"),
            schedule=SCHEDULES.check("constant"),
            device=tuned.device,
            seed=own["random_state"],
        )
        examples = Examples(np.asarray(X), tuned.scaling_, choose_device(tuned.device))
        self.history_ = train(equation, examples, plan, observer=observer)
        self.model_, self.centres_ = tuned, head.centres.detach().cpu().numpy()
        codes = tuned.transform(X)
        tuned.code_mean_, tuned.code_std_ = codes.mean(0), codes.std(0)
        self.labels_ = self._nearest(codes)
        return self

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Cluster of each sample, ``(N,)``: that of the nearest centre."""
        return self._nearest(self.model_.transform(X))

    def _nearest(self, codes: NDArray[np.float32]) -> NDArray[np.int64]:
        return nearest_codes(self.centres_, codes, 1).places[:, 0]

    def _head(self, codes: NDArray[np.float32]) -> Centres:
        """Centres by k-means, and how large their clusters are."""
        from sklearn.cluster import KMeans

        if len(codes) < self.clusters:
            raise DataError(
                f"{len(codes)} samples cannot form {self.clusters} clusters; give more, or choose"
                " fewer clusters."
            )
        found = KMeans(self.clusters, n_init=10, random_state=self.random_state).fit(codes)
        centres = torch.from_numpy(found.cluster_centers_.astype(np.float32))
        head = Centres(centres, torch.full((self.clusters,), 1 / self.clusters)).eval()
        with torch.no_grad():
            head.shares = head(torch.from_numpy(codes)).softmax(1).mean(0)
        return head
