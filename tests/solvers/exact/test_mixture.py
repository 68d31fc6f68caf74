"""Numbers as labels: EM climbs, planted components and variances of gaps come back."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score

from biam.solvers.exact.labels import Labels
from biam.solvers.exact.mixture import META_PRIOR, ROUNDS, SHARE_PRIOR, Mixture


def labels(y, *, n_meta=0, fixed=None, gaps=None):
    y = torch.as_tensor(np.asarray(y, float))
    fixed = torch.ones(len(y)).double() if fixed is None else torch.as_tensor(fixed)
    gaps = torch.zeros(len(y), 0).double() if gaps is None else torch.as_tensor(gaps).double()
    return Labels(y, torch.arange(len(y)) >= len(y) - n_meta, fixed, gaps)


PLANTED = {"mean": [0.0, 2.0, -3.0], "scale": [0.1, 0.3, 0.5], "share": [0.7, 0.2, 0.1]}


def errors(n, seed=0, parts=PLANTED):
    """Draws from a mixture, and which component each is of."""
    stream = np.random.default_rng(seed)
    of = stream.choice(len(parts["share"]), n, p=parts["share"])
    e = stream.normal(np.array(parts["mean"])[of], np.array(parts["scale"])[of])
    return e, of


@pytest.mark.parametrize("seed", range(4))
def test_a_row_of_weight_three_starts_as_three_rows(seed):
    e, _ = errors(60, seed)
    v = np.random.default_rng(seed).integers(0, 4, 60)
    one = started(e, n_wrong=3, fixed=v.astype(float))
    other = started(np.repeat(e, v), n_wrong=3)
    for part in ("means", "scales", "shares"):
        torch.testing.assert_close(getattr(one, part), getattr(other, part))


def learned(noise, rounds=40):
    f = torch.zeros_like(noise.labels.y)
    for _ in range(rounds):
        noise.refresh(f, torch.zeros_like(f))
    return noise


def started(e, *, n_meta=0, n_wrong=2, scale=0.15, fixed=None, gaps=None):
    given = labels(e, n_meta=n_meta, fixed=fixed, gaps=gaps)
    zero = torch.zeros_like(given.y)
    return Mixture.start(given, zero, zero, scale, n_wrong)


def penalised(noise):
    """Log likelihood of errors and priors of shares: what one EM step may not lower."""
    e, given = noise.labels.y[:, None], noise.labels
    scales = (noise.scales.square() + (given.gaps @ noise.hidden)[:, None]).sqrt()
    normal = torch.distributions.Normal(noise.means, scales).log_prob(e)
    share = torch.where(given.trusted[:, None], noise.meta_shares, noise.shares)
    value = float((given.fixed * torch.logsumexp(normal + share.log(), 1)).sum())
    prior = torch.full_like(noise.shares, META_PRIOR[1])
    prior[0] = META_PRIOR[0]
    value += SHARE_PRIOR * float(noise.shares.log().sum())
    return value + float((prior * noise.meta_shares.log()).sum())


@pytest.mark.parametrize("n_meta", [0, 60], ids=["no-meta", "meta"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("n_gaps", [0, 2])
def test_em_never_lowers_the_penalised_likelihood(n_meta, weighted, n_gaps):
    e, _ = errors(500)
    e[500 - n_meta :] = 0.1 * np.random.default_rng(2).normal(size=n_meta)
    fixed = np.random.default_rng(1).exponential(size=500) if weighted else None
    gaps = np.random.default_rng(3).uniform(size=(500, n_gaps)) < 0.3
    e = e + gaps @ [0.3, 0.1][:n_gaps] * np.random.default_rng(4).normal(size=500)
    noise = started(e, n_meta=n_meta, n_wrong=3, scale=0.4, fixed=fixed, gaps=gaps)
    values = [penalised(noise)]
    for _ in range(15):
        learned(noise, 1)
        values.append(penalised(noise))
    assert all(after >= before - 1e-6 for before, after in pairwise(values))
    assert values[-1] > values[0] + 10


@pytest.mark.parametrize("n_meta", [0, 200], ids=["no-meta", "meta"])
def test_planted_components_come_back(n_meta):
    e, of = errors(6000)
    meta, _ = errors(n_meta, parts={"mean": [0.0], "scale": [0.1], "share": [1.0]})
    noise = learned(started(np.r_[e, meta], n_meta=n_meta))
    order = [0, *(1 + noise.means[1:].argsort(descending=True)).tolist()]
    counts = np.bincount(of)
    found = {"mean": noise.means, "scale": noise.scales, "share": noise.shares}
    mean, scale, share = (found[name][order].numpy() for name in ("mean", "scale", "share"))
    sd = np.array(PLANTED["scale"])
    assert (np.abs(mean - PLANTED["mean"]) < 4 * sd / np.sqrt(counts)).all()
    assert (np.abs(scale - sd) < 4 * sd / np.sqrt(2 * counts)).all()
    p = np.array(PLANTED["share"])
    assert (np.abs(share - p) < 4 * np.sqrt(p * (1 - p) / 6000)).all()
    assert noise.wrong.tolist() == [False, True, True]
    assert noise.right_shares()[0] == pytest.approx(1, abs=1e-4)
    assert abs(noise.offset()) < 1e-3


@pytest.mark.parametrize("n_meta", [0, 50], ids=["no-meta", "meta"])
def test_weights_are_chances_and_tell_outliers(n_meta):
    e, of = errors(1000)
    e[1000 - n_meta :] = 0.1 * np.random.default_rng(3).normal(size=n_meta)
    noise = learned(started(e, n_meta=n_meta, n_wrong=3))
    weights = noise.weights(torch.zeros(1000).double()).numpy()
    right = of[: 1000 - n_meta] == 0
    assert weights.shape == right.shape
    assert 0 <= weights.min() <= weights.max() <= 1
    assert roc_auc_score(right, weights) > 0.99
    # They are chances: as many labels are right as they say.
    assert weights.sum() == pytest.approx(right.sum(), abs=10)


def test_one_component_is_least_squares():
    y = np.random.default_rng(0).normal(size=50)
    fixed = np.random.default_rng(1).exponential(size=50)
    noise = Mixture.plain(labels(y, fixed=fixed), 0.7)
    f = torch.linspace(-1, 1, 50).double()
    precision, residual, extra = noise.working(f)
    torch.testing.assert_close(precision, noise.labels.fixed / 0.49)
    torch.testing.assert_close(residual, noise.labels.y - f)
    assert extra is None
    spread = torch.linspace(0, 0.1, 50).double()
    noise.refresh(f, spread)
    square = (noise.labels.y - f).square() + spread
    expected = float((noise.labels.fixed * square).sum() / noise.labels.fixed.sum()) ** 0.5
    assert float(noise.scales[0]) == pytest.approx(expected, rel=1e-8)
    assert noise.weights(f).tolist() == [1] * 50
    assert noise.offset() == 0


TAILED = {"mean": [0.0, 0.0], "scale": [0.1, 0.8], "share": [0.75, 0.25]}


@pytest.mark.parametrize("honest", [True, False])
def test_meta_rows_say_whether_wide_errors_are_wrong(honest):
    e, of = errors(1500, parts=TAILED)
    tail = TAILED if honest else {"mean": [0.0], "scale": [0.1], "share": [1.0]}
    meta, _ = errors(200, seed=1, parts=tail)
    noise = learned(started(np.r_[e, meta], n_meta=200, n_wrong=1))
    weights = noise.weights(torch.zeros(1700).double()).numpy()
    assert bool(noise.wrong[1]) is not honest
    if honest:
        assert weights.mean() > 0.95
        assert float(noise.meta_shares[1]) == pytest.approx(0.25, abs=0.1)
    else:
        assert float(noise.meta_shares[1]) < 0.01
        assert weights[of == 0].mean() > 0.85 > 0.3 > weights[of == 1].mean()


def test_of_a_tail_that_is_partly_honest_that_part_counts():
    e, _ = errors(6000, parts=TAILED | {"share": [0.6, 0.4]})
    meta, _ = errors(2000, seed=1, parts=TAILED | {"share": [0.85, 0.15]})
    noise = learned(started(np.r_[e, meta], n_meta=2000, n_wrong=1))
    # Narrow errors are all right: 0.6 / 0.85 of the labels are, and so say the weights.
    weights = noise.weights(torch.zeros(8000).double())
    assert noise.wrong.tolist() == [False, False]
    assert float(weights.mean()) == pytest.approx(0.6 / 0.85, abs=0.025)


def test_without_meta_rows_wide_errors_are_a_tail_unless_they_stand_apart():
    kept = learned(started(errors(1500, parts=TAILED)[0], n_wrong=1))
    assert kept.wrong.tolist() == [False, False]
    assert kept.weights(torch.zeros(1500).double()).min() > 0.99
    apart = TAILED | {"mean": [0.0, 5.0]}
    assert learned(started(errors(1500, parts=apart)[0], n_wrong=1)).wrong.tolist() == [False, True]


def test_a_skewed_but_honest_error_shifts_the_prediction():
    skewed = {"mean": [0.0, 1.0], "scale": [0.1, 0.2], "share": [0.7, 0.3]}
    e, _ = errors(1500, parts=skewed)
    meta, _ = errors(400, seed=1, parts=skewed)
    noise = learned(started(np.r_[e, meta], n_meta=400, n_wrong=1))
    assert noise.wrong.tolist() == [False, False]
    assert noise.offset() == pytest.approx(0.3, abs=0.07)


def test_a_majority_of_wrong_labels_is_seen_where_meta_rows_are():
    e, of = errors(800, parts={"mean": [0.0, 2.0], "scale": [0.1, 0.1], "share": [0.3, 0.7]})
    noise = learned(started(np.r_[e, 0.1 * np.ones(30)], n_meta=30, n_wrong=1))
    weights = noise.weights(torch.zeros(830).double()).numpy()
    assert weights[of == 0].min() > 0.99 > 0.01 > weights[of == 1].max()


def test_components_judge_other_rows_and_speak_in_units():
    noise = learned(started(errors(800)[0]))
    other = noise.on(labels([0.0, 2.0]))
    assert other.weights(torch.zeros(2).double()).round().tolist() == [1, 0]
    plain, scaled = noise.summary(), noise.summary(10.0)
    for name in ("mean", "scale"):
        assert scaled[name] == pytest.approx([10 * x for x in plain[name]])
    assert scaled["gap_scale"] == plain["gap_scale"] == []
    for name in ("share", "right_share"):
        assert scaled[name] == plain[name]
        assert sum(plain[name]) == pytest.approx(1)


def leave_one_out(A, precision, y, S, i):
    """Ridge output of row i under the fit to the other rows."""
    kept = np.arange(len(y)) != i
    B = A[kept] * precision[kept, None]
    return A[i] @ np.linalg.solve(B.T @ A[kept] + S, B.T @ y[kept])


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_left_out_losses_are_those_of_refits(weighted):
    stream = np.random.default_rng(0)
    A, y, S = stream.normal(size=(30, 6)), stream.normal(size=30), np.diag(np.arange(6) + 0.5)
    fixed = stream.exponential(size=30) if weighted else np.ones(30)
    noise = Mixture.plain(labels(y, fixed=fixed), 0.6)
    p = fixed / 0.36
    V = np.linalg.inv((A * p[:, None]).T @ A + S)
    f = torch.as_tensor(A @ V @ (p * y @ A))
    spread = torch.as_tensor(((A @ V) * A).sum(1))
    expected = [(y[i] - leave_one_out(A, p, y, S, i)) ** 2 for i in range(30)]
    np.testing.assert_allclose(noise.left_out(f, spread), expected, rtol=1e-9)


# Gaps widen errors


def gapped(n, seed=0, *, scale=0.3, hidden=(0.25, 1.0)):
    """Errors of variance scale^2 + gaps @ hidden, and the gaps."""
    stream = np.random.default_rng(seed)
    gaps = (stream.uniform(size=(n, len(hidden))) < 0.25).astype(float)
    return stream.normal(size=n) * np.sqrt(scale**2 + gaps @ hidden), gaps


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_variances_of_gaps_are_the_most_likely_ones(weighted):
    e, gaps = gapped(300)
    stream = np.random.default_rng(1)
    fixed = stream.exponential(size=300) if weighted else np.ones(300)
    spread = 0.02 * stream.uniform(size=300)
    noise = Mixture.plain(labels(e, fixed=fixed, gaps=gaps), 1.0)
    zero = torch.zeros(300).double()
    for _ in range(400):
        noise.refresh(zero, torch.as_tensor(spread))

    def surprise(logs):
        total = np.exp(logs[0]) + gaps @ np.exp(logs[1:])
        return 0.5 * fixed @ (np.log(total) + (e**2 + spread) / total)

    best = optimize.minimize(surprise, np.zeros(3), options={"gtol": 1e-8})
    found = np.r_[noise.scales.numpy() ** 2, noise.hidden.numpy()]
    np.testing.assert_allclose(found, np.exp(best.x), rtol=1e-4)


def test_planted_variances_of_gaps_come_back():
    e, gaps = gapped(6000)
    noise = learned(started(e, scale=0.3, n_wrong=1, gaps=gaps), 60)
    assert float(noise.scales[0]) == pytest.approx(0.3, rel=0.05)
    np.testing.assert_allclose(noise.hidden, [0.25, 1.0], rtol=0.15)
    # None of these errors is a wrong label: a gap explains the wide ones.
    assert float(noise.weights(torch.zeros(6000).double()).mean()) > 0.98
    blind = learned(started(e, scale=0.3, n_wrong=1), 60)
    assert float(blind.shares[0]) < float(noise.shares[0]) - 0.1


def test_planted_variances_of_gaps_come_back_among_outliers():
    e, gaps = gapped(6000)
    wrong = np.random.default_rng(5).uniform(size=6000) < 0.2
    noise = learned(started(np.where(wrong, e + 12, e), scale=0.3, n_wrong=1, gaps=gaps), 60)
    np.testing.assert_allclose(noise.hidden, [0.25, 1.0], rtol=0.2)
    assert roc_auc_score(~wrong, noise.weights(torch.zeros(6000).double())) > 0.999


def test_where_gaps_hide_nothing_their_variance_vanishes():
    e, gaps = gapped(3000, hidden=(0.0,))
    noise = learned(Mixture.plain(labels(e, gaps=gaps), 1.0), 400)
    assert float(noise.hidden[0]) < 0.02 * float(noise.scales[0]) ** 2
    assert float(noise.scales[0]) == pytest.approx(np.sqrt(np.mean(e**2)), rel=1e-2)


def test_without_gaps_a_step_is_the_closed_form():
    e, _ = errors(400)
    noise = started(e, n_wrong=2)
    for _ in range(ROUNDS):
        log = np.log(noise.shares.numpy()) + stats.norm.logpdf(
            e[:, None], noise.means.numpy(), noise.scales.numpy()
        )
        chance = np.exp(log - logsumexp(log, 1, keepdims=True))
        mass = chance.sum(0)
        means = np.r_[0, ((chance * e[:, None]).sum(0) / mass)[1:]]
        scales = np.sqrt((chance * (e[:, None] - means) ** 2).sum(0) / mass)
        scales = np.maximum(scales, scales[0])
        shares = (mass + SHARE_PRIOR) / (mass + SHARE_PRIOR).sum()
        given = (torch.as_tensor(part) for part in (means, scales, shares))
        noise = Mixture(noise.labels, *given)
    again = learned(started(e, n_wrong=2), 1)
    for name in ("means", "scales", "shares"):
        told, expected = getattr(again, name), getattr(noise, name)
        torch.testing.assert_close(told, expected, rtol=1e-7, atol=1e-10)


def test_a_row_with_a_gap_weighs_less():
    given = labels(np.zeros(4), gaps=[[0, 0], [1, 0], [0, 1], [1, 1]])
    one, hidden = torch.ones(1).double(), torch.as_tensor(np.array([0.3, 1.1]))
    noise = Mixture(given, 0 * one, 0.5 * one, one, hidden)
    precision, _, _ = noise.working(torch.zeros(4).double())
    total = 0.25 + np.array([0, 0.3, 1.1, 1.4])
    np.testing.assert_allclose(precision, 1 / total, rtol=1e-12)
    np.testing.assert_allclose(precision / precision[0], 0.25 / total, rtol=1e-12)
    assert noise.summary(2.0)["gap_scale"] == pytest.approx([2 * 0.3**0.5, 2 * 1.1**0.5])
    assert torch.equal(noise.on(given).hidden, hidden)


def test_an_error_that_a_gap_explains_is_no_wrong_label():
    e, gaps = gapped(3000, hidden=(1.0,), scale=0.1)
    wrong = np.random.default_rng(2).uniform(size=3000) < 0.15
    e = np.where(wrong, np.random.default_rng(3).normal(3, 0.3, size=3000), e)
    noise = learned(started(e, n_wrong=1, scale=0.1, gaps=gaps), 60)
    two = noise.on(labels([1.5, 1.5], gaps=[[1.0], [0.0]]))
    with_gap, without = two.weights(torch.zeros(2).double()).tolist()
    assert without < 0.01 < 0.8 < with_gap


# Meta rows that are wrong


def dirty(share_of_meta, n_meta=200, n=2000):
    """Three in ten training labels are 4 too high, and so is a share of the meta labels."""
    parts = {"mean": [0.0, 4.0], "scale": [0.1, 0.3]}
    e, _ = errors(n, parts=parts | {"share": [0.7, 0.3]})
    meta, of = errors(n_meta, 1, parts | {"share": [1 - share_of_meta, share_of_meta]})
    return learned(started(np.r_[e, meta], n_meta=n_meta, n_wrong=1)), of


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1])
def test_a_few_wrong_meta_rows_do_not_make_a_component_honest(share):
    noise, of = dirty(share)
    assert noise.wrong.tolist() == [False, True]
    assert noise.right_shares().tolist() == [1, 0]
    assert noise.offset() == 0
    doubts = noise.doubts(torch.zeros(2200).double())
    assert doubts.shape == (200,)
    assert ((doubts > 0.5).numpy() == (of == 1)).all()


def test_what_meta_rows_have_as_often_as_training_rows_is_honest():
    noise, _ = dirty(0.3)
    assert noise.wrong.tolist() == [False, False]
    assert noise.offset() == pytest.approx(0.3 * 4, abs=0.4)


def test_one_component_doubts_no_meta_row():
    noise = Mixture.plain(labels(errors(50)[0], n_meta=20), 0.1)
    assert noise.doubts(torch.zeros(50).double()).tolist() == [0] * 20
