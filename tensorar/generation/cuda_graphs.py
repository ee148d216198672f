"""CUDA graphs: the loop captured once, and replayed for every further batch of the same size.

A step launches tens of small kernels, and launching them takes longer than running them. A graph is launched at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from tensorar.generation.generation import Generation
from tensorar.generation.state import SamplingState
from tensorar.generation.visits import AdaptiveVisits
from tensorar.stepper import CachedStepper

Loop = Callable[[SamplingState, Generation, tuple[Tensor, ...]], Tensor]


@runtime_checkable
class GraphCapture(Protocol):
    """Runs some work on tensors that stay where they are, and can do the same again."""

    def record(self, work: Callable[[], Tensor]) -> Tensor:
        """Run the work once and keep what it did; its result."""

    def replay(self) -> None:
        """Do the same operations on the same tensors, the result among them."""


class CUDAGraphCapture:
    """Records a CUDA graph."""

    def __init__(self) -> None:
        self.graph = torch.cuda.CUDAGraph()

    def record(self, work: Callable[[], Tensor]) -> Tensor:
        """Capture the work, then run it: capturing alone computes nothing."""
        with torch.cuda.graph(self.graph):
            result = work()
        self.graph.replay()
        return result

    def replay(self) -> None:
        """Launch the graph."""
        self.graph.replay()


class CapturedRun:
    """The loop over one order with a batch of one size, captured: only the noise changes from run to run.

    Every run starts by restoring the stepper's initial state.
    """

    def __init__(self, state: SamplingState, generation: Generation, loop: Loop, capture: GraphCapture) -> None:
        self.state, self.capture = state, capture
        self.noise = torch.stack(state.noise_by_step())
        self.begin = [(held, held.clone()) for held in generation.stepper.state().values()]
        self.drawn = capture.record(lambda: self._work(generation, loop))

    def _work(self, generation: Generation, loop: Loop) -> Tensor:
        for held, at_start in self.begin:
            held.copy_(at_start)
        return loop(self.state, generation, self.noise.unbind())

    def fits(self, state: SamplingState) -> bool:
        """Whether another batch differs from the captured one in its noise only."""
        alike = state.order is self.state.order and state.value.shape == self.state.value.shape
        return alike and state.chooser == self.state.chooser and independent_of_values(state)

    def replay(self, state: SamplingState) -> Tensor:
        """The values drawn with another batch's noise, ``(n, batch)``."""
        torch.stack(state.noise_by_step(), out=self.noise)
        self.capture.replay()
        return self.drawn.clone()


def capturable(state: SamplingState, generation: Generation) -> bool:
    """Whether a run can be captured: the same operations for all values, and a stepper whose state can be restored."""
    # rejection, and the enumeration of likely counts, take as many operations as the values need
    fixed = state.chooser.is_exact and state.model.head.draws_in_fixed_operations
    return fixed and independent_of_values(state) and isinstance(generation.stepper, CachedStepper)


def independent_of_values(state: SamplingState) -> bool:
    """Whether nothing is observed, no context is given, and no order is chosen by what is drawn."""
    return state.observed is None and state.context is None and not isinstance(state.visits, AdaptiveVisits)
