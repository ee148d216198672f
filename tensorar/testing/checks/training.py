"""Training: where it starts, and finite losses and gradients, with dropout and for features and weights of any size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tensorar.backbone import Backbone, CausalBackbone
from tensorar.model import AutoregressiveModel
from tensorar.testing.checks.comparison import describing
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.large_cases import large_cases
from tensorar.testing.generate.option_values import dropouts
from tensorar.testing.generate.part_cases import growing_cases
from tensorar.testing.generate.reference_parts import Die
from tensorar.testing.kinds import Shape
from tensorar.testing.oracles import parameters_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped

SHAPES: tuple[Shape, ...] = ((2,), (2, 3), (2, 2, 2), (1, 2, 2, 2))
PASSES = 4
DROPOUT_RATES = (0.5, 0.9)
FEATURE_SIZES = (1e3, 1e-3)
WEIGHT_SIZE = 100.0
# what initial weights may add to the marginals, in each parameter, on average
LARGEST_DEVIATION = 1.0
# by limits of the parameters, say
SMALL = 0.05


@check("backbone")
def trains_with_finite_gradients(part: PartUnderTest) -> None:
    """In training mode, with dropout and with 90 % dropped, losses and gradients are finite."""
    for rate in DROPOUT_RATES:
        for case in growing_cases(part, shapes=SHAPES, head=Die(), context_features=2)[:2]:
            case = replace(case, options=part.options | dropouts(part, rate))
            with describing(case):
                for _ in range(PASSES):
                    require_finite_training(case.initial_model(), case)


@check("backbone")
def takes_features_of_any_size(part: PartUnderTest) -> None:
    """Parameters and gradients are finite for features of size 1000, of size 1/1000, and of both."""
    for case in growing_cases(part, shapes=SHAPES, head=Die(), context_features=2)[:2]:
        with describing(case):
            network = case.initial_model().backbone
            for size in FEATURE_SIZES:
                _require_finite(network, case, torch.full((2,), size))
            _require_finite(network, case, torch.tensor(FEATURE_SIZES))


@check("backbone")
def takes_large_weights(part: PartUnderTest) -> None:
    """Parameters are finite for weights of size 100 (in double precision)."""
    for case in growing_cases(part, shapes=((13,), (5, 5), (3, 3, 3), (2, 2, 3, 2)), head=Die())[:2]:
        with describing(case), torch.no_grad():
            if not parameters_of(case.model(spread=WEIGHT_SIZE), case.events(2)).isfinite().all():
                raise CheckFailed(f"some parameters are not finite for weights of size {WEIGHT_SIZE:.0f}")


@check("backbone")
def training_starts_at_the_marginals(part: PartUnderTest) -> None:
    """After ``init_output_bias``, the parameters are the marginals, up to initial weights, and move with them.

    A network with one bias for several coefficients may start at their mean.
    """
    if part.part.init_output_bias is Backbone.init_output_bias:
        raise CheckSkipped("the backbone has no init_output_bias of its own")
    for case in large_cases(part, 40, head=Die())[-1:]:
        with describing(case), torch.no_grad():
            _require_start(case.initial_model().double().eval(), case)


@check("backbone")
def every_weight_is_a_parameter(part: PartUnderTest) -> None:
    """Every tensor that gets a gradient is a parameter of the module, so that it is trained, moved and saved."""
    for case in growing_cases(part, shapes=SHAPES, head=Die(), context_features=2)[:2]:
        model = case.initial_model()
        known = {id(parameter) for parameter in model.parameters()}
        loss = model.loss(case.events(3).float(), _single(case.contexts(3)))
        for weight in _leaves(loss):
            if id(weight) not in known:
                raise CheckFailed(
                    f"a tensor of shape {tuple(weight.shape)} gets a gradient but is not registered with"
                    f" nn.Parameter ({case.description})"
                )


def require_finite_training(model: AutoregressiveModel, case: Case) -> None:
    """Raise ``CheckFailed`` unless a training step has a finite loss and finite gradients."""
    loss = model.train().loss(case.events(4).float(), _single(case.contexts(4)))
    if not loss.isfinite():
        raise CheckFailed(f"in training mode the loss is {loss.item()}")
    loss.backward()
    _require_finite_gradients(model.backbone, "in training mode")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _single(context: Tensor | None) -> Tensor | None:
    return None if context is None else context.float()


def _require_finite_gradients(network: Backbone, when: str) -> None:
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and not parameter.grad.isfinite().all():
            raise CheckFailed(f"{when} the gradient of {name} is not finite")


def _require_finite(network: Backbone, case: Case, sizes: Tensor) -> None:
    """Require finite outputs and gradients for features of these sizes, one per example."""
    shape = (len(sizes), *case.event_shape, case.head.feature_count)
    scale = sizes.reshape(-1, *[1] * (len(shape) - 1))
    features = (torch.randn(shape) * scale).requires_grad_()
    context, network = _single(case.contexts(len(sizes))), network.eval()
    output = _all_outputs(network, features, case, context)
    when = f"for features of size {' and '.join(f'{size:g}' for size in sizes.unique().tolist())}"
    if not output.isfinite().all():
        raise CheckFailed(f"{when} some parameters are not finite")
    network.zero_grad()
    output.sum().backward()
    _require_finite_gradients(network, when)
    if features.grad is not None and not features.grad.isfinite().all():
        raise CheckFailed(f"{when} the derivative with respect to the features is not finite")


def _all_outputs(network: Backbone, features: Tensor, case: Case, context: Tensor | None) -> Tensor:
    order = case.ordering.order(case.event_shape)
    if isinstance(network, CausalBackbone):
        inputs: tuple[Any, ...] = features, order, context
    else:
        half = len(order) // 2
        mask = order.mask_before(half).expand(features.shape[:-1])
        known = torch.where(mask.unsqueeze(-1), features, 0.0)
        inputs = known, mask, order.visits[half:].expand(len(features), -1), context
    output: Tensor = network(*inputs)
    return output


def _require_start(model: AutoregressiveModel, case: Case) -> None:
    x, shape = case.events(8), (*case.event_shape, case.head.parameter_count)

    def start(marginal: Tensor) -> Tensor:
        model.backbone.init_output_bias(marginal.expand(shape))
        return parameters_of(model, x)

    # the mean of each parameter differs, and each coefficient
    generator = torch.Generator().manual_seed(0)
    means = torch.linspace(-1, 1, shape[-1], dtype=torch.float64)
    one, other = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    one, other = one + means, other - means
    moved, expected = start(other) - start(one), (other - one).reshape(-1, shape[-1])
    # a bias of several coefficients moves by their mean, so that what is left is orthogonal to it
    left = (moved * (expected - moved)).mean().abs() / expected.square().mean()
    if (moved.mean((0, 1)) - expected.mean(0)).abs().max() > SMALL or left > SMALL:
        raise CheckFailed("the initial parameters do not follow the marginals given to init_output_bias")
    # the same for all coefficients, so that one bias suffices
    marginal = torch.linspace(-1, 1, shape[-1], dtype=torch.float64)
    deviation = (start(marginal) - marginal).square().mean().sqrt().item()
    if not deviation < LARGEST_DEVIATION:
        raise CheckFailed(f"after init_output_bias the initial parameters differ from the marginals by {deviation:.3g}")


def _leaves(loss: Tensor) -> list[Tensor]:
    """The tensors that a backward pass would write gradients to."""
    nodes, seen, found = [loss.grad_fn], set(), []
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        nodes += [following for following, _ in node.next_functions]
    return found
