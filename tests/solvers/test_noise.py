"""Label models: EM climbs, planted components and rates come back, derivatives are derivatives."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from biam.solvers.evidence import maximise
from biam.solvers.noise import META_PRIOR, SHARE_PRIOR, Flips, Labels, Mixture
from biam.solvers.rows import Rows
from biam.solvers.terms import Components, main_groups


def labels(y, *, n_meta=0, fixed=None):
    y = torch.as_tensor(np.asarray(y, float))
    fixed = torch.ones(len(y)).double() if fixed is None else torch.as_tensor(fixed)
    return Labels(y, torch.arange(len(y)) >= len(y) - n_meta, fixed)


PLANTED = {"mean": [0.0, 2.0, -3.0], "scale": [0.1, 0.3, 0.5], "share": [0.7, 0.2, 0.1]}


def errors(n, seed=0, parts=PLANTED):
    """Draws from a mixture, and which component each is of."""
    stream = np.random.default_rng(seed)
    of = stream.choice(len(parts["share"]), n, p=parts["share"])
    e = stream.normal(np.array(parts["mean"])[of], np.array(parts["scale"])[of])
    return e, of


def learned(noise, rounds=40):
    f = torch.zeros_like(noise.labels.y)
    for _ in range(rounds):
        noise.refresh(f, torch.zeros_like(f))
    return noise


def started(e, *, n_meta=0, n_wrong=2, scale=0.15, fixed=None):
    given = labels(e, n_meta=n_meta, fixed=fixed)
    zero = torch.zeros_like(given.y)
    return Mixture.start(given, zero, zero, scale, n_wrong)


def penalised(noise):
    """Log likelihood of errors and priors of shares: what one EM step may not lower."""
    e, given = noise.labels.y[:, None], noise.labels
    normal = torch.distributions.Normal(noise.means, noise.scales).log_prob(e)
    share = torch.where(given.trusted[:, None], noise.meta_shares, noise.shares)
    value = float((given.fixed * torch.logsumexp(normal + share.log(), 1)).sum())
    prior = torch.full_like(noise.shares, META_PRIOR[1])
    prior[0] = META_PRIOR[0]
    value += SHARE_PRIOR * float(noise.shares.log().sum())
    return value + float((prior * noise.meta_shares.log()).sum())


@pytest.mark.parametrize("n_meta", [0, 60], ids=["no-meta", "meta"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_em_never_lowers_the_penalised_likelihood(n_meta, weighted):
    e, _ = errors(500)
    e[500 - n_meta :] = 0.1 * np.random.default_rng(2).normal(size=n_meta)
    fixed = np.random.default_rng(1).exponential(size=500) if weighted else None
    noise = started(e, n_meta=n_meta, n_wrong=3, scale=0.4, fixed=fixed)
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


# Two classes


def flips(n=40, seed=0, *, n_meta=10, weighted=True, rates=(0.1, 0.25)):
    stream = np.random.default_rng(seed)
    fixed = stream.exponential(size=n) if weighted else None
    given = labels(stream.integers(0, 2, n), n_meta=n_meta, fixed=fixed)
    f = torch.as_tensor(stream.normal(size=n))
    return Flips(given, torch.tensor(rates, dtype=torch.float64)), f


def turned(noise, logits):
    return Flips(noise.labels, torch.sigmoid(logits))


def slope_of(function, x, h=1e-5):
    moves = h * torch.eye(len(x), dtype=torch.float64)
    found = [(function(x + m) - function(x - m)) / (2 * h) for m in moves]
    return torch.tensor(found, dtype=torch.float64)


def test_scores_are_derivatives_of_the_likelihood():
    noise, f = flips()
    precision, residual, directions = noise.working(f)
    score = precision * residual
    torch.testing.assert_close(score, -slope_of(noise.surprise, f), rtol=1e-6, atol=1e-8)
    logits = torch.logit(noise.rates)
    slope = -slope_of(lambda z: turned(noise, z).surprise(f), logits)
    torch.testing.assert_close(directions.T @ score, slope, rtol=1e-6, atol=1e-8)
    # Meta rows say nothing of the rates.
    assert not directions[noise.labels.trusted].any()


def test_precision_is_the_fisher_information():
    noise, f = flips(weighted=False)
    both = []
    for y in (0.0, 1.0):
        noise.labels.y = torch.full_like(f, y)
        precision, residual, directions = noise.working(f)
        chance = noise._mean(torch.sigmoid(f))
        score = (precision * residual)[:, None] * torch.cat([torch.ones(40, 1), directions], 1)
        chance = chance if y else 1 - chance
        both.append(chance[:, None, None] * score[:, :, None] * score[:, None, :])
    expected = sum(both)
    wide = torch.cat([torch.ones(40, 1), directions], 1)
    found = precision[:, None, None] * wide[:, :, None] * wide[:, None, :]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_the_prior_of_the_rates_and_its_derivatives():
    noise, _ = flips()
    curvature, pull = noise.extra_prior()
    alpha, beta = noise.prior

    def prior(z):
        rate = torch.sigmoid(z)
        return -float((alpha * rate.log() + beta * (1 - rate).log()).sum())

    logits = torch.logit(noise.rates)
    torch.testing.assert_close(pull, slope_of(prior, logits), rtol=1e-6, atol=1e-8)
    bend = slope_of(lambda z: float(turned(noise, z).extra_prior()[1].sum()), logits)
    torch.testing.assert_close(curvature, bend, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("length", [0.1, 10.0, 1e4])
def test_no_step_raises_the_objective(length):
    noise, f = flips()
    w, penalty = torch.zeros(1).double(), torch.ones(1).double()
    before = noise._objective(f, w, penalty)
    move = length * (noise.labels.y - 0.5)
    step = torch.tensor([0.0, length, -length]).double()
    taken, gain = noise.advance(f, move, w, step, penalty)
    after = noise._objective(f + taken * move, w, penalty)
    assert 0 <= taken <= 1
    assert gain == pytest.approx(before - after, abs=1e-12)
    assert gain >= -1e-9
    assert noise.rates.sum() < 0.98


def two_classes(n, rates, seed=0):
    """Two steep features; clean labels, and labels flipped at the rates."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 2))
    f = 3 * X[:, 0] + 3 * np.sin(2 * X[:, 1])
    clean = (stream.uniform(size=n) < 1 / (1 + np.exp(-f))).astype(float)
    flipped = stream.uniform(size=n) < np.where(clean > 0, rates[1], rates[0])
    return X, np.where(flipped, 1 - clean, clean), flipped, f


