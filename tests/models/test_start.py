"""Segmenters that start with the encoder of another model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import isthmus
from isthmus import Autoencoder, Segmenter
from isthmus.core.errors import ModelFileError, SettingError
from isthmus.networks import NETWORKS, build_network, start_encoder
from isthmus.training import Checkpoints
from support.discs import discs
from support.networks import SMALL

UNET: dict[str, Any] = {"kind": "unet", "channels": [4, 6], "normalisation": "batch"}
IMAGES, MAPS = discs(8, size=(24, 20))


def autoencoder(folder: Path, network: Any, code_size: int = 8, channels: int = 1) -> Path:
    shape = (6, 24, 20) if channels == 1 else (6, channels, 24, 20)
    samples = np.random.default_rng(0).random(shape, np.float32)
    settings = {"network": network, "code_size": code_size, "epochs": 1, "random_state": 5}
    Autoencoder(**settings).fit(samples).save(folder)
    return folder


def segmenter(start: Path | None, network: Any = UNET, **settings: Any) -> Segmenter:
    given = {"code_size": 8, "epochs": 0, "random_state": 1, **settings}
    return Segmenter(network, start=None if start is None else str(start), **given)


@pytest.mark.parametrize("of", ["autoencoder", "segmenter"])
def test_the_encoder_starts_as_the_others_and_the_decoder_by_chance(
    tmp_path: Path, of: str
) -> None:
    if of == "autoencoder":
        folder = autoencoder(tmp_path / "model", {**UNET, "skips": "none"})
    else:
        segmenter(None, epochs=1).fit(IMAGES, MAPS).save(folder := tmp_path / "run" / "model")
        folder = folder.parent
    begun = isthmus.load(folder).network_.encoder_weights()
    model = segmenter(folder).fit(IMAGES, MAPS)
    weights, plain = model.network_.state_dict(), segmenter(None).fit(IMAGES, MAPS)
    assert begun.keys() < weights.keys()
    assert all(torch.equal(weights[name], begun[name]) for name in begun)
    others = plain.network_.state_dict()
    assert all(torch.equal(weights[n], others[n]) for n in weights.keys() - begun.keys())
    untrained = model.untrained().network_.state_dict()
    assert all(torch.equal(untrained[name], others[name]) for name in others)


def test_a_saved_model_and_one_that_goes_on_need_its_start_no_more(tmp_path: Path) -> None:
    folder = autoencoder(tmp_path / "model", UNET)
    checkpoints = Checkpoints(tmp_path / "checkpoint")
    model = segmenter(folder, epochs=1).fit(IMAGES, MAPS, checkpoints=checkpoints)
    model.save(tmp_path / "saved")
    for file in folder.iterdir():
        file.unlink()
    loaded = isthmus.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.predict(IMAGES)[0], model.predict(IMAGES)[0])
    segmenter(folder, epochs=2).fit(IMAGES, MAPS, checkpoints=checkpoints)
    with pytest.raises(ModelFileError, match="holds no model"):
        segmenter(folder).fit(IMAGES, MAPS)


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if NETWORKS[kind].any_size])
def test_encoder_weights_are_what_the_code_depends_on(kind: str) -> None:
    one, other = (
        build_network({"kind": kind, **SMALL.get(kind, {})}, (1, 32, 32), 4, seed).eval()
        for seed in (0, 1)
    )
    x = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    before = one(x)
    assert not torch.equal(one.encode(x), other.encode(x))
    start_encoder(one, other)
    assert torch.equal(one.encode(x), other.encode(x))
    assert not torch.equal(one(x), before)
    assert not torch.equal(one(x), other(x))


@pytest.mark.parametrize(
    ("network", "settings", "message"),
    [
        ("dense", {}, "it is a network 'dense', not a 'unet'"),
        ({**UNET, "normalisation": "none"}, {}, "it has normalisation = 'none', not 'batch'"),
        (
            {**UNET, "channels": [4, 5]},
            {},
            r"is \[5, 4, 3, 3\] where \[6, 4, 3, 3\] belongs; give both the same",
        ),
        ({**UNET, "convolutions": 1}, {}, r"'encoder.0.3.weight' is missing where \[4, 4, 3, 3\]"),
        ({**UNET, "activation": "silu"}, {}, "it has Silu where Relu belongs"),
        (UNET, {"code_size": 7}, r"is \[7, 6, 3, 3\] where \[8, 6, 3, 3\] belongs"),
        (UNET, {"channels": 3}, r"is \[4, 3, 3, 3\] where \[4, 1, 3, 3\] belongs"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, network: Any, settings: dict[str, int], message: str
) -> None:
    folder = autoencoder(tmp_path / "model", network, **settings)
    with pytest.raises(SettingError, match=rf"model cannot start this network: .*{message}"):
        segmenter(folder).fit(IMAGES, MAPS)


def test_weights_of_vgg16(tmp_path: Path) -> None:
    spec = {"kind": "fine", "normalisation": "none", "width": 64}
    colours = [np.stack([image] * 3) for image in IMAGES]
    network = build_network(spec, (3, 24, 20), 256, 3, 2)
    names = dict(network.encoder.named_convolutions())
    tensors = {
        f"{name}.{part}": parameter.detach().clone()
        for name, layer in names.items()
        for part, parameter in layer.named_parameters()
    }
    safetensors.torch.save_file(tensors, path := tmp_path / "vgg16.safetensors")
    model = segmenter(path, spec, code_size=256).fit(colours, MAPS)
    mine, theirs = model.network_.encoder_weights(), network.encoder_weights()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    with pytest.raises(SettingError, match="Weights of VGG16 need a network on its blocks"):
        segmenter(path).fit(IMAGES, MAPS)
