"""A server under load: requests per second, latency, and whether every answer is the asker's own.

A server is started as a process, and asked by 1, 8 and 64 clients, each with samples of its own, as
fast as they get answers; every answer is compared with what the model itself says of that sample.
With and without micro-batching: `make bench`, or ``python benchmarks/serve.py --seconds 10``. The
time of the server's processor for a request is told too: others on the machine disturb it least.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np

import isthmus
from isthmus import Autoencoder

CLIENTS = (1, 8, 64)
OWN = 16  # samples of each client
BATCHES = {"alone": "1", "together": "64"}
HIDDEN = [1000, 500, 250]
HEAD = ("req/s", "p50 ms", "p95 ms", "p99 ms", "batch", "CPU ms", "answers", "wrong")


def models() -> dict[str, Autoencoder]:
    """Encoders of 28 x 28 pixels: what they were taught does not change their speed."""
    x = np.random.default_rng(0).random((256, 28, 28), np.float32)
    dense = {"kind": "dense", "hidden_sizes": HIDDEN}
    kinds = {"dense": (dense, 30), "convolutional": ("convolutional", 32)}
    return {
        name: Autoencoder(network=network, code_size=size, epochs=1, random_state=0).fit(x)
        for name, (network, size) in kinds.items()
    }


@contextmanager
def server(folders: list[Path], batch: str, workers: int) -> Iterator[str]:
    """The address of a server; it ends with the block."""
    words = ["serve", *map(str, folders), "--port", "0", "--batch", batch]
    command = [sys.executable, "-m", "isthmus", *words, "--workers", str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1].removesuffix("/docs")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


async def ask(
    client: httpx2.AsyncClient, path: str, x: np.ndarray, own: np.ndarray, end: float
) -> tuple[list[float], int]:
    """Seconds of each request of one client, and how many answers were not its own."""
    took, wrong, place = [], 0, 0
    bodies = [json.dumps({"samples": [one.tolist()]}).encode() for one in x]
    while time.perf_counter() < end:
        began = time.perf_counter()
        answer = await client.post(path, content=bodies[place])
        took.append(time.perf_counter() - began)
        codes = answer.json()["codes"] if answer.status_code == 200 else [[np.nan]]
        wrong += not np.allclose(codes, own[place], rtol=1e-3, atol=1e-4)
        place = (place + 1) % len(x)
    return took, wrong


async def load(url: str, name: str, model: Autoencoder, clients: int, seconds: float) -> str:
    """One row of the table."""
    x = np.random.default_rng(1).random((clients, OWN, 28, 28), np.float32).round(3)
    own = model.transform(x.reshape(-1, 28, 28)).reshape(clients, OWN, 1, -1)
    limits = httpx2.Limits(max_connections=clients)
    before = counts(url, name)
    async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        end = time.perf_counter() + seconds
        asked = [ask(client, f"/encode?model={name}", x[n], own[n], end) for n in range(clients)]
        results = await asyncio.gather(*asked)
    took = np.concatenate([one for one, _ in results])
    wrong = sum(one for _, one in results)
    changes = zip(counts(url, name), before, strict=True)
    samples, batches, cpu = (now - then for now, then in changes)
    p50, p95, p99 = 1000 * np.percentile(took, (50, 95, 99))
    row = (len(took) / seconds, p50, p95, p99, samples / batches, 1000 * cpu / len(took))
    return "".join(f"{one:9.1f}" for one in row) + f"{len(took):9d}{wrong:9d}"


def counts(url: str, name: str) -> tuple[float, ...]:
    """Samples and batches that a model has computed, and seconds of the processor's time.

    By the server's own metrics; the last is NaN where several workers share them.
    """
    found = {"process_cpu_seconds_total": float("nan")}
    for line in httpx2.get(f"{url}/metrics").text.splitlines():
        own = "{" not in line or f'model="{name}"' in line
        if own and not line.startswith("#"):
            key, value = line.rsplit(" ", 1)
            found[key.partition("{")[0]] = float(value)
    kinds = ("isthmus_batch_samples_sum", "isthmus_batch_samples_count")
    return (*(found.get(kind, 0.0) for kind in kinds), found["process_cpu_seconds_total"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    print(f"isthmus {isthmus.__version__}: clients and {given.workers} worker(s), one thread each")
    print("model          batches   clients" + "".join(f"{one:>9}" for one in HEAD))
    with tempfile.TemporaryDirectory() as folder:
        made = models()
        for name, model in made.items():
            model.save(Path(folder) / name)
        folders = [Path(folder) / name for name in made]
        for way, batch in BATCHES.items():
            with server(folders, batch, given.workers) as url:
                for name, model in made.items():
                    asyncio.run(load(url, name, model, 1, 1))  # warms up
                    for clients in CLIENTS:
                        row = asyncio.run(load(url, name, model, clients, given.seconds))
                        print(f"{name:14} {way:8} {clients:8d}{row}", flush=True)


if __name__ == "__main__":
    main()
