"""Whole numbers as bytes: back exactly, near the entropy, and garbage refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy as shannon

from isthmus.core.errors import DataError, SettingError
from isthmus.latent.entropy import decode, encode, pack, unpack

pytest.importorskip("constriction")
WHOLE = st.integers(-(2**31), 2**31 - 1)
GROUPS = st.lists(
    st.one_of(
        arrays(np.int32, st.integers(0, 30), elements=st.integers(-3, 3)),
        arrays(np.int32, st.integers(0, 10), elements=WHOLE),
    ),
    min_size=1,
    max_size=5,
)


@given(GROUPS)
def test_all_numbers_come_back(groups: list[Any]) -> None:
    found = unpack(pack(groups), [len(group) for group in groups])
    for one, other in zip(found, groups, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_length_is_near_the_entropy() -> None:
    generator = np.random.default_rng(0)
    groups = [generator.binomial(30, p, 50_000).astype(np.int32) for p in (0.02, 0.3, 0.5)]
    bits = sum(len(g) * shannon(np.bincount(g), base=2) for g in groups)
    assert bits <= 8 * len(pack(groups)) < 1.01 * bits


def test_one_value_alone_costs_nothing() -> None:
    assert len(pack([np.full(10_000, 7, np.int32)])) < 40
    assert encode([np.zeros(9, np.int32)], [np.array([9])]) == b""
    assert decode(b"", [np.array([9])], [9])[0].tolist() == [0] * 9


@given(st.binary(max_size=60), st.lists(st.integers(0, 20), min_size=1, max_size=3))
def test_garbage_is_refused_or_gives_as_many_numbers(content: bytes, sizes: list[int]) -> None:
    try:
        found = unpack(content, sizes)
    except DataError:
        return
    assert [len(group) for group in found] == sizes


@given(st.data())
def test_a_changed_byte_is_refused_or_gives_as_many_numbers(data: st.DataObject) -> None:
    content = bytearray(pack([np.arange(20, dtype=np.int32) % 5, np.zeros(3, np.int32)]))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = unpack(bytes(content), [20, 3])
    except DataError:
        return
    assert [len(group) for group in found] == [20, 3]


def test_without_the_library_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(SettingError, match=r"pip install 'isthmus\[codec\]'"):
        pack([np.arange(3, dtype=np.int32)])
