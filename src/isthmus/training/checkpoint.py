"""Checkpoints: the whole state of a training, atomically, without pickle."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from isthmus.core.errors import ModelFileError
from isthmus.core.files import atomic_folder, sha256
from isthmus.training.state import State
from isthmus.training.tensors import read_tensors, write_tensors

_TENSORS = "state.safetensors"
_CHECKSUM = "state.sha256"
_KEPT = 2


class Checkpoints:
    """A folder of the last two checkpoints of a training.

    Each is a folder ``EPOCH-STEP`` with ``state.safetensors`` (weights, optimiser, best weights,
    and all numbers as JSON in its header) and ``state.sha256``. It is written under a temporary
    name, synced and renamed, so that a kill at any moment leaves whole checkpoints only.

    Parameters
    ----------
    folder
        Where they are kept; created when the first is saved.
    seconds
        Least time between two of them.
    """

    def __init__(self, folder: str | Path, *, seconds: float = 30.0) -> None:
        self.folder = Path(folder)
        self._seconds = seconds
        self._last = time.monotonic()

    def of_phase(self, number: int) -> Checkpoints:
        """Those of one phase of several, in a folder of this one."""
        return Checkpoints(self.folder / f"phase-{number}", seconds=self._seconds)

    def due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() - self._last >= self._seconds

    def saved(self) -> list[Path]:
        """Whole checkpoints, oldest first."""
        return sorted(self.folder.glob("[0-9]*-[0-9]*"))

    def any_saved(self) -> bool:
        """Whether there is a checkpoint, of this training or of one of its phases."""
        return any(self.folder.rglob(_CHECKSUM))

    def describe_last(self) -> str:
        """Words on the newest checkpoint, for messages."""
        saved = self.saved()
        return f"The last good checkpoint is {saved[-1]}" if saved else "There is no checkpoint yet"

    def save(self, network: nn.Module, optimizer: torch.optim.Optimizer, state: State) -> None:
        """Save everything, unless a weight is not finite; keep the last two.

        Raises
        ------
        StorageError
            If the disk refuses; older checkpoints stay.
        """
        if not all_finite(network):
            return
        target = self.folder / f"{state.epoch:06d}-{state.step:09d}"
        if _is_whole(target):  # the same state already: do not put the only copy at risk
            return
        names = [field.name for field in fields(State) if field.name != "best_weights"]
        numbers = {name: getattr(state, name) for name in names}
        moments, scalars = _flatten(optimizer)
        tensors = {
            **_prefixed("network", network.state_dict()),
            **_prefixed("optimizer", moments),
            **_prefixed("best", state.best_weights),
        }
        metadata = {
            "state": json.dumps(numbers),
            "optimizer": json.dumps(scalars),
            "optimizer_kind": type(optimizer).__name__,
        }
        with atomic_folder(target) as temporary:
            write_tensors(temporary / _TENSORS, tensors, metadata)
            (temporary / _CHECKSUM).write_text(sha256(temporary / _TENSORS))
        self._last = time.monotonic()
        for old in self.saved()[:-_KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def restore(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> State | None:
        """Load the newest checkpoint whose checksum holds; ``None`` if there is none at all.

        Raises
        ------
        ModelFileError
            If there are checkpoints and all are damaged, or they are of another network.
        """
        for left_over in self.folder.glob(".*"):  # of a process killed while it was saving
            shutil.rmtree(left_over, ignore_errors=True)
        saved = self.saved()
        for folder in reversed(saved):
            if _is_whole(folder):
                return _load(folder / _TENSORS, network, optimizer)
        if saved:
            raise ModelFileError(
                f"All checkpoints in {self.folder} are damaged; remove that folder to start again."
            )
        return None


def all_finite(network: nn.Module) -> bool:
    """Whether no weight is infinite or NaN."""
    return all(bool(torch.isfinite(weight).all()) for weight in network.parameters())


def _is_whole(folder: Path) -> bool:
    try:
        return (folder / _CHECKSUM).read_text() == sha256(folder / _TENSORS)
    except OSError:
        return False


def _load(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    try:
        tensors, metadata = read_tensors(path)
        began, now = metadata["optimizer_kind"], type(optimizer).__name__
        if began != now:
            raise ValueError(f"it began with {began}, not {now}")
        network.load_state_dict(_under("network", tensors))
        _unflatten(optimizer, _under("optimizer", tensors), json.loads(metadata["optimizer"]))
    except (SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise ModelFileError(
            f"The checkpoint {path.parent} does not belong to this network and optimiser; resume"
            f" with the recipe that began it, or train into another folder ({error})."
        ) from error
    known = {field.name for field in fields(State)}
    numbers = {key: value for key, value in json.loads(metadata["state"]).items() if key in known}
    return State(**numbers, best_weights=_under("best", tensors))


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}


def _flatten(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state of an optimiser as named tensors, and its plain numbers by the same names."""
    entries = {
        f"{index}.{key}": value
        for index, values in optimizer.state_dict()["state"].items()
        for key, value in values.items()
    }
    tensors = {name: value for name, value in entries.items() if isinstance(value, Tensor)}
    return tensors, {name: value for name, value in entries.items() if name not in tensors}


def _unflatten(
    optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], scalars: dict[str, Any]
) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for name, value in {**tensors, **scalars}.items():
        index, key = name.split(".", 1)
        parameter = parameters[int(index)]
        if isinstance(value, Tensor) and value.shape == parameter.shape:
            # In the parameter's own memory layout, which fused kernels rely on.
            value = torch.empty_like(parameter).copy_(value)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
