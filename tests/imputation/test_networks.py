"""Encoder and decoder: shapes, limits, and what "linear" means."""

import torch

from biam.imputation.columns import Layout
from biam.imputation.likelihoods import Likelihood
from biam.imputation.networks import LatentModel, mlp


def model(decoder, scale="row"):
    layout = Layout(("gaussian", "categorical"), (1, 3))
    return LatentModel(Likelihood(layout, scale, 0.1), 2, (6, 5), decoder)


def test_mlp_has_the_layers_asked_for():
    sizes = [(layer.in_features, layer.out_features) for layer in mlp(3, (4, 5), 2)[::2]]
    assert sizes == [(3, 4), (4, 5), (5, 2)]


def test_decoder_owes_a_location_per_encoded_column_and_a_scale_per_continuous_one():
    assert model("mlp").decoder(torch.zeros(7, 2)).shape == (7, 5)
    assert model("mlp", "shared").decoder(torch.zeros(7, 2)).shape == (7, 4)


def test_linear_decoder_is_affine():
    decoder = model("linear").decoder
    a, b = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    middle = decoder((a + b) / 2)
    assert torch.allclose(middle, (decoder(a) + decoder(b)) / 2, atol=1e-6)


def test_log_variance_is_clipped():
    net = model("mlp")
    with torch.no_grad():
        net.encoder[-1].bias.fill_(1e6)
        mean, log_variance = net.encode(torch.zeros(1, 4))
    assert log_variance.tolist() == [[10.0, 10.0]] and (mean > 1e5).all()


def test_owner_tells_the_column_of_each_encoded_one():
    assert model("mlp").owner.tolist() == [0, 1, 1, 1]
