"""What codes the values of one kind of coefficients."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float64, Int, Int64
from torch import Tensor
from torch.distributions import Distribution

from tensorar.coding.streams import SymbolStream


class Alphabet(ABC):
    """Codes values of one kind of coefficients; ``rows`` is the number of examples whose tables fit in memory."""

    rows: int

    def laid_out(self, parameters: Float64[Tensor, "n parameters"]) -> Float64[Tensor, "n parameters"]:
        """The parameters of a head in the memory layout in which the alphabet computes fastest."""
        return parameters

    @abstractmethod
    def code(
        self, stream: SymbolStream, distribution: Distribution, values: Int64[np.ndarray, " n"] | None
    ) -> Int[np.ndarray, " n"]:
        """Code ``(n,)`` standard values with their conditional distributions in float64; a reader has no values."""

    @abstractmethod
    def likeliest(self, distribution: Distribution) -> Int[np.ndarray, " n"]:
        """A value of high probability, the same for the writer and the reader."""
