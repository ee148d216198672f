"""What every way to sample shares: some events to complete in one order, and the noise that decides them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tensorar.noise import uniform
from tensorar.order import Order

if TYPE_CHECKING:
    from tensorar.model import AutoregressiveModel


@dataclass(eq=False)
class Walk:
    """A batch of events to complete in one order.

    ``value`` ``(batch, N)`` holds what is observed and comes to hold what is drawn; ``observed`` is None where nothing
    is. ``noise`` holds ``(batch, k)`` for each step, and None for heads that draw by rejection: these draw when it is
    their turn. ``tick`` is called with the number of steps done since the last call.
    """

    model: AutoregressiveModel
    order: Order
    value: Tensor
    observed: Tensor | None
    context: Tensor | None
    tick: Callable[[int], None]
    noise: tuple[Tensor, ...] | None = field(init=False)
    visits: list[int] = field(init=False)
    coefficients: tuple[Tensor, ...] = field(init=False)
    dtype: torch.dtype = field(init=False)

    def __post_init__(self) -> None:
        size, (batch, n) = self.model.head.noise_size, self.value.shape
        self.visits, self.coefficients = self.order.visits.tolist(), self.order.visits.unbind()
        self.dtype = self.model.features_dtype
        # an example's numbers lie together, so that on a CPU they do not depend on how many examples are drawn at once
        noise = None if size is None else uniform((batch, n, size), self.model.dtype, self.model.device)
        self.noise = None if noise is None else noise.transpose(0, 1).contiguous().unbind()

    def draw(self, parameters: Tensor, t: int, rows: Tensor | None = None) -> Tensor:
        """The values of the coefficient visited at step ``t``, in the examples ``rows`` (None: all)."""
        if self.noise is None:
            return self.model.distribution(parameters, self.coefficients[t]).sample().to(self.value.dtype)
        noise = self.noise[t] if rows is None else self.noise[t][rows]
        return self.model.head.draw(self.whole(parameters), noise, self.coefficients[t])

    def whole(self, parameters: Tensor) -> Tensor:
        """Parameters as the head takes them: never in half precision."""
        return parameters if parameters.dtype == self.value.dtype else parameters.to(self.value.dtype)

    def features(self, values: Tensor) -> Tensor:
        """What the network sees of values of one coefficient."""
        encoded = self.model.head.encode(values)
        return encoded if encoded.dtype == self.dtype else encoded.to(self.dtype)

    def unknown(self, t: int) -> Tensor | None:
        """The examples in which the coefficient visited at ``t`` is to be drawn; None where it is in all."""
        if self.observed is None:
            return None
        unknown = ~self.observed[:, self.visits[t]]
        return None if bool(unknown.all()) else unknown.nonzero()[:, 0]
