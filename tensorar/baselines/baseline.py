"""A fitted baseline, and the events that it is fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

# (n, *event) to (n,), in nats
LogProb = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Baseline:
    """A distribution of events, fitted in closed form or by EM, with ``parameters`` numbers found in the data."""

    name: str
    parameters: int
    log_prob: LogProb


@dataclass(frozen=True, eq=False)
class Columns:
    """Training and validation events as rows of float64 numbers."""

    train: Float[Tensor, "n coefficients"]
    valid: Float[Tensor, "m coefficients"]

    @property
    def size(self) -> int:
        """The number of coefficients."""
        return int(self.train.shape[1])
