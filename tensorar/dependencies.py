"""Measured dependencies: which earlier coefficients each conditional depends on."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor, nn

from tensorar import validation
from tensorar.backbone import EvidenceBackbone
from tensorar.conditionals import all_conditionals, queried_conditionals
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


def receptive_field(
    model: AutoregressiveModel, coefficient: int, *, draws: int = 4, seed: int = 0
) -> Bool[Tensor, "*event"]:
    """Which coefficients the conditional of one (a flat index) depends on, as a property of architecture and order.

    Measured like ``receptive_field_coverage``. Coefficients that the order visits before, and that are not in the
    field, are its blind spot. Raises ``ShapeError`` for an index out of range.

    >>> from tensorar import build
    >>> receptive_field(build((2, 3), "raster", "bernoulli", "fvsbn"), 4).int()
    tensor([[1, 1, 1],
            [1, 0, 0]], dtype=torch.int32)
    """
    _check_coefficient(model, coefficient)
    found = [_with_random_draws(model, seed + draw, coefficient) for draw in range(draws)]
    return torch.stack(found).any(0).reshape(model.event_shape)


def influence(
    model: AutoregressiveModel,
    coefficient: int,
    x: Real[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None = None,
) -> Float[Tensor, "*event"]:
    """How much the parameters of one conditional (a flat index) change with each value: the mean over the events.

    Of the absolute derivative with respect to the value's features, the largest of these. Raises ``ShapeError`` for
    an index out of range, and for events of another shape, or none.
    """
    _check_coefficient(model, coefficient)
    x, context = validation.check_examples(model, x, context)
    if not len(x):
        raise ShapeError(expected="at least one event", got="an empty batch", remedy="pass some events")
    return _sizes_at(model, model.features(x), coefficient, context).mean(0).reshape(model.event_shape)


def _check_coefficient(model: AutoregressiveModel, coefficient: int) -> None:
    if not 0 <= coefficient < len(model.order):
        raise ShapeError(
            expected=f"a coefficient from 0 to {len(model.order) - 1}",
            got=str(coefficient),
            remedy="pass the flat index of a coefficient of the event",
        )


def _with_random_draws(model: AutoregressiveModel, seed: int, coefficient: int | None = None) -> Tensor:
    generator, signature = torch.Generator().manual_seed(seed), model.backbone.signature
    shape = (*model.event_shape, signature.feature_count)
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    context = torch.randn(signature.context_features, generator=generator, dtype=torch.float64)
    twin = copy.deepcopy(model).cpu().double().eval()
    given, drawn = context if len(context) else None, with_random_weights(twin, generator)
    if coefficient is None:
        return _sizes(drawn, features, given).ne(0)
    return _sizes_at(drawn, features[None], coefficient, None if given is None else given[None])[0].ne(0)


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
        rows.append(_derivatives(output, copies, n))
    return torch.cat(rows)


@torch.inference_mode(False)
@torch.enable_grad()
def _sizes_at(model: AutoregressiveModel, features: Tensor, coefficient: int, context: Tensor | None) -> Tensor:
    """The derivatives for one coefficient, of each example: ``(batch, N)``."""
    copies = features.detach().clone().requires_grad_()
    return _derivatives(_parameters_at(model, copies, coefficient, context), copies, len(model.order))


def _derivatives(output: Tensor, features: Tensor, n: int) -> Tensor:
    """The largest absolute derivative of parameters ``(batch, P)`` over the features of each of ``n`` coefficients."""
    if not output.requires_grad:
        return torch.zeros(len(features), n, dtype=features.dtype)
    # different weights, so that the gradients of the parameters do not cancel
    weights = torch.linspace(1, 2, output.shape[-1], dtype=output.dtype, device=output.device)
    (gradient,) = torch.autograd.grad((output * weights).sum(), features, allow_unused=True)
    gradient = torch.zeros_like(features) if gradient is None else gradient
    return gradient.reshape(len(features), n, -1).abs().amax(-1).cpu()


def _parameters_at(model: AutoregressiveModel, features: Tensor, coefficient: int, context: Tensor | None) -> Tensor:
    if not isinstance(model.backbone, EvidenceBackbone):
        parameters = all_conditionals(model.backbone, features, model.order, context)
        return parameters.reshape(len(features), len(model.order), -1)[:, coefficient]
    # the other prefixes need not be evaluated
    known = model.order.mask_before(int(model.order.rank.flatten()[coefficient]))
    query = torch.full((len(features), 1), coefficient, device=features.device)
    mask = known.expand(len(features), *model.event_shape)
    return queried_conditionals(model.backbone, features, mask, query, model.order, context)[:, 0]


def with_random_weights(model: AutoregressiveModel, generator: torch.Generator) -> AutoregressiveModel:
    """Draw every parameter anew, variance-preserving; returns the model itself."""
    for parameter in model.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        nn.init.normal_(parameter, std=fan_in**-0.5, generator=generator)
    return model
