"""The lecture notes' claims about the family, measured: `make claims`, or `make claims ONLY=C-05`.

Each claim is one function, which trains what it needs on MNIST by three seeds, scores the test
images once and returns a table; whatever comes out is printed, as Markdown. The settings were
chosen by `--held-out`, on training images that no model saw. All together take about half an hour
on one CPU core; `--quick` looks only whether everything runs.
"""

from __future__ import annotations

import claims_classes
import claims_codes
import claims_reconstruction
import claims_space
from claims_common import Claim, chosen, mnist, parser_of

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
    parser = parser_of("The notes' claims about the family, measured.")
    given = parser.parse_args()
    claims = chosen(CLAIMS, parser, given)
    trial = mnist(quick=given.quick, held_out=given.held_out, seeds=given.seeds)
    where = "held-out training" if given.held_out else "test"
    print(
        f"MNIST, {len(trial.test):,} {where} images, {len(trial.seeds)} seed(s). Brackets: 95 %"
        " intervals over images and seeds (Student's t; Satterthwaite)."
    )
    for claim in claims:
        claim.show(trial)


if __name__ == "__main__":
    main()
