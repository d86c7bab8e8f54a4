"""The variational autoencoder."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, NamedTuple, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus.core.errors import SettingError
from isthmus.core.registry import Spec
from isthmus.core.settings import NonNegativeFloat, PositiveInt, Probability
from isthmus.models._base import MODELS
from isthmus.models._estimator import BATCH
from isthmus.models.autoencoder import Autoencoder
from isthmus.networks import NETWORKS, Network, build_network
from isthmus.networks.code_activations import Gaussian
from isthmus.networks.conditional import Conditional
from isthmus.objectives import LOSSES, PENALTIES
from isthmus.objectives.gaussian_kl import gaussian_kl
from isthmus.training import Equation, Examples, ImportanceWeighted, importance_draws

_SQUARED_ERROR_WEIGHT = 0.02  # λ = 2 σ² for a decoder of σ = 0.1


class Posterior(NamedTuple):
    """q(h given x) = N(μ, diag σ²) of samples.

    Attributes
    ----------
    mean, std
        μ and σ, ``(N, code units)`` float32.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    @property
    def kl(self) -> NDArray[np.float32]:
        """KL(q(h_j given x) ‖ N(0, 1)) of each unit, ``(N, code units)`` in nats."""
        mean, log_variance = torch.tensor(self.mean), 2 * torch.tensor(self.std).log()
        return np.asarray(gaussian_kl(mean, log_variance).numpy())


def _by_class(method: Callable[..., NDArray[np.float32]]) -> Callable[..., NDArray[np.float32]]:
    """Let a method take classes ``y``, with which a conditional model does it class by class."""

    @wraps(method)
    def told(self: Any, X: Any, y: Any = None, **options: Any) -> NDArray[np.float32]:
        if y is None or not self.conditional:
            return method(self, X, **options)
        samples, labels = np.asarray(X), np.asarray(y)
        self._check_labels(labels, len(samples))
        found = np.unique(labels)
        parts = [method(self.given(one), samples[labels == one], **options) for one in found]
        places = np.argsort(labels, kind="stable")
        return np.concatenate(parts)[np.argsort(places)]

    return told


