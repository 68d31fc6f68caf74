"""Lean encoders: the same gradients from fewer activations, and products in bfloat16."""

import pytest
import torch

from biam import lean as module
from biam.concepts import ConceptEncoders
from biam.exceptions import InvalidInputError
from biam.lean import LeanEncoders, check_precision
from biam.taylor import TaylorModel

GROUPS = ((0, 1, 2), (3,), (4, 1))
SINGLE = ((0,), (1,), (2,), (3,), (4,))


def normal(shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def made(kind="mlp", hidden=(5, 4), n=23, dtype=torch.float64):
    """Encoders, parameters away from zero, rows, and changes of both."""
    plain = ConceptEncoders(SINGLE if kind == "none" else GROUPS, hidden, kind)
    start = plain.initial(torch.Generator().manual_seed(0))
    small = 0.3 if kind == "exu" else 1.0
    parts = {k: small * p.to(dtype) + 0.2 * normal(p.shape, 1, dtype) for k, p in start.items()}
    change = {k: normal(p.shape, 2, dtype) for k, p in parts.items()}
    X, slope = normal((n, 5), 3, dtype), normal((n, len(plain.groups)), 4, dtype)
    return plain, parts, X, slope, change


def lean_of(plain, **options):
    return LeanEncoders(plain.groups, plain.hidden, plain.kind, **options)


@pytest.fixture(params=[7, 23, 4096])
def block(request, monkeypatch):
    """Rows that are held at once: some, all, more than there are."""
    monkeypatch.setattr(module, "BLOCK", request.param)
    return request.param


@pytest.mark.parametrize("kind", ["mlp", "exu", "none"])
def test_checkpointed_derivatives_are_the_same(kind, block):
    plain, parts, X, slope, change = made(kind)
    here, there = plain.trace(parts, X), lean_of(plain, checkpointing=True).trace(parts, X)
    close = {"rtol": 1e-12, "atol": 1e-12}
    torch.testing.assert_close(there.z, here.z, **close)
    torch.testing.assert_close(there.jvp(change), here.jvp(change), **close)
    wanted, found = here.vjp(slope), there.vjp(slope)
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], **close)


def remembered(trace):
    """Bytes of tensors that a trace holds beside its inputs."""
    given = {t.untyped_storage().data_ptr() for t in (*trace.parts.values(), trace.X)}
    found, waiting, seen = {}, [vars(trace)], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, torch.Tensor):
            storage = thing.untyped_storage()
            if storage.data_ptr() not in given:
                found[storage.data_ptr()] = storage.nbytes()
        elif isinstance(thing, dict):
            waiting += thing.values()
        elif isinstance(thing, list | tuple):
            waiting += thing
        elif hasattr(thing, "__dict__") and not isinstance(thing, ConceptEncoders):
            waiting.append(vars(thing))
    return sum(found.values())


def test_a_checkpointed_trace_remembers_its_concepts_and_no_more(block):
    plain, parts, X, slope, change = made(hidden=(64, 32), n=500)
    trace = lean_of(plain, checkpointing=True).trace(parts, X)
    concepts = 500 * 3 * 8
    assert remembered(trace) == concepts
    trace.vjp(slope), trace.jvp(change)
    assert remembered(trace) == concepts
    # In bfloat16 alone all activations are kept, and their slopes.
    assert remembered(lean_of(plain, precision="bf16").trace(parts, X)) > 2 * 500 * 3 * 96 * 8


def test_rows_are_encoded_a_block_at_a_time(block, monkeypatch):
    seen, plain = [], LeanEncoders.plain
    monkeypatch.setattr(LeanEncoders, "plain", lambda *a: seen.append(len(a[2])) or plain(*a))
    encoders, parts, X, slope, _ = made()
    lean_of(encoders, checkpointing=True).trace(parts, X).vjp(slope)
    assert max(seen) == min(block, 23) and sum(seen) == 2 * 23


