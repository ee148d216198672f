"""The weights of particles: what is observed multiplies them, and resampling makes them equal again."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor


class Weights:
    """Float64 logarithms of the weights of ``examples`` times ``particles``.

    ``log_evidence`` is the logarithm of the probability of what was observed before the last resampling, ``ancestor``
    the particle of the start that each one descends from. Impossible evidence has a ``log_evidence`` of -inf.
    """

    def __init__(self, examples: int, particles: int, device: torch.device) -> None:
        shape, self.particles = (examples, particles), particles
        self.log_weight = torch.zeros(shape, dtype=torch.float64, device=device)
        self.log_evidence = torch.zeros(examples, dtype=torch.float64, device=device)
        self.ancestor = torch.arange(particles, device=device).expand(shape)
        self._first = torch.arange(0, examples * particles, particles, device=device)[:, None]
        # the sums of squares of the normalized weights whenever they were looked at: 1 / effective sample size
        self._concentrations = [torch.full_like(self.log_evidence, 1 / particles)]

    def multiply(self, log_weight: Float64[Tensor, " rows"]) -> None:
        """Multiply the weight of each particle, or those of all particles of each example alike."""
        self.log_weight = self.log_weight + log_weight.view(len(self.log_weight), -1)

    def resample_where_few(self, noise: Float64[Tensor, " examples"]) -> Int[Tensor, " rows"] | None:
        """Resample the examples whose effective sample size is below half; the rows to keep, None if all stay."""
        weight, concentration = self._measured()
        # NaN for impossible evidence, which is not resampled
        few = [1 / each < self.particles / 2 for each in concentration.tolist()]
        return self._resample(weight.nan_to_num(0.0), torch.tensor(few), noise) if any(few) else None

    def _resample(self, weight: Tensor, few: Tensor, noise: Tensor) -> Int[Tensor, " rows"]:
        few, stay = few.to(weight.device), torch.arange(self.particles, device=weight.device)
        chosen = torch.where(few[:, None], systematic(weight, noise), stay)
        self.log_evidence = self.log_evidence + torch.where(few, self._mean(), 0.0)
        self.log_weight = self.log_weight.masked_fill(few[:, None], 0.0)
        self.ancestor = self.ancestor.gather(1, chosen)
        return (chosen + self._first).flatten()

    def finish(self, noise: Float64[Tensor, " examples"]) -> Int[Tensor, " examples"]:
        """Complete ``log_evidence``; the row of one particle of each example, drawn by weight."""
        weight = self._measured()[0].nan_to_num(0.0)
        self.log_evidence = self.log_evidence + self._mean()
        chosen = (weight.cumsum(1)[:, :-1] <= noise[:, None]).sum(1, keepdim=True)
        return (chosen + self._first).flatten()

    def distinct_ancestors(self) -> Float64[Tensor, " examples"]:
        """The number of particles of the start that have descendants."""
        ordered = self.ancestor.sort(1).values
        return 1.0 + (ordered[:, 1:] != ordered[:, :-1]).sum(1).double()

    def effective_sample_size(self) -> Float64[Tensor, " examples"]:
        """The lowest effective sample size so far."""
        return torch.stack(self._concentrations).nan_to_num(0.0).amax(0).reciprocal()

    def _measured(self) -> tuple[Float64[Tensor, "examples particles"], Float64[Tensor, " examples"]]:
        """The normalized weights, NaN for impossible evidence, and the sums of their squares, which are noted."""
        weight = self.log_weight.softmax(1)
        self._concentrations.append(weight.square().sum(1))
        return weight, self._concentrations[-1]

    def _mean(self) -> Float64[Tensor, " examples"]:
        return self.log_weight.logsumexp(1) - math.log(self.particles)


def systematic(weight: Float[Tensor, "batch particles"], noise: Float[Tensor, " batch"]) -> Int[Tensor, "batch _"]:
    """Systematic resampling: the particles at evenly spaced quantiles of their weights (Kitagawa 1996).

    >>> systematic(torch.tensor([[0.5, 0.0, 0.25, 0.25]]), torch.tensor([0.5]))
    tensor([[0, 0, 2, 3]])
    """
    count = weight.shape[1]
    positions = (torch.arange(count, device=weight.device) + noise[:, None]) / count
    return torch.searchsorted(weight.cumsum(1).contiguous(), positions.to(weight).contiguous()).clamp(max=count - 1)
