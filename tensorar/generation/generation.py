"""Generation with an explicit state: the next coefficient, its distribution, and the chosen value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor
from torch.distributions import Distribution

from tensorar.errors import ShapeError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.candidates import choose_next
from tensorar.generation.lineage import Lineage
from tensorar.generation.steppers import PrefixStepper, make_stepper
from tensorar.generation.visits import AdaptiveVisits, Visits
from tensorar.order import Order
from tensorar.stepper import CandidateStepper
from tensorar.validation import check_order

P = ParamSpec("P")
T = TypeVar("T")


def _exact(method: Callable[P, T]) -> Callable[P, T]:
    """Run a method of ``Generation`` without gradients, in the network's own dtype."""

    @wraps(method)
    def run(*arguments: P.args, **options: P.kwargs) -> T:
        with torch.no_grad(), torch.autocast(_device_type(*arguments), enabled=False):
            return method(*arguments, **options)

    return run


def _device_type(generation: Any, *_: Any) -> str:
    return str(generation.model.device.type)


class Generation:
    """A batch of events that is generated one coefficient at a time.

    Sampling, in-painting, scoring and search are the same loop, and differ only in how values are chosen::

        state = model.generation(batch=16)
        while not state.done:
            state.observe(state.distribution().sample())
        events = state.evidence.value

    ``select`` keeps or repeats examples (resampling, beam search); ``reset`` starts over. Created by
    ``model.generation``. Call ``model.eval()`` first: a network that is called as a whole applies dropout in training
    mode, a cached stepper never does. No gradients are computed.
    """

    def __init__(
        self,
        model: Factorization,
        batch: int,
        visits: Visits,
        context: Float[Tensor, "batch context"] | None = None,
        *,
        cached: bool = True,
    ) -> None:
        self.model, self.batch, self.context, self.visits = model, batch, context, visits
        self.stepper = make_stepper(model.backbone, visits, batch, context, cached=cached)
        self.position = 0
        self._begin()

    def _begin(self) -> None:
        self.position = 0
        self._lineage = Lineage()
        self._parameters: Tensor | None = None
        self._dtype, self._steps = self.model.features_dtype, len(self.visits)

    def __len__(self) -> int:
        return self._steps

    @property
    def done(self) -> bool:
        """Whether every coefficient has its value."""
        return self.position == self._steps

    @property
    @_exact
    def coefficient(self) -> int | Int[Tensor, " batch"]:
        """The flat index visited next: an int, or ``(batch,)`` if orders differ. Raises ``ShapeError`` when done."""
        self._require_more()
        self._choose()
        return self.visits.coefficient(self.position)

    @property
    def evidence(self) -> Evidence:
        """What has been observed so far, rounded as the model rounds it; once ``done``, the complete events."""
        standard = self.standard_evidence()
        return Evidence(standard.mask, self.model.restore(standard.value))

    @_exact
    def distribution(self) -> Distribution:
        """The conditional distribution of the next coefficient, over ``(batch,)``. Raises ``ShapeError`` when done."""
        self._require_more()
        return self.model.data_distribution(self.parameters(), self.index)

    @_exact
    def observe(self, value: Real[Tensor, " batch"]) -> None:
        """Give the next coefficient its value and move on.

        Raises ``ShapeError`` for another shape than ``(batch,)`` or when done, ``SupportError`` for values without a
        probability.
        """
        self._require_more()
        if tuple(value.shape) != (self.batch,):
            raise ShapeError(
                expected=f"a value for each example, of shape {(self.batch,)}",
                got=str(tuple(value.shape)),
                remedy="pass one number per example",
            )
        index = self.index.expand(self.batch)
        self.model.head.check(
            value, coefficients=index.to(value.device), what="the observed values", dtype=self.model.dtype
        )
        # a copy: the caller may reuse the tensor before the next step encodes it
        self.advance(self.model.standardize(value, index).clone())

    @_exact
    def select(self, rows: Int[Tensor, " selected"]) -> None:
        """Keep these examples of the batch, in this order, repeats allowed.

        Raises ``ShapeError`` for indices out of range, ``PluginError`` if the backbone's stepper has no ``select``.
        """
        rows = rows.to(self.model.device)
        self._require_rows(rows)
        self.stepper.select(rows)
        self.batch, self.visits = len(rows), self.visits.select(rows)
        self.context = None if self.context is None else self.context[rows]
        self._lineage.select(rows)
        self._parameters = None if self._parameters is None else self._parameters[rows]

    @_exact
    def reset(self) -> None:
        """Start over with the same orders, batch size and context, and the weights as they are now.

        Raises ``PluginError`` if the backbone's stepper has no ``reset``.
        """
        self.stepper.reset()
        self.visits = self.visits.begin()
        self._begin()

    # --- the inner parts of the loop, without checks ----------------------------------------------------------------

    @property
    def index(self) -> Int[Tensor, "..."]:
        """The flat index visited next as a tensor: 0-d, or ``(batch,)`` if orders differ between examples."""
        self._choose()
        return self.visits.columns[self.position]

    def parameters(self, rows: Int[Tensor, " some"] | None = None) -> Float[Tensor, "some parameters"]:
        """The head parameters of the next coefficient, for some examples (None: all)."""
        if rows is not None and isinstance(self.stepper, PrefixStepper) and self._parameters is None:
            # the naive stepper computes only the examples that are needed
            self.stepper.observe(self._last_features(), self.position)
            return self.stepper.parameters(self.position, rows)
        if self._parameters is None:
            self._parameters = self._step()
        return self._parameters if rows is None else self._parameters[rows]

    def advance(self, value: Float[Tensor, " batch"]) -> None:
        """Take a standard value of the model's dtype and device, and move on."""
        self._choose()
        if self._parameters is None:
            self.stepper.skip(self._last_features())
        if isinstance(self.stepper, CandidateStepper):
            self.stepper.visit(self.visits.columns[self.position])
        self._lineage.append(value)
        self._parameters = None
        self.position += 1

    def prefill(self, values: Float[Tensor, "batch steps"]) -> None:
        """Take the standard values of the first coefficients at once, before any step: like ``advance`` by each."""
        by_step = values.unbind(1)
        if isinstance(self.visits, AdaptiveVisits) or len(by_step) < 2:
            for value in by_step:
                self.advance(value)
            return
        # the stepper gets the last one with the next step
        before = values[:, :-1]
        encoded = self.model.head.encode(before, self.visits.table[..., : before.shape[1]])
        self.stepper.prefill(encoded.to(self._dtype))
        self._lineage.extend(by_step)
        self.position = len(by_step)

    def ahead(self, guesses: Float[Tensor, "batch guesses"]) -> Float[Tensor, "batch steps parameters"]:
        """The parameters of the next coefficients in one pass, given guesses of all of them but the last.

        For a stepper that looks ahead, one order, and not before the first coefficient has its value.
        """
        last, first = self._lineage.last, self.position - 1
        assert last is not None
        values = torch.cat([last.unsqueeze(1), guesses], 1)
        encoded = self.model.head.encode(values, self.visits.table[first : first + values.shape[1]])
        return self.stepper.ahead(encoded.to(self._dtype))

    def keep(self, values: Float[Tensor, "batch steps"]) -> None:
        """Take in the first coefficients after ``ahead``; those before the last of them were guessed right."""
        self.stepper.keep(values.shape[1])
        self._lineage.extend(values.unbind(1))
        self.position += values.shape[1]

    def _step(self) -> Tensor:
        """The parameters of the next coefficient, which an adaptive ordering chooses here."""
        parameters = self.stepper.step(self._last_features())
        if not isinstance(self.visits, AdaptiveVisits):
            return parameters
        if self.position == len(self.visits.columns):
            self.visits.choose(choose_next(self.model, self.standard_evidence(), parameters))
        index = self.visits.columns[self.position]
        return parameters.take_along_dim(index[:, None, None], dim=1)[:, 0]

    def _choose(self) -> None:
        """Have an adaptive ordering choose the next coefficient."""
        if self.position == len(self.visits.columns):
            self.parameters()

    def standard_evidence(self) -> Evidence:
        """What has been observed so far, in standard values."""
        shape = (self.batch, self._steps)
        values = torch.zeros(shape, dtype=self.model.dtype, device=self.model.device)
        mask = torch.zeros(shape, dtype=torch.bool, device=self.model.device)
        if self.position:
            values[:, : self.position] = self._lineage.stacked().T
            mask[:, : self.position] = True
        both = (self.visits.by_coefficient(part).reshape(-1, *self.model.event_shape) for part in (mask, values))
        return Evidence(*both)

    def _last_features(self) -> Tensor | None:
        last = self._lineage.last
        if last is None:
            return None
        encoded = self.model.head.encode(last, self.visits.columns[self.position - 1])
        return encoded if encoded.dtype == self._dtype else encoded.to(self._dtype)

    def _require_rows(self, rows: Tensor) -> None:
        integers = rows.ndim == 1 and rows.dtype in (torch.int32, torch.int64)
        if not integers or bool(((rows < 0) | (rows >= self.batch)).any()):
            raise ShapeError(
                expected=f"one axis of integers from 0 to {self.batch - 1}",
                got=f"{rows.dtype} of shape {tuple(rows.shape)}: {rows.flatten()[:5].tolist()}",
                remedy="pass a tensor of row numbers",
            )

    def _require_more(self) -> None:
        if self.done:
            raise ShapeError(
                expected="a coefficient left to visit",
                got=f"a generation that is done after {len(self)}",
                remedy="call reset() to start over",
            )


def visits_of(model: Factorization, batch: int, order: Order | Sequence[Order] | None) -> Visits:
    """The visits of a batch: of the model's ordering, another order, or one for each example. Raises ``ShapeError``."""
    if order is None and model.ordering.adaptive:
        return AdaptiveVisits(model.order, torch.zeros(batch, 0, dtype=torch.long, device=model.device))
    if order is None or isinstance(order, Order):
        orders = [model.order if order is None else order]
    else:
        orders = list(order)
        if len(orders) != batch:
            raise ShapeError(
                expected=f"one order, or one for each of the {batch} examples",
                got=f"{len(orders)} orders",
                remedy="pass one Order, or a sequence of them",
            )
    return Visits.of([check_order(model, one) for one in orders] or [model.order])
