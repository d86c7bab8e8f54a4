"""Isthmus: autoencoders and encoder-decoder segmentation, from one equation.

    minimise over θ    E[ L( y, g(f(C(x))) ) ]  +  Σ λ_k Ω_k

``from isthmus import Autoencoder`` for arrays, ``isthmus --help`` for files.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from isthmus.models import (
        Autoencoder,
        Cascade,
        ClassEncoder,
        ContractiveAutoencoder,
        DenoisingAutoencoder,
        InstanceSegmenter,
        LinearAutoencoder,
        Segmenter,
        SparseAutoencoder,
        SparseSegmenter,
        StackedAutoencoder,
        VariationalAutoencoder,
        VolumeCascade,
        VolumeSegmenter,
        export_onnx,
        load,
    )

# Each public name and the module that defines it. They are imported when first used, so that
# `import isthmus` and `isthmus --help` do not wait for torch.
_HOMES = {
    "Autoencoder": "isthmus.models",
    "Cascade": "isthmus.models",
    "ClassEncoder": "isthmus.models",
    "ContractiveAutoencoder": "isthmus.models",
    "DenoisingAutoencoder": "isthmus.models",
    "InstanceSegmenter": "isthmus.models",
    "LinearAutoencoder": "isthmus.models",
    "Segmenter": "isthmus.models",
    "SparseAutoencoder": "isthmus.models",
    "SparseSegmenter": "isthmus.models",
    "StackedAutoencoder": "isthmus.models",
    "VariationalAutoencoder": "isthmus.models",
    "VolumeCascade": "isthmus.models",
    "VolumeSegmenter": "isthmus.models",
    "export_onnx": "isthmus.models",
    "load": "isthmus.models",
}

__all__ = [
    "Autoencoder",
    "Cascade",
    "ClassEncoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "InstanceSegmenter",
    "LinearAutoencoder",
    "Segmenter",
    "SparseAutoencoder",
    "SparseSegmenter",
    "StackedAutoencoder",
    "VariationalAutoencoder",
    "VolumeCascade",
    "VolumeSegmenter",
    "__version__",
    "export_onnx",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'isthmus' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
