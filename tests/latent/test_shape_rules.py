"""Rules of label maps: learnt from good ones, broken by damaged ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isthmus.core.errors import DataError
from isthmus.latent.shape_damage import DAMAGES
from isthmus.latent.shape_rules import ShapeRules
from support.rings import NAMES, ring_maps

MAPS = ring_maps(60)
RULES = ShapeRules.learn(MAPS, NAMES)


def kinds(labels: np.ndarray, rules: ShapeRules = RULES) -> list[str]:
    return [finding.kind for finding in rules.findings(labels)]


def test_the_rules_of_rings() -> None:
    assert RULES.pieces[1:].tolist() == [1, 1, 1]
    assert RULES.holes[1].tolist() == [0, 0, 1, 0]  # the ring holds the disc
    assert not RULES.holes[2:].any()
    assert RULES.apart[2].tolist() == [True, False, False, True]  # the disc meets the ring alone
    np.testing.assert_array_equal(RULES.apart, RULES.apart.T)
    assert np.argwhere(RULES.ring).tolist() == [[2, 1]]
    assert RULES.lacking.tolist() == [-1] * 4


def test_good_maps_keep_them() -> None:
    assert [found for labels in ring_maps(60, seed=1) for found in kinds(labels)] == []
    for labels in ring_maps(5, seed=1):
        np.testing.assert_array_equal(RULES.mended(labels), labels)


@pytest.mark.parametrize("kind", DAMAGES)
def test_each_damage_is_named(kind: str) -> None:
    random = np.random.default_rng(0)
    for labels in ring_maps(20, seed=2):
        damaged = DAMAGES[kind](random, labels, RULES)
        assert damaged is not None
        assert damaged.shape == labels.shape
        assert (damaged != labels).any()
        assert kind in kinds(damaged)


def test_sentences_name_the_structures() -> None:
    labels = MAPS[0].copy()
    labels[labels == 2] = 0
    assert [one.sentence for one in RULES.findings(labels)] == ["hole in ring", "no disc"]
    labels = MAPS[0].copy()
    labels[1, -3:] = 3
    assert [one.sentence for one in RULES.findings(labels)] == ["side in 2 pieces"]
    row = labels[np.argwhere(MAPS[0] == 2).mean(0).round().astype(int)[0]]
    row[row == 1] = 0
    found = {one.sentence for one in RULES.findings(labels)}
    assert found >= {"ring does not enclose disc", "disc touches background"}


def test_islands_and_holes_are_mended() -> None:
    random = np.random.default_rng(0)
    for labels in ring_maps(10, seed=3):
        for kind in ("hole", "island"):
            damaged = DAMAGES[kind](random, labels, RULES)
            assert damaged is not None
            mended = RULES.mended(damaged)
            assert kind not in kinds(mended)
            assert (mended != labels).sum() <= 0.2 * (damaged != labels).sum()


def test_a_structure_may_lack_where_others_are_small() -> None:
    """As the right ventricle does near the apex."""
    tips = MAPS[:20].copy()
    tips[tips == 3] = 0
    tips[:, ::2] = 0  # small
    rules = ShapeRules.learn(np.concatenate([MAPS, tips]), NAMES)
    assert rules.lacking[3] > 0
    assert "missing" not in kinds(tips[0], rules)
    large = MAPS[np.argmax((MAPS > 0).sum((1, 2)))].copy()
    large[large == 3] = 0
    assert "missing" in kinds(large, rules)


@settings(max_examples=30, deadline=None)
@given(
    arrays(np.int16, st.tuples(st.integers(1, 4), *[st.integers(1, 8)] * 2),
           elements=st.integers(0, 3))
)  # fmt: skip
def test_maps_keep_the_rules_learnt_from_them(maps: np.ndarray) -> None:
    rules = ShapeRules.learn(maps, NAMES)
    for labels in maps:
        assert rules.findings(labels) == []
        np.testing.assert_array_equal(rules.mended(labels), labels)


def test_no_map_no_rules() -> None:
    with pytest.raises(DataError, match="no label maps to learn"):
        ShapeRules.learn(MAPS[:0], NAMES)
