"""Probes, clusters and units of codes, beside other ways to find the same."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from isthmus.core.errors import DataError
from isthmus.metrics import (
    active_units,
    class_scatter,
    dead_units,
    kmeans_clusters,
    linear_probe,
    matched_accuracy,
)

Array = NDArray[Any]
small_labels = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([-1, 5, 6, 7, 9])), min_size=1, max_size=30
)


def three_classes(count: int, seed: int = 0) -> tuple[Array, Array]:
    """Codes ``(count, 4)`` of classes that overlap, and their labels."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count)
    centres = np.array([[0, 0, 0, 0], [1.5, 0, 1, 0], [0, 1.5, -1, 0]])
    return centres[labels] + generator.normal(size=(count, 4)), labels


def test_the_probe_minimises_its_formula() -> None:
    """The classes overlap, and samples are so few that a penalty of 2 or 0.5 is seen."""
    codes, labels = three_classes(20)
    test, _ = three_classes(500, seed=1)
    codes[:, 1], test[:, 1] = 100 * codes[:, 1] + 7, 100 * test[:, 1] + 7
    mean, spread = codes.mean(0), codes.std(0)
    inputs = (codes - mean) / spread

    def scores(parameters: Array, points: Array) -> Array:
        return points @ parameters[:12].reshape(4, 3) + parameters[12:]

    def loss(parameters: Array, penalty: float) -> float:
        found = scores(parameters, inputs)
        likelihood = (found[np.arange(20), labels] - logsumexp(found, axis=1)).sum()
        return -likelihood + penalty * np.square(parameters[:12]).sum() / 2

    predicted = {
        penalty: scores(
            minimize(loss, np.zeros(15), (penalty,), tol=1e-9).x, (test - mean) / spread
        ).argmax(1)
        for penalty in (0.5, 1, 2)
    }
    found = linear_probe(codes, labels, test)
    np.testing.assert_array_equal(found, predicted[1])
    assert (found != predicted[0.5]).any()
    assert (found != predicted[2]).any()


def test_the_probe_does_not_mind_units_that_are_shifted_scaled_or_constant() -> None:
    train, labels = three_classes(200)
    test, _ = three_classes(300, seed=1)
    expected = linear_probe(train, labels, test)
    changed = [np.column_stack([1e4 * x - 3, np.full(len(x), 0.1)]) for x in (train, test)]
    np.testing.assert_array_equal(linear_probe(changed[0], labels, changed[1]), expected)


def test_the_probe_predicts_labels_as_they_are_given() -> None:
    train, labels = three_classes(100)
    names = np.array(["cat", "dog", "owl"])
    np.testing.assert_array_equal(
        linear_probe(train.astype(np.float32), names[labels], train.astype(np.float32)),
        names[linear_probe(train.astype(np.float32), labels, train.astype(np.float32))],
    )


@given(count=st.integers(1, 30), units=st.integers(1, 5), tests=st.integers(1, 5))
def test_the_probe_takes_codes_of_any_size_without_a_warning(
    count: int, units: int, tests: int
) -> None:
    generator = np.random.default_rng(count)
    codes = generator.normal(size=(count + tests, units)).round()
    labels = generator.integers(0, 3, count)
    predicted = linear_probe(codes[:count], labels, codes[count:])
    assert predicted.shape == (tests,)
    assert set(predicted) <= set(labels)


def test_the_probe_is_silent_where_it_does_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hasty(LogisticRegression):
        def fit(self, X: Array, y: Array) -> Any:
            self.max_iter = 1
            return super().fit(X, y)

    monkeypatch.setattr("sklearn.linear_model.LogisticRegression", Hasty)
    codes, labels = three_classes(50)
    assert len(linear_probe(codes, labels, codes)) == 50


def test_the_probe_reads_digits(digits: NDArray[np.float32]) -> None:
    from sklearn.datasets import load_digits

    pixels, labels = digits.reshape(-1, 64), load_digits().target
    predicted = linear_probe(pixels[:1000], labels[:1000], pixels[1000:])
    assert (predicted == labels[1000:]).mean() > 0.9


@given(pairs=small_labels)
def test_the_matching_is_the_best_of_all(pairs: list[tuple[int, int]]) -> None:
    labels, clusters = np.array(pairs).T
    names = [*np.unique(labels), *[-9] * len(np.unique(clusters))]
    found = np.unique(clusters)
    best = max(
        sum(
            ((labels == name) & (clusters == cluster)).sum()
            for name, cluster in zip(order, found, strict=True)
        )
        for order in set(permutations(names, len(found)))
    )
    right = matched_accuracy(labels, clusters)
    assert right.dtype == np.bool_
    assert right.shape == labels.shape
    assert right.sum() == best
    for cluster in found:  # one label for each cluster, one cluster for each label
        assert len(set(labels[right & (clusters == cluster)])) <= 1
    for label in set(labels):
        assert len(set(clusters[right & (labels == label)])) <= 1


def test_a_matching_by_hand() -> None:
    labels = np.array(["a", "a", "a", "b", "b", "c"])
    clusters = np.array([2, 2, 1, 1, 1, 2])
    np.testing.assert_array_equal(
        matched_accuracy(labels, clusters), [True, True, False, True, True, False]
    )


