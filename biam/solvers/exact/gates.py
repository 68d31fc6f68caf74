"""`selection="gates"`: terms of a fitted BIAM-X are in or out, each with a probability.

A gate for every term: the curve of a feature, the effect of its gaps, an interaction, a pair. Given
the label model and the penalties, the chance of the targets under a set of terms z is known in
closed form. The gates q are independent, and maximise E_q[log p(y, z)] - E_q[log q]; the prior
holds one term in ten for true. This is the upper problem of `biam.structure`, but the lower problem
is solved, not stepped, and so each gate moves straight to its best value given samples of the
others, logit = logit of the prior + E_q[log Bayes factor of the term].
Source: BIAM protocol, section 6; Bishop (2006), Pattern Recognition and Machine Learning, eq. 10.9.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from biam.solvers.exact.evidence import INTERCEPT, LEAST, MOST, Evidence
from biam.solvers.exact.search import TermSearch
from biam.solvers.exact.terms import Group, pair_group, slices
from biam.structure import GroupGates

__all__ = ["GateSearch", "gated"]

PRIOR = 0.1
PRIOR_LOGIT = math.log(PRIOR / (1 - PRIOR))
SAMPLES, SWEEPS = 8, 20
# Logits of gates as good as open, and the change at which they have come to rest.
OPEN, CALM = 30.0, 0.01
# Terms that keep less than this have no say in any structure.
LITTLE = 0.05
SMALL = 1e-3
# Pairs beyond those that the screening lets through: so many, if their chance is below one in ten.
MORE_PAIRS, LEAST_EVIDENCE = 6, 1.0

Term = tuple[str, tuple[int, ...]]


class GateSearch:
    """Gates over groups of columns of one ridge problem.

    log p(y | z) = (b_z^T M_z^-1 b_z - log det M_z + log det D_z) / 2 + constant, with M = G + D; z
    picks the columns that are on.

    Parameters
    ----------
    gram : Tensor, shape (c, c)
        G = A^T diag(precision) A.
    slope : Tensor, shape (c,)
        b = A^T diag(precision) y.
    diagonal : Tensor, shape (c,)
        D, positive.
    owner : Tensor of int, shape (c,)
        Gate of each column; -1: always on.
    price : Tensor, shape (n_gates,)
        Taken off log p(y | z) for every gate that is open.
    """

    def __init__(
        self, gram: Tensor, slope: Tensor, diagonal: Tensor, owner: Tensor, price: Tensor
    ) -> None:
        self.gram, self.slope, self.diagonal, self.owner = gram, slope, diagonal, owner
        self.price = price
        self._known: dict[bytes, float] = {}

    def log_evidence(self, z: Tensor) -> Tensor:
        """log p(y | z) up to a constant, shape (S,), for structures `z`, shape (S, n_gates)."""
        keys = [bytes(row) for row in z.to(torch.uint8).numpy()]
        new = {key: i for i, key in enumerate(keys) if key not in self._known}
        if new:
            values = self._evidence(z[list(new.values())])
            self._known |= dict(zip(new, values.tolist(), strict=True))
        return torch.tensor([self._known[key] for key in keys], dtype=self.gram.dtype)

    def run(self, seed: int) -> Tensor:
        """Logits of the gates, shape (n_gates,).

        Of terms that can stand for each other independent gates hold one or the other: they start
        once all open and once all closed, and the likelier set of terms counts.
        """
        found = torch.stack([self._rest(start, seed) for start in (OPEN, -OPEN)])
        z = (found >= 0).to(found.dtype)
        return found[int((self.log_evidence(z) + PRIOR_LOGIT * z.sum(1)).argmax())]

    def _rest(self, start: float, seed: int) -> Tensor:
        """Where the gates come to rest; the samples are those of one seed in every sweep."""
        gates, phi = GroupGates(prior=PRIOR), torch.full_like(self.price, start)
        for _ in range(SWEEPS):
            before = phi.clone()
            for g in range(len(phi)):
                phi[g] = 0.0
                z = gates.sample(phi, SAMPLES, torch.Generator().manual_seed(seed))
                z[:, g] = 1.0
                on = self.log_evidence(z)
                z[:, g] = 0.0
                gain = float((on - self.log_evidence(z)).mean())
                phi[g] = min(max(gain + PRIOR_LOGIT, -OPEN), OPEN)
            if not len(phi) or bool((phi - before).abs().max() < CALM):
                break
        return phi

    def _evidence(self, z: Tensor) -> Tensor:
        one = torch.ones(len(z), 1, dtype=z.dtype)
        on = torch.cat([z, one], 1)[:, self.owner]
        M = on[:, :, None] * (self.gram + self.diagonal.diag()) * on[:, None, :]
        M.diagonal(dim1=1, dim2=2).add_(1 - on)
        factor = torch.linalg.cholesky(M)
        half = torch.linalg.solve_triangular(factor, (on * self.slope)[:, :, None], upper=False)
        volume = 2 * factor.diagonal(dim1=1, dim2=2).log().sum(1) - on @ self.diagonal.log()
        return (half.square().sum((1, 2)) - volume) / 2 - z @ self.price


def gated(fit: Evidence, search: TermSearch, seed: int) -> tuple[Evidence, list[dict[str, object]]]:
    """The fit with the terms whose gates are open, and the probability of every term tried.

    Parameters
    ----------
    fit : Evidence
        With the terms that its penalties have let in.
    search : TermSearch
    seed : int
        Of the sampled structures.

    Returns
    -------
    fit : Evidence
        Fitted again without the terms that are out.
    gates : list of dict
        "kind", "features" and "probability" of every term.
    """
    fit = _with_more_pairs(fit, search)
    owners = [term for group in fit.rows.groups for term in _terms(group)]
    gram, slope, diagonal = _problem(fit)
    edf = 1 - diagonal * torch.linalg.inv(gram + diagonal.diag()).diagonal()
    prices = _prices(fit, edf, owners)
    number = {term: i for i, term in enumerate(prices)}
    used = torch.tensor([True, *(term is None or term in number for term in owners)]) & (
        edf > SMALL
    )
    used[0] = True
    owner = torch.tensor([-1, *(number.get(term, -1) for term in owners)])[used]
    price = torch.tensor(list(prices.values()), dtype=torch.float64)
    search_ = GateSearch(gram[used][:, used], slope[used], diagonal[used], owner, price)
    phi = search_.run(seed)
    chances = dict.fromkeys(dict.fromkeys(owners), PRIOR)
    chances |= dict(zip(prices, torch.sigmoid(phi).tolist(), strict=True)) | {None: 1.0}
    told = [
        {"kind": term[0], "features": list(term[1]), "probability": chance}
        for term, chance in chances.items()
        if term
    ]
    return _narrowed(fit, search, {term for term, chance in chances.items() if chance >= 0.5}), told


def _prices(fit: Evidence, edf: Tensor, owners: list[Term | None]) -> dict[Term, float]:
    """What each term worth trying pays for penalties chosen to its best.

    A penalty is integrated, not maximised, if log lambda is flat over its range and the likelihood
    normal about its maximum with curvature edf / 2.
    """
    prices: dict[Term, float] = {}
    for place, group in zip(slices(fit.rows.groups), fit.rows.groups, strict=True):
        sizes: dict[Term, float] = {}
        for term, size in zip(_terms(group), edf[place].tolist(), strict=True):
            if term:
                sizes[term] = sizes.get(term, 0.0) + size
        for term, size in sizes.items():
            if size > LITTLE:
                width = math.sqrt(4 * math.pi / size)
                price = max(math.log(math.log(MOST / LEAST) / width), 0.0)
                prices[term] = prices.get(term, 0.0) + price
    return prices


def _terms(group: Group) -> list[Term | None]:
    """The term of each column; a feature's line and shape are one, each gap is one of its own."""
    if group.kind == "shift":
        return [None]
    if group.kind == "missing":
        return [("missing", part) for part in group.parts]
    kind = group.kind if group.kind in ("interaction", "pair") else "curve"
    return [(kind, group.key)] * len(group)


