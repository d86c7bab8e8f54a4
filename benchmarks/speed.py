"""Speed, as ratios within one run: `make bench`.

Each row times two ways of doing the same work in turn, several times, and prints the medians and
the median of the ratios, so that a machine whose speed drifts disturbs both alike.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn

ROUNDS = 5
SAMPLES, BATCH, EPOCHS = 20_000, 128, 2
NETWORKS = {
    "784-128-64-12-2 (mnist-2d)": (128, 64, 12, 2),
    "784-400-40": (400, 40),
    "784-1000-500-250-30 (mnist-deep)": (1000, 500, 250, 30),
}


def images() -> np.ndarray:
    """Random pixels: the time of a step does not depend on what they show."""
    return np.random.default_rng(0).random((SAMPLES, 784), np.float32)


def plain_network(sizes: tuple[int, ...]) -> nn.Sequential:
    """The network as one writes it by hand."""
    wide = [784, *sizes, *reversed(sizes[:-1]), 784]
    layers: list[nn.Module] = []
    for place, (inputs, outputs) in enumerate(pairwise(wide)):
        layers.append(nn.Linear(inputs, outputs))
        if place not in (len(sizes) - 1, len(wide) - 2):
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def by_hand(x: np.ndarray, sizes: tuple[int, ...]) -> float:
    """Seconds of the loop that one writes by hand."""
    data, network = torch.from_numpy(x), plain_network(sizes)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    began = time.perf_counter()
    for _ in range(EPOCHS):
        for which in torch.randperm(len(data)).split(BATCH):
            batch = data[which]
            optimizer.zero_grad()
            loss = (network(batch) - batch).square().sum(1).mean()
            loss.backward()
            optimizer.step()
    return time.perf_counter() - began


def by_isthmus(x: np.ndarray, sizes: tuple[int, ...]) -> float:
    """Seconds of our training, without what `fit` does before and after it."""
    from isthmus import Autoencoder

    network = {"kind": "dense", "hidden_sizes": list(sizes[:-1])}
    model = Autoencoder(
        code_size=sizes[-1], network=network, epochs=EPOCHS, batch_size=BATCH, random_state=0
    )
    return model.fit(x).history_[-1]["seconds"]


def by_pythae(x: np.ndarray, sizes: tuple[int, ...]) -> float:
    """Seconds of Pythae's trainer on the same encoder and decoder."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    layers = list(plain_network(sizes))
    middle = 2 * len(sizes) - 1

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(*layers[:middle])

        def forward(self, x: torch.Tensor) -> ModelOutput:
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(*layers[middle:])

        def forward(self, z: torch.Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.layers(z))

    model = AE(AEConfig(input_dim=(784,), latent_dim=sizes[-1]), Encoder(), Decoder())
    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=EPOCHS,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=BATCH,
            learning_rate=1e-3,
            no_cuda=True,
        )
        data = BaseDataset(torch.from_numpy(x), torch.zeros(len(x)))
        trainer = BaseTrainer(model, train_dataset=data, training_config=config)
        began = time.perf_counter()
        trainer.train()
        return time.perf_counter() - began


def in_turn(*ways: Callable[[], float]) -> list[list[float]]:
    """Times of each way, taken in turn after one round that is not counted."""
    rounds = [[way() for way in ways] for _ in range(ROUNDS + 1)][1:]
    return [list(times) for times in zip(*rounds, strict=True)]


def print_training() -> None:
    """S1."""
    x = images()
    with_pythae = importlib.util.find_spec("pythae") is not None
    print(f"S1  training: images a second, batch {BATCH}, Adam, {torch.get_num_threads()} threads")
    print(f"    {'network':<34}{'ours':>10}{'by hand':>10}{'ratio':>8}{'Pythae':>10}{'ratio':>8}")
    for name, sizes in NETWORKS.items():
        ways = [by_isthmus, by_hand] + [by_pythae] * with_pythae
        ours, *others = in_turn(*(lambda way=way, sizes=sizes: way(x, sizes) for way in ways))
        cells = [f"{EPOCHS * SAMPLES / statistics.median(ours):>10,.0f}"]
        for other in others:
            ratio = statistics.median(b / a for a, b in zip(ours, other, strict=True))
            cells.append(f"{EPOCHS * SAMPLES / statistics.median(other):>10,.0f}{ratio:>8.2f}")
        print(f"    {name:<34}{''.join(cells)}")
    if not with_pythae:
        print("    (Pythae is not installed: its columns are empty)")


def run_python(*arguments: str) -> float:
    """Seconds of a whole Python process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def print_start() -> None:
    """S3."""
    print("S3  start: seconds of a whole process (median), and beyond a bare interpreter")
    rows = {
        "isthmus --help": ("-m", "isthmus", "--help"),
        "import isthmus": ("-c", "import isthmus"),
    }
    for name, arguments in rows.items():
        ours, bare = in_turn(
            lambda arguments=arguments: run_python(*arguments), lambda: run_python("-c", "pass")
        )
        beyond = statistics.median(a - b for a, b in zip(ours, bare, strict=True))
        print(f"    {name:<34}{statistics.median(ours):>10.3f}{beyond:>10.3f}")


if __name__ == "__main__":
    print_training()
    print_start()
