"""The functions of `make claims-segmentation` run; what they find is for benchmarks."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from isthmus.data import PairSet
from support.discs import discs

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    import claims_segmentation

    return claims_segmentation


@pytest.fixture
def study(claims: ModuleType, monkeypatch: pytest.MonkeyPatch) -> object:
    """Discs in place of real images, one seed, one step."""

    def few(self: object, name: str) -> tuple[PairSet, PairSet]:
        channels = 3 if name == "retina" else 1
        images, masks = discs(4, size=(160, 160), channels=channels)
        pairs = PairSet(name, tuple(images), tuple(masks), tuple("abcd"), ("none", "disc"))
        return pairs.subset([0, 1]), pairs.subset([2, 3])

    monkeypatch.setattr(claims.Study, "data", few)
    return claims.Study((0,), quick=True)


@pytest.mark.parametrize(
    ("name", "rows"), [("C-11", 6), ("C-15", 3), ("C-20", 6), ("C-22", 5), ("L-14", 4)]
)
def test_a_claim_gives_a_table(claims: ModuleType, study: object, name: str, rows: int) -> None:
    (claim,) = (claim for claim in claims.CLAIMS if name in claim.names)
    table = claim.measure(study)
    assert len(table.rows) == rows
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert "Measured" in claim.text()


def test_transposed_convolutions_restore_every_size_with_an_output_padding(
    claims: ModuleType, study: object
) -> None:
    for k, s, _, without, padded in claims.shapes(study).rows:
        count = 65 - int(k)
        assert padded == f"{count} of {count}"
        assert int(without.split()[0]) == pytest.approx(count / int(s), abs=1)


def test_pieces_tile_the_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    import pretraining

    image = np.arange(256 * 384, dtype=np.uint32).reshape(256, 384).astype(np.float32)
    cut = pretraining.pieces([image, image + 1]) * 255
    assert cut.shape == (12, 128, 128)
    np.testing.assert_allclose(cut[4], image[128:, 128:256], rtol=1e-6)
