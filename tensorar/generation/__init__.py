"""Generation: one loop that visits the coefficients in order, with different steppers and choosers."""

from tensorar.generation.sample import Method, Record, complete, rows_of
from tensorar.utils.random_state import reproducible

__all__ = ["Method", "Record", "complete", "reproducible", "rows_of"]
