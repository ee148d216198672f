"""Independent coefficients, each with the marginal distribution that is best on the validation events."""

from __future__ import annotations

import torch
from jaxtyping import Real
from torch import Tensor

from tensorar.baselines.baseline import Baseline
from tensorar.baselines.marginals import Marginals


def independent(candidates: list[Marginals], valid: Real[Tensor, "m *event"]) -> Baseline:
    """The product of the best of these marginals of each coefficient."""
    nats = torch.stack([-marginals.log_prob(valid).mean(0) for marginals in candidates])
    best = nats.nan_to_num(torch.inf).argmin(0)
    used = sorted(set(best.tolist()))

    def log_prob(x: Tensor) -> Tensor:
        total = torch.zeros(len(x), dtype=torch.float64)
        for index in used:
            total += candidates[index].log_prob(x)[:, best == index].sum(1)
        return total

    names = ", ".join(dict.fromkeys(candidates[index].name for index in used))
    parameters = sum(candidates[index].parameters_each for index in best.tolist())
    return Baseline(f"independent coefficients ({names})", parameters, log_prob)
