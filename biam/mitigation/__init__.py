"""Strategies against bias, one small file each: samplers, objectives, and what they train.

A *sampler* says which rows each batch of an epoch holds, an *objective* what is minimised on a
batch; `biam.mitigation.training.train` runs any of the first with any of the second.
"""