def _problem(fit: Evidence) -> tuple[Tensor, Tensor, Tensor]:
    """Gram matrix, slope and penalties of the last weighted ridge problem."""
    precision, residual, _ = fit.noise.working(fit.f)
    gram, slope = fit.rows.normal(precision, fit.f + residual)
    parts = zip(fit.penalties.tolist(), fit.rows.groups, strict=True)
    penalties = [penalty * group.stiffness.clamp_min(INTERCEPT) for penalty, group in parts]
    diagonal = torch.cat([torch.full((1,), INTERCEPT, dtype=torch.float64), *penalties])
    return gram.cpu(), slope.cpu(), diagonal


def _with_more_pairs(fit: Evidence, search: TermSearch) -> Evidence:
    """The fit with the next best pairs, for the gates to judge."""
    chosen = search.pairs
    if not isinstance(chosen, bool | str | int) or not chosen or fit.pair_evidence is None:
        return fit
    groups = fit.rows.groups
    known = {group.key for group in groups if group.kind == "pair"}
    most = MORE_PAIRS if isinstance(chosen, bool | str) else min(MORE_PAIRS, chosen - len(known))
    evidence = fit.pair_evidence.triu(1)
    order = evidence.flatten().argsort(descending=True).tolist()
    pairs = [divmod(i, len(evidence)) for i in order if evidence.flatten()[i] > LEAST_EVIDENCE]
    pairs = [pair for pair in pairs if pair not in known][: max(most, 0)]
    made = [pair_group(fit.rows.components, j, k) for j, k in pairs]
    new = [group for group in made if group is not None]
    if not new:
        return fit
    rows = fit.rows.extend(new)
    w = torch.cat([fit.w, fit.w.new_zeros(rows.n_columns - len(fit.w))])
    penalties = torch.cat([fit.penalties, torch.ones(len(new), dtype=torch.float64)])
    grown = search.fit(rows, fit.noise, w, penalties)
    return replace(grown, pair_evidence=fit.pair_evidence)


def _narrowed(fit: Evidence, search: TermSearch, open_: set[Term | None]) -> Evidence:
    """Fitted again with the columns of the open terms."""
    kept, columns, penalties = [], [0], []
    places = slices(fit.rows.groups)
    for group, place, penalty in zip(fit.rows.groups, places, fit.penalties, strict=True):
        on = [i for i, term in enumerate(_terms(group)) if term in open_]
        if on:
            parts = tuple(group.parts[i] for i in on)
            kept.append(replace(group, parts=parts, stiffness=group.stiffness[on]))
            columns += [place.start + i for i in on]
            penalties.append(penalty)
    if len(columns) == len(fit.w):
        return fit
    rows = fit.rows.narrow(kept, torch.tensor(columns))
    penalty = torch.stack(penalties) if penalties else torch.zeros(0, dtype=torch.float64)
    narrow = search.fit(rows, fit.noise, fit.w[columns], penalty)
    return replace(narrow, pair_evidence=fit.pair_evidence)
