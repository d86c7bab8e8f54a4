"""Synthetic samples for a classifier with few labels: what is learnt from, and what is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from isthmus.core.errors import SettingError
from isthmus.data import write_table
from isthmus.data.scaling import SCALINGS
from isthmus.metrics import bootstrap_mean_of_seeds
from isthmus.models import load
from isthmus.recipes import find_recipe, parse_recipe
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.few_labels import (
    CODES,
    NONE,
    SAMPLES,
    FewLabels,
    classifiers,
    measure_few_labels,
)
from isthmus.recipes.runner import read_recipe, start_run
from isthmus.reports.few_labels import effect_curves, verdict
from support.recipes import RECIPE


class Cut:
    """A model whose code is the first two values, and whose decoder puts 7 into the third."""

    def transform(self, X: Any) -> Any:
        return X[:, :2]

    def inverse_transform(self, codes: Any) -> Any:
        return np.column_stack([codes, np.full(len(codes), 7)])


@pytest.fixture
def few() -> FewLabels:
    generator = np.random.default_rng(0)
    samples, labels = generator.normal(size=(90, 3)), np.arange(90) % 3
    samples[:, 0] += 10 * labels
    scaling = SCALINGS.build("standard")
    scaling.fit(samples)
    return FewLabels(samples[:60], labels[:60], samples[60:], labels[60:], scaling)


def test_few_of_each_class_are_drawn(few: FewLabels) -> None:
    samples, labels = few.taught(5, seed=3)
    np.testing.assert_array_equal(labels, np.repeat([0, 1, 2], 5))
    known = np.asarray(few.scaling.apply(few.samples.astype(np.float32)))
    places = [np.flatnonzero((known == one).all(1)).item() for one in samples]
    assert len(set(places)) == 15
    np.testing.assert_array_equal(few.labels[places], labels)
    assert np.abs(few.taught(5, seed=4)[0] - samples).max() > 0.1
    np.testing.assert_array_equal(few.taught(5, seed=3)[0], samples)


def test_synthetic_samples_are_added_to_them(few: FewLabels) -> None:
    real, _ = few.taught(5, seed=3)
    between, labels = few.taught(5, seed=3, per_class=4)
    decoded, same = few.taught(5, seed=3, per_class=4, model=Cut())
    for samples in (between, decoded):
        assert samples.shape == (27, 3)
        np.testing.assert_array_equal(samples[:15], real)
    np.testing.assert_array_equal(labels[15:], np.repeat([0, 1, 2], 4))
    np.testing.assert_array_equal(same, labels)
    for label in range(3):  # between samples of the class, in scaled units
        own, new = real[labels[:15] == label], between[15:][labels[15:] == label]
        assert (new >= own.min(0) - 1e-6).all()
        assert (new <= own.max(0) + 1e-6).all()
    seven = (7 - few.scaling.offset[2]) / few.scaling.scale[2]
    np.testing.assert_allclose(decoded[15:, 2], seven, rtol=1e-5)


def test_hits_are_those_of_the_classifier(few: FewLabels) -> None:
    samples, labels = few.taught(10, seed=0)
    hits = few.hits(LogisticRegression(), samples, labels)
    own = LogisticRegression().fit(samples, labels)
    test = np.asarray(few.scaling.apply(few.test.astype(np.float32)))
    np.testing.assert_array_equal(hits, own.predict(test) == few.test_labels)
    assert hits.mean() > 0.9


def trained(folder: Path, *changes: str) -> Path:
    return start_run(parse_recipe(RECIPE, "digits", changes), folder / "run").folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    changes = ["data.source=digits", "data.limit=400", "model.code_size=8"]
    return trained(tmp_path_factory.mktemp("few"), *changes)


def test_the_table(run: Path) -> None:
    lines: list[str] = []
    effects = measure_few_labels(run, draws=2, per_class=10, say=lines.append)
    counts = [5, 10, 20]  # no class has 50
    assert lines == [f"{count} labelled samples of each class: done" for count in counts]
    names = ("logistic regression", "SVM")
    assert [effect[:3] for effect in effects] == [
        (count, way, name) for count in counts for way in (NONE, SAMPLES, CODES) for name in names
    ]
    dataset, parts = read_data(read_recipe(run).data)
    train, test = dataset.subset(parts.train), dataset.subset(parts.test)
    model = load(run)
    few = FewLabels(train.samples, train.labels, test.samples, test.labels, model.scaling_)
    svm = {way: effect for _, way, name, *effect in effects[:6] if name == "SVM"}
    classifier = classifiers()["SVM"]
    without, with_new = (
        np.array([few.hits(classifier, *few.taught(5, seed, *new)) for seed in (0, 1)], float)
        for new in ((), (10, model))
    )
    assert svm[NONE] == [bootstrap_mean_of_seeds(without), (0, 0, 0, len(test))]
    assert svm[CODES] == [
        bootstrap_mean_of_seeds(with_new),
        bootstrap_mean_of_seeds(with_new - without),
    ]
    assert effects[-1].accuracy.mean > effects[5].accuracy.mean  # more labels are better


def test_the_picture_and_the_verdict(run: Path) -> None:
    effects = measure_few_labels(run, draws=2, per_class=5)
    figure = effect_curves(effects)
    assert len(figure.axes) == 4
    assert [len(axes.containers) for axes in figure.axes] == [3, 3, 2, 2]
    gain = effects[-1].gain
    helped, harmed = (gain._replace(mean=m, low=m - 1, high=m + 1) for m in (2.0, -2.0))
    three = [
        effects[0]._replace(new=way, gain=one)
        for way, one in ((CODES, helped), (CODES, gain._replace(low=-1, high=1)), (SAMPLES, harmed))
    ]
    assert verdict(three) == (
        "Samples between codes helped in 1 of 2 cases and harmed in 0; in 1 the interval of the"
        " gain holds 0. Samples between samples helped in 0 of 1 cases and harmed in 1; in 0 the"
        " interval of the gain holds 0."
    )


def test_what_cannot_be_measured(tmp_path: Path) -> None:
    cases = {
        "fewer than 5 training samples": ("data.source=digits", "data.limit=30"),
        "learnt from all labels": ("data.source=digits", "model.kind=class_encoder"),
        "no test samples": ("data.source=digits", "data.test=0", "training.epochs=0"),
    }
    for number, (words, changes) in enumerate(cases.items()):
        with pytest.raises(SettingError, match=words):
            measure_few_labels(trained(tmp_path / str(number), *changes))
    columns = {name: np.random.default_rng(0).normal(size=50) for name in "abc"}
    write_table(tmp_path / "t.csv", columns)
    with pytest.raises(SettingError, match="is not a run on data with classes"):
        measure_few_labels(trained(tmp_path, f"data.source='{tmp_path / 't.csv'}'"))


def test_the_recipe_is_the_model_of_the_claim() -> None:
    name, text = find_recipe("mnist-augment")
    model = parse_recipe(text, name).build_model()
    assert model.code_size == 10
    assert not model.uses_labels
    assert hasattr(model, "sample")