@pytest.mark.parametrize("encoder", ["mlp", "exu"])
def test_the_module_gives_autograd_the_same_gradient(encoder, block, monkeypatch):
    monkeypatch.setattr("biam.taylor.BLOCK", block)
    models = [
        TaylorModel(
            GROUPS,
            2,
            hidden=(5, 4),
            encoder=encoder,
            checkpointing=checkpointing,
            generator=torch.Generator().manual_seed(0),
        ).double()
        for checkpointing in (False, True)
    ]
    X, slope = normal((23, 5), 5), normal((23, 2), 6)
    outputs = [model(X) for model in models]
    torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
    for f in outputs:
        (f * slope).sum().backward()
    torch.testing.assert_close(*(m.w.grad for m in models), rtol=1e-12, atol=1e-12)
    v = normal(models[0].w.shape, 7)
    traces = [model.trace(model.w.detach(), X) for model in models]
    torch.testing.assert_close(*(t.jvp(v) for t in traces), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(*(t.vjp(slope) for t in traces), rtol=1e-12, atol=1e-12)


def test_blocks_are_forgotten_on_the_way_forward(monkeypatch):
    """Autograd keeps no more than a module that is checkpointed has as inputs."""
    monkeypatch.setattr("biam.taylor.BLOCK", 50)
    kept = []
    for checkpointing in (False, True):
        model = TaylorModel(GROUPS, hidden=(64, 32), checkpointing=checkpointing)
        X = normal((500, 5), dtype=torch.float32)
        sizes = {}

        def pack(t, sizes=sizes):
            sizes[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
            return t

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            model(X)
        kept.append(sum(sizes.values()))
    assert kept[1] < kept[0] / 20


@pytest.mark.parametrize("kind", ["mlp", "exu"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_bfloat16_is_near_float32_and_is_not_it(kind, checkpointing):
    plain, parts, X, slope, change = made(kind, (32, 16), 200, torch.float32)
    here = plain.trace(parts, X)
    there = lean_of(plain, precision="bf16", checkpointing=checkpointing).trace(parts, X)
    pairs = [(there.z, here.z), (there.jvp(change), here.jvp(change))]
    pairs += zip(there.vjp(slope).values(), here.vjp(slope).values(), strict=True)
    assert not torch.equal(there.z, here.z)
    # Eight bits, 2^-9 a rounding, through three layers and back; ExU units near a cut turn over.
    most = 0.15 if kind == "exu" else 0.04
    for found, wanted in pairs:
        assert found.dtype == torch.float32
        assert (found - wanted).norm() < most * wanted.norm()


def test_float64_is_left_alone_by_bfloat16():
    plain, parts, X, _, _ = made()
    assert torch.equal(lean_of(plain, precision="bf16").trace(parts, X).z, plain.trace(parts, X).z)


def test_defaults_are_the_plain_encoders():
    assert type(TaylorModel(GROUPS).encoders) is ConceptEncoders
    assert type(TaylorModel(GROUPS, checkpointing=True).encoders) is LeanEncoders


BAD = {"precision": ({"precision": "half"}, "precision"), "flag": ({"checkpointing": 1}, "True or")}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_misuse_is_refused(options, message):
    with pytest.raises(InvalidInputError, match=message):
        TaylorModel(GROUPS, **options)


def test_devices_without_bfloat16_are_named(monkeypatch):
    with pytest.raises(InvalidInputError, match="bfloat16, which 'meta' has not"):
        check_precision("bf16", torch.device("meta"))
    X = torch.empty((3, 5), device="meta")
    with pytest.raises(InvalidInputError, match="precision='float32'"):
        LeanEncoders(GROUPS, precision="bf16").trace({}, X)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    with pytest.raises(InvalidInputError, match="'cuda:1' has not"):
        check_precision("bf16", torch.device("cuda:1"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    check_precision("bf16", torch.device("cuda:1"))
    check_precision("float32", torch.device("meta"))
