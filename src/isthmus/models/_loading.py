"""Saved and exported models, loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.core.errors import IsthmusError, ModelFileError
from isthmus.models._base import MODELS
from isthmus.models._exported import is_exported, load_exported
from isthmus.models._files import DOCUMENT, SavedModel, read_document


def load(path: str | Path) -> Any:
    """Load a saved model, from its folder or from the folder of the run that trained it.

    An exported model is loaded from its folder, or from one of its ONNX files: onnxruntime computes
    then what torch does otherwise. It cannot be trained on or saved again.

    Returns
    -------
    estimator
        Fitted, of the class that was saved.

    Raises
    ------
    ModelFileError
        If files are missing, truncated, foreign, oversized, or do not fit each other.
    SettingError
        If the libraries of ONNX are needed and not installed.
    """
    folder = _folder(path)
    if not (folder / DOCUMENT).exists() and is_exported(folder):
        return load_exported(folder)
    document = read_document(folder)
    try:
        return MODELS[document.kind].from_saved(SavedModel(folder, document))
    except ModelFileError:
        raise
    except IsthmusError as error:
        raise ModelFileError(f"{folder / DOCUMENT} cannot be used: {error}") from error


def _folder(path: str | Path) -> Path:
    """Of the model that a folder is, or of the run that it is."""
    folder = Path(path)
    of_run = not (folder / DOCUMENT).exists() and (folder / "model" / DOCUMENT).exists()
    return folder / "model" if of_run else folder
