"""The conditional variational autoencoder: the class is told to the decoder, not in the code."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.utils import get_tags

import isthmus
from isthmus.core.errors import DataError, SettingError
from isthmus.data import DataSet
from isthmus.models import Autoencoder, VariationalAutoencoder
from isthmus.networks import build_network
from isthmus.networks.conditional import Conditional
from isthmus.recipes.inputs import given_class, told
from isthmus.recipes.scoring import evaluate
from support.models import Array, digit_labels

DENSE = {"kind": "dense", "hidden_sizes": [48], "output_activation": "sigmoid"}
SEEN, UNSEEN = slice(0, 1400), slice(1400, None)


def variational(**settings: Any) -> VariationalAutoencoder:
    common = {"code_size": 4, "network": DENSE, "loss": "binary_cross_entropy", "epochs": 30}
    quick = {"learning_rate": 1e-2, "batch_size": 64, "random_state": 0}
    return VariationalAutoencoder(**{**common, **quick, **settings})


@cache
def _fitted(conditional: bool) -> VariationalAutoencoder:
    images = (load_digits().images / 16).astype(np.float32)
    return variational(conditional=conditional).fit(images[SEEN], digit_labels()[SEEN])


@pytest.fixture
def fitted() -> VariationalAutoencoder:
    return _fitted(True)


def test_what_the_class_tells_is_not_in_the_code(
    fitted: VariationalAutoencoder, digits: Array
) -> None:
    labels, plain = digit_labels(), _fitted(False)
    told_more = fitted.log_likelihood(digits[UNSEEN], labels[UNSEEN], samples=50)
    told_less = plain.log_likelihood(digits[UNSEEN], samples=50)
    assert told_more.mean() > told_less.mean() + 1  # at most log 10 = 2.3 nats can be told
    assert told_more.mean() < told_less.mean() + np.log(10) + 0.5
    wrong = fitted.log_likelihood(digits[UNSEEN], (labels[UNSEEN] + 1) % 10, samples=50)
    assert wrong.mean() < told_more.mean() - 5
    probes = [
        LogisticRegression(max_iter=500)
        .fit(model.transform(digits[SEEN]), labels[SEEN])
        .score(model.transform(digits[UNSEEN]), labels[UNSEEN])
        for model in (fitted, plain)
    ]
    assert probes[0] < probes[1] - 0.15


def test_samples_are_of_the_class_that_is_asked_for(
    fitted: VariationalAutoencoder, digits: Array
) -> None:
    judge = LogisticRegression(max_iter=500).fit(digits.reshape(len(digits), -1), digit_labels())
    for digit in range(10):
        drawn = fitted.given(digit).sample(50).reshape(50, -1)
        assert (judge.predict(drawn) == digit).mean() > 0.8
    with pytest.raises(DataError, match="must be told the class of what it decodes; give labels"):
        fitted.sample(3)


def test_classes_one_by_one_or_all_at_once(fitted: VariationalAutoencoder, digits: Array) -> None:
    labels = digit_labels()[:40]
    together = fitted.reconstruct(digits[:40], labels)
    for place in (0, 7, 39):
        alone = fitted.given(labels[place]).reconstruct(digits[[place]])
        np.testing.assert_allclose(together[[place]], alone, atol=1e-6)
    decoded = fitted.inverse_transform(fitted.transform(digits[:40]), labels)
    np.testing.assert_allclose(decoded, together, atol=1e-6)
    errors = np.square(together - digits[:40]).sum((1, 2))
    np.testing.assert_allclose(-fitted.score_samples(digits[:40], labels), errors, rtol=1e-4)
    assert fitted.score(digits[:40], labels) == pytest.approx(-errors.mean(), rel=1e-4)
    drawn = fitted.reconstruct(digits[:40], labels, sample=True)
    assert not np.allclose(drawn, together, atol=0.01)


def test_training_tells_each_sample_its_own_class(digits: Array) -> None:
    """With shuffled labels nothing is gained."""
    labels = np.random.default_rng(0).permutation(digit_labels())
    shuffled = variational(conditional=True, epochs=10).fit(digits[SEEN], labels[SEEN])
    right = variational(conditional=True, epochs=10).fit(digits[SEEN], digit_labels()[SEEN])
    ends = [model.history_[-1]["train/total"] for model in (right, shuffled)]
    assert ends[0] < ends[1] - 1


def test_the_importance_weighted_bound_tells_classes_too(digits: Array) -> None:
    settings: dict[str, Any] = {"conditional": True, "importance_samples": 4, "epochs": 6}
    model = variational(**settings).fit(digits[SEEN], digit_labels()[SEEN])
    found = model.log_likelihood(digits[UNSEEN], digit_labels()[UNSEEN], samples=20).mean()
    wrong = model.log_likelihood(digits[UNSEEN], np.roll(digit_labels()[UNSEEN], 1), samples=20)
    assert found > wrong.mean() + 1


@pytest.mark.parametrize("code_size", [5, (2, 2, 2)])
def test_the_class_stands_beside_codes_and_maps(code_size: Any) -> None:
    spec = {"kind": "convolutional", "channels": [4, 4], "code_activation": "gaussian"}
    wider = 8 if isinstance(code_size, int) else (5, 2, 2)
    decoder = build_network(spec, (8, 8), wider, seed=1)
    network = Conditional(build_network(spec, (8, 8), code_size, seed=0), decoder)
    code = torch.zeros(6, *network.code_shape)
    each = network.given(torch.tensor([0, 1, 2])).logits(code)
    for label in range(3):
        alone = network.given(torch.tensor(label)).logits(code[:2])
        torch.testing.assert_close(each[2 * label : 2 * label + 2], alone)
        told = torch.zeros(1, 3, *network.code_shape[1:])
        told[:, label] = 1
        torch.testing.assert_close(alone[:1], decoder.logits(torch.cat([code[:1], told], 1)))
    used = {name for name, _ in network.named_parameters()}
    assert not any(name.startswith(("decoder.encoder", "encoder.decoder")) for name in used)


def test_saved_and_loaded(fitted: VariationalAutoencoder, digits: Array, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.given(3).sample(4), fitted.given(3).sample(4))
    labels = digit_labels()[:9]
    untrained = loaded.untrained().reconstruct(digits[:9], labels)
    assert not np.allclose(untrained, loaded.reconstruct(digits[:9], labels), atol=0.1)


def test_an_evaluation_tells_classes(fitted: VariationalAutoencoder, digits: Array) -> None:
    names = tuple("0123456789")
    test = DataSet("digits", digits[UNSEEN], digit_labels()[UNSEEN], names)
    train = DataSet("digits", digits[SEEN], digit_labels()[SEEN], names)
    table = evaluate(fitted, train, test).table()
    errors = {method: table[method]["squared_error"].mean for method in table}
    assert errors["model"] < 0.7 * errors["mean sample"]
    assert errors["model"] < errors["untrained network"]


# -- classes that are missing or unknown ------------------------------------------------------


def test_labels_are_needed(digits: Array) -> None:
    assert get_tags(variational(conditional=True)).target_tags.required
    assert not get_tags(variational()).target_tags.required
    with pytest.raises(DataError, match="VariationalAutoencoder needs labels"):
        variational(conditional=True).fit(digits[:20])


def test_what_makes_no_sense_is_refused(fitted: VariationalAutoencoder, digits: Array) -> None:
    with pytest.raises(DataError, match="must be told the class"):
        fitted.reconstruct(digits[:3])
    with pytest.raises(DataError, match="There are 2 labels for 3 samples"):
        fitted.reconstruct(digits[:3], [1, 2])
    with pytest.raises(DataError, match="The class 12 was not among those"):
        fitted.given(12)
    with pytest.raises(SettingError, match="train one with conditional = true"):
        _fitted(False).given(3)
    np.testing.assert_array_equal(  # as everywhere, a model that needs no labels ignores them
        _fitted(False).reconstruct(digits[:3], [1, 2, 3]), _fitted(False).reconstruct(digits[:3])
    )


def test_classes_of_other_data_are_told_by_name(
    fitted: VariationalAutoencoder, digits: Array
) -> None:
    model = copy.copy(fitted)
    model.data_ = {**fitted.data_, "class_names": tuple("0123456789")}
    some = DataSet("others", digits[:4], np.array([0, 1, 1, 0]), ("3", "8"))
    np.testing.assert_array_equal(told(model, some)[1], [3, 8, 8, 3])
    with pytest.raises(DataError, match=r"knows no class 'nine'.*its classes are 0, 1, 2"):
        told(model, DataSet("others", digits[:1], np.array([0]), ("nine",)))
    with pytest.raises(DataError, match="others has no classes, but this model's decoder must be"):
        told(model, DataSet("others", digits[:1]))
    assert told(Autoencoder(), some)[0] is some.samples
    drawn = given_class(model, "8").sample(2)
    np.testing.assert_array_equal(drawn, fitted.given(8).sample(2))
    with pytest.raises(SettingError, match="must be told a class: give --class, one of 0, 1"):
        given_class(model, None)
    with pytest.raises(SettingError, match="not told classes; leave out --class"):
        given_class(_fitted(False), "8")
