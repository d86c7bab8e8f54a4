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
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn

ROUNDS = 7
SAMPLES = 20_000
SETUPS = (  # layer sizes down to the code, batch size, epochs in one measurement
    ((128, 64, 12, 2), 64, 3),
    ((128, 64, 12, 2), 256, 5),
    ((400, 40), 256, 3),
    ((1000, 500, 250, 30), 256, 1),
)


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


def by_hand(x: np.ndarray, sizes: tuple[int, ...], batch_size: int, epochs: int) -> float:
    """Seconds of the loop that one writes by hand."""
    data, network = torch.from_numpy(x), plain_network(sizes)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    began = time.perf_counter()
    for _ in range(epochs):
        for which in torch.randperm(len(data)).split(batch_size):
            batch = data[which]
            optimizer.zero_grad()
            loss = (network(batch) - batch).square().sum(1).mean()
            loss.backward()
            optimizer.step()
    return time.perf_counter() - began


def by_isthmus(x: np.ndarray, sizes: tuple[int, ...], batch_size: int, epochs: int) -> float:
    """Seconds of our training, without what `fit` does before and after it."""
    from isthmus import Autoencoder

    network = {"kind": "dense", "hidden_sizes": list(sizes[:-1])}
    model = Autoencoder(
        code_size=sizes[-1], network=network, epochs=epochs, batch_size=batch_size, random_state=0
    )
    return model.fit(x).history_[-1]["seconds"]


def by_pythae(x: np.ndarray, sizes: tuple[int, ...], batch_size: int, epochs: int) -> float:
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
            num_epochs=epochs,
            per_device_train_batch_size=batch_size,
            per_device_eval_batch_size=batch_size,
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
    print(f"S1  training: images a second, Adam, {torch.get_num_threads()} threads")
    print(f"    {'network':<30}{'batch':>6}{'ours':>10}{'by hand':>10}{'ratio':>8}", end="")
    print(f"{'Pythae':>10}{'ratio':>8}" if with_pythae else "")
    for sizes, batch_size, epochs in SETUPS:
        ways = [by_isthmus, by_hand] + [by_pythae] * with_pythae
        ours, *others = in_turn(*(partial(way, x, sizes, batch_size, epochs) for way in ways))
        name = "-".join(map(str, (784, *sizes)))
        cells = [f"{epochs * SAMPLES / statistics.median(ours):>10,.0f}"]
        for other in others:
            ratio = statistics.median(b / a for a, b in zip(ours, other, strict=True))
            cells.append(f"{epochs * SAMPLES / statistics.median(other):>10,.0f}{ratio:>8.2f}")
        print(f"    {name:<30}{batch_size:>6}{''.join(cells)}", flush=True)
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
        ours, bare = in_turn(partial(run_python, *arguments), partial(run_python, "-c", "pass"))
        beyond = statistics.median(a - b for a, b in zip(ours, bare, strict=True))
        print(f"    {name:<34}{statistics.median(ours):>10.3f}{beyond:>10.3f}")


if __name__ == "__main__":
    print_training()
    print_start()
