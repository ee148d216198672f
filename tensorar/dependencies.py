"""Measured dependencies: which earlier coefficients each conditional depends on."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor, nn

from tensorar import validation
from tensorar.conditionals import all_conditionals
from tensorar.errors import ShapeError
from tensorar.model import AutoregressiveModel

# copies of an event in one backward pass, each for another coefficient
MAX_COPIES_PER_CALL = 64


def dependency_matrix(
    model: AutoregressiveModel,
    x: Real[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None = None,
) -> Bool[Tensor, "n n"]:
    """Whether the parameters of coefficient ``i`` (row) have a gradient with respect to the features of ``j`` (column).

    True if so for at least one event of ``x``: for a single event, a ReLU that is off may hide it. Raises
    ``ShapeError`` for events of another shape, or none.

    >>> from tensorar import build
    >>> dependency_matrix(build((3,), "raster", "bernoulli", "fvsbn"), torch.ones(1, 3)).int()
    tensor([[0, 0, 0],
            [1, 0, 0],
            [1, 1, 0]], dtype=torch.int32)
    """
    return dependency_sizes(model, x, context).ne(0)


def dependency_sizes(
    model: AutoregressiveModel,
    x: Real[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None = None,
) -> Float[Tensor, "n n"]:
    """The largest absolute derivative of ``dependency_matrix`` over the features of ``j`` and the events.

    Raises ``ShapeError`` for events of another shape, or none.
    """
    x, context = validation.check_examples(model, x, context)
    if not len(x):
        raise ShapeError(expected="at least one event", got="an empty batch", remedy="pass some events")
    events = zip(model.features(x), [None] * len(x) if context is None else context, strict=True)
    return torch.stack([_sizes(model, *event) for event in events]).amax(0)


def receptive_field_coverage(model: AutoregressiveModel, *, draws: int = 4, seed: int = 0) -> float:
    """The fraction of the dependencies allowed by the order that the network has: 1 if it has no blind spot.

    Over all pairs of coefficients: how many of the later ones' conditionals depend on the earlier value. A property of
    the architecture and the order, measured with ``draws`` of random weights and values, so that neither an
    initialization at zero nor rectified units that happen to be off hide a dependency.
    """
    allowed = model.order.causal_mask().cpu()
    if not allowed.any():
        return 1.0
    found = torch.stack([_with_random_draws(model, seed + draw) for draw in range(draws)]).any(0)
    return float((found & allowed).sum() / allowed.sum())


def _with_random_draws(model: AutoregressiveModel, seed: int) -> Tensor:
    generator, signature = torch.Generator().manual_seed(seed), model.backbone.signature
    shape = (*model.event_shape, signature.feature_count)
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    context = torch.randn(signature.context_features, generator=generator, dtype=torch.float64)
    twin = copy.deepcopy(model).cpu().double().eval()
    return _sizes(with_random_weights(twin, generator), features, context if len(context) else None).ne(0)


@torch.inference_mode(False)
@torch.enable_grad()
def _sizes(model: AutoregressiveModel, features: Tensor, context: Tensor | None) -> Tensor:
    n = len(model.order)
    rows = []
    for targets in torch.arange(n, device=features.device).split(MAX_COPIES_PER_CALL):
        copies = features.expand(len(targets), *features.shape).clone().requires_grad_()
        contexts = None if context is None else context.expand(len(targets), -1)
        parameters = all_conditionals(model.backbone, copies, model.order, contexts)
        output = parameters.reshape(len(targets), n, -1)[torch.arange(len(targets)), targets]
        # different weights, so that the gradients of the parameters do not cancel
        weights = torch.linspace(1, 2, output.shape[-1], dtype=output.dtype, device=output.device)
        if not output.requires_grad:
            rows.append(torch.zeros(len(targets), n, dtype=features.dtype))
            continue
        (gradient,) = torch.autograd.grad((output * weights).sum(), copies, allow_unused=True)
        gradient = torch.zeros_like(copies) if gradient is None else gradient
        rows.append(gradient.reshape(len(targets), n, -1).abs().amax(-1).cpu())
    return torch.cat(rows)


def with_random_weights(model: AutoregressiveModel, generator: torch.Generator) -> AutoregressiveModel:
    """Draw every parameter anew, variance-preserving; returns the model itself."""
    for parameter in model.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        nn.init.normal_(parameter, std=fan_in**-0.5, generator=generator)
    return model
