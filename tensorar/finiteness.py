"""NaN and infinity as results: one line that names the first tensor or event concerned."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tensorar.errors import NumericalError
from tensorar.utils.shapes import flatten_events


def non_finite_weights(network: nn.Module) -> str | None:
    """The name of the first parameter or buffer that is not finite."""
    tensors = [*network.named_parameters(), *network.named_buffers()]
    return next((name for name, tensor in tensors if not bool(tensor.isfinite().all())), None)


def check_finite(values: Float[Tensor, "n *event"], what: str, network: nn.Module) -> None:
    """Raise ``NumericalError`` for events that are not finite, naming the first one, or the weights that are not."""
    bad = ~flatten_events(values).isfinite()
    if not bool(bad.any()):
        return
    row = int(bad.any(1).int().argmax())
    coefficient = int(bad[row].int().argmax())
    weights = non_finite_weights(network)
    raise NumericalError(
        expected=f"finite numbers in every {what}",
        got=f"{flatten_events(values)[row, coefficient].item()} at coefficient {coefficient} of {what} {row}",
        remedy=_remedy(weights),
    )


def check_likelihoods(nats: Float[Tensor, " n"], network: nn.Module) -> None:
    """Raise ``NumericalError`` unless the nats of all events are finite.

    Events of probability zero (infinite nats) are counted, and the first one named, as is the first NaN.
    """
    bad = ~nats.isfinite()
    if not bool(bad.any()):
        return
    impossible, weights = int((nats == torch.inf).sum()), non_finite_weights(network)
    first = int(bad.int().argmax())
    zero = f"probability zero of {impossible} of {len(nats)} events" if impossible else ""
    others = int(bad.sum()) - impossible
    undefined = f"an undefined likelihood of {others} of {len(nats)} events" if others else ""
    raise NumericalError(
        expected="a finite likelihood of every event",
        got=f"{' and '.join(filter(None, [zero, undefined]))}, first of event {first}",
        remedy=_remedy(weights) if others else "look at this event, or choose a head with heavier tails (student_t)",
    )


def _remedy(weights: str | None) -> str:
    if weights is not None:
        return f"the weights {weights} are not finite: restore them from a copy, or train again"
    return "the weights are finite but so large that the network overflows: train with a lower learning rate"
