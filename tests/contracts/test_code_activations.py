"""What every activation of the code keeps to, and those that keep only the largest units."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import isthmus
from isthmus.core.errors import SettingError
from isthmus.networks import CODE_ACTIVATIONS, build_network

LARGEST = ["top_k", "batch_top_k"]
UNITS = 6
each = pytest.mark.parametrize("kind", list(CODE_ACTIVATIONS))
each_largest = pytest.mark.parametrize("kind", LARGEST)
batches = arrays(np.float32, (4, UNITS), elements=st.floats(-(2.0**99), 2.0**99, width=32))
batches_with_ties = arrays(np.float32, (4, UNITS), elements=st.integers(-2, 3))


def build(kind, units=UNITS, **settings):
    if kind in LARGEST:
        settings = {"active": 2, **settings}
    return CODE_ACTIVATIONS.build({"kind": kind, **settings}, units)


def rows(*values):
    return torch.tensor(values, dtype=torch.float32)


# -- every kind -------------------------------------------------------------------------------


@each
@given(batches)
def test_codes_lie_in_their_range(kind, a):
    activation = build(kind)
    low, high = activation.code_range
    for mode in (True, False):
        given = torch.from_numpy(np.tile(a, activation.inputs))
        h = activation.train(mode)(given)
        assert h.shape == a.shape
        assert h.dtype == torch.float32
        assert (h >= low).all()
        assert (h <= high).all()


@each
def test_map_as_the_vector_of_its_values(kind, seeded):
    a = torch.randn(4, CODE_ACTIVATIONS[kind].inputs, 2, 3, generator=seeded(0))
    flat, maps = build(kind)(a.flatten(1)), build(kind)(a)
    assert maps.shape == (4, 1, 2, 3)
    assert torch.equal(maps.flatten(1), flat)


@each
def test_slope_is_the_derivative(kind, seeded):
    a = 3 * torch.randn(50, UNITS, dtype=torch.float64, generator=seeded(0))
    a[0] = 0  # where a rectifier has a corner
    h = build(kind)(a.requires_grad_())
    slope = build(kind).slope(h)
    assert (slope is None) == (kind not in {"none", "sigmoid", "tanh", "relu"})
    if slope is not None:
        (derivative,) = torch.autograd.grad(h.sum(), a)
        torch.testing.assert_close(slope, derivative, rtol=0, atol=1e-15)


@each
@pytest.mark.parametrize("training", [True, False])
def test_what_is_not_a_number_is_not_hidden(kind, training):
    a = torch.ones(2, UNITS)
    a[1, 2] = torch.nan
    assert build(kind).train(training)(a)[1, 2].isnan()


# -- the largest units ------------------------------------------------------------------------


def check_largest(a, h, k):
    """`h` ``(R, U)`` keeps the k largest positive values of each row of `a`, at their places."""
    for before, after in zip(a, h, strict=True):
        kept = after > 0
        assert np.array_equal(after[kept], before[kept])
        assert not after[~kept].any()
        largest = np.sort(before[before > 0])[::-1][:k]
        assert np.array_equal(np.sort(after[kept])[::-1], largest)


@given(batches | batches_with_ties, st.integers(1, UNITS))
def test_top_k_keeps_the_largest_of_each_sample(a, k):
    check_largest(a, build("top_k", active=k)(torch.from_numpy(a)).numpy(), k)


@given(batches | batches_with_ties, st.integers(1, UNITS))
def test_batch_top_k_keeps_the_largest_of_the_batch(a, k):
    h = build("batch_top_k", active=k)(torch.from_numpy(a)).numpy()
    check_largest(a.reshape(1, -1), h.reshape(1, -1), len(a) * k)


@each_largest
def test_gradient_flows_to_the_kept_units_only(kind, seeded):
    a = torch.randn(5, UNITS, generator=seeded(0)).requires_grad_()
    h = build(kind)(a)
    (gradient,) = torch.autograd.grad((h * h).sum(), a)
    assert torch.equal(gradient, 2 * h)
    assert (h == 0).any()


@each_largest
def test_a_unit_is_dead_after_steps_without_activity(kind):
    activation = build(kind, units=3, active=1, dead_after=3)
    first, third = rows([2, 1, 1], [3, 1, -1]), rows([1, 0, 3])
    idle = []
    for a in (first, first, third, first):
        activation(a)
        idle.append(activation.idle.tolist())
    assert idle == [[0, 1, 1], [0, 2, 2], [1, 3, 0], [0, 4, 1]]
    assert activation.dead.tolist() == [False, True, False]
    activation.eval()(rows([0, 5, 0]))  # use is no training
    assert activation.idle.tolist() == idle[-1]
    activation.train()(rows([0, 5, 0]))
    assert activation.idle.tolist() == [1, 0, 2]
    assert not activation.dead.any()


def test_a_unit_that_is_kept_at_0_is_idle():
    activation = build("top_k", units=3)
    activation(rows([-1, 0, 2]))
    assert activation.idle.tolist() == [1, 1, 0]


@each_largest
def test_more_units_than_there_are(kind):
    with pytest.raises(SettingError) as caught:
        build_network({"kind": "dense", "code_activation": kind}, (5,), 31, seed=0)
    assert str(caught.value) == (
        f"code activation '{kind}': active = 32 units cannot be kept of 31; give at most code_size."
    )
    build_network({"kind": "dense", "code_activation": kind}, (5,), 32, seed=0)


# -- batch_top_k outside training -------------------------------------------------------------


def test_threshold_is_the_running_mean_of_the_least_kept_value():
    activation = build("batch_top_k", units=3, active=1)
    a = [
        rows([5, 4, 3], [1, 2, 0]),  # keeps 5, 4
        rows([1, 9, 0], [2, 0, 0]),  # 9, 2
        rows([7, -1, 0], [-2, 0, 0]),  # 7 alone
        rows([-1, -1, 0], [-2, 0, 0]),  # none
    ]
    expected = None
    for batch, least in zip(a, [4, 2, 7, 0], strict=True):
        activation(batch)
        expected = least if expected is None else 0.99 * expected + 0.01 * least
        assert activation.threshold.item() == pytest.approx(expected, rel=1e-6)
    activation.eval()(a[0])
    assert activation.threshold.item() == pytest.approx(expected, rel=1e-6)
    assert activation(rows([expected - 0.01, expected + 0.01, 9])).count_nonzero() == 2


def test_without_a_training_every_positive_unit_is_kept(seeded):
    a = torch.randn(4, UNITS, generator=seeded(0))
    assert torch.equal(build("batch_top_k").eval()(a), a.relu())


@each_largest
def test_outside_training_samples_do_not_matter_to_each_other(kind, seeded):
    activation, a = build(kind), torch.randn(8, UNITS, generator=seeded(0))
    activation(a)
    activation.eval()
    alone = torch.cat([activation(one) for one in a.split(1)])
    assert torch.equal(activation(a), alone)
    assert (alone > 0).any()


# -- copies, files ----------------------------------------------------------------------------


@each_largest
def test_copies_keep_the_counts_but_not_the_last_batch(kind, seeded):
    spec = {"kind": "dense", "code_activation": {"kind": kind, "active": 2}}
    network = build_network(spec, (5,), UNITS, seed=0)
    x = torch.rand(4, 5, generator=seeded(0))
    network(x)
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        ours, theirs = network.state_dict(), twin.state_dict()
        assert {"encoder.5.idle"} < ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        assert not hasattr(twin.code_activation, "rectified")
        assert torch.equal(network.eval()(x), twin.eval()(x))


def test_weights_anew_forget_the_past():
    activation = build("batch_top_k")
    activation(torch.ones(2, UNITS).tril())
    activation.reset_parameters()
    assert not activation.idle.any()
    assert activation.threshold < 0


@each_largest
@pytest.mark.parametrize("map_code", [False, True])
def test_a_saved_model_encodes_as_before(kind, map_code, digits, tmp_path):
    activation = {"kind": kind, "active": 3, "dead_after": 2}
    network = {"kind": "dense", "hidden_sizes": [], "code_activation": activation}
    if map_code:
        network = {"kind": "convolutional", "channels": [3], "code_activation": activation}
    model = isthmus.Autoencoder(
        code_size=(1, 4, 4) if map_code else 12, network=network, epochs=2, random_state=0
    ).fit(digits[:300])
    model.save(tmp_path / "model")
    loaded = isthmus.load(tmp_path / "model")
    codes = model.transform(digits[:400])
    assert np.array_equal(loaded.transform(digits[:400]), codes)
    assert 0.5 < np.count_nonzero(codes, axis=1).mean() < 8
    state = loaded.network_.state_dict()
    for name, value in model.network_.state_dict().items():
        assert torch.equal(value, state[name])
    if kind == "batch_top_k":
        assert model.network_.code_activation.threshold > 0
