"""The worked numeric examples of the lecture notes, and how results are held against them.

`worked_examples.json` is a copy of the project's list. Expected values are those under
``correct``, within the example's own tolerance unless a test says otherwise; what the notes print
wrongly must be told apart from it. Our classes do the work wherever one of them does that step.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from isthmus.networks import Network

Example = dict[str, Any]
EXAMPLES: dict[str, Example] = {
    example["id"]: example
    for example in json.loads(
        (Path(__file__).parents[1] / "worked_examples.json").read_text(encoding="utf-8")
    )["examples"]
}


def example(*ids: str) -> Callable[[Any], Any]:
    """Mark a test as that of these examples; it gets each as ``example``."""
    return pytest.mark.parametrize("example", [EXAMPLES[id_] for id_ in ids], ids=ids)


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def image(values: Any) -> Tensor:
    """As a batch of one image of one channel, or as a kernel between single channels."""
    return tensor(values)[None, None]


def close(actual: Any, expected: Any, example: Example) -> None:
    actual = torch.as_tensor(actual, dtype=torch.float64).detach()
    torch.testing.assert_close(actual, tensor(expected), rtol=0, atol=example["tolerance"])


def differs(actual: Tensor, other: Any, example: Example) -> None:
    """Be told apart from a wrong answer."""
    other = tensor(other)
    assert actual.shape != other.shape or (actual - other).abs().max() > 100 * example["tolerance"]


def with_weights(network: Network, **weights: Any) -> Network:
    """A float64 network with these weights, dots written as two underscores; others are 0."""
    network = network.double()
    state = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    given = {name.replace("__", "."): tensor(value) for name, value in weights.items()}
    assert given.keys() <= state.keys()
    network.load_state_dict(state | given)
    return network
