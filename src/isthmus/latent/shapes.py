"""How plausible label maps are to an autoencoder of label maps, and what they should have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from annotated_types import Gt, Lt
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from isthmus.core.errors import DataError
from isthmus.core.registry import check_settings
from isthmus.core.settings import PositiveInt
from isthmus.data.label_maps import one_hot
from isthmus.latent.shape_rules import Finding, ShapeRules

Maps = NDArray[Any]
_Share = Annotated[float, Gt(0), Lt(1)]
_AT_ONCE = 256  # maps


@dataclass(kw_only=True, eq=False, repr=False)
class ShapeModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Scores, names and mends what is wrong with label maps ``(N, H, W)``.

    With p = g(f(x)), the class probabilities that a trained autoencoder gives to a map x,

        score(x) = Σ_i min(0, log p_i(x_i) - log trust),

    the sum over the pixels whose class the autoencoder does not believe: pixels at an edge, of
    which no code tells exactly, do not count. Findings are those of `ShapeRules`.

    Parameters
    ----------
    autoencoder
        Trained on one-hot maps ``(N, K, H, W)``, with a softmax over the classes at its output.
    trust
        Probability below which a pixel's class is not believed.
    rounds
        Times that a map is rebuilt while it is corrected.
    rare
        See `ShapeRules`.

    Attributes
    ----------
    maps_ : ndarray of int16
        The training maps.
    rules_ : ShapeRules
        Learnt from them.
    calibration_scores_ : ndarray of float64
        Scores of maps that the autoencoder has not seen, sorted.
    """

    autoencoder: Any
    trust: _Share = 0.02
    rounds: PositiveInt = 2
    rare: _Share = 0.005

    def fit(self, maps: Maps, *, names: tuple[str, ...], validation: Maps) -> Self:
        """Learn the rules from good label maps, and the usual scores from held-out ones.

        Raises
        ------
        DataError
            If there are no held-out maps.
        """
        check_settings(type(self), self.get_params(deep=False), type(self).__name__)
        if not len(validation):
            raise DataError(
                "There are no held-out label maps to compare scores with; give validation maps, or"
                " a run with data.validation above 0."
            )
        self.maps_ = np.asarray(maps, np.int16)
        self.rules_ = ShapeRules.learn(maps, names, rare=self.rare)
        self.calibration_scores_ = np.sort(self._score(np.asarray(validation)))
        return self

    def score_samples(self, maps: Maps) -> NDArray[np.float64]:
        """Score of each map ``(N,)``, 0 at most; greater is more plausible."""
        check_is_fitted(self)
        return self._score(np.asarray(maps))

    def percentiles(self, maps: Maps) -> NDArray[np.float64]:
        """Share of the held-out maps with a score no greater, ``(N,)`` from 0 to 100."""
        return self.percentiles_of(self.score_samples(maps))

    def percentiles_of(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same of scores."""
        below = np.searchsorted(self.calibration_scores_, scores, side="right")
        return np.asarray(100 * below / len(self.calibration_scores_))

    def findings(self, maps: Maps) -> list[list[Finding]]:
        """What is wrong with each map, see `ShapeRules.findings`."""
        check_is_fitted(self)
        return [self.rules_.findings(labels) for labels in maps]

    def correct(self, maps: Maps) -> NDArray[np.int16]:
        """The maps with what is not believed replaced.

        A structure that is missing (`ShapeRules.missing`) is first taken from the training map
        whose other structures overlap most with those of the map, where this has background. Then
        x ← x_i where p_i(x_i) ≥ trust, else argmax_c p_i(c), with p = g(f(x)) of the last x, some
        rounds long; then small pieces and holes are taken away (`ShapeRules.mended`). A map without
        any structure stays so: nothing tells where one belongs.
        """
        check_is_fitted(self)
        maps = np.asarray(maps, np.int64)
        given = np.array([self._completed(labels) for labels in maps])
        found = given
        for _ in range(self.rounds):
            p = self._probabilities(found)
            believed = _of_labels(p, given) >= self.trust
            found = np.where(believed, given, p.argmax(1))
        mended = [self.rules_.mended(labels) for labels in found]
        return np.where(maps.any((1, 2), keepdims=True), mended, 0).astype(np.int16)

    def _completed(self, labels: Maps) -> Maps:
        """A map with the structures that it lacks, as the nearest training map has them.

        That is the one with the greatest mean Dice of the structures that are there.
        """
        missing = self.rules_.missing(labels)
        having = [(self.maps_ == k).any((1, 2)) for k in missing]
        known = self.maps_[np.all(having, axis=0)] if missing else self.maps_[:0]
        if not len(known):
            return labels
        dice = np.zeros(len(known))
        for k in np.unique(labels[labels > 0]):
            mask, others = labels == k, known == k
            shared = (others & mask).sum((1, 2))
            dice += 2 * shared / (others.sum((1, 2)) + mask.sum())
        nearest = known[dice.argmax()]
        return np.where((labels == 0) & np.isin(nearest, missing), nearest, labels)

    def _score(self, maps: Maps) -> NDArray[np.float64]:
        scores = []
        for start in range(0, len(maps), _AT_ONCE):
            part = maps[start : start + _AT_ONCE]
            p = _of_labels(self._probabilities(part), part)
            excess = np.log(np.maximum(p, 1e-12) / self.trust)
            scores.append(np.minimum(excess, 0).sum((1, 2), dtype=np.float64))
        return np.concatenate(scores) if scores else np.zeros(0)

    def _probabilities(self, maps: Maps) -> NDArray[np.float32]:
        """Probabilities ``(N, K, H, W)`` of the classes."""
        classes = self.autoencoder.sample_shape_[0]
        return np.asarray(self.autoencoder.reconstruct(one_hot(maps, classes)), np.float32)


def _of_labels(p: NDArray[np.float32], maps: Maps) -> NDArray[np.float32]:
    """The probability of each pixel's own class, ``(N, H, W)``."""
    places = np.asarray(maps, np.int64)[:, None]
    return np.take_along_axis(p, places, axis=1)[:, 0]
