"""What has been shown to a stepper so far, ready to be multiplied by."""

from __future__ import annotations


class Shown:
    """The features of the visited coefficients in visiting order, ``(N * F, batch)``: rows are filled from the top.

    A masked product with them is one with the rows so far: what may be seen is the start of the buffer, a view.
    """

    def __init__(self, like, steps, features, batch):
        self.rows, self.count = like.new_empty(steps * features, batch), 0

    def add(self, features):
        """Take in ``(batch, F)`` of the coefficient just visited; None at the first step."""
        if features is not None:
            end = self.count + features.shape[1]
            self.rows[self.count : end].copy_(features.T)
            self.count = end

    def so_far(self):
        """``(F * visited, batch)``."""
        return self.rows[: self.count]


def columns_by_step(weight, order, features):
    """``(outputs, N * F)``, its columns brought from the coefficients' own order into visiting order."""
    return weight.unflatten(1, (-1, features)).index_select(1, order.visits).flatten(1)


def rows_by_step(weight, order, parameters):
    """``(N * P, ...)`` as ``N`` pieces of ``(P, ...)``, one for each step."""
    return weight.unflatten(0, (-1, parameters)).index_select(0, order.visits).unbind(0)
