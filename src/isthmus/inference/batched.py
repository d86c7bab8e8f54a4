"""A function of tensors over more samples than fit at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def in_batches(
    function: Callable[[Tensor], Tensor], batches: Iterable[Tensor]
) -> NDArray[np.float32]:
    """Results of `function` for all batches, joined along the first axis, as a float32 array.

    No gradients are kept.
    """
    with torch.inference_mode():
        results = [function(batch).float().cpu().numpy() for batch in batches]
    return np.concatenate(results)
