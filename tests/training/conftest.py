"""Fixtures of the training tests."""

from __future__ import annotations

import pytest

from support.trainings import COUNT, Setup


@pytest.fixture
def setup(digits):
    """A small training on real digits."""
    return Setup(digits[:COUNT])
