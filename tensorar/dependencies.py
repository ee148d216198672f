"""Which coefficients the conditional of each coefficient depends on, measured from the outside."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor, nn

from tensorar import validation
from tensorar.conditionals import all_conditionals
from tensorar.model import AutoregressiveModel

# copies of an event in one backward pass, of which each asks for another coefficient
MAX_COPIES_PER_CALL = 64


def dependency_matrix(
    model: AutoregressiveModel,
    x: Real[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None = None,
) -> Bool[Tensor, "n n"]:
    """Whether the parameters of coefficient ``i`` (row) have a derivative by what the network sees of ``j`` (column).

    Taken at every event of ``x``, and true where it is so at any of them: at one event a rectified unit may hide it.

    >>> from tensorar import build
    >>> dependency_matrix(build((3,), "raster", "bernoulli", "fvsbn"), torch.ones(1, 3)).int()
    tensor([[0, 0, 0],
            [1, 0, 0],
            [1, 1, 0]], dtype=torch.int32)
    """
    x, context = validation.check_examples(model, x, context)
    events = zip(model.features(x), [None] * len(x) if context is None else context, strict=True)
    return torch.stack([_influence(model, *event) for event in events]).any(0)


def receptive_field_coverage(model: AutoregressiveModel, *, draws: int = 4, seed: int = 0) -> float:
    """How much of what the order allows the network sees: 1 where nothing of the past is hidden from any coefficient.

    The share of the pairs of coefficients, one earlier than the other, for which the later one's conditional depends on
    the earlier value. A property of the architecture and the order, measured with some draws of random weights and
    values, so that nothing is hidden by an initialisation at zero or by rectified units that happen to be off.
    """
    sees = model.order.causal_mask().cpu()
    if not sees.any():
        return 1.0
    found = torch.stack([_of_random_weights(model, seed + draw) for draw in range(draws)]).any(0)
    return float((found & sees).sum() / sees.sum())


def _of_random_weights(model: AutoregressiveModel, seed: int) -> Tensor:
    generator, signature = torch.Generator().manual_seed(seed), model.backbone.signature
    shape = (*model.event_shape, signature.feature_count)
    features = torch.randn(shape, generator=generator, dtype=torch.float64)
    context = torch.randn(signature.context_features, generator=generator, dtype=torch.float64)
    twin = copy.deepcopy(model).cpu().double().eval()
    return _influence(with_random_weights(twin, generator), features, context if len(context) else None)


@torch.inference_mode(False)
@torch.enable_grad()
def _influence(model: AutoregressiveModel, features: Tensor, context: Tensor | None) -> Tensor:
    n = len(model.order)
    rows = []
    for asked in torch.arange(n, device=features.device).split(MAX_COPIES_PER_CALL):
        copies = features.expand(len(asked), *features.shape).clone().requires_grad_()
        contexts = None if context is None else context.expand(len(asked), -1)
        parameters = all_conditionals(model.backbone, copies, model.order, contexts)
        answer = parameters.reshape(len(asked), n, -1)[torch.arange(len(asked)), asked]
        # weights of its own for each parameter, that derivatives do not cancel
        weights = torch.linspace(1, 2, answer.shape[-1], dtype=answer.dtype, device=answer.device)
        if not answer.requires_grad:
            rows.append(torch.zeros(len(asked), n, dtype=torch.bool))
            continue
        (slope,) = torch.autograd.grad((answer * weights).sum(), copies, allow_unused=True)
        rows.append(torch.zeros(len(asked), n, dtype=torch.bool) if slope is None else _depends(slope, n))
    return torch.cat(rows)


def _depends(slope: Tensor, n: int) -> Tensor:
    return slope.reshape(len(slope), n, -1).ne(0).any(-1).cpu()


def with_random_weights(model: AutoregressiveModel, generator: torch.Generator) -> AutoregressiveModel:
    """Draw every parameter afresh, so that each layer about keeps the size of what it is given; the model itself."""
    for parameter in model.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        nn.init.normal_(parameter, std=fan_in**-0.5, generator=generator)
    return model
