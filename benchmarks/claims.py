"""The lecture notes' claims about the family, measured: `make claims`, or `make claims ONLY=C-05`.

Each claim is one function, which trains what it needs on MNIST by three seeds, scores the test
images once and returns a table; whatever comes out is printed, as Markdown. The settings were
chosen by `--held-out`, on training images that no model saw. All together take about half an hour
on one CPU core; `--quick` looks only whether everything runs.
"""

from __future__ import annotations

import argparse
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass

import claims_classes
import claims_codes
import claims_reconstruction
import claims_space
from claims_common import Table, Trial, mnist


@dataclass(frozen=True)
class Claim:
    """A claim of the notes by its names in their inventory."""

    names: tuple[str, ...]
    measure: Callable[[Trial], Table]

    def text(self) -> str:
        """What is claimed and what is measured."""
        return inspect.cleandoc(self.measure.__doc__ or "")


CLAIMS = (
    Claim(("C-05", "C-01", "Q-01", "M-05", "M-06", "M-10"), claims_reconstruction.copying),
    Claim(("C-06", "M-04"), claims_reconstruction.other_distributions),
    Claim(("X-24", "Q-05", "C-03"), claims_reconstruction.against_pca),
    Claim(("C-07", "M-13"), claims_codes.sparsity),
    Claim(("C-09", "M-15"), claims_codes.contracted),
    Claim(("C-10", "C-19", "M-11"), claims_codes.robust),
    Claim(("T-03",), claims_codes.mean_activation),
    Claim(("M-17", "C-18"), claims_classes.classes),
    Claim(("X-26", "M-16"), claims_classes.stacked),
    Claim(("C-17", "X-09", "M-18"), claims_space.space),
    Claim(("A-06",), claims_space.augmented),
)


def main() -> None:
    """Print the claims of which a name begins with the one given."""
    parser = argparse.ArgumentParser(description="The notes' claims about the family, measured.")
    parser.add_argument("only", nargs="?", default="", help="names that begin so; all by default")
    parser.add_argument("--quick", action="store_true", help="few images, one epoch")
    parser.add_argument("--held-out", action="store_true", help="score training images kept apart")
    parser.add_argument("--seeds", type=int, default=3, help="how many trainings of each model")
    given = parser.parse_args()
    chosen = [claim for claim in CLAIMS if any(n.startswith(given.only) for n in claim.names)]
    if not chosen:
        names = ", ".join(name for claim in CLAIMS for name in claim.names)
        parser.error(f"no claim is named {given.only}; there are {names}")
    trial = mnist(quick=given.quick, held_out=given.held_out, seeds=given.seeds)
    where = "held-out training" if given.held_out else "test"
    print(
        f"MNIST, {len(trial.test):,} {where} images, {len(trial.seeds)} seed(s). Brackets: 95 %"
        " intervals over images and seeds (Student's t; Satterthwaite)."
    )
    for claim in chosen:
        began = time.process_time()
        table = claim.measure(trial)
        spent = f"({time.process_time() - began:.0f} s of CPU time)"
        print(f"\n## {', '.join(claim.names)}\n\n{claim.text()}\n\n{table} {spent}", flush=True)


if __name__ == "__main__":
    main()
