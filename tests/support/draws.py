"""Draws that tests of random changes share, and whether these are distributed as they should."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from scipy import stats

seeds = st.integers(0, 2**31)
sizes = st.integers(1, 12)
image_shapes = st.tuples(sizes, sizes) | st.tuples(st.integers(1, 4), sizes, sizes)
shares = st.sampled_from([0, 1]) | st.floats(0.001, 0.999)


def pixels(*shape, dtype=torch.float32):
    """Values in (0, 1), none at the ends."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(5), dtype=dtype) * 0.8 + 0.1


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def assert_uniform(draws, low, high):
    assert stats.kstest(draws, "uniform", args=(low, high - low)).pvalue > 0.01


def assert_share(hits, share):
    """Whether booleans are hits of independent trials of that probability."""
    assert stats.binomtest(int(hits.sum()), hits.numel(), share).pvalue > 1e-4
