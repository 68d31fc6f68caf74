"""`solver="exact"`, BIAM-X: additive terms, label models, evidence, and the search for terms."""

from biam.solvers.exact.problem import BASES
from biam.solvers.exact.solver import SELECTIONS, WEIGHTINGS, ExactSolver

__all__ = ["BASES", "SELECTIONS", "WEIGHTINGS", "ExactSolver"]
