"""Choice of the device and of the number format."""

from __future__ import annotations

import torch

from isthmus.core.errors import SettingError
from isthmus.core.settings import Device


def choose_device(name: Device = "auto") -> torch.device:
    """The named device; ``"auto"`` takes CUDA, else MPS, else the CPU.

    Raises
    ------
    SettingError
        If this machine does not have the named device.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if not available[name]:
        raise SettingError(f"This machine has no {name} device; use device = 'auto' or 'cpu'.")
    return torch.device(name)
