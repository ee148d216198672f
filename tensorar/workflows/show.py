"""Describe a run: parts, size, order, training, and the dependencies of one of its conditionals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tensorar.dependencies import influence, receptive_field
from tensorar.errors import DataError, ShapeError
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.parts.registry import Registry
from tensorar.runs.run import Run
from tensorar.training.memory import COPIES_OF_WEIGHTS, weight_bytes
from tensorar.utils.shapes import flatten_events, rows_of
from tensorar.workflows.events import events_of
from tensorar.workflows.list_runs import RunSummary, summary_of
from tensorar.workflows.recipes import parts_of
from tensorar.workflows.runs import model_of, open_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVENTS_FOR_INFLUENCE = 16


@dataclass(frozen=True, eq=False)
class RunDescription:
    """A run in full: ``summary``, ``parts`` by kind, ``order`` in words, and the conditional of one ``coefficient``.

    ``weight_bytes`` is the memory of the weights. ``seen`` is what the conditional depends on, by architecture and
    order; ``influence`` how much, on average over validation events, or None (``notes`` say why). ``history`` has a
    line for each stage of training.
    """

    run: Run
    summary: RunSummary
    parts: dict[str, str]
    weight_bytes: int
    order: str
    visits: Order
    coefficient: int
    seen: Bool[Tensor, "*event"]
    influence: Float[Tensor, "*event"] | None
    history: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def training_bytes(self) -> int:
        """The memory of the weights, their gradients, moments and average in training, without activations."""
        return COPIES_OF_WEIGHTS * self.weight_bytes

    @property
    def step(self) -> int:
        """The step at which the coefficient is visited: so many others come before it."""
        return int(self.visits.rank.flatten()[self.coefficient])

    @property
    def index(self) -> tuple[int, ...]:
        """The coefficient as an index into the event."""
        shape = self.run.event_shape
        return tuple(int(i) for i in torch.unravel_index(torch.tensor(self.coefficient), shape)) if shape else ()

    @property
    def coefficient_name(self) -> str | None:
        """The name of the coefficient, if coefficients have names, as the columns of a table do."""
        names = self.run.other_dataset(self.run.recipe.dataset).coefficient_names
        return names[self.coefficient] if names else None

    @property
    def seen_count(self) -> int:
        """How many of the coefficients visited before it the conditional depends on."""
        return int((self.seen.cpu() & self.visits.mask_before(self.step)).sum())

    @property
    def blind_count(self) -> int:
        """How many of the coefficients visited before it the conditional ignores."""
        return self.step - self.seen_count

    def as_dict(self) -> dict[str, Any]:
        """The description by name, without maps."""
        return {
            **self.summary.as_dict(),
            "run": self.summary.name,
            "parts": self.parts,
            "event_shape": list(self.run.event_shape),
            "context_features": self.run.context_features,
            "weight_bytes": self.weight_bytes,
            "order": self.order,
            "history": list(self.history),
            "coefficient": self.coefficient,
            "coefficient_name": self.coefficient_name,
            "index": list(self.index),
            "step": self.step,
            "seen": self.seen_count,
            "blind": self.blind_count,
            "notes": list(self.notes),
        }

    def figure(self) -> Figure:
        """The receptive field and the influence of each value, as a picture."""
        from tensorar import plotting

        return plotting.receptive_field(self.visits, self.coefficient, self.seen, self.influence, axes=self.run.axes)


def show(
    run: Run | str | Path,
    *,
    coefficient: int | Sequence[int] | None = None,
    device: str = "auto",
    registry: Registry | None = None,
) -> RunDescription:
    """Describe a run, and what the conditional of a ``coefficient`` depends on: a flat index, or one into the event.

    The default is the one in the middle of the event. Raises ``TensorarError``.
    """
    run = open_run(run, registry)
    flat = _flat_index(coefficient, run.event_shape)
    model = model_of(run, device)
    measured, notes = _influence(run, model, flat)
    adaptive = ["an order is chosen for each event; the receptive field is that of one of them"]
    return RunDescription(
        run=run,
        summary=summary_of(run.folder, run.registry),
        parts={kind: str(spec) for kind, spec in parts_of(run.recipe).items()},
        weight_bytes=weight_bytes(model),
        order=_order_in_words(model),
        visits=model.order.to("cpu"),
        coefficient=flat,
        seen=receptive_field(model, flat),
        influence=measured,
        history=tuple(_history(run)),
        notes=tuple(notes + (adaptive if model.ordering.adaptive else [])),
    )


def _flat_index(coefficient: int | Sequence[int] | None, shape: tuple[int, ...]) -> int:
    """The flat index of a coefficient. Raises ``ShapeError`` for one outside the event."""
    if coefficient is None:
        coefficient = tuple(size // 2 for size in shape)
    index = [coefficient] if isinstance(coefficient, int) else list(coefficient)
    sizes = (math.prod(shape),) if len(index) == 1 and len(shape) != 1 else shape
    if len(index) != len(sizes) or not all(0 <= i < size for i, size in zip(index, sizes, strict=True)):
        raise ShapeError(
            expected=f"`coefficient` to be an index below {shape}, or a flat one below {math.prod(shape)}",
            got=",".join(map(str, index)),
            remedy="pass one number, or one for each axis",
        )
    flat = 0
    for i, size in zip(index, sizes, strict=True):
        flat = flat * size + i
    return flat


def _influence(run: Run, model: AutoregressiveModel, coefficient: int) -> tuple[Tensor | None, list[str]]:
    try:
        events = events_of(run.dataset, "valid", EVENTS_FOR_INFLUENCE)
    except DataError as error:
        return None, [f"no influence, which is measured on validation events: {error}"]
    complete = ~flatten_events(events.x).isnan().any(1)
    if not bool(complete.any()):
        return None, ["no influence, which is measured on complete events: each has missing values"]
    return influence(model, coefficient, events.x[complete], rows_of(events.contexts, complete)), []


def _order_in_words(model: AutoregressiveModel) -> str:
    ordering = model.ordering
    if ordering.adaptive:
        return "chosen for each event, step by step"
    if ordering.ensemble:
        return f"an ensemble of {len(model.orders)} orders, of which the first is drawn"
    if not ordering.fixed:
        every = ", all permutations equally likely" if ordering.uniform else ""
        return f"random orders in training{every}; likelihoods and samples take one of them"
    return "a fixed order" + (" (raster up to flips and axis permutation)" if model.order.raster_view else "")


def _history(run: Run) -> list[str]:
    """A line for each stage of training, and for the weights with which it began."""
    begun = run.provenance.get("initial")
    lines = [f"began with the weights of {begun['run']}, trained on {begun['data']}"] if begun else []
    for stage in run.provenance.get("continued", []):
        changes = ", ".join(f"{key}={value}" for key, value in stage["settings"].items())
        lines.append(f"trained on after step {stage['from_step']} with {changes}")
    return lines
