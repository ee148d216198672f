"""A question about one event: what is known of it, and how the rest is to be drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.conditioning.ways import DEFAULT_PARTICLES, check_conditioning
from tensorar.errors import TensorarError
from tensorar.evidence import Evidence
from tensorar.generation import Chooser
from tensorar.workflows.events import check_counts

MAX_COMPLETIONS, MAX_PARTICLES = 64, 1024
# real values drawn at higher ones overflow
MAX_TEMPERATURE = 100.0


@dataclass(frozen=True, eq=False)
class Question:
    """What is known of one event ``(1, *event)``, its context ``(1, K)``, and how completions are drawn.

    Raises ``TensorarError`` for an option out of range: at most 64 completions of 1024 particles,
    and a temperature of at most 100.
    """

    evidence: Evidence
    context: Float[Tensor, "1 context"] | None = None
    completions: int = 4
    seed: int = 0
    temperature: float = 1.0
    conditioning: str = "auto"
    particles: int = DEFAULT_PARTICLES

    def __post_init__(self) -> None:
        check_conditioning(self.conditioning)
        if not 0 < self.temperature <= MAX_TEMPERATURE:
            raise TensorarError(
                expected=f"`temperature` above 0, at most {MAX_TEMPERATURE:g}",
                got=str(self.temperature),
                remedy="use 1 for the model's distribution",
            )
        check_counts(completions=self.completions, particles=self.particles)
        check_counts(0, seed=self.seed)
        _check_most("completions", self.completions, MAX_COMPLETIONS)
        _check_most("particles", self.particles, MAX_PARTICLES)
        _check_most("seed", self.seed, 2**63 - 1)

    @property
    def chooser(self) -> Chooser:
        """How values are chosen."""
        return Chooser(self.temperature)

    @property
    def contexts(self) -> Float[Tensor, "completions context"] | None:
        """The context of each completion."""
        return None if self.context is None else self.context.repeat_interleave(self.completions, dim=0)

    def of_the_model(self, completions: int) -> Question:
        """The same evidence, with completions that follow the model's distribution."""
        return replace(self, temperature=1.0, completions=completions)

    @property
    def key(self) -> tuple[object, ...]:
        """What completions depend on."""
        options = (self.completions, self.seed, self.temperature, self.conditioning, self.particles)
        tensors = (self.evidence.mask, self.evidence.value.double(), self.context)
        return (*options, *(None if t is None else t.numpy(force=True).tobytes() for t in tensors))


def question_about(
    values: Float[Tensor, "*event"], context: Float[Tensor, " context"] | None = None, **options: object
) -> Question:
    """A question about an event with NaN where it is unknown."""
    given = None if context is None else context.unsqueeze(0)
    return Question(Evidence.observed(torch.as_tensor(values).unsqueeze(0)), given, **options)  # type: ignore[arg-type]


def _check_most(name: str, value: int, most: int) -> None:
    if value > most:
        raise TensorarError(expected=f"`{name}` <= {most}", got=str(value), remedy=f"use at most {most}")
