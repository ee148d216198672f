"""Estimated likelihoods agree with exact ones, in the model's own order, for every training order."""

import pytest
import torch

from tensorar import build
from tensorar.training.evaluation import event_nats


@pytest.mark.parametrize("ordering", ["raster", "shuffled", "random:seed=3"])
@pytest.mark.parametrize("backbone", ["mlp:hidden=8", "convnet:channels=2,hidden=4"])
def test_an_estimate_has_the_mean_of_the_exact_likelihood(ordering, backbone):
    model = build((2, 3), ordering, "bernoulli", backbone).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randint(2, (3, 2, 3))
    exact = event_nats(model, x, exact=True, samples=1, generator=None)
    generator = torch.Generator().manual_seed(0)
    # as many samples as coefficients, each step once: no error but rounding is left
    estimate = event_nats(model, x, exact=False, samples=6, generator=generator)
    torch.testing.assert_close(estimate, exact)


def test_fewer_samples_are_unbiased():
    model = build((5,), "shuffled", "bernoulli", "mlp:hidden=8").double()
    x = torch.randint(2, (1, 5))
    exact = float(event_nats(model, x, exact=True, samples=1, generator=None))
    generator = torch.Generator().manual_seed(0)
    draws = torch.cat([event_nats(model, x, exact=False, samples=2, generator=generator) for _ in range(500)])
    assert abs(float(draws.mean()) - exact) < 4 * float(draws.std()) / 500**0.5
