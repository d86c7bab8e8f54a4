"""Two segmenters, one after the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder, Cascade, Segmenter
from isthmus.core.errors import DataError, ModelFileError, SettingError
from isthmus.metrics import overlap_counts
from isthmus.models._cascade import Roles, box_around
from isthmus.networks import count_parameters
from isthmus.training import Checkpoints, Observer
from support.organs import NAMES, STAGE, fitted, organs

Array = np.ndarray[Any, Any]
QUICK = {**STAGE, "epochs": 1, "patches": 8}


def test_it_finds_lesions_in_the_organ_and_nowhere_else() -> None:
    images, maps = organs(12, seed=1)
    found = fitted().predict(images)
    for label in (1, 2):
        pairs = [(one == label, other == label) for one, other in zip(found, maps, strict=True)]
        whole = overlap_counts(*(np.stack(part) for part in zip(*pairs, strict=True)))
        assert whole.dice > 0.85
    for one, other in zip(found, maps, strict=True):
        if not other.any():  # bright spots alone
            assert not one.any()


def test_probabilities_follow_from_both_networks() -> None:
    images, _ = organs(6, seed=1)
    model = fitted()
    for image, p in zip(images, model.predict_proba(images), strict=True):
        assert p.shape == (3, *image.shape)
        np.testing.assert_allclose(p.sum(0), 1, atol=1e-5)
        assert p.min() >= 0
        (of_first,) = model.first_.predict_proba([image])
        organ = of_first.argmax(0) == 1
        np.testing.assert_array_equal(p.argmax(0) > 0, organ & (p.argmax(0) > 0))
        np.testing.assert_array_equal(p[2][~organ], 0)
        if organ.sum() > 20:
            rows, columns = box_around(organ, np.full(4, 0.1))
            (of_second,) = model.second_.predict_proba([image[rows, columns]])
            inside = organ[rows, columns]
            np.testing.assert_array_equal(p[2, rows, columns][inside], of_second[1][inside])


def test_without_an_organ_there_is_no_lesion() -> None:
    nothing = np.full((33, 47), 25, np.uint8)
    (p,) = fitted().predict_proba([nothing])
    assert not p.argmax(0).any()
    assert not p[2].any()


def test_the_same_seed_gives_the_same_and_a_saved_one_too(tmp_path: Path) -> None:
    images, maps = organs(8)
    given: dict[str, Any] = {"first": {**QUICK, "size": 20}, "second": QUICK, "random_state": 3}
    one, other = (Cascade(**given).fit(images, maps) for _ in range(2))
    one.save(tmp_path / "model")
    again = isthmus.load(tmp_path / "model")
    again.save(tmp_path / "copy")
    for model in (other, again, isthmus.load(tmp_path / "copy")):
        for p, q in zip(one.predict_proba(images), model.predict_proba(images), strict=True):
            np.testing.assert_array_equal(p, q)
    assert again.parameters_ == one.parameters_
    assert again.history_ == one.history_
    assert [row["phase"] for row in one.history_] == [1, 2]
    networks = (one.first_.network_, one.second_.network_)
    assert count_parameters(one.network_) == sum(map(count_parameters, networks))


def test_damaged_documents_are_refused(tmp_path: Path) -> None:
    fitted().save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    whole = json.loads(path.read_text())
    for change, words in [
        ({"first": None}, "data.first"),
        ({"second": {**whole["data"]["second"], "kind": "autoencoder"}}, "no label maps"),
        ({"class_names": ["a", "b"]}, "does not fit|cannot be used"),
    ]:
        path.write_text(json.dumps({**whole, "data": {**whole["data"], **change}}))
        with pytest.raises(ModelFileError, match=words):
            isthmus.load(tmp_path / "model")


def test_a_training_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    images, maps = organs(8)
    given: dict[str, Any] = {
        "first": {**QUICK, "size": 20},
        "second": {**QUICK, "epochs": 2},
        "random_state": 0,
    }

    class Stop(Observer):
        def epoch_ended(self, row: dict[str, float]) -> None:
            if row["epoch"] == 2:
                raise KeyboardInterrupt

    whole = Cascade(**given).fit(images, maps)
    kept = Checkpoints(tmp_path, seconds=0)
    with pytest.raises(KeyboardInterrupt):
        Cascade(**given).fit(images, maps, checkpoints=kept, observer=Stop())
    resumed = Cascade(**given).fit(images, maps, checkpoints=kept)
    for p, q in zip(whole.predict_proba(images), resumed.predict_proba(images), strict=True):
        np.testing.assert_array_equal(p, q)


def test_any_two_segmenters(tmp_path: Path) -> None:
    """Of runs: the first knows an organ that the data do not name; the second is cascaded as is."""
    images, maps = organs(8)
    model = fitted()
    together = Cascade.of(model.first_, model.second_)
    assert together.data_["class_names"] == list(NAMES)
    for one, other in zip(together.predict(images), model.predict(images), strict=True):
        np.testing.assert_array_equal(one, other)
    model.first_.save(tmp_path / "organ")
    model.second_.save(tmp_path / "lesion")
    runs = Cascade(first=str(tmp_path / "organ"), second=str(tmp_path / "lesion"))
    lesions_only = [(one == 2).astype(np.int16) for one in maps]
    runs.fit(images, lesions_only, class_names=("background", "lesion"))
    assert (runs.history_, runs.knows_organs) == ([], False)
    runs.save(tmp_path / "both")
    for found in (runs, isthmus.load(tmp_path / "both")):
        for one, other in zip(found.predict(images), model.predict(images), strict=True):
            np.testing.assert_array_equal(one, other == 2)
        full = found.in_full()
        assert full.involvement == {"part": ["lesion"], "whole": ["organ", "lesion"]}
        for one, other in zip(full.predict(images), model.predict(images), strict=True):
            np.testing.assert_array_equal(one, other)
    half = Cascade(first=str(tmp_path / "organ"), second=QUICK, random_state=0)
    half.fit(images, lesions_only, class_names=("background", "lesion"))
    assert len(half.history_) == 1


def test_lesions_belong_to_the_side_they_lie_in() -> None:
    names = ("background", "right", "left", "glass", "core")
    roles = Roles.of(names, (), ("glass", "core"), None)
    labels = np.array([[0, 1, 3, 1, 0, 2, 4, 2, -1]], np.int16)
    assert roles.for_first(labels).tolist() == [[0, 1, 1, 1, 0, 2, 2, 2, -1]]
    assert roles.for_second(labels).tolist() == [[0, 0, 1, 0, 0, 0, 2, 0, -1]]
    muscle = Roles.of(("background", "fat", "dense", "muscle"), ("fat",), ("dense",), None)
    labels = np.array([[0, 1, 2, 3]], np.int16)
    assert muscle.for_first(labels).tolist() == [[0, 1, 1, 2]]
    assert muscle.organ_places == [1]


def test_boxes_have_margins_and_stay_inside() -> None:
    organ = np.zeros((20, 30), bool)
    organ[5:15, 0:10] = True
    assert box_around(organ, np.zeros(4)) == (slice(5, 15), slice(0, 10))
    assert box_around(organ, np.array([0.1, 0.2, 0.3, 9])) == (slice(4, 17), slice(0, 30))


def test_what_is_refused(tmp_path: Path) -> None:
    images, maps = organs(8)
    given: dict[str, Any] = {"first": QUICK, "second": QUICK}

    def refuse(
        words: str, kind: type[Exception] = SettingError, y: Any = maps, **more: Any
    ) -> None:
        with pytest.raises(kind, match=words):
            Cascade(**{**given, **more}).fit(images, y, class_names=NAMES)

    refuse(r"lesions names 'lesio' \(did you mean 'lesion'", lesions=("lesio",))
    refuse("organs names 'lung'.*organ", organs=("lung",))
    refuse("have no organ in which", lesions=("organ", "lesion"))
    refuse("'autoencoder' gives no label maps", first="autoencoder")
    refuse("holds no model", ModelFileError, first=str(tmp_path / "no"))
    refuse("No image has an organ \\(organ\\)", DataError, y=[0 * one for one in maps])
    refuse("margin", margin=-0.1)
    Autoencoder(code_size=2, epochs=0).fit(np.ones((4, 6), np.float32)).save(tmp_path / "ae")
    refuse("gives no label maps", second=str(tmp_path / "ae"))
    grey, colour = fitted().first_, Segmenter(STAGE["network"], code_size=8, epochs=0)
    colour.fit([np.stack([one] * 3) for one in images], maps)
    with pytest.raises(SettingError, match="1 channels, the second of 3"):
        Cascade.of(grey, colour)
