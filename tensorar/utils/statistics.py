"""Standard errors."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor


def standard_error(nats: Float[Tensor, " events"]) -> float:
    """The standard error of the mean over events; NaN for one event."""
    return float(nats.double().std(correction=1)) / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
