"""The stacked autoencoder in use: classifiers on its codes, files, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import get_tags

import isthmus
from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.models import StackedAutoencoder
from isthmus.training import Observer
from support.models import Array, digit_labels, likeness
from support.trainings import same_weights

SETTINGS: dict[str, Any] = {
    "network": {"kind": "dense", "hidden_sizes": [24]},
    "code_size": 8,
    "pretraining_epochs": 2,
    "epochs": 1,
    "classifier_epochs": 2,
    "batch_size": 50,
    "learning_rate": 1e-2,
    "random_state": 0,
}
NAMES = np.array("zero one two three four five six seven eight nine".split())
FEW = 300


def stacked(**settings: Any) -> StackedAutoencoder:
    return StackedAutoencoder(**{**SETTINGS, **settings})


@pytest.fixture
def fitted(table: Array) -> StackedAutoencoder:
    return stacked().fit(table[:FEW], digit_labels()[:FEW])


# -- the softmax layer ------------------------------------------------------------------------


def test_it_beats_chance_and_untrained_codes(table: Array) -> None:
    labels = digit_labels()
    train, test, seen, held_out = table[:1400], table[1400:], labels[:1400], labels[1400:]
    model = stacked(pretraining_epochs=6, epochs=6, classifier_epochs=10).fit(train, seen)
    logistic = LogisticRegression(max_iter=500)
    untrained = stacked(pretraining_epochs=0, epochs=0, classifier=logistic).fit(train, seen)
    pretrained = stacked(pretraining_epochs=6, epochs=6, classifier=logistic).fit(train, seen)
    assert model.score(test, held_out) > 0.85
    assert pretrained.score(test, held_out) > untrained.score(test, held_out) + 0.05
    assert model.score(test, held_out) > untrained.score(test, held_out) + 0.1
    assert model.score(train, seen) > 0.95
    assert model.score(test, held_out) == accuracy_score(held_out, model.predict(test))


def test_probabilities_are_the_softmax_of_the_head(table: Array, fitted: Any) -> None:
    network = fitted.classifier_network_
    state = {name: weight.double().numpy() for name, weight in network.state_dict().items()}
    h = table.astype(np.float64)
    h = np.maximum(h @ state["network.encoder.0.weight"].T + state["network.encoder.0.bias"], 0)
    h = h @ state["network.encoder.2.weight"].T + state["network.encoder.2.bias"]
    scores = np.exp(h @ state["head.weight"].T + state["head.bias"])
    expected = scores / scores.sum(1, keepdims=True)
    probabilities = fitted.predict_proba(table)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(fitted.predict(table), probabilities.argmax(1))


def test_the_classifier_trains_a_copy_of_the_encoder(table: Array) -> None:
    samples, labels = table[:FEW], digit_labels()[:FEW]
    none = stacked(classifier_epochs=0).fit(samples, labels)
    some = stacked(classifier_epochs=2).fit(samples, labels)
    np.testing.assert_array_equal(some.transform(table), none.transform(table))
    np.testing.assert_array_equal(some.reconstruct(table), none.reconstruct(table))
    np.testing.assert_array_equal(
        some.transform(table), stacked().fit(samples).transform(table)
    )  # labels change nothing in what was trained without them
    assert same_weights(none.classifier_network_.network.encoder, none.network_.encoder)
    ours, whole = some.classifier_network_.network.encoder, some.network_.encoder
    assert not torch.equal(ours[0].weight, whole[0].weight)
    heads = [model.classifier_network_.head.weight for model in (none, some)]
    assert not torch.equal(*heads)
    untrained = stacked(pretraining_epochs=0, epochs=0, classifier_epochs=0).fit(samples, labels)
    assert likeness(heads[0], untrained.network_.encoder[0].weight) < 0.4  # 80 numbers


def test_the_classifiers_learning_rate(table: Array) -> None:
    samples, labels = table[:FEW], digit_labels()[:FEW]
    model = stacked(classifier_learning_rate=2e-3).fit(samples, labels)
    rates = {row["phase"]: row["learning_rate"] for row in model.history_}
    assert rates == {1: 1e-2, 2: 1e-2, 3: 1e-2, 4: 2e-3}
    plain = stacked().fit(samples, labels)
    assert {row["learning_rate"] for row in plain.history_} == {1e-2}


def test_names_of_classes(table: Array) -> None:
    labels, names = digit_labels()[:FEW], np.array([f"digit {number}" for number in range(10)])
    by_number = stacked().fit(table[:FEW], labels)
    by_name = stacked().fit(table[:FEW], names[labels])
    np.testing.assert_array_equal(by_name.predict(table), names[by_number.predict(table)])
    assert by_name.score(table[:FEW], names[labels]) == by_number.score(table[:FEW], labels)
    np.testing.assert_array_equal(by_name.predict_proba(table), by_number.predict_proba(table))


def test_score_without_labels_is_minus_the_error(table: Array, fitted: Any) -> None:
    assert not get_tags(fitted).target_tags.required
    error = np.square(fitted.reconstruct(table) - table).sum(1).mean()
    assert fitted.score(table) == pytest.approx(-error, rel=1e-4)
    unclassified = stacked(classifier=None).fit(table[:FEW], digit_labels()[:FEW])
    assert unclassified.score(table, digit_labels()) == pytest.approx(-error, rel=1e-4)


# -- classifiers of scikit-learn --------------------------------------------------------------


@pytest.mark.parametrize(
    ("classifier", "probabilities"),
    [
        (LogisticRegression(max_iter=500), True),
        (KNeighborsClassifier(3), True),
        (SVC(), False),
        (LinearSVC(), False),
        (make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=500)), True),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_classifier_takes_the_codes_as_they_are(
    table: Array, classifier: Any, probabilities: bool
) -> None:
    names = NAMES[digit_labels()]
    model = stacked(classifier=classifier).fit(table[:FEW], names[:FEW])
    by_hand = clone(classifier).fit(model.transform(table[:FEW]), names[:FEW])
    codes = model.transform(table)
    np.testing.assert_array_equal(model.predict(table), by_hand.predict(codes))
    assert model.score(table, names) > 0.25  # by chance 0.1
    assert list(model.classes_) == sorted(NAMES)
    with pytest.raises(NotFittedError):  # the one that was given stays as it is
        classifier.predict(codes)
    assert hasattr(model, "predict_proba") == probabilities
    if probabilities:
        np.testing.assert_array_equal(model.predict_proba(table), by_hand.predict_proba(codes))
    else:
        with pytest.raises(AttributeError, match="has no attribute 'predict_proba'"):
            model.predict_proba(table)
    assert not hasattr(model, "classifier_network_")
    assert {row["phase"] for row in model.history_} == {1, 2, 3}
    # Frames are for those who asked for them.
    model.set_output(transform="pandas")
    np.testing.assert_array_equal(model.predict(table), by_hand.predict(codes))


def test_in_the_company_of_scikit_learn(table: Array) -> None:
    labels = digit_labels()[:FEW]
    search = GridSearchCV(stacked(classifier=SVC()), {"classifier__C": [1e-3, 10.0]}, cv=2)
    search.fit(table[:FEW], labels)
    assert search.best_params_ == {"classifier__C": 10.0}
    assert search.best_estimator_.classifier_.C == 10.0
    pipeline = make_pipeline(stacked(classifier=None), LogisticRegression(max_iter=500))
    assert cross_val_score(pipeline, table[:FEW], labels, cv=2).mean() > 0.2
    assert cross_val_score(stacked(), table[:FEW], labels, cv=2, scoring="neg_log_loss").all()


# -- without a classifier ---------------------------------------------------------------------


@pytest.mark.parametrize(("classifier", "labelled"), [(None, True), (None, False), ("softmax", 0)])
def test_without_a_classifier(table: Array, tmp_path: Path, classifier: Any, labelled: Any) -> None:
    labels = digit_labels()[:FEW] if labelled else None
    model = stacked(classifier=classifier).fit(table[:FEW], labels)
    assert model.transform(table).shape == (1797, 8)
    model.save(tmp_path / "model")
    for one in (model, isthmus.load(tmp_path / "model")):
        with pytest.raises(DataError) as caught:
            one.predict(table)
        assert str(caught.value) == (
            "This model has no classifier: it was fitted without labels, or with classifier = None;"
            " give the class of each sample to fit(X, y)."
        )
        assert hasattr(one, "predict_proba") == (classifier == "softmax")
        np.testing.assert_array_equal(one.transform(table), model.transform(table))


def test_a_new_fit_forgets_the_old_classifier(table: Array, tmp_path: Path) -> None:
    samples, labels = table[:FEW], digit_labels()[:FEW]
    model = stacked().fit(samples, labels)
    model.set_params(classifier=SVC()).fit(samples, labels)
    assert not hasattr(model, "classifier_network_")
    model.set_params(classifier="softmax").fit(samples, labels < 5)
    assert not hasattr(model, "classifier_")
    assert set(model.predict(table)) == {False, True}
    model.fit(samples)
    assert not hasattr(model, "classes_")
    with pytest.raises(DataError, match="has no classifier"):
        model.predict(table)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(
        isthmus.load(tmp_path / "model").transform(table), model.transform(table)
    )


@pytest.mark.parametrize("use", ["predict", "predict_proba", "transform", "reconstruct", "score"])
def test_unfitted(table: Array, use: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(stacked(), use)(table)


def test_unfitted_is_not_saved(tmp_path: Path) -> None:
    for classifier in ("softmax", SVC()):
        with pytest.raises(NotFittedError):
            stacked(classifier=classifier).save(tmp_path / "model")


# -- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("names", [NAMES, np.arange(10) - 3, np.arange(10) > 4], ids=str)
def test_saved_and_loaded(table: Array, tmp_path: Path, names: Array, tied: bool) -> None:
    network = {**SETTINGS["network"], "tied": tied}
    model = stacked(network=network).fit(table[:FEW], names[digit_labels()[:FEW]])
    model.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    assert isinstance(loaded, StackedAutoencoder)
    assert list(loaded.classes_) == list(model.classes_)
    assert loaded.classes_.dtype.kind == names.dtype.kind
    np.testing.assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))
    np.testing.assert_array_equal(loaded.predict(table), model.predict(table))
    np.testing.assert_array_equal(loaded.transform(table), model.transform(table))
    np.testing.assert_array_equal(loaded.reconstruct(table), model.reconstruct(table))
    assert loaded.history_ == model.history_
    loaded.fit(table[:FEW], names[digit_labels()[:FEW]])
    np.testing.assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))


@pytest.mark.parametrize("labelled", [True, False])
def test_a_classifier_of_scikit_learn_is_not_saved(
    table: Array, tmp_path: Path, labelled: bool
) -> None:
    model = stacked(classifier=SVC()).fit(table[:FEW], digit_labels()[:FEW] if labelled else None)
    with pytest.raises(SettingError) as caught:
        model.save(tmp_path / "model")
    assert str(caught.value) == (
        "A SVC of scikit-learn is not saved, since nothing is ever pickled; use"
        " classifier = 'softmax', or classifier = None and fit one to the codes anew."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": None}, "'classifier.head.bias' is F32 [10] where nothing belongs"),
        ({"classes": ["a", "b"]}, "'classifier.head.bias' is F32 [10] where F32 [2] belongs"),
        ({"classes": [[1]]}, "classes"),
        ({"parameters": {"classifier": None}}, "'classifier.head.bias' is F32 [10] where nothing"),
        ({"parameters": {"classifier": "os.system"}}, "classifier"),
    ],
)
def test_forged_documents(
    fitted: StackedAutoencoder, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    document = json.loads(path.read_text())
    parameters = {**document["parameters"], **change.get("parameters", {})}
    path.write_text(json.dumps({**document, **change, "parameters": parameters}))
    with pytest.raises(ModelFileError) as caught:
        isthmus.load(tmp_path / "model")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# -- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classifier": "svm"}, r"StackedAutoencoder: classifier: .*'softmax', but it is 'svm'\.$"),
        ({"classifier": SVC}, r"StackedAutoencoder: classifier: "),
        ({"pretraining_epochs": -1}, r"pretraining_epochs: .*it is -1\.$"),
        ({"classifier_epochs": 1.5}, r"classifier_epochs: .*it is 1\.5\.$"),
        ({"classifier_learning_rate": 0.0}, r"classifier_learning_rate: .*it is 0\.0\.$"),
    ],
)
def test_bad_settings(table: Array, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words) as caught:
        stacked(**settings).fit(table[:50])
    assert "\n" not in str(caught.value)


def test_untrained_it_has_an_untrained_classifier(table: Array, fitted: Any) -> None:
    labels = digit_labels()[FEW:]
    before = stacked(pretraining_epochs=0, epochs=0, classifier_epochs=0)
    before.fit(table[:FEW], digit_labels()[:FEW])
    twin = fitted.untrained()
    assert same_weights(twin.classifier_network_, before.classifier_network_)
    assert twin.score(table[FEW:], labels) < fitted.score(table[FEW:], labels) - 0.2
    neighbours = stacked(classifier=KNeighborsClassifier()).fit(table[:FEW], digit_labels()[:FEW])
    with pytest.raises(DataError, match="no classifier"):
        neighbours.untrained().predict(table)


def test_a_corruption_that_does_not_fit_the_codes_is_refused_before_any_layer(
    table: Array,
) -> None:
    noise = {"kind": "gaussian", "sigma": 0.1, "clip": True}
    network = {"kind": "dense", "hidden_sizes": [24], "activation": "silu"}
    begun: list[object] = []

    class Told(Observer):
        def stepped(self, state: Any) -> None:
            begun.append(state)

    with pytest.raises(SettingError) as caught:
        stacked(corruption=noise, network=network).fit(table / 2, observer=Told())
    assert not begun
    assert str(caught.value) == (
        "The corruption 'gaussian' needs values from 0 to 1, but every layer's codes are corrupted"
        " too, and units with the activation 'silu' go from -0.2785 to inf; use 'sigmoid' units, or"
        " another corruption, or clip = false where it has that."
    )
    stacked(corruption={**noise, "clip": False}, network=network).fit(table)
