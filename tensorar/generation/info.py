"""How samples were drawn: by which method, and how what is known entered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from torch import Tensor

from tensorar.utils.words import counted

# below this share of the particles, or this many distinct ancestors, an approximation is called poor
POOR_SHARE, POOR_ANCESTORS = 0.05, 2.0


@dataclass
class ConditioningInfo:
    """How completions were conditioned on what is known.

    ``way`` is ``exact``, ``smc``, ``clamp``, or empty if nothing is known, ``reason`` how it was done.
    ``log_evidence`` ``(n,)``: an unbiased estimate of the probability of each completion's evidence, as a logarithm in
    nats; NaN where the way gave none, None if it gave none at all. For sequential Monte Carlo: the number of
    ``particles`` of each completion, their lowest ``effective_sample_size``, and how many distinct ``ancestors`` the
    last ones have, both the mean over the completions.
    """

    way: str = ""
    reason: str = ""
    particles: int | None = None
    effective_sample_size: float | None = None
    ancestors: float | None = None
    log_evidence: Float[Tensor, " n"] | None = None

    def __str__(self) -> str:
        if self.way != "smc":
            return f"conditioning {self.way}: {self.reason}" if self.way else ""
        assert self.particles is not None and self.effective_sample_size is not None and self.ancestors is not None
        text = (
            f"conditioning smc: {counted(self.particles, 'particle')} each, lowest effective sample size "
            f"{self.effective_sample_size:.1f}, {self.ancestors:.1f} distinct ancestors"
        )
        return f"{text}; {POOR}" if self.is_poor else text

    @property
    def is_poor(self) -> bool:
        """Whether so few particles agreed with what is known that completions may be far from the posterior."""
        if self.particles is None or self.effective_sample_size is None or self.ancestors is None:
            return False
        return self.effective_sample_size < POOR_SHARE * self.particles or self.ancestors < POOR_ANCESTORS

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, without those that do not apply; the mean of ``log_evidence``."""
        fields: dict[str, Any] = {
            "way": self.way,
            "reason": self.reason,
            "particles": self.particles,
            "effective_sample_size": self.effective_sample_size,
            "ancestors": self.ancestors,
            "log_evidence": None if self.log_evidence is None else float(self.log_evidence.nanmean()),
        }
        return {name: value for name, value in fields.items() if value is not None}


POOR = "few agree with what is known late: use ordering=shuffled, a proposal, or more particles"


@dataclass
class SamplingInfo:
    """How ``sample`` drew its samples.

    ``method`` and the most network ``passes`` of any batch; ``exact`` is False if values were not drawn from the
    model's conditionals, and ``chooser`` lists the options that changed that; ``one_by_one`` if the head draws values
    one by one; ``conditioning`` describes how what is known entered.
    """

    method: str = ""
    passes: int = 0
    exact: bool = True
    chooser: str = ""
    one_by_one: bool = False
    conditioning: ConditioningInfo = field(default_factory=ConditioningInfo)

    def __str__(self) -> str:
        text = f"{self.method}, {self.passes} pass{'' if self.passes == 1 else 'es'} of the network"
        if self.one_by_one:
            text += "; values drawn one by one, which is slow"
        if not self.exact:
            text += f"; {self.chooser}: not the model's distribution"
        return f"{text}; {self.conditioning}" if self.conditioning.way else text
