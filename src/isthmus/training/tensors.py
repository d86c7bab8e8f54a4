"""Named tensors in a safetensors file, with the errors of the file system as such."""

from __future__ import annotations

import re
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


def write_tensors(
    path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write tensors of any device and layout, readable by all users.

    Raises
    ------
    OSError
        If the file system refuses; safetensors itself hides the reason in a text.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(plain, path, metadata)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else 0, str(error)) from error
    path.chmod(0o644)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata, in memory of their own: safetensors only maps them from the file.

    Raises
    ------
    SafetensorError, OSError
        If the file is damaged or cannot be read.
    """
    with safe_open(path, framework="pt") as file:
        names = file.keys()  # not iterable itself
        return {name: file.get_tensor(name).clone() for name in names}, file.metadata() or {}
