"""Generation: one loop over the coefficients, with different steppers and choosers."""

from tensorar.generation.choosers import Chooser
from tensorar.generation.generation import Generation
from tensorar.generation.sample import Method, SamplingInfo
from tensorar.generation.truncation import masses_of, tempered

__all__ = ["Chooser", "Generation", "Method", "SamplingInfo", "masses_of", "tempered"]
