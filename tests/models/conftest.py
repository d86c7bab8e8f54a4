"""Fixtures of the model tests."""

from __future__ import annotations

import pytest

from support.models import KINDS, Array


@pytest.fixture
def table(digits: Array) -> Array:
    return digits.reshape(len(digits), -1)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)
