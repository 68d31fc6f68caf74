"""Concept encoders: derivatives, padding, ExU units, counts; groups given and groups found."""

import numpy as np
import pytest
import torch

from biam.concepts import ConceptEncoders, correlation_groups, group_columns, numbered_groups
from biam.exceptions import InvalidInputError

GROUPS = ((0, 1, 2), (3,), (4, 1))


def made(kind="mlp", hidden=(5, 4), *, seed=0):
    """Encoders, parameters in float64 away from zero, and rows."""
    stream = torch.Generator().manual_seed(seed)
    encoders = ConceptEncoders(GROUPS, hidden, kind)
    parts = {}
    for name, part in encoders.initial(stream).items():
        noise = torch.randn(part.shape, generator=stream, dtype=torch.float64)
        parts[name] = part.double() * (0.3 if kind == "exu" else 1.0) + 0.2 * noise
    return encoders, parts, torch.randn((6, 5), generator=stream, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["mlp", "exu"])
@pytest.mark.parametrize("hidden", [(4,), (5, 4)])
def test_gradients_are_those_of_autograd(kind, hidden):
    encoders, parts, X = made(kind, hidden)

    def concepts(*values):
        return encoders.trace(dict(zip(parts, values, strict=True)), X).z

    values = [part.clone().requires_grad_() for part in parts.values()]
    slope = torch.randn((6, 3), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = torch.autograd.grad((concepts(*values) * slope).sum(), values)
    got = encoders.trace(parts, X).vjp(slope)
    for name, part in zip(parts, expected, strict=True):
        torch.testing.assert_close(got[name], part, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", ["mlp", "exu"])
def test_directional_derivative_is_the_transpose_of_the_gradient(kind):
    encoders, parts, X = made(kind)
    trace, stream = encoders.trace(parts, X), torch.Generator().manual_seed(2)
    change = {n: torch.randn(p.shape, generator=stream, dtype=p.dtype) for n, p in parts.items()}
    slope = torch.randn(trace.z.shape, generator=stream, dtype=torch.float64)
    pulled = trace.vjp(slope)
    inner = sum((change[name] * pulled[name]).sum() for name in parts)
    torch.testing.assert_close((slope * trace.jvp(change)).sum(), inner)


@pytest.mark.parametrize("kind", ["mlp", "exu"])
def test_a_concept_sees_its_group_alone_and_filled_places_do_nothing(kind):
    encoders, parts, X = made(kind)
    other = X.clone()
    other[:, [0, 2]] += 1.0
    before, after = encoders.trace(parts, X).z, encoders.trace(parts, other).z
    assert not torch.allclose(before[:, 0], after[:, 0])
    assert torch.equal(before[:, 1:], after[:, 1:])
    gone = encoders.mask == 0
    parts["weight_0"][gone] += 7.0
    torch.testing.assert_close(encoders.trace(parts, X).z, before)


def test_the_encoder_is_the_network_of_its_group():
    encoders, parts, X = made()
    a = X[:, [4, 1]]
    for layer in range(3):
        weight, bias = parts[f"weight_{layer}"][2], parts[f"bias_{layer}"][2]
        a = a @ (weight[:2] if layer == 0 else weight) + bias
        a = torch.nn.functional.leaky_relu(a, 0.01) if layer < 2 else a
    torch.testing.assert_close(encoders.trace(parts, X).z[:, 2], a[:, 0])


def test_exu_units_are_exponential_and_capped():
    encoders = ConceptEncoders(((0,),), (1,), "exu")
    parts = {
        "weight_0": torch.full((1, 1, 1), 2.0),
        "bias_0": torch.full((1, 1), 0.5),
        "weight_1": torch.ones(1, 1, 1),
        "bias_1": torch.zeros(1, 1),
    }
    z = encoders.trace(parts, torch.tensor([[0.0], [0.5], [0.6], [9.0]])).z[:, 0]
    torch.testing.assert_close(z, torch.tensor([0.0, 0.0, 0.1 * np.e**2, 1.0], dtype=z.dtype))


def test_count_leaves_out_what_fills_up():
    by_group = sum(size * 5 + 5 + 5 * 4 + 4 + 4 + 1 for size in (3, 1, 2))
    assert ConceptEncoders(GROUPS, (5, 4)).n_parameters == by_group
    exu = sum(size * 5 + size + 5 * 4 + 4 + 4 + 1 for size in (3, 1, 2))
    assert ConceptEncoders(GROUPS, (5, 4), "exu").n_parameters == exu
    assert ConceptEncoders(((2,), (0,)), kind="none").n_parameters == 0


def test_without_encoder_features_are_the_concepts():
    X = torch.arange(6.0).view(2, 3)
    trace = ConceptEncoders(((2,), (0,)), kind="none").trace({}, X)
    assert torch.equal(trace.z, X[:, [2, 0]]) and trace.vjp(trace.z) == {}


def test_layers_start_with_the_variance_of_their_inputs():
    encoders = ConceptEncoders(tuple((j,) for j in range(400)), (64, 64))
    parts = encoders.initial(torch.Generator().manual_seed(0))
    for name, fan_in, gain in (("weight_0", 1, 2), ("weight_1", 64, 2), ("weight_2", 64, 1)):
        assert parts[name].var().item() == pytest.approx(gain / fan_in, rel=0.05)


@pytest.mark.parametrize(
    ("groups", "options", "words"),
    [
        (((0,), ()), {}, "at least one feature"),
        (((0, 1),), {"kind": "none"}, "encoder='mlp'"),
        (((0,),), {"kind": "exu", "hidden": ()}, "hidden width"),
        (((0,),), {"kind": "cnn"}, "unknown encoder"),
        (((0,),), {"hidden": (0,)}, "hidden"),
    ],
)
def test_what_cannot_be_is_refused(groups, options, words):
    with pytest.raises(InvalidInputError, match=words):
        ConceptEncoders(groups, **options)


def test_correlated_features_are_grouped():
    stream = np.random.default_rng(0)
    base = stream.normal(size=(500, 2))
    X = np.column_stack([base, base + 0.1 * stream.normal(size=(500, 2)), stream.normal(size=500)])
    X = np.column_stack([X, np.zeros(500)])
    sources = np.arange(6)
    assert correlation_groups(X, sources) == ((0, 2), (1, 3), (4,), (5,))
    # At zero all merge but what is constant and so correlated with nothing; at one none does.
    assert correlation_groups(X, sources, least=1.0) == tuple((j,) for j in range(6))
    assert len(correlation_groups(X, sources, least=0.0)) == 1


def test_groups_do_not_depend_on_signs_and_scales():
    X = np.random.default_rng(1).normal(size=(60, 5)) @ np.random.default_rng(2).normal(size=(5, 5))
    found = correlation_groups(X, np.arange(5))
    scales = np.array([-1.0, 10.0, 0.1, -5.0, 1.0])
    assert correlation_groups(X * scales, np.arange(5)) == found


def test_columns_of_one_feature_stay_together():
    one_hot = np.eye(3)[np.random.default_rng(0).integers(0, 3, 100)]
    X = np.column_stack([one_hot, one_hot[:, 1] * 2 + 1])
    assert correlation_groups(X, np.array([0, 0, 0, 1])) == ((0, 1),)
    assert correlation_groups(X[:, :3], np.zeros(3, int)) == ((0,),)


def test_groups_by_name_or_position():
    names = ["age", "town", "size"]
    assert numbered_groups([["age", 2], [1]], names) == [(0, 2), (1,)]
    for groups, words in (
        ([["age", "towns"]], "towns"),
        ([["age"], []], "lists of columns"),
        ([["age"], ["size"]], "leaves out 'town'"),
        (["age"], "lists of columns"),
        ([[0, 1, 2, 3]], "position below 3"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            numbered_groups(groups, names)


def test_columns_of_a_group_are_those_of_its_features():
    sources = np.array([0, 1, 1, 2])
    assert group_columns([(1,), (2, 0)], sources, "mlp") == ((1, 2), (0, 3))
    assert group_columns([(2,), (0,)], sources, "none") == ((3,), (0,))
    with pytest.raises(InvalidInputError, match="encoder='none'"):
        group_columns([(1,)], sources, "none")
