"""Sums over blocks are those of the whole matrix, whatever the block, whatever the precision."""

import numpy as np
import pytest
import torch

from biam.solvers.exact import rows as module
from biam.solvers.exact.rows import Rows
from biam.solvers.exact.terms import columns, slices


def dense(rows):
    """The whole design matrix at once."""
    phi, M = rows.components.values(rows.X)
    return columns(phi, M, torch.as_tensor(rows.shift, dtype=torch.float64), rows.groups)


def fresh(rows):
    """The same rows without anything kept."""
    return Rows(rows.components, rows.X, rows.shift).use(rows.groups)


@pytest.fixture
def given(mixed):
    stream = np.random.default_rng(0)
    n, c = len(mixed.rows), mixed.rows.n_columns
    V = stream.normal(size=(c, c))
    return {
        "precision": torch.as_tensor(stream.exponential(size=n)),
        "residual": torch.as_tensor(stream.normal(size=n)),
        "extra": torch.as_tensor(stream.normal(size=(n, 2))),
        "w": torch.as_tensor(stream.normal(size=c)),
        "V": torch.as_tensor(V @ V.T),
    }


@pytest.mark.parametrize("kept", [0, 10**9], ids=["made-anew", "kept"])
@pytest.mark.parametrize("block", [7, 100, 300, 1000])
def test_blocks_add_up_to_the_whole(mixed, given, monkeypatch, block, kept):
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "KEPT_ENTRIES", kept)
    rows = fresh(mixed.rows)
    A = dense(mixed.rows)
    tight = {"rtol": 1e-10, "atol": 1e-9}
    for _ in range(2):
        torch.testing.assert_close(rows.outputs(given["w"]), A @ given["w"], **tight)
        spread = torch.einsum("ni,ij,nj->n", A, given["V"], A)
        torch.testing.assert_close(rows.spread(given["V"]), spread, **tight)
        for extra in (None, given["extra"]):
            wide = A if extra is None else torch.cat([A, extra], 1)
            gram, slope = rows.normal(given["precision"], given["residual"], extra)
            weighted = given["precision"][:, None] * wide
            torch.testing.assert_close(gram, wide.T @ weighted, **tight)
            torch.testing.assert_close(slope, weighted.T @ given["residual"], **tight)
    assert (rows._columns is None) == (kept == 0)


def test_sums_over_many_rows_are_nearly_those_in_double_precision(mixed, given, monkeypatch):
    A, p = dense(mixed.rows), given["precision"]
    monkeypatch.setattr(module, "SINGLE_ROWS", 300)
    rows = fresh(mixed.rows)
    assert all(block.dtype == torch.float32 for _, block in rows.blocks())
    gram, slope = rows.normal(p, given["residual"], given["extra"])
    wide = torch.cat([A, given["extra"]], 1)
    exact = (wide * p[:, None]).T @ wide
    lengths = exact.diagonal().sqrt()
    assert gram.dtype == slope.dtype == torch.float64
    error = ((gram - exact) / (lengths[:, None] * lengths)).abs().max()
    assert 0 < error < 1e-5
    pull = given["residual"] * p.sqrt()
    error = (slope - wide.T @ (p * given["residual"])) / (lengths * pull.norm())
    assert 0 < error.abs().max() < 1e-5
    f, spread = rows.outputs(given["w"]), rows.spread(given["V"])
    assert f.dtype == spread.dtype == torch.float64
    torch.testing.assert_close(f, A @ given["w"], rtol=1e-4, atol=1e-4)
    expected = torch.einsum("ni,ij,nj->n", A, given["V"], A)
    torch.testing.assert_close(spread, expected, rtol=1e-3, atol=1e-2)


def test_small_tables_stay_in_double_precision(mixed, monkeypatch):
    for most, kind in ((300, torch.float32), (301, torch.float64)):
        monkeypatch.setattr(module, "SINGLE_ROWS", most)
        rows = fresh(mixed.rows)
        assert rows.kind == kind
        assert {block.dtype for _, block in rows.blocks()} == {kind}
        assert {part.dtype for _, phi, M in rows.values() for part in (*phi, M)} == {kind}


def test_each_column_is_one_run_of_memory(mixed):
    for _, block in fresh(mixed.rows).blocks():
        assert block.T.is_contiguous()


@pytest.mark.parametrize("block", [64, 1000])
@pytest.mark.parametrize("kept", [0, 10**9], ids=["made-anew", "kept"])
@pytest.mark.parametrize("seen", [True, False], ids=["after-a-pass", "before"])
def test_extended_and_narrowed_rows_are_those_of_the_groups(mixed, monkeypatch, block, kept, seen):
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "KEPT_ENTRIES", kept)
    few = fresh(mixed.rows).use(mixed.groups[:4])
    if seen:
        list(few.blocks())
    wide = few.extend(mixed.groups[4:])
    assert wide.groups == tuple(mixed.groups)
    assert_same_blocks(wide, fresh(mixed.rows))
    stay = [1, 4, 9]
    groups, places = [mixed.groups[g] for g in stay], slices(mixed.groups)
    index = [0, *(c for g in stay for c in range(places[g].start, places[g].stop))]
    mask = torch.isin(torch.arange(wide.n_columns), torch.tensor(index))
    for chosen in (torch.tensor(index), mask):
        assert_same_blocks(wide.narrow(groups, chosen), fresh(mixed.rows).use(groups))
    # What they came from is as it was.
    assert_same_blocks(few, fresh(mixed.rows).use(mixed.groups[:4]))


def assert_same_blocks(rows, expected):
    assert rows.groups == expected.groups
    for _ in range(2):
        for (place, A), (other, B) in zip(rows.blocks(), expected.blocks(), strict=True):
            assert place == other
            torch.testing.assert_close(A, B, rtol=1e-12, atol=1e-12)
            assert A.T.is_contiguous()


def test_rows_taken_and_groups_changed_give_the_same_columns(mixed):
    chosen = np.array([5, 5, 290, 17])
    A = dense(mixed.rows)
    part = mixed.rows.take(chosen)
    assert len(part) == 4
    torch.testing.assert_close(dense(part), A[chosen])
    torch.testing.assert_close(torch.cat([B for _, B in part.blocks()]), A[chosen])
    few = mixed.rows.use(mixed.groups[:3])
    assert few.n_columns == 1 + sum(len(g) for g in mixed.groups[:3])
    torch.testing.assert_close(torch.cat([B for _, B in few.blocks()]), A[:, : few.n_columns])
    none = mixed.rows.use([])
    assert torch.equal(none.outputs(torch.ones(1).double()), torch.ones(300).double())


def test_components_are_shared_by_those_who_come_after(mixed, monkeypatch):
    rows = fresh(mixed.rows)
    rows.keep()
    other = rows.use(mixed.groups[:2])
    monkeypatch.setattr(type(rows.components), "values", lambda *_: pytest.fail("made anew"))
    list(other.blocks())
    list(other.values())
    assert other._values is rows._values


def test_the_shift_speaks_of_training_rows_alone(mixed):
    shift = next(g for g in mixed.groups if g.kind == "shift")
    column = dense(mixed.rows.use([shift]))[:, 1]
    assert torch.equal(column, (torch.arange(300) < 240).double())
