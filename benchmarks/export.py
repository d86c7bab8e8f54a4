"""S4, ONNX models against PyTorch: `make bench`.

The same weights, computed by eager PyTorch (`inference_mode`) and by onnxruntime through the files
that `isthmus export` writes, one thread each, in turn: medians of milliseconds, the median of the
ratios, and the largest difference as a share of the outputs' range. The networks are not trained,
on which neither time nor rounding depends. Seconds are of the processor, which other work on the
machine does not change.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from isthmus import Autoencoder, Segmenter, export_onnx, load
from isthmus.networks import Network

ROUNDS = 7
SECONDS = 0.1  # that a measurement takes, at least
BATCHES = (1, 256)
DIGITS: dict[str, dict[str, Any]] = {
    "dense 784-128-64-32": {"network": "dense", "code_size": 32},
    "convolutional 16-32, 32": {"network": "convolutional", "code_size": 32},
}
UNET = {"kind": "unet", "channels": [16, 32, 64]}


def digits(settings: dict[str, Any]) -> Any:
    """An autoencoder of 28 x 28 pixels."""
    samples = np.random.default_rng(0).random((256, 28, 28), np.float32)  # need no scaling
    return Autoencoder(**settings, epochs=0, device="cpu", random_state=0).fit(samples)


def segmenter() -> Any:
    """The U-Net 16-32-64 with 128 maps at the bottom, of pieces of 256 x 256 pixels."""
    random = np.random.default_rng(0)
    images = list(random.integers(0, 256, (2, 256, 256), np.uint8))
    maps = [(image > 128).astype(np.int16) for image in images]
    own = {"code_size": 128, "epochs": 0, "device": "cpu", "random_state": 0}
    return Segmenter(UNET, **own).fit(images, maps)


def saved(model: Any, folder: Path) -> tuple[Network, Path]:
    """A model's network as it is loaded, and the folder of its graphs."""
    model.save(folder / "model")
    export_onnx(model, folder / "onnx")
    return load(folder / "model").network_, folder / "onnx"


def milliseconds(work: Callable[[], object]) -> float:
    """Of one call, the mean of as many as take long enough."""
    count, began = 0, time.process_time()
    while (taken := time.process_time() - began) < SECONDS:
        work()
        count += 1
    return 1e3 * taken / count


def session(path: Path) -> Callable[[Tensor], Tensor]:
    """A file as anyone would run it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = onnxruntime.InferenceSession(path, options)
    (name,) = (port.name for port in graph.get_inputs())
    return lambda given: graph.run(None, {name: given.numpy()})[0]


def compare(
    name: str, eager: Callable[[Tensor], Tensor], graph: Callable[[Tensor], Any], given: Tensor
) -> None:
    """Print one row."""
    with torch.inference_mode():
        wanted, found = eager(given).numpy(), graph(given)
        difference = np.abs(found - wanted).max() / np.ptp(wanted)
        ways = (lambda: eager(given), lambda: graph(given))
        rounds = [[milliseconds(way) for way in ways] for _ in range(ROUNDS + 1)][1:]
    torch_time, onnx_time = (statistics.median(times) for times in zip(*rounds, strict=True))
    ratio = statistics.median(slow / fast for slow, fast in rounds)
    cells = f"{len(given):>6}{torch_time:>11.3f}{onnx_time:>11.3f}{ratio:>8.2f}{difference:>11.1e}"
    print(f"    {name:<36}{cells}", flush=True)


def main() -> None:
    """Print S4."""
    torch.set_num_threads(1)
    head = ("batch", "torch, ms", "onnx, ms", "ratio", "difference")
    print("S4  ONNX: PyTorch's milliseconds and onnxruntime's, 1 thread each")
    print("    {:<36}{:>6}{:>11}{:>11}{:>8}{:>11}".format("graph", *head))
    random = torch.Generator().manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        for place, (kind, settings) in enumerate(DIGITS.items()):
            network, folder = saved(digits(settings), Path(name) / str(place))
            for batch in BATCHES:
                images = torch.rand(batch, 28, 28, generator=random)
                codes = torch.randn(batch, 32, generator=random)
                encoder, decoder = (session(folder / f"{one}coder.onnx") for one in ("en", "de"))
                compare(f"{kind}, encoder", network.encode, encoder, images)
                compare(f"{kind}, decoder", network.decode, decoder, codes)
        network, folder = saved(segmenter(), Path(name) / "unet")
        for batch in (1, 4):
            images = torch.rand(batch, 1, 256, 256, generator=random)
            unet = session(folder / "segmenter.onnx")
            compare("U-Net 16-32-64-128, 256 x 256", network, unet, images)


if __name__ == "__main__":
    main()
