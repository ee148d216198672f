"""On a GPU: a walk recorded once as a CUDA graph, and replayed for every further batch of the same size.

A step launches some tens of small operations, and launching them takes longer than they do. A graph is launched whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from tensorar.generation.batch_size import tensors_of
from tensorar.generation.walk import Walk
from tensorar.stepper import Stepper

Step = Callable[[Tensor | None], Tensor]


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
    """A walk through one order with a batch of one size, its noise the only thing that changes from call to call.

    What a stepper holds is put back to what it was at the start, so that it can walk again.
    """

    def __init__(self, walk: Walk, stepper: Stepper, by_step: Callable[[Walk, Step], Tensor], recorder: GraphCapture):
        assert walk.noise is not None and walk.observed is None and walk.context is None
        self.noise, self.recorder = torch.stack(walk.noise), recorder
        weights = {p.untyped_storage().data_ptr() for p in walk.model.state_dict().values()}
        self.begin = [(held, held.clone()) for held in map(_whole, tensors_of(stepper, weights))]
        self.walk, walk.noise = walk, self.noise.unbind()
        self.drawn = recorder.record(lambda: self._work(stepper, by_step))

    def _work(self, stepper: Stepper, by_step: Callable[[Walk, Step], Tensor]) -> Tensor:
        for held, at_first in self.begin:
            held.copy_(at_first)
        return by_step(self.walk, stepper.step)

    def fits(self, walk: Walk) -> bool:
        """Whether another walk differs from the recorded one in its noise only."""
        alike = walk.order is self.walk.order and walk.value.shape == self.walk.value.shape
        return alike and capturable(walk)

    def again(self, walk: Walk) -> Tensor:
        """What the same walk draws with another's noise."""
        assert walk.noise is not None
        torch.stack(walk.noise, out=self.noise)
        self.recorder.replay()
        return self.drawn.clone()


def _whole(tensor: Tensor) -> Tensor:
    """All of the memory that a tensor is a view of."""
    return tensor.new_empty(0).set_(tensor.untyped_storage())


def capturable(walk: Walk) -> bool:
    """Whether a walk is the same operations whatever its values: nothing observed, no context, no rejection."""
    return walk.noise is not None and walk.observed is None and walk.context is None
