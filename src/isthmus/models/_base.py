"""The registry of estimators."""

from __future__ import annotations

from typing import Any

from isthmus.core.registry import Registry

MODELS: Registry[Any] = Registry("model")
