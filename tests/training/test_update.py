"""The update of the weights in few operations is torch's."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from tensorar import TrainingSettings, build
from tensorar.training.clipping import clip, norm_of
from tensorar.training.optimizer import make_optimizer, take_step
from tensorar.utils.parameters import first_parameter


def _with_gradients(seed):
    model = build((6,), "raster", "bernoulli", "made:hidden=8")
    torch.manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    return model


@pytest.mark.parametrize("largest", [0.5, 1e3])
@pytest.mark.parametrize("infinite", [False, True])
def test_gradients_are_clipped_as_torch_does(largest, infinite):
    model = _with_gradients(0)
    if infinite:
        model.backbone.output.bias.grad[0] = math.inf
    expected = copy.deepcopy(model)
    for mine, other in zip(model.parameters(), expected.parameters(), strict=True):
        other.grad = mine.grad.clone()
    gradients = [parameter.grad for parameter in model.parameters()]
    clip(gradients, float(norm_of(gradients)), largest)
    torch.nn.utils.clip_grad_norm_(expected.parameters(), largest)
    for mine, other in zip(model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, equal_nan=True)


def test_no_gradients_have_norm_zero():
    assert float(norm_of([])) == 0


def test_a_step_of_the_kernel_alone_is_a_step_of_the_optimizer():
    settings = TrainingSettings(steps=1, weight_decay=0.1, learning_rate=0.3)
    ours, theirs = _with_gradients(0), _with_gradients(0)
    theirs.load_state_dict(ours.state_dict())
    optimizers = make_optimizer(ours, settings), make_optimizer(theirs, settings)
    for seed in range(4):
        for model in (ours, theirs):
            torch.manual_seed(seed)
            for parameter in model.parameters():
                parameter.grad = torch.randn_like(parameter)
        if seed == 2:
            # a network may leave weights out of a step
            ours.backbone.output.bias.grad = theirs.backbone.output.bias.grad = None
        take_step(optimizers[0])
        optimizers[1].step()
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(mine, other)
    states = [optimizer.state_dict()["state"] for optimizer in optimizers]
    for mine, other in zip(states[0].values(), states[1].values(), strict=True):
        assert all(torch.equal(mine[slot], other[slot]) for slot in other)


def test_the_first_parameter_is_that_of_the_list():
    module = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2)))
    assert first_parameter(module) is next(module.parameters())
    assert first_parameter(torch.nn.ReLU()) is None
