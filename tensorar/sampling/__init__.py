"""Exact sampling: whatever the method, the samples are those of the plain loop with the same noise."""

from tensorar.sampling.completion import Method, Record, complete, rows_of
from tensorar.sampling.reproducible import reproducible

__all__ = ["Method", "Record", "complete", "reproducible", "rows_of"]
