"""The likelihood of events as a result: nats per event, bits per dimension, perplexity per coefficient."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from tensorar.training.over_orders import OverOrders
from tensorar.utils.statistics import standard_error
from tensorar.utils.words import counted


@dataclass(frozen=True, repr=False)
class Likelihood:
    """The mean negative log-likelihood over some events, of what was observed of them.

    ``nats`` per event, with the ``standard_error`` over the events. ``exact``: likelihoods of events are exact, else
    unbiased estimates. ``data_nats``: the exact value under the process that generated the data, if it is known.
    ``over_orders``: if several orders were evaluated; ``nats`` is then that of their mixture.
    ``exact_seconds``: about what exact likelihoods would have taken, where that was why they are estimated.
    ``observed``: the mean number of observed coefficients of events with missing values, None for complete events; bits
    per dimension and perplexity are those of an observed coefficient, NaN if there are none.
    """

    nats: float
    standard_error: float
    bits_per_dim: float
    perplexity: float
    events: int
    exact: bool
    data_nats: float | None = None
    over_orders: OverOrders | None = None
    observed: float | None = None
    exact_seconds: float | None = None

    @classmethod
    def of(
        cls,
        nats: Float[Tensor, " events"],
        size: int,
        *,
        exact: bool,
        data_nats: float | None,
        over_orders: OverOrders | None = None,
        observed: float | None = None,
    ) -> Likelihood:
        """The likelihood from the nats of every event, each with ``size`` coefficients, ``observed`` on average."""
        mean, error = float(nats.double().mean()), standard_error(nats)
        count = size if observed is None else observed
        per_coefficient = mean / count if count else math.nan
        perplexity = math.inf if per_coefficient >= 700 else math.exp(per_coefficient)
        bits = per_coefficient / math.log(2)
        return cls(mean, error, bits, perplexity, len(nats), exact, data_nats, over_orders, observed)

    def __str__(self) -> str:
        kind = "exact" if self.exact else "unbiased estimate"
        error = "" if math.isnan(self.standard_error) else f" ± {self.standard_error:.3f}"
        observed = "" if self.observed is None else f" of {self.observed:.2f} observed coefficients"
        gap = "" if self.data_nats is None else f", {self.nats - self.data_nats:.3f} above the exact nats of the data"
        return (
            f"{self.nats:.3f}{error} nats per event{observed}, {self.bits_per_dim:.4f} bits/dim, "
            f"{counted(self.events, 'event')} ({kind}){gap}"
        )

    def __repr__(self) -> str:
        return f"Likelihood({self})"

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, with None for NaN and infinity, which JSON does not have."""
        return _finite(asdict(self))


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """The values, those of dictionaries among them too, with None for NaN and infinity."""
    without = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
    return {k: _finite(v) if isinstance(v, dict) else v for k, v in without.items()}
