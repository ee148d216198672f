"""Independent coefficients, each with the marginal distribution that is best on the validation events."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Real
from torch import Tensor

from tensorar.baselines.baseline import Baseline
from tensorar.baselines.marginals import Marginals


def independent(
    candidates: list[Marginals],
    valid: Real[Tensor, "m *event"],
    discrete: Bool[Tensor, " n"],
    among: Bool[Tensor, " n"] | None = None,
) -> Baseline | None:
    """The product of the best of these marginals of each coefficient, in its units; None if one has none.

    ``among``: of these coefficients only (default: all).
    """
    among = torch.ones_like(discrete) if among is None else among
    if not candidates:
        return None
    nats = torch.stack([_comparable(marginals, valid, discrete) for marginals in candidates])
    if bool(nats[:, among].isinf().all(0).any()):
        return None
    best = torch.where(among, nats.argmin(0), -1)
    chosen = best[among].tolist()

    def log_prob(x: Tensor) -> Tensor:
        total = torch.zeros(len(x), dtype=torch.float64)
        for index in sorted(set(chosen)):
            total += candidates[index].log_prob(x)[:, best == index].sum(1)
        return total

    names = ", ".join(dict.fromkeys(candidates[index].name for index in sorted(set(chosen))))
    parameters = sum(candidates[index].parameters_each for index in chosen)
    return Baseline(f"independent coefficients ({names})", parameters, log_prob)


def _comparable(marginals: Marginals, valid: Tensor, discrete: Tensor) -> Tensor:
    """The nats of each coefficient, infinite for those that have other units than the models'."""
    nats = -marginals.log_prob(valid).mean(0)
    return torch.where((marginals.discrete == discrete) & nats.isfinite(), nats, torch.inf)