@MODELS.register("variational_autoencoder")
@dataclass(kw_only=True, eq=False, repr=False)
class VariationalAutoencoder(Autoencoder):
    """Autoencoder with a random code h ~ q(h given x) = N(μ(x), diag σ²(x)), drawn towards N(0, I).

    It minimises E[ L(x, g(h)) ] + λ KL(q(h given x) ‖ N(0, I)). For λ = 1 and L = -log p(x given h)
    that is minus the evidence lower bound of log p(x): with the binary cross-entropy p is of
    independent bits, with the categorical one of labels, with the squared error (summed over the
    sample) a Gaussian of variance λ / 2. `transform` gives μ, and `reconstruct` is by μ.
    Source: Kingma and Welling 2014; Higgins et al. 2017 (λ, there β); lecture note 002.

    Parameters
    ----------
    kl_weight
        λ; by default 1 with a cross-entropy, where the objective is then the bound, and 0.02 with
        the squared error, for a decoder of standard deviation 0.1.
    warmup
        Share of the training over which the weight grows from 0 to λ.
    free_nats
        Divergence of each unit that costs nothing, see `isthmus.objectives.gaussian_kl`.
    importance_samples
        K, codes drawn for each sample; above 1 the importance-weighted bound is maximised instead
        (Burda et al. 2016), which needs λ = 1 and no other penalties.
    conditional
        Whether the decoder is told the class c of each sample, for p(x given h, c): `fit` then
        needs labels, and so does all that decodes. Codes do not (Sohn, Lee and Yan 2015).
    """

    kl_weight: NonNegativeFloat | None = None
    warmup: Probability = 0.0
    free_nats: NonNegativeFloat = 0.0
    importance_samples: PositiveInt = 1
    conditional: bool = False

    @property
    def uses_labels(self) -> bool:
        """Whether `fit` looks at labels."""
        return self.conditional

    def _equation_settings(self, own: dict[str, Any]) -> dict[str, Any]:
        weight = own["kl_weight"]
        if weight is None:
            weight = _SQUARED_ERROR_WEIGHT if own["loss"]["kind"] == "squared_error" else 1.0
        divergence = {
            "kind": "gaussian_kl",
            "weight": weight,
            "warmup": own["warmup"],
            "free_nats": own["free_nats"],
        }
        penalties = (*own["penalties"], PENALTIES.check(divergence))
        plain = weight == 1 and not own["warmup"] and not own["free_nats"]
        if own["importance_samples"] > 1 and not (plain and len(penalties) == 1):
            raise SettingError(
                "The importance-weighted bound has no weights to set: with importance_samples above"
                " 1 set kl_weight = 1, warmup = 0 and free_nats = 0, and give no penalties."
            )
        network = NETWORKS.check({**own["network"], "code_activation": "gaussian"})
        return {"network": network, "penalties": penalties}

    def _build_networks(self, seed: int | None) -> None:
        super()._build_networks(seed)
        if self.settings_["conditional"]:
            units, *size = self.network_.code_shape
            wider = (units + len(self.classes_), *size) if size else units + len(self.classes_)
            decoder = build_network(self.settings_["network"], self.sample_shape_, wider, seed)
            self.network_ = Conditional(self.network_, decoder)

    def _equation(self, network: Network, loss_spec: Spec, examples: Examples) -> Equation:
        plain = super()._equation(network, loss_spec, examples)
        count = self.settings_["importance_samples"]
        if count == 1:
            return plain
        parts = (plain.network, plain.loss, plain.penalties, plain.corruption)
        return ImportanceWeighted(*parts, count=count)

    # -- using ------------------------------------------------------------------------------

    def posterior(self, X: Any) -> Posterior:
        """q(h given x) of samples ``(N, ...)``."""
        check_is_fitted(self)

        def both(z: Tensor) -> Tensor:
            self.network_.encode(z)
            code = cast(Gaussian, self.network_.code_activation)
            parts = code.mean, (code.log_variance / 2).exp()
            return torch.stack([part.flatten(1) for part in parts], dim=1)

        found = self._apply(both, self._examples(self._check_samples(X)).in_order(BATCH))
        return Posterior(found[:, 0], found[:, 1])

    def given(self, label: Any) -> Self:
        """The same conditional model, for samples of one class only: its decoder is told so.

        Raises
        ------
        DataError
            If there was no such class among the training samples.
        SettingError
            If the model is not conditional.
        """
        check_is_fitted(self)
        if not self.settings_["conditional"]:
            raise SettingError(
                "This model's decoder is not told classes; leave the class out, or train one with"
                " conditional = true."
            )
        numbers = self._check_labels([label], 1)
        twin = copy.copy(self)
        twin.network_ = self.network_.given(torch.tensor(numbers)[0])
        return twin

    @_by_class
    def inverse_transform(self, X: Any) -> NDArray[np.float32]:
        """Samples ``(N, ...)`` float32, in the units of the data, of codes ``(N, code units)``."""
        return super().inverse_transform(X)

    @_by_class
    def reconstruct(
        self, X: Any, *, sample: bool = False, random_state: int = 0
    ) -> NDArray[np.float32]:
        """g(μ(x)), or g(h) with h drawn from q(h given x) if `sample`; in the units of the data."""
        if not sample:
            return super().reconstruct(X)
        found = self.posterior(X)
        noise = np.random.default_rng(random_state).standard_normal(found.mean.shape, np.float32)
        return self.inverse_transform(found.mean + found.std * noise)

    @_by_class
    def score_samples(self, X: Any) -> NDArray[np.float32]:
        """-‖z - g(μ(z))‖² of each sample, ``(N,)`` float32, z being the scaled sample."""
        return super().score_samples(X)

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples`."""
        return float(self.score_samples(X, y).mean())

    def draw_codes(self, count: int, *, random_state: int = 0) -> NDArray[np.float32]:
        """`count` codes of no sample, drawn from N(0, I): ``(count, code units)``."""
        check_is_fitted(self)
        size = (count, self._n_features_out)
        return np.random.default_rng(random_state).standard_normal(size, np.float32)

    def sample(self, count: int, *, random_state: int = 0) -> NDArray[np.float32]:
        """g(h) of `count` codes drawn from N(0, I): samples ``(count, ...)``, units of the data."""
        return self.inverse_transform(self.draw_codes(count, random_state=random_state))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.conditional
        return tags

    @property
    def _weight(self) -> float:
        """λ."""
        return float(self.settings_["penalties"][-1]["weight"])

    @property
    def has_likelihood(self) -> bool:
        """Whether L is -log p(x given h) of a distribution p."""
        kind: str = self.settings_["loss"]["kind"]
        return kind.endswith("cross_entropy") or (kind == "squared_error" and self._weight > 0)

    @_by_class
    def log_likelihood(
        self, X: Any, *, samples: int = 200, random_state: int = 0
    ) -> NDArray[np.float32]:
        """Estimate of log p(x) of each sample, ``(N,)`` in nats, by importance sampling.

        log (1/K) Σ_k p(x given h_k) p(h_k) / q(h_k given x), with K = `samples` draws h_k of q: too
        low on average, the less the greater K is. It is of the scaled samples: a density where L is
        the squared error, a probability for the cross-entropies (of bits or one-hot labels).
        Source: Burda et al. 2016.

        Raises
        ------
        SettingError
            If L is not -log p(x given h) of a distribution.
        """
        check_is_fitted(self)
        if not self.has_likelihood:
            raise SettingError(
                f"The loss '{self.settings_['loss']['kind']}' with kl_weight ="
                f" {self._weight:g} is not minus the logarithm of a probability, so"
                " that there is no likelihood; use a cross-entropy, or a weight above 0."
            )
        loss, scale, constant = LOSSES.build(self.settings_["loss"]["kind"]), 1.0, 0.0
        if loss.kind == "squared_error":
            scale = self._weight
            constant = math.prod(self.sample_shape_) / 2 * math.log(math.pi * scale)

        def bound(z: Tensor) -> Tensor:
            draws = importance_draws(self.network_, loss, z, z, samples)
            return draws._replace(loss=draws.loss / scale + constant).bound

        examples = self._examples(self._check_samples(X))
        with _seeded(random_state):
            return self._apply(bound, examples.in_order(max(1, 4 * BATCH // samples)))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Torch's global randomness begun by a seed, and left as it was found."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
