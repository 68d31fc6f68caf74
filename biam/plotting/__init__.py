"""Figures from tables: every function takes what a fitted estimator shows and draws it.

Nothing here fits, calls `show` or changes a global setting. Figures have no background and use
greys and colours that can be read on white and on black, at the width of a phone.
"""

from biam.plotting.advantages import advantage_map
from biam.plotting.answers import domain_answers
from biam.plotting.bilevel import error_against_cost, error_against_steps, three_step_loop
from biam.plotting.contributions import contribution_curves
from biam.plotting.explain import hierarchy, importances, waterfall
from biam.plotting.images import image_grid, maps_from_curves, pixel_importance
from biam.plotting.interactions import strength_map
from biam.plotting.missing import missing_offsets, response_curves
from biam.plotting.networks import weight_lines
from biam.plotting.ranks import critical_difference_plot
from biam.plotting.recovery import shape_recovery
from biam.plotting.robustness import metric_by_rate
from biam.plotting.scores import score_panels
from biam.plotting.sets import set_differences
from biam.plotting.shapes import hinges, shape_functions
from biam.plotting.style import method_look
from biam.plotting.surfaces import pair_auprc, pair_strengths, pair_surfaces, surface_map
from biam.plotting.sweeps import strength_sweep
from biam.plotting.training import training_curves
from biam.plotting.weights import weight_curve, weight_histogram
from biam.plotting.worst import average_and_worst

__all__ = [
    "advantage_map",
    "average_and_worst",
    "contribution_curves",
    "critical_difference_plot",
    "domain_answers",
    "error_against_cost",
    "error_against_steps",
    "hierarchy",
    "hinges",
    "image_grid",
    "importances",
    "maps_from_curves",
    "method_look",
    "metric_by_rate",
    "missing_offsets",
    "pair_auprc",
    "pair_strengths",
    "pair_surfaces",
    "pixel_importance",
    "response_curves",
    "score_panels",
    "set_differences",
    "shape_functions",
    "shape_recovery",
    "strength_map",
    "strength_sweep",
    "surface_map",
    "three_step_loop",
    "training_curves",
    "waterfall",
    "weight_curve",
    "weight_histogram",
    "weight_lines",
]
