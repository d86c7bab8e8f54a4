"""What codes are good for: how well they tell classes apart, and which units do anything.

Everywhere codes are ``(N, m)`` numbers and labels ``(N,)`` values of any type that sorts.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError

_ACTIVE_SHARE = 0.1  # of a unit's greatest value, above which it is active
_DEAD_SHARE = 1e-6  # of the greatest value of all units, up to which a unit does not vary


def linear_probe(
    train_codes: NDArray[Any], train_labels: NDArray[Any], test_codes: NDArray[Any]
) -> NDArray[Any]:
    """Labels ``(N,)`` that multinomial logistic regression predicts from test codes.

    Each unit is standardised by the training codes (one that is constant is only centred), then
    Σ_n -log p(y_n | h_n) + ½ ‖W‖² is minimised (C = 1) with L-BFGS, which draws nothing at random.
    A single class is predicted everywhere.

    Raises
    ------
    DataError
        If codes are not finite ``(N, m)`` of one m, there are none, or labels do not go with them.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, labels = _with_labels(train_codes, train_labels)
    test = _checked(test_codes)
    if test.shape[1] != train.shape[1]:
        raise DataError(
            f"The test codes have {test.shape[1]} units, but the training codes {train.shape[1]}."
        )
    if (labels == labels[0]).all():
        return np.full(len(test), labels[0])
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    with warnings.catch_warnings():
        # After so many steps what is left to gain cannot change the scores that we compare.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(probe.fit(train, labels).predict(test))


def kmeans_clusters(codes: NDArray[Any], k: int, seed: int) -> NDArray[np.int64]:
    """Cluster ``(N,)``, 0 to k - 1, of each sample by k-means: the best of 10 k-means++ starts.

    The codes are taken as they are, which is the custom where clusterings of codes are compared:
    standardising would give a unit that hardly varies the same say as one that does. Where fewer
    than k codes are distinct, some clusters stay empty.

    Raises
    ------
    DataError
        If codes are not finite ``(N, m)``, or fewer than k.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    points = _checked(codes)
    if not 1 <= k <= len(points):
        raise DataError(f"{len(points)} codes cannot form {k} clusters; choose 1 to {len(points)}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct codes than clusters
        clusters = KMeans(k, n_init=10, random_state=seed).fit_predict(points)
    return np.asarray(clusters, np.int64)


def matched_accuracy(labels: NDArray[Any], clusters: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each sample ``(N,)`` lies in the cluster that is matched to its label.

    Labels and clusters are matched one to one so that as many samples as possible do (Kuhn 1955);
    samples of a cluster or label that is left over count as wrong. The mean of the result is the
    "clustering accuracy" of the field.

    Raises
    ------
    DataError
        If there are none, or not as many clusters as labels.
    """
    from scipy.optimize import linear_sum_assignment

    labels, clusters = np.asarray(labels), np.asarray(clusters)
    if labels.ndim != 1 or labels.shape != clusters.shape or not labels.size:
        raise DataError(
            "Labels and clusters are one value per sample, but have shapes"
            f" {labels.shape} and {clusters.shape}."
        )
    names, row = np.unique(labels, return_inverse=True)
    found, column = np.unique(clusters, return_inverse=True)
    shared = np.zeros((len(names), len(found)), np.int64)
    np.add.at(shared, (row, column), 1)
    partner = np.full(len(names), -1)
    rows, columns = linear_sum_assignment(shared, maximize=True)
    partner[rows] = columns
    return np.asarray(partner[row] == column)


def active_units(codes: NDArray[Any], reference: NDArray[Any]) -> NDArray[np.int64]:
    """Number of active units ``(N,)`` in each sample.

    Unit j is active where |h_j| exceeds a tenth of the greatest |h_j| over the reference codes,
    those of the training samples. One that is always 0 there is active wherever it is not 0.

    Raises
    ------
    DataError
        If codes are not finite ``(N, m)`` of one m, or there are none.
    """
    values, known = _checked(codes), _checked(reference)
    if values.shape[1] != known.shape[1]:
        raise DataError(
            f"The codes have {values.shape[1]} units, but the reference codes {known.shape[1]}."
        )
    threshold = _ACTIVE_SHARE * np.abs(known).max(0)
    return np.asarray((np.abs(values) > threshold).sum(1), np.int64)


def dead_units(codes: NDArray[Any]) -> int:
    """Number of units that say nothing: max_n h_nj - min_n h_nj ≤ 1e-6 max_nk |h_nk|.

    That includes every unit that is always 0.

    Raises
    ------
    DataError
        If codes are not finite ``(N, m)``, or there are none.
    """
    values = _checked(codes)
    return int((np.ptp(values, axis=0) <= _DEAD_SHARE * np.abs(values).max()).sum())


def class_scatter(codes: NDArray[Any], labels: NDArray[Any]) -> tuple[float, float]:
    """Scatter within and between classes: tr S_w / N and tr S_b / N.

    tr S_w = Σ_n ‖h_n - μ_{y_n}‖² and tr S_b = Σ_c N_c ‖μ_c - μ‖², with the class means μ_c and
    the mean μ of all. Their sum is the total variance of the codes (Fukunaga 1990, chapter 10).

    Raises
    ------
    DataError
        If codes are not finite ``(N, m)``, there are none, or labels do not go with them.
    """
    points, classes = _with_labels(codes, labels)
    _, member, counts = np.unique(classes, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), points.shape[1]))
    np.add.at(sums, member, points)
    means = sums / counts[:, None]
    within = np.square(points - means[member]).sum() / len(points)
    between = counts @ np.square(means - points.mean(0)).sum(1) / len(points)
    return float(within), float(between)


def _checked(codes: NDArray[Any]) -> NDArray[np.float64]:
    values = np.asarray(codes, np.float64)
    if values.ndim != 2 or not values.size:
        raise DataError(f"Codes are (N, m), at least one by one, but have shape {values.shape}.")
    if not np.isfinite(values).all():
        raise DataError("Codes must be finite, but some are NaN or infinite.")
    return values


def _with_labels(
    codes: NDArray[Any], labels: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    values, names = _checked(codes), np.asarray(labels)
    if names.shape != (len(values),):
        raise DataError(
            f"There must be one label for each of {len(values)} codes, but the labels have shape"
            f" {names.shape}."
        )
    return values, names