def fitted(X, y, noise=None, max_iter=25):
    components = Components.fit(X, 6, None, np.ones(len(X)))
    rows = Rows(components, X, np.ones(len(X), bool)).use(main_groups(components, ()))
    return maximise(rows, noise or Flips.start(labels(y), None, None), max_iter=max_iter)


@pytest.mark.parametrize("rates", [(0.05, 0.25), (0.2, 0.1), (0.0, 0.0)])
def test_planted_rates_come_back(rates):
    X, y, flipped, _ = two_classes(4000, rates)
    fit = fitted(X, y)
    np.testing.assert_allclose(fit.noise.rates, rates, atol=0.035)
    if not any(rates):
        assert (fit.noise.rates < 0.01).all()
        return
    weights = fit.noise.weights(fit.f).numpy()
    assert 0 <= weights.min() <= weights.max() <= 1
    assert roc_auc_score(~flipped, weights) > 0.8
    assert weights.mean() == pytest.approx(1 - flipped.mean(), abs=0.03)


def test_swapped_classes_swap_the_rates_and_nothing_else():
    X, y, _, _ = two_classes(800, (0.05, 0.25))
    fit, other = fitted(X, y), fitted(X, 1 - y)
    torch.testing.assert_close(other.noise.rates, fit.noise.rates.flip(0), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(other.f, -fit.f, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(other.noise.weights(other.f), fit.noise.weights(fit.f))


def test_true_outputs_start_at_the_true_rates():
    _, y, _, f = two_classes(4000, (0.05, 0.25))
    f = torch.as_tensor(f)
    noise = Flips.start(labels(y), f, torch.zeros_like(f))
    np.testing.assert_allclose(noise.rates, [0.05, 0.25], atol=0.03)


def test_plain_flips_are_logistic_regression():
    noise, f = flips(n_meta=0)
    plain = Flips.plain(noise.labels)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    expected = float(loss(f, plain.labels.y, weight=plain.labels.fixed, reduction="sum"))
    assert plain.surprise(f) == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(plain.losses(f), loss(f, plain.labels.y, reduction="none"))
    precision, _, extra = plain.working(f)
    s = torch.sigmoid(f)
    torch.testing.assert_close(precision, plain.labels.fixed * s * (1 - s), rtol=1e-3, atol=0)
    assert extra is None
    assert plain.summary() == {"flip_rates": [0, 0]}
    assert plain.weights(f).min() > 0.999
    # Where every row is trusted there is nothing to learn.
    assert not Flips.start(labels([0.0, 1.0], n_meta=2), None, None).learned


def test_left_out_log_losses_are_near_those_of_refits():
    X, y, _, _ = two_classes(60, (0, 0))
    fit = fitted(X, y, Flips.plain(labels(y)))
    rows, S = fit.rows, torch.cat([torch.full((1,), 1e-8).double(), fit.penalties[_owner(fit)]])
    stiffness = torch.cat([torch.ones(1).double(), *(g.stiffness for g in rows.groups)])
    A = torch.cat([B for _, B in rows.blocks()])
    w, V = _newton(A, torch.as_tensor(y), S * stiffness)
    noise = Flips.plain(labels(y))
    told = noise.left_out(A @ w, ((A @ V) * A).sum(1))
    exact = []
    for i in range(0, 60, 4):
        kept = torch.arange(60) != i
        without, _ = _newton(A[kept], torch.as_tensor(y)[kept], S * stiffness)
        exact.append(float(noise.losses(A @ without)[i]))
    told, plain = told[::4].numpy(), noise.losses(A @ w)[::4].numpy()
    assert np.abs(told - exact).max() < 0.25 * np.abs(plain - exact).max()
    assert told.mean() == pytest.approx(np.mean(exact), rel=0.05)


def _owner(fit):
    return torch.repeat_interleave(
        torch.arange(len(fit.rows.groups)), torch.tensor([len(g) for g in fit.rows.groups])
    )


def _newton(A, y, penalty):
    """Penalised logistic regression to rounding error, and the inverse of its curvature."""
    w = torch.zeros(A.shape[1]).double()
    for _ in range(50):
        s = torch.sigmoid(A @ w)
        H = (A * (s * (1 - s))[:, None]).T @ A + torch.diag(penalty)
        w = w + torch.linalg.solve(H, A.T @ (y - s) - penalty * w).clamp(-1, 1)
    return w, torch.linalg.inv(H)
