"""S5: exact search beside scikit-learn's, on one thread, as a ratio within one run.

    OMP_NUM_THREADS=1 python benchmarks/search.py [CODES.npy QUERIES.npy]

Without files the codes are random; those of an autoencoder come from `isthmus encode`.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from isthmus.latent.nearest import nearest_codes

ROUNDS, K, CODES, QUERIES = 5, 10, 60_000, 5_000


def seconds(work: Callable[[], Any]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def sets() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Codes and queries by name."""
    if len(sys.argv) == 3:
        codes, queries = (np.load(path, mmap_mode="r") for path in sys.argv[1:])
        return {sys.argv[1]: (codes, np.asarray(queries[:QUERIES]))}
    random = np.random.default_rng(0)
    return {
        f"random, {units} units": (
            random.normal(size=(CODES, units)).astype(np.float32),
            random.normal(size=(QUERIES, units)).astype(np.float32),
        )
        for units in (30, 64)
    }


def main() -> None:
    """Print queries a second, medians of rounds taken in turn."""
    torch.set_num_threads(1)
    print(f"{'codes':<34}{'ours':>9}{'scikit-learn':>14}{'ratio':>8}  same neighbours")
    for name, (codes, queries) in sets().items():
        model = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(codes)
        with threadpool_limits(1):
            same = nearest_codes(codes, queries, K).places == model.kneighbors(queries)[1]
            rounds = [
                (
                    seconds(partial(nearest_codes, codes, queries, K)),
                    seconds(partial(model.kneighbors, queries)),
                )
                for _ in range(ROUNDS)
            ]
        ours, theirs = (
            len(queries) / statistics.median(times) for times in zip(*rounds, strict=True)
        )
        ratio = statistics.median(other / own for own, other in rounds)
        print(
            f"{name:<34}{ours:>9,.0f}{theirs:>14,.0f}{ratio:>8.2f}  {same.mean():.6f}", flush=True
        )


if __name__ == "__main__":
    main()
