"""The class-encoder: codes of a class draw together, as the labels say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils import get_tags

import isthmus
from isthmus import Autoencoder
from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.models import ClassEncoder
from isthmus.training import Rows
from support.models import Array, digit_labels, likeness, quick

TRAINING: dict[str, Any] = {
    "code_size": 16,
    "epochs": 15,
    "batch_size": 64,
    "learning_rate": 3e-3,
    "random_state": 0,
}
NAMES = np.array("zero one two three four five six seven eight nine".split())


def scatter_ratio(codes: Array, labels: Array) -> float:
    """Squared distances within classes over those between the means of classes."""
    within = between = 0.0
    for label in np.unique(labels):
        members = codes[labels == label]
        within += np.square(members - members.mean(0)).sum()
        between += len(members) * np.square(members.mean(0) - codes.mean(0)).sum()
    return within / between


def classify(model: ClassEncoder, samples: Array) -> Array:
    """Classes by the head."""
    with torch.no_grad():
        scores = model.network_.classify(torch.from_numpy(model.transform(samples)))  # type: ignore[operator]
    return model.classes_[scores.argmax(1).numpy()]


# -- what it learns ---------------------------------------------------------------------------


def test_codes_of_a_class_draw_together(table: Array) -> None:
    labels = digit_labels()
    train, test, seen, held_out = table[:1400], table[1400:], labels[:1400], labels[1400:]
    plain = Autoencoder(**TRAINING).fit(train)
    model = ClassEncoder(**TRAINING).fit(train, seen)
    ratio = scatter_ratio(model.transform(test), held_out)
    assert ratio < 0.6 * scatter_ratio(plain.transform(test), held_out)
    # The reconstruction tends to the mean of the class.
    means = np.stack([train[seen == digit].mean(0) for digit in range(10)])
    restored = model.reconstruct(test)
    to_mean = np.square(restored - means[held_out]).sum(1).mean()
    assert to_mean < 0.3 * np.square(plain.reconstruct(test) - means[held_out]).sum(1).mean()
    assert to_mean < 0.3 * np.square(restored - test).sum(1).mean()
    # Labels that say nothing about the samples draw nothing together.
    order = np.random.default_rng(0).permutation(1400)
    shuffled = ClassEncoder(**TRAINING).fit(train, seen[order])
    assert scatter_ratio(shuffled.transform(test), held_out) > 2 * ratio


def test_with_a_classifier_on_the_code(table: Array) -> None:
    labels = digit_labels()
    train, test, seen, held_out = table[:1400], table[1400:], labels[:1400], labels[1400:]
    without = ClassEncoder(**TRAINING).fit(train, seen)
    model = ClassEncoder(classification_weight=1.0, **TRAINING).fit(train, seen)
    assert (classify(model, test) == held_out).mean() > 0.88
    ratio = scatter_ratio(model.transform(test), held_out)
    assert ratio < 0.9 * scatter_ratio(without.transform(test), held_out)
    losses = [row["train/classification"] for row in model.history_]
    assert losses[-1] < 0.3 * losses[0]
    assert "train/classification" not in without.history_[0]
    assert not hasattr(without.network_, "classify")
    restored = model.inverse_transform(model.transform(test))
    np.testing.assert_array_equal(restored, model.reconstruct(test))


def test_the_classifier_has_weights_of_its_own_seed(table: Array) -> None:
    labels = digit_labels()[:100]
    model = quick("class_encoder", epochs=0, classification_weight=1.0).fit(table[:100], labels)
    plain = quick("class_encoder", epochs=0).fit(table[:100], labels)
    np.testing.assert_array_equal(model.transform(table), plain.transform(table))
    head = model.network_.head.weight
    assert head.shape == (10, 32)
    assert likeness(head, plain.network_.encoder[0].weight) < 0.2
    again = quick("class_encoder", epochs=0, classification_weight=1.0).fit(table[:100], labels)
    assert torch.equal(again.network_.head.weight, head)
    np.testing.assert_array_equal(model.untrained().transform(table), model.transform(table))


def test_a_network_whose_decoder_sees_more_than_the_code(digits: Array) -> None:
    network = {"kind": "unet", "channels": [4]}
    model = quick("class_encoder", network=network, code_size=4, classification_weight=1.0)
    model.fit(digits[:100], digit_labels()[:100])
    assert model.reconstruct(digits[:10]).shape == (10, 8, 8)
    assert model.network_.head.in_features == 4 * 4 * 4


# -- labels -----------------------------------------------------------------------------------


def test_labels_are_needed(table: Array) -> None:
    assert get_tags(ClassEncoder()).target_tags.required
    with pytest.raises(DataError) as caught:
        ClassEncoder().fit(table)
    assert str(caught.value) == (
        "ClassEncoder needs labels: fit(X, y) requires y to be passed, but the target y is None;"
        " give the class of each sample (a recipe: data.labels)."
    )
    with pytest.raises(DataError, match="There are 9 labels for 50 samples; give one each"):
        ClassEncoder().fit(table[:50], digit_labels()[:9])


def test_names_of_classes_change_nothing(table: Array) -> None:
    """Digits by number, and by names that sort in the same order."""
    labels, names = digit_labels()[:300], np.array([f"digit {number}" for number in range(10)])
    by_number = quick("class_encoder", classification_weight=1.0).fit(table[:300], labels)
    by_name = quick("class_encoder", classification_weight=1.0).fit(table[:300], names[labels])
    objects = names[labels].astype(object)
    by_object = quick("class_encoder", classification_weight=1.0).fit(table[:300], objects)
    assert list(by_name.classes_) == list(names)
    for other in (by_name, by_object):
        np.testing.assert_array_equal(other.transform(table), by_number.transform(table))
        np.testing.assert_array_equal(
            classify(other, table[:50]), names[classify(by_number, table[:50])]
        )


def test_a_class_of_one_sample(table: Array) -> None:
    """It is its own partner; the others have partners as before."""
    labels = np.where(np.arange(300) == 17, 99, digit_labels()[:300])
    model = quick("class_encoder", classification_weight=1.0, epochs=5).fit(table[:300], labels)
    assert list(model.classes_) == [*range(10), 99]
    assert np.isfinite(model.transform(table)).all()
    alone = quick("class_encoder", epochs=30, learning_rate=1e-2)
    alone.fit(table[:10], np.arange(10))  # each is its own partner: a plain autoencoder
    plain = quick("autoencoder", epochs=30, learning_rate=1e-2).fit(table[:10])
    np.testing.assert_array_equal(alone.transform(table), plain.transform(table))


def test_labels_of_some_rows(table: Array) -> None:
    rows = np.random.default_rng(0).permutation(1797)[:300]
    labels = digit_labels()[rows]
    view = quick("class_encoder", patience=3).fit(Rows(table, rows), labels)
    copy = quick("class_encoder", patience=3).fit(table[rows], labels)
    np.testing.assert_array_equal(view.transform(table), copy.transform(table))


# -- validation -------------------------------------------------------------------------------


def test_validation_is_given_with_its_labels(table: Array) -> None:
    labels = digit_labels()
    model = quick("class_encoder", classification_weight=1.0, epochs=60, patience=2, batch_size=32)
    model.set_params(learning_rate=2e-2)
    model.fit(table[:200], labels[:200], validation=(table[1400:], labels[1400:]))
    losses = [row["validation/total"] for row in model.history_]
    assert len(losses) == int(np.argmin(losses)) + 3 < 60
    assert 0 < model.history_[-1]["validation/classification"]
    # Partners of held-out samples are the same in each epoch.
    frozen = quick("class_encoder", learning_rate=1e-12)
    frozen.fit(table[:200], labels[:200], validation=(table[1400:], labels[1400:]))
    assert len({row["validation/total"] for row in frozen.history_}) == 1
    assert len({row["train/total"] for row in frozen.history_}) == 3


def test_validation_without_labels_or_of_other_classes(table: Array) -> None:
    labels = digit_labels()
    model = quick("class_encoder")
    with pytest.raises(DataError, match=r"samples have none; give validation = \(X, y\)\.$"):
        model.fit(table[:200], labels[:200], validation=table[200:])
    few = labels < 9
    with pytest.raises(
        DataError, match=r"^The class 9 was not among those of the training samples; "
    ):
        model.fit(table[few], labels[few], validation=(table, labels))
    with pytest.raises(DataError, match=r"^The class 'nine' was not among those"):
        model.fit(table[few], NAMES[labels[few]], validation=(table, NAMES[labels]))


# -- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names", [NAMES, np.arange(10) * 3 - 7, np.arange(10) / 1.0, np.arange(10) > 4], ids=str
)
def test_classes_and_head_come_back(table: Array, tmp_path: Path, names: Array) -> None:
    labels = names[digit_labels()[:300]]
    model = quick("class_encoder", classification_weight=1.0).fit(table[:300], labels)
    model.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.classes_, model.classes_)
    assert loaded.classes_.dtype.kind == names.dtype.kind
    np.testing.assert_array_equal(classify(loaded, table), classify(model, table))
    np.testing.assert_array_equal(loaded.reconstruct(table), model.reconstruct(table))
    loaded.fit(table[:300], labels)
    np.testing.assert_array_equal(loaded.transform(table), model.transform(table))


@pytest.mark.parametrize(
    ("classes", "words"),
    [(None, "without naming them"), (["a"], "'network.head.bias' is F32 [10] where F32 [1]")],
)
def test_forged_classes(table: Array, tmp_path: Path, classes: Any, words: str) -> None:
    model = quick("class_encoder", classification_weight=1.0)
    model.fit(table[:300], digit_labels()[:300]).save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "classes": classes}))
    with pytest.raises(ModelFileError) as caught:
        isthmus.load(tmp_path / "model")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_negative_weight_is_refused(table: Array) -> None:
    with pytest.raises(SettingError, match=r"classification_weight: .*equal to 0, but it is -1"):
        quick("class_encoder", classification_weight=-1.0).fit(table, digit_labels())