def test_k_means_is_scikit_learns_best_of_10_on_the_codes_as_they_are() -> None:
    codes = np.random.default_rng(0).normal(size=(120, 3)) * [1, 5, 0.1]
    for seed in range(3):
        expected = KMeans(7, n_init=10, random_state=seed).fit_predict(codes)
        np.testing.assert_array_equal(kmeans_clusters(codes, 7, seed), expected)
    single = KMeans(7, n_init=1, random_state=0).fit_predict(codes)
    assert (kmeans_clusters(codes, 7, 0) != single).any()


def test_k_means_where_codes_are_alike_is_silent() -> None:
    codes = np.repeat([[0.0, 0], [1, 1]], 5, axis=0)
    clusters = kmeans_clusters(codes, 4, 0)
    assert clusters.dtype == np.int64
    assert len(set(clusters[:5])) == len(set(clusters[5:])) == 1
    assert clusters[0] != clusters[5]


@pytest.mark.parametrize("k", [0, 4])
def test_more_clusters_than_codes_are_refused(k: int) -> None:
    with pytest.raises(DataError, match=f"3 codes cannot form {k} clusters; choose 1 to 3"):
        kmeans_clusters(np.eye(3), k, 0)
    assert sorted(kmeans_clusters(np.eye(3), 3, 0)) == [0, 1, 2]


def test_active_units_by_hand() -> None:
    reference = np.array([[10.0, -20, 0, 0.5], [-3, 5, 0, 0.1]])
    codes = np.array(
        [
            [1.0, 2.0, 0.0, 0.05],  # a tenth is not more than a tenth
            [1.1, -2.1, 0.0, 0.06],
            [-1.1, 0.0, -1e-9, 0.0],  # the third unit never moved in the reference
            [0.0, 0.0, 0.0, 0.0],
        ]
    )
    np.testing.assert_array_equal(active_units(codes, reference), [0, 3, 2, 0])


def test_dead_units_by_hand() -> None:
    codes = np.zeros((3, 6))
    codes[:, 0] = [-100, 0, 50]
    codes[:, 2] = 7  # says the same of all samples
    codes[:, 3] = [1, 1, 1 + 0.9e-4]  # within 1e-6 of 100
    codes[:, 4] = [1, 1, 1 + 1.1e-4]
    codes[:, 5] = [0, -1, 0]
    assert dead_units(codes) == 3
    assert dead_units(1e-12 * codes) == 3  # whatever the unit of the codes
    assert dead_units(np.zeros((4, 2))) == 2
    assert dead_units(codes[:1]) == 6


@given(
    labels=st.lists(st.sampled_from(["x", "y", "zz"]), min_size=1, max_size=20),
    units=st.integers(1, 4),
)
def test_scatter_is_the_trace_of_its_matrices(labels: list[str], units: int) -> None:
    codes = np.random.default_rng(len(labels)).normal(3, 2, size=(len(labels), units))
    classes = np.array(labels)
    within, between = np.zeros((units, units)), np.zeros((units, units))
    for name in set(labels):
        members = codes[classes == name]
        within += len(members) * np.cov(members.T, ddof=0).reshape(units, units)
        offset = members.mean(0) - codes.mean(0)
        between += len(members) * np.outer(offset, offset)
    found = class_scatter(codes.astype(np.float32), classes)
    expected = np.trace(within) / len(codes), np.trace(between) / len(codes)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert sum(found) == pytest.approx(codes.var(0).sum(), rel=1e-5, abs=1e-9)


GOOD, LABELS = np.eye(3), np.arange(3)
BAD_CODES = [
    pytest.param(np.zeros(3), "Codes are", id="vector"),
    pytest.param(np.zeros((3, 2, 2)), "Codes are", id="images"),
    pytest.param(np.zeros((0, 3)), "Codes are", id="none"),
    pytest.param(np.zeros((3, 0)), "Codes are", id="no units"),
    pytest.param(np.array([[1, 2, np.nan]] * 3), "must be finite", id="nan"),
    pytest.param(np.array([[1, 2, np.inf]] * 3), "must be finite", id="infinite"),
]


@pytest.mark.parametrize(("codes", "message"), BAD_CODES)
def test_bad_codes_are_refused_everywhere(codes: Array, message: str) -> None:
    for call in (
        lambda: linear_probe(codes, LABELS, GOOD),
        lambda: linear_probe(GOOD, LABELS, codes),
        lambda: kmeans_clusters(codes, 1, 0),
        lambda: active_units(codes, GOOD),
        lambda: active_units(GOOD, codes),
        lambda: dead_units(codes),
        lambda: class_scatter(codes, LABELS),
    ):
        with pytest.raises(DataError, match=message):
            call()


@pytest.mark.parametrize("labels", [np.arange(4), np.zeros((3, 1)), np.zeros(())], ids=str)
def test_labels_that_do_not_go_with_the_codes_are_refused(labels: Array) -> None:
    for call in (
        lambda: linear_probe(GOOD, labels, GOOD),
        lambda: class_scatter(GOOD, labels),
        lambda: matched_accuracy(labels, LABELS),
        lambda: matched_accuracy(LABELS, labels),
    ):
        with pytest.raises(DataError, match=r"labels have shape|Labels and clusters"):
            call()
    with pytest.raises(DataError, match="Labels and clusters"):
        matched_accuracy(np.array([]), np.array([]))


def test_codes_of_other_sizes_are_refused() -> None:
    with pytest.raises(DataError, match="test codes have 3 units, but the training codes 2"):
        linear_probe(GOOD[:, :2], LABELS, GOOD)
    with pytest.raises(DataError, match="codes have 3 units, but the reference codes 2"):
        active_units(GOOD, GOOD[:, :2])
