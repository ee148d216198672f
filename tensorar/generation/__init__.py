"""Generation: one loop over the coefficients, with different steppers and choosers."""

from tensorar.generation.choosers import Chooser
from tensorar.generation.generation import Generation
from tensorar.generation.info import ConditioningInfo, SamplingInfo
from tensorar.generation.sample import Method
from tensorar.generation.truncation import masses_of, tempered

__all__ = ["Chooser", "ConditioningInfo", "Generation", "Method", "SamplingInfo", "masses_of", "tempered"]
