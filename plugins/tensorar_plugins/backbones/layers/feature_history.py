"""The features that a stepper has received, laid out for a masked matrix product."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from tensorar import Order


class FeatureHistory:
    """The features of the visited coefficients in visiting order, ``(N * F, batch)``, filled from the top.

    The weights that an order masks out belong to the rows not yet filled. A masked product with all features is thus
    an ordinary product with the rows so far, which are a view.
    """

    def __init__(self, batch: int, steps: int, features: int, like: Tensor) -> None:
        self.rows, self.features = like.new_empty(steps * features, batch), features

    def append(self, features: Float[Tensor, "batch features"] | None, t: int) -> None:
        """Store the features of the coefficient visited at step ``t - 1`` (None at step 0)."""
        if features is not None:
            end = t * self.features
            self.rows[end - self.features : end].copy_(features.T)

    def before(self, t: int) -> Float[Tensor, "rows batch"]:
        """The rows of the coefficients visited before step ``t``: ``(t * F, batch)``."""
        return self.rows[: t * self.features]

    def state(self) -> Float[Tensor, "batch rows"]:
        """A view with the batch axis first."""
        return self.rows.T


def columns_by_step(
    weight: Float[Tensor, "outputs inputs"], order: Order, features: int
) -> Float[Tensor, "outputs inputs"]:
    """``(outputs, N * F)`` with its columns moved from the coefficients' own order into visiting order."""
    return weight.reshape(len(weight), len(order), features).index_select(1, order.visits).flatten(1)


def rows_by_step(weight: Float[Tensor, "rows columns"], order: Order, parameters: int) -> tuple[Tensor, ...]:
    """``(N * P, columns)`` as ``N`` blocks ``(P, columns)``, one for each step."""
    return weight.reshape(len(order), parameters, weight.shape[1]).index_select(0, order.visits).unbind(0)
