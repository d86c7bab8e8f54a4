"""The planner: what it takes from the data, the machine and the time, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isthmus.core.errors import DataError, SettingError
from isthmus.models import Segmenter, plan_segmenter, planner
from support.discs import discs

Array = NDArray[Any]
PACE = 1e-8  # seconds of a pixel of a piece with a width of 8


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A machine whose steps take as long as they should; what was tried on it."""
    tried: list[dict[str, Any]] = []

    def seconds(self: planner._Planner, **chosen: Any) -> float:
        tried.append(chosen)
        whole = {**chosen, **self.settings}
        pace = PACE if whole["precision"] == "bfloat16" else 2 * PACE
        width = whole["network"].get("channels", [8])[0]
        return pace * self.piece**2 * (width / 8) ** 2

    monkeypatch.setattr(planner._Planner, "_seconds", seconds)
    return tried


def pairs(side: int, radius: float, *, count: int = 2) -> tuple[list[Array], list[Array]]:
    """Images of one disc."""
    rows, columns = np.mgrid[:side, :side] - side // 2
    disc = np.asarray(rows**2 + columns**2 < radius**2, np.int16)
    return [200 * disc.astype(np.uint8)] * count, [disc] * count


@pytest.mark.parametrize(
    ("side", "radius", "size", "piece"),
    [
        (200, 40, None, None),  # small images are seen as a whole, as they are
        (512, 128, 256, None),  # large structures need no large image
        (1000, 3, None, 128),  # small ones do, and small pieces show them
        (1000, 6, None, 224),
        (1000, 30, 576, 256),
    ],
)
def test_size_and_pieces_follow_the_structures(
    machine: object, side: int, radius: float, size: int | None, piece: int | None
) -> None:
    settings = plan_segmenter(*pairs(side, radius), minutes=1).settings
    assert settings["size"] == size
    assert settings["patch_size"] == piece
    factor = (size or side) / side
    assert 2 * radius * factor >= 32 or size is None
    stride = 2 ** len(settings["network"]["channels"])
    assert 4 <= (piece or min(side, 256)) / stride <= 8
    assert settings["foreground"] == (0.33 if piece else 0.0)


def test_more_minutes_make_a_wider_network_and_larger_batches(machine: list[Any]) -> None:
    data = pairs(256, 40)
    found = {m: plan_segmenter(*data, minutes=m) for m in (0.05, 0.2, 1, 10, 100, 1000)}
    widths = [plan.settings["network"]["channels"][0] for plan in found.values()]
    assert widths == sorted(widths)
    assert (widths[0], widths[-1]) == (8, 64)
    for minutes, plan in found.items():
        settings = plan.settings
        assert settings["code_size"] == settings["network"]["channels"][-1]
        assert settings["precision"] == "bfloat16"
        assert settings["patches"] % settings["batch_size"] == 0
        assert 0.5 * 54 * minutes < plan.seconds <= 54 * minutes
        steps = settings["epochs"] * settings["patches"] // settings["batch_size"]
        assert 2 <= settings["batch_size"] <= 16
        assert steps > 700 or settings["batch_size"] == 2
        assert minutes < 1 or steps * settings["batch_size"] > 3000
    assert 1000 < steps


def test_what_is_given_stays_and_is_what_is_timed(machine: list[Any]) -> None:
    given = {
        "network": {"kind": "segnet", "width": 8},
        "batch_size": 3,
        "patch_size": 64,
        "precision": "float32",
        "loss": "dice",
    }
    plan = plan_segmenter(*pairs(1000, 7), minutes=1, **given)
    assert "code_size" not in plan.settings  # goes with the network
    assert given.items() <= plan.settings.items()
    assert plan.settings["minutes"] == 1
    assert len(machine) == 2  # no width, no precision to choose; then with the batch
    names = [line.split(" = ")[0] for line in plan.reasons]
    assert names == ["size", "foreground", "patches", "epochs"]
    everything = plan_segmenter(*pairs(1000, 7), **plan.settings)
    assert everything.settings == plan.settings
    assert everything.reasons == ()


def test_validation_takes_its_share_of_the_time(machine: object) -> None:
    images, masks = pairs(256, 40)
    alone, beside = (
        plan_segmenter(images, masks, minutes=5, validation=held_out)
        for held_out in ((), images * 100)
    )
    pieces = [p.settings["epochs"] * p.settings["patches"] for p in (alone, beside)]
    assert 0.7 < pieces[1] / pieces[0] < 0.97
    assert alone.seconds == pytest.approx(beside.seconds, rel=0.1)


def test_a_plan_is_made_and_kept_on_this_machine() -> None:
    images, masks = discs(16, size=(48, 40))
    given = {"learning_rate": 1e-2, "random_state": 0}
    plan = plan_segmenter(images, masks, minutes=0.02, validation=images[:2], **given)
    assert "on this machine" in str(plan)
    assert plan.settings["precision"] in ("float32", "bfloat16")
    model = Segmenter(**plan.settings).fit(images, masks, validation=(images[:2], masks[:2]))
    assert len(model.history_) <= plan.settings["epochs"]
    assert model.network_.code_shape[0] == plan.settings["code_size"]


def test_what_cannot_be_planned() -> None:
    images, masks = discs(2)
    with pytest.raises(DataError, match="No label map holds a structure"):
        plan_segmenter(images, [0 * mask for mask in masks], minutes=1)
    with pytest.raises(SettingError, match="unknown key 'bach_size'"):
        plan_segmenter(images, masks, minutes=1, bach_size=3)
    with pytest.raises(SettingError, match="minutes: should be greater than 0"):
        plan_segmenter(images, masks, minutes=-1)
    with pytest.raises(DataError, match="There are 1 label maps for 2 images"):
        plan_segmenter(images, masks[:1], minutes=1)
    with pytest.raises(DataError, match="There are no images"):
        plan_segmenter([], [], minutes=1)
