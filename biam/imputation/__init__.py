"""Imputation: deep latent-variable models for data missing at random, and not at random."""

from biam.imputation.miwae import MIWAEImputer, NotMIWAEImputer, load

__all__ = ["MIWAEImputer", "NotMIWAEImputer", "load"]
