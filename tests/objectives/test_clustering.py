"""The divergence of deep embedded clustering, against its formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import rel_entr

from isthmus.core.errors import SettingError
from isthmus.networks import build_network
from isthmus.networks.classifier import Centres, Classified, Head
from isthmus.objectives import LOSSES, PENALTIES, Pass
from isthmus.training import Equation

PENALTY = {"kind": "clustering", "weight": 1.0}


def clustered(seed: int = 0) -> Classified:
    network = build_network({"kind": "dense", "hidden_sizes": []}, (6,), 2, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    shares = torch.tensor([0.5, 0.2, 0.3])
    return Classified(network, Centres(torch.randn(3, 2, generator=generator), shares)).eval()


def assignments(network: Classified, x: torch.Tensor) -> np.ndarray:
    codes = network.encode(x).detach().double().numpy()
    centres = network.head.centres.detach().double().numpy()
    q = 1 / (1 + np.square(codes[:, None] - centres).sum(2))
    return q / q.sum(1, keepdims=True)


def test_value_and_gradient_are_those_of_the_paper() -> None:
    network, x = clustered(), torch.randn(7, 6, generator=torch.Generator().manual_seed(1))
    code, logits = network.trace(x)
    code.retain_grad()
    value = PENALTIES.build(PENALTY)(Pass(network, x, code, logits, x))
    q = assignments(network, x)
    p = q**2 / network.head.shares.numpy()
    p /= p.sum(1, keepdims=True)
    assert value.item() == pytest.approx(rel_entr(p, q).sum(1).mean(), rel=1e-5)
    value.backward()
    # Equation 4 of Xie et al. 2016 with one degree of freedom, for the mean over samples.
    h, centres = code.detach().numpy(), network.head.centres.detach().numpy()
    difference = h[:, None] - centres
    factor = 2 * (p - q) / (1 + np.square(difference).sum(2))
    expected = (factor[:, :, None] * difference).sum(1) / len(x)
    np.testing.assert_allclose(code.grad.numpy(), expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(
        network.head.centres.grad.numpy(),
        -(factor[:, :, None] * difference).sum(0) / len(x),
        rtol=1e-4,
        atol=1e-7,
    )


def test_shares_follow_the_batches_in_training_only() -> None:
    network, x = clustered(), torch.randn(50, 6, generator=torch.Generator().manual_seed(1))
    before = network.head.shares.clone()
    network.classify(network.encode(x))
    assert torch.equal(network.head.shares, before)
    network.train()
    for _ in range(1000):
        network.classify(network.encode(x))
    shares = network.head.shares
    np.testing.assert_allclose(shares.numpy(), assignments(network, x).mean(0), atol=1e-3)
    assert network.state_dict()["head.shares"].sum() == pytest.approx(1)


def test_networks_without_centres_are_refused() -> None:
    network = build_network("dense", (6,), 2, seed=0)
    for one in (network, Classified(network, Head(network, 3, seed=0))):
        with pytest.raises(SettingError, match="needs centres among the codes"):
            Equation(one, LOSSES.build("squared_error"), [PENALTIES.build(PENALTY)])
