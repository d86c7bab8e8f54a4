"""S2, prediction of large images: `make bench`.

Class probabilities by the same U-Net in tiles of at most 1024 pixels, ours and by MONAI's
`sliding_window_inference` with Gaussian weights, each in a process of its own and in turn. MONAI's
tiles overlap by a quarter, as its documentation has it, or by what makes ours exact. Memory is the
peak of the process, and what of it is neither image nor result. With one thread the seconds are of
CPU time, which other work on the machine does not change.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from isthmus.inference.segmentation import class_probabilities
from isthmus.networks import ImageNetwork, build_network

ROUNDS = 3
TILE = 1024
NETWORK = {"kind": "unet", "channels": [16, 32, 64], "output_activation": "softmax"}
CPU = torch.device("cpu")
Array = NDArray[np.float32]


def network() -> ImageNetwork:
    """U-Net 16-32-64 with 128 maps at the bottom, two classes, batch normalisation."""
    found = build_network(NETWORK, (1, 256, 256), 128, 0, 2).eval()
    found.to(memory_format=torch.channels_last)
    assert isinstance(found, ImageNetwork)
    return found


def ours(net: ImageNetwork, image: Array) -> Array:
    """By `class_probabilities`."""
    return class_probabilities(net, image, CPU)


def by_monai(overlap: float) -> Callable[[ImageNetwork, Array], Array]:
    """By MONAI, with an overlap as a share of the tiles."""

    def predict(net: ImageNetwork, image: Array) -> Array:
        from monai.inferers import sliding_window_inference

        with torch.inference_mode():
            x = torch.from_numpy(image)[None]
            found = sliding_window_inference(x, TILE, 1, net, overlap=overlap, mode="gaussian")
        return found[0].numpy()

    return predict


WAYS: dict[str, Callable[[ImageNetwork, Array], Array]] = {
    "ours": ours,
    "MONAI, 0.25": by_monai(0.25),
    "MONAI, 0.11": by_monai(112 / TILE),
}


def peak() -> float:
    """Most memory that this process had so far, MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


def measure(way: str, side: int) -> dict[str, float]:
    """Seconds and memory of one image, in this process."""
    net, image = network(), np.random.default_rng(0).random((1, side, side), np.float32)
    WAYS[way](net, image[:, :256, :256])  # imports, and the first use of each kernel
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    began = clock()
    found = WAYS[way](net, image)
    seconds = clock() - began
    return {"seconds": seconds, "peak": peak(), "own": (image.nbytes + found.nbytes) / 1e6}


def in_process(way: str, side: int) -> dict[str, float]:
    """The same in a process of its own; `errors` too, whose memory its children would inherit."""
    command = [sys.executable, __file__, way, str(side)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(shown.stdout.splitlines()[-1])


def errors(side: int) -> dict[str, float]:
    """Largest difference of each way from the image predicted as a whole."""
    net, image = network(), np.random.default_rng(0).random((1, side, side), np.float32)
    with torch.inference_mode():
        whole = net(torch.from_numpy(image)[None])[0].numpy()
    return {name: float(np.abs(way(net, image) - whole).max()) for name, way in WAYS.items()}


def main() -> None:
    """Print S2."""
    print(f"S2  large images: seconds, MB; {torch.get_num_threads()} threads")
    head = ("image", "way", "seconds", "ratio", "peak", "beyond", "error")
    print("    {:<12}{:<14}{:>9}{:>8}{:>8}{:>8}{:>10}".format(*head))
    error = in_process("errors", 2000)
    for side in (2000, 4000):
        rounds = [{way: in_process(way, side) for way in WAYS} for _ in range(ROUNDS)]
        for way in WAYS:
            seconds = statistics.median(found[way]["seconds"] for found in rounds)
            ratio = statistics.median(
                found[way]["seconds"] / found["ours"]["seconds"] for found in rounds
            )
            most = max(found[way]["peak"] for found in rounds)
            cells = f"{seconds:>9.2f}{ratio:>8.2f}{most:>8.0f}{most - rounds[0][way]['own']:>8.0f}"
            shown = f"{error[way]:>10.1e}" if side == 2000 else ""
            print(f"    {f'{side} x {side}':<12}{way:<14}{cells}{shown}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        name, side = sys.argv[1], int(sys.argv[2])
        print(json.dumps(errors(side) if name == "errors" else measure(name, side)))
    else:
        main()
