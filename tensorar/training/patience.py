"""Patience: when the learning rate begins to decay, and when training ends."""

from __future__ import annotations

from dataclasses import dataclass

from tensorar.training.state import TrainingState

# the part of the training during which the learning rate is held; it decays during the rest
HELD = 0.75
# the part of all evaluations that a curve may take to fall further, however many those are
WAITED = 0.25


@dataclass(frozen=True)
class Patience:
    """Decides, from ``evaluations`` of patience (0: none) and the state, when the decay begins and training ends.

    Without patience the learning rate decays from the first step to the last. With it, the rate is held until the
    validation has stopped improving, or three quarters of the length are over; it then decays within a third of what
    the training took so far, because the decay itself improves the validation.

    A falling curve is never stopped: an evaluation counts as an improvement if it, or the median of the last
    few, is the lowest so far, and the longer the training, the longer is a new low waited for.
    """

    evaluations: int

    def update(self, state: TrainingState, fraction: float, evaluated: int) -> None:
        """Begin the decay after an evaluation, the ``evaluated``-th, if it is time."""
        waited = state.evaluations_without_improvement
        enough = waited >= max(self.evaluations, WAITED * evaluated)
        if self.evaluations and state.decay_from is None and (enough or fraction >= HELD):
            state.decay_from = min(fraction, HELD)

    def hold(self, state: TrainingState) -> float:
        """The fraction of the training up to which the learning rate is held."""
        if not self.evaluations:
            return 0.0
        return HELD if state.decay_from is None else state.decay_from

    def end(self, state: TrainingState) -> float:
        """The fraction of the training at which it ends."""
        return self.hold(state) / HELD if self.evaluations else 1.0
