"""The oracles of ``tensorar.testing``, by their old name."""

from tensorar.testing.oracles import all_values, brute_conditional, joint, levels_of, p_value, parameters_of

__all__ = ["all_values", "brute_conditional", "joint", "levels_of", "p_value", "parameters_of"]
