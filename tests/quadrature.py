"""Integrals over the support of a continuous head, by their old name."""

from tensorar.testing.oracles import points_and_weights

__all__ = ["points_and_weights"]
