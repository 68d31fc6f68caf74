"""Groups of columns, what they hold, and that a model says what columns do."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biam.solvers.exact.components import Components
from biam.solvers.exact.terms import (
    PAIR_DEGREE,
    REACTION_COMPONENTS,
    Group,
    all_pairs,
    as_model,
    columns,
    main_groups,
    pair_group,
    reaction_group,
    slices,
)


def test_main_groups_are_lines_shapes_levels_and_missing_effects(mixed):
    groups = main_groups(mixed.components, (0, 2))
    assert [(g.kind, g.key) for g in groups] == [
        ("line", (0,)),
        ("shape", (0,)),
        ("line", (1,)),
        ("shape", (1,)),
        ("level", (2,)),
        ("line", (3,)),
        ("shape", (3,)),
        ("missing", ()),
    ]
    assert groups[-1].parts == ((0,), (2,))
    shape = groups[1]
    assert shape.stiffness[0] == pytest.approx(1)
    assert (shape.stiffness.diff() > 0).all()
    assert [len(g) for g in groups if g.kind == "line"] == [1, 1, 1]


def test_pairs_and_reactions_take_the_smooth_components_first(mixed):
    pair = pair_group(mixed.components, 0, 1)
    assert all((a + 1) * (b + 1) <= PAIR_DEGREE for a, b in pair.parts)
    assert (0, 4) in pair.parts and (4, 0) in pair.parts and (4, 4) not in pair.parts
    assert pair.stiffness.argmin() == pair.parts.index((0, 0))
    assert len(pair_group(mixed.components, 0, 1, 4)) < len(pair)
    assert reaction_group(mixed.components, 0, 1).parts == tuple(
        (a,) for a in range(REACTION_COMPONENTS)
    )
    # Levels have no order: each has its column.
    assert reaction_group(mixed.components, 0, 2).parts == ((0,), (1,), (2,))
    assert reaction_group(mixed.components, 0, 2).stiffness.tolist() == [1, 1, 1]


def plain_columns(components, X, shift, groups):
    """The design one entry at a time, as the kinds of group are described."""
    phi, _ = components.values(X)
    phi, M = [part.numpy() for part in phi], np.isnan(X).astype(float)
    made = [np.ones(len(X))]
    for group in groups:
        for part in group.parts:
            made.append(
                {
                    "line": lambda g, p: phi[g.key[0]][:, p[0]],
                    "shape": lambda g, p: phi[g.key[0]][:, p[0]],
                    "level": lambda g, p: phi[g.key[0]][:, p[0]],
                    "missing": lambda g, p: M[:, p[0]],
                    "interaction": lambda g, p: M[:, g.key[0]] * phi[g.key[1]][:, p[0]],
                    "pair": lambda g, p: phi[g.key[0]][:, p[0]] * phi[g.key[1]][:, p[1]],
                    "shift": lambda g, p: shift.astype(float),
                }[group.kind](group, part)
            )
    return np.column_stack(made)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_columns_are_what_the_groups_say(mixed, dtype):
    phi, M = mixed.components.values(mixed.X)
    given = [part.to(dtype) for part in phi], M.to(dtype)
    shift = np.arange(300) < 240
    A = columns(*given, torch.as_tensor(shift).to(dtype), mixed.groups)
    assert A.dtype == dtype
    assert {g.kind for g in mixed.groups} == {
        *("line", "shape", "level", "missing", "interaction", "pair", "shift")
    }
    near = 1e-12 if dtype == torch.float64 else 1e-5
    expected = plain_columns(mixed.components, mixed.X, shift, mixed.groups)
    np.testing.assert_allclose(A, expected, rtol=near, atol=near)


def test_columns_need_not_be_neighbours_among_the_components(mixed):
    shape = next(g for g in mixed.groups if g.kind == "shape")
    every_other = Group("shape", shape.key, shape.parts[::2], shape.stiffness[::2])
    phi, M = mixed.components.values(mixed.X)
    A = columns(phi, M, torch.zeros(300).double(), [every_other])
    expected = plain_columns(mixed.components, mixed.X, np.zeros(300), [every_other])
    np.testing.assert_allclose(A, expected, rtol=1e-12)


def test_components_and_columns_are_runs_of_memory(mixed):
    phi, M = mixed.components.values(mixed.X)
    assert all(part.T.is_contiguous() for part in phi)
    assert columns(phi, M, torch.zeros(300).double(), mixed.groups).T.is_contiguous()


def test_a_pair_takes_no_jumps():
    stream = np.random.default_rng(0)
    X = np.stack([stream.integers(0, 40, 400) ** 2.0, stream.normal(size=400)], 1)
    X[:250, 0] = 0
    made = Components.fit(X, 6, None, np.ones(400))
    assert len(made.stiffness[0]) > made.n_smooth(0) == 5 and made.n_smooth(1) == 5
    group = pair_group(made, 0, 1, degree=1000)
    assert group.parts == tuple((a, b) for a in range(5) for b in range(5))


def test_columns_of_a_pair_hold_nothing_of_main_effects():
    # Every value of one feature with every value of the other: independent to the last bit.
    stream = np.random.default_rng(0)
    x, z = stream.normal(size=20), stream.exponential(size=25)
    X = np.array([(a, b) for a in x for b in z])
    made = Components.fit(X, 6, None, np.ones(len(X)))
    phi, M = made.values(X)
    pair = columns(phi, M, torch.zeros(len(X)).double(), [pair_group(made, 0, 1)])[:, 1:]
    main = columns(phi, M, torch.zeros(len(X)).double(), main_groups(made, ()))
    assert (pair.T @ main / len(X)).abs().max() < 1e-10
    np.testing.assert_allclose(pair.T @ pair / len(X), np.eye(pair.shape[1]), atol=1e-6)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.01, 100))
def test_the_model_says_what_the_columns_say(mixed, seed, scale):
    stream = np.random.default_rng(seed)
    w = torch.as_tensor(scale * stream.normal(size=mixed.rows.n_columns))
    chosen = [g for g in mixed.groups if g.kind != "shift" or seed % 2]
    kept = [k for k in range(len(chosen)) if stream.uniform() < 0.8] or [0]
    groups = [chosen[k] for k in stream.permutation(kept)]
    rows = mixed.rows.use(groups)
    w, offset = w[: rows.n_columns], float(stream.normal())
    model, flat, places = as_model(mixed.components, groups, w, offset=offset)
    told = model.outputs(flat, model.basis.design(mixed.X))[:, 0]
    # The model leaves out what speaks of the training rows alone.
    at = dict(zip((g.kind for g in groups), slices(groups), strict=True)).get("shift")
    if at is not None:
        w = w.clone()
        w[at] = 0
    torch.testing.assert_close(told, rows.outputs(w) + offset, rtol=1e-9, atol=1e-8 * scale)
    alone = places @ w
    assert float(flat[0] - alone[0]) == pytest.approx(offset, abs=1e-9 * scale)
    assert torch.equal(flat[1:], alone[1:])
    assert model.interactions == any(g.kind == "interaction" for g in groups)
    assert list(model.pairs) == sorted(g.key for g in groups if g.kind == "pair")


def test_making_a_model_leaves_the_global_stream_alone(mixed):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    as_model(mixed.components, mixed.groups, torch.zeros(mixed.rows.n_columns).double())
    assert torch.equal(torch.get_rng_state(), before)


def test_slices_follow_one_another_after_the_intercept(mixed):
    places = slices(mixed.groups)
    assert places[0].start == 1
    assert [s.stop - s.start for s in places] == [len(g) for g in mixed.groups]
    assert [s.start for s in places[1:]] == [s.stop for s in places[:-1]]
    assert places[-1].stop == mixed.rows.n_columns


def test_all_pairs():
    assert list(all_pairs(4)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert list(all_pairs(1)) == []
