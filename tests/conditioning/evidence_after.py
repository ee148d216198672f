"""A model of 2 x 2 bits whose evidence is visited last, with the posterior by enumeration."""

from __future__ import annotations

import torch

from tensorar import Evidence, build
from tensorar.testing import joint, randomize

SHAPE = (2, 2)
MASK = torch.tensor([[False, True], [False, True]])
X = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).double()


def model_of(backbone, head="bernoulli", ordering="raster", seed=3):
    return randomize(build(SHAPE, ordering, head, backbone), seed, spread=0.4).eval()


def evidence(n):
    return Evidence(MASK.expand(n, *SHAPE), X.expand(n, *SHAPE))


def posterior(model):
    values, probability = joint(model)
    agrees = ((values == X) | ~MASK).flatten(1).all(1)
    return values[agrees], probability[agrees]
