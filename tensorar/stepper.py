"""Steppers: the conditionals of a network one at a time, in visiting order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.errors import PluginError
from tensorar.order import Order


class Stepper(ABC):
    """Visits one order with one batch: given the features of the last coefficient, returns the next one's parameters.

    An activation at a position depends only on what is visited before it, so a stepper computes each activation once:
    a whole batch of samples then costs about the arithmetic of one forward pass.

    ``step`` is all that sampling needs; ``prefill`` makes completions faster, and ``ahead`` with ``keep``, which a
    stepper that ``looks_ahead`` has, samples of few examples. Resampling and beam search need ``select``, ``reset`` and
    ``state`` as well; ``CachedStepper`` derives the first two from the last.
    """

    @property
    def looks_ahead(self) -> bool:
        """Whether ``ahead`` computes several steps of this batch in less time than ``step``."""
        return False

    @abstractmethod
    def step(self, features: Float[Tensor, "batch features"] | None) -> Float[Tensor, "batch parameters"]:
        """The parameters of the coefficient visited next, given the features of the one just visited (first: None).

        The caller keeps them: no later step writes to their memory.
        """

    def skip(self, features: Float[Tensor, "batch features"] | None) -> None:
        """Like ``step``, without the parameters. By default they are computed and dropped."""
        self.step(features)

    def prefill(self, features: Float[Tensor, "batch steps features"]) -> None:
        """Take in the first coefficients before any step: like ``skip(None)``, then ``skip`` of each of these in turn.

        That is the default. A network that computes many steps at once in less time does so.
        """
        self.skip(None)
        for each in features.unbind(1):
            self.skip(each)

    def ahead(self, features: Float[Tensor, "batch steps features"]) -> Float[Tensor, "batch steps parameters"]:
        """The parameters of the next coefficients in one pass, given the last one and guesses of those between.

        The stepper stays where it is, and goes on by ``step`` or ``keep``. Not before the first step. Raises
        ``PluginError`` if missing.
        """
        raise self._missing("ahead", "take several steps at once")

    def keep(self, count: int) -> None:
        """Move on by the first steps of the last ``ahead``, at least one: all that was guessed between them was right.

        The features of the last coefficient of these come with the next step. Raises ``PluginError`` if missing.
        """
        raise self._missing("keep", "take several steps at once")

    def select(self, rows: Int[Tensor, " selected"]) -> None:
        """Keep these examples of the batch, in this order, repeats allowed. Raises ``PluginError`` if missing."""
        raise self._missing("select", "resample")

    def reset(self) -> None:
        """Start over, with the weights as they are now. Raises ``PluginError`` if missing."""
        raise self._missing("reset", "start over")

    def state(self) -> dict[str, Tensor]:
        """The tensors held for the batch, by name, batch axis first. Raises ``PluginError`` if missing."""
        raise self._missing("state", "measure its memory")

    def _missing(self, method: str, purpose: str) -> PluginError:
        return PluginError(
            expected=f"a stepper with {method}, to {purpose}",
            got=f"{type(self).__name__}, which only steps",
            remedy=f"implement {type(self).__name__}.{method}, or derive the class from tensorar.CachedStepper",
        )


class CachedStepper(Stepper):
    """A stepper with named caches: write ``begin``, ``advance`` and ``state``; stepping, selection and reset follow.

    ``backbone`` and ``order`` stay the same; ``batch``, ``context`` and the step ``t`` are those of the examples held.
    """

    def __init__(
        self, backbone: Any, order: Order, batch: int, context: Float[Tensor, "batch context"] | None = None
    ) -> None:
        self.backbone, self.order, self.batch, self.context = backbone, order, batch, context
        self.t = 0
        self.begin()

    @abstractmethod
    def begin(self) -> None:
        """Read the weights of ``backbone`` and make the caches for ``batch`` examples and their ``context``."""

    @abstractmethod
    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch parameters"]:
        """The parameters of the coefficient visited at step ``t``; ``features`` are those of step ``t - 1``.

        Not a view of a cache, nor of memory that a later step writes to: the caller keeps it.
        """

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """The tensors held for the batch, by name: views into the caches with the batch axis first.

        Copying into them restores a state, so no two overlap. What follows from weights and context alone is left out.
        """

    def step(self, features: Float[Tensor, "batch features"] | None) -> Float[Tensor, "batch *candidates parameters"]:
        """The parameters of the coefficient visited next, or of all that may be (``CandidateStepper``)."""
        parameters = self.advance(features, self.t)
        self.t += 1
        return parameters

    def reset(self) -> None:
        """Start over with the same order, batch and context, and the weights as they are now."""
        self.t = 0
        self.begin()

    def select(self, rows: Int[Tensor, " selected"]) -> None:
        """Keep these examples, in this order, repeats allowed."""
        kept = {name: held.index_select(0, rows) for name, held in self.state().items()}
        if len(rows) != self.batch or self.context is not None:
            self.batch, self.context = len(rows), None if self.context is None else self.context[rows]
            self.begin()
        for name, held in self.state().items():
            held.copy_(kept[name])


class CandidateStepper(CachedStepper):
    """A stepper for adaptive orders: it returns the parameters of every coefficient that may be visited next.

    Every position takes one call of ``step`` or ``skip`` and then one of ``visit``, which names the coefficient that
    each example visits. Write ``observe`` and ``candidates``; with caches also ``begin``, ``visit``, ``state``.
    """

    visited: Bool[Tensor, "batch n"]
    last: Int[Tensor, " batch"]
    passes = 0

    def begin(self) -> None:
        """Start with no known coefficients."""
        device = self.order.device
        self.visited = torch.zeros(self.batch, len(self.order), dtype=torch.bool, device=device)
        self.last = torch.zeros(self.batch, dtype=torch.long, device=device)

    @abstractmethod
    def observe(self, features: Float[Tensor, "batch features"]) -> None:
        """Take in the features of ``last``, the coefficient visited last."""

    @abstractmethod
    def candidates(self, unknown: Int[Tensor, "batch unknown"], t: int) -> Float[Tensor, "batch unknown parameters"]:
        """The parameters of all unknown coefficients (flat indices) given the ``t`` visited ones."""

    def visit(self, index: Int[Tensor, " batch"]) -> None:
        """Visit this coefficient of each example next."""
        self.visited.scatter_(1, index.unsqueeze(1), True)
        self.last.copy_(index)

    def state(self) -> dict[str, Tensor]:
        """Which coefficients were visited, and which of them last."""
        return {"visited": self.visited, "last": self.last}

    def skip(self, features: Float[Tensor, "batch features"] | None) -> None:
        """Take in the last coefficient without a pass of the network."""
        if features is not None:
            self.observe(features)
        self.t += 1

    def advance(self, features: Float[Tensor, "batch features"] | None, t: int) -> Float[Tensor, "batch n parameters"]:
        """The parameters of every coefficient: zeros for those that are known."""
        if features is not None:
            self.observe(features)
        unknown = (~self.visited).nonzero()[:, 1].reshape(self.batch, len(self.order) - t)
        parameters = self.candidates(unknown, t)
        self.passes += 1
        everything = parameters.new_zeros(self.batch, len(self.order), parameters.shape[-1])
        return everything.scatter_(1, unknown.unsqueeze(-1).expand_as(parameters), parameters)
