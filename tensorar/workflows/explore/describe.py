"""What a page needs to know of a run before anything is asked: shape, view, order, values, columns, contexts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tensorar.errors import TensorarError
from tensorar.model import AutoregressiveModel
from tensorar.plotting.view import view_of_events
from tensorar.runs.recipe import PARTS
from tensorar.runs.run import Run
from tensorar.support import bounds, support_values
from tensorar.tables import Schema
from tensorar.utils.shapes import flatten_events
from tensorar.workflows.events import events_of
from tensorar.workflows.table_rows import schema_of

# standard values between which real ones are shown if there are no data
USUAL = (-3.0, 3.0)
# events of which the range of real values is taken
EVENTS_OF_RANGE = 1000
# more levels are a range
MAX_LISTED = 64


@dataclass(frozen=True)
class Values:
    """The values that a coefficient may have, in the data's units.

    ``discrete``: whole numbers, or levels. ``levels`` lists them if they are few, ``labels`` are their names; else they
    lie from ``low`` to ``high``, or mostly do. ``text``: they are written as text, such as dates.
    """

    discrete: bool
    low: float
    high: float
    levels: tuple[float, ...] | None = None
    labels: tuple[str, ...] | None = None
    text: bool = False


@dataclass(frozen=True, eq=False)
class RunView:
    """A run as a page shows it.

    ``kind``: ``image``, ``sequence`` or ``table``; ``cells`` is the flat index of the coefficient in each cell, -1 in
    gaps, with a last axis of red, green and blue for ``colour``. ``orders`` are the visits of each order of the model
    (more than one: an ensemble), ``order`` says how they are chosen. ``values`` are the kinds of values,
    ``kind_of`` the one of each coefficient. ``classes`` are the names of contexts that are classes, ``context`` is the
    length of a context. ``splits`` are the numbers of events, empty if the run's data are not to be had.
    """

    name: str
    facts: dict[str, str]
    kind: str
    shape: tuple[int, ...]
    colour: bool
    cells: list[Any]
    orders: list[list[int]]
    order: str
    values: list[Values]
    kind_of: list[int]
    names: list[str]
    classes: list[str] | None
    context: int
    splits: dict[str, int]
    notes: list[str]


def describe(run: Run, model: AutoregressiveModel) -> RunView:
    """The view of a run; its data are looked at if they are to be had. Raises ``TensorarError``."""
    data_error = _data_error(run)
    schema = None if run.schema is None else schema_of(run)
    view = view_of_events(run.event_shape, axes=run.axes)
    kind = "table" if schema is not None else "image" if view.kind not in ("curve", "number") else "sequence"
    values, kind_of = _values(run, model, schema, has_data=not data_error)
    ordering = model.ordering
    chosen = "adaptive" if ordering.adaptive else "ensemble" if ordering.ensemble else "fixed"
    return RunView(
        name=run.folder.name,
        facts={part: str(getattr(run.recipe, part)) for part in PARTS},
        kind=kind,
        shape=run.event_shape,
        colour=view.kind == "rgb",
        cells=np.asarray(view.cells).tolist(),
        orders=[order.visits.tolist() for order in model.orders],
        order="known first" if ordering.any_order and not ordering.adaptive else chosen,
        values=values,
        kind_of=kind_of,
        names=[] if schema is None else schema.coefficient_names,
        classes=None if data_error else _classes(run),
        context=run.context_features,
        splits={} if data_error else {split: len(getattr(run.dataset, split)) for split in ("train", "valid", "test")},
        notes=[f"no examples: {data_error}"] if data_error else [],
    )


def _data_error(run: Run) -> str:
    """Why the run's data are not to be had; empty if they are."""
    try:
        _ = run.dataset.splits
    except TensorarError as error:
        return str(error)
    return ""


def _classes(run: Run) -> list[str] | None:
    """The names of classes, if each context is one."""
    contexts = run.dataset.contexts
    if contexts is None:
        return None
    some = contexts.train[:EVENTS_OF_RANGE]
    if not bool(((some == 0) | (some == 1)).all()) or not bool((some.sum(1) == 1).all()):
        return None
    return run.dataset.class_names or [str(k) for k in range(run.context_features)]


def _values(
    run: Run, model: AutoregressiveModel, schema: Schema | None, *, has_data: bool
) -> tuple[list[Values], list[int]]:
    """The distinct kinds of values, and the one of each coefficient."""
    low, high = _range(run, model, has_data=has_data)
    of_each = [_values_of(model, schema, i, low[i], high[i]) for i in range(len(model.order))]
    distinct = list(dict.fromkeys(of_each))
    place = {values: k for k, values in enumerate(distinct)}
    return distinct, [place[values] for values in of_each]


def _range(run: Run, model: AutoregressiveModel, *, has_data: bool) -> tuple[list[float], list[float]]:
    """About the least and the greatest value of each coefficient; of series and images, of all together."""
    if has_data:
        x = flatten_events(torch.as_tensor(events_of(run.dataset, "train", EVENTS_OF_RANGE).x)).double()
        low, high = x.nan_to_num(torch.inf).amin(0), x.nan_to_num(-torch.inf).amax(0)
        low, high = low.where(low.isfinite(), 0.0), high.where(high.isfinite(), 1.0)
    else:
        low, high = (model.restore(_usual(model, end)).double().cpu() for end in USUAL)
    if run.schema is None:
        low, high = low.amin().expand(low.shape), high.amax().expand(high.shape)
    return low.tolist(), torch.where(high > low, high, low + 1.0).tolist()


def _usual(model: AutoregressiveModel, end: float) -> Tensor:
    """That standard value of each coefficient, or the bound of its support."""
    found = []
    for member in model.head.members:
        low, high = bounds(member)
        found.append(min(max(end, -torch.inf if low is None else low), torch.inf if high is None else high))
    kinds = model.head.kinds(torch.arange(len(model.order)))
    return torch.tensor(found)[kinds].to(model.device, model.dtype).reshape(model.event_shape)


def _values_of(model: AutoregressiveModel, schema: Schema | None, coefficient: int, low: float, high: float) -> Values:
    index = torch.tensor(coefficient, device=model.device)
    discrete = bool(model.head.is_discrete(index))
    standard = support_values(model.head, coefficient)
    levels = None if standard is None else model.restore(standard.to(model.device), index).tolist()
    column, flag = (None, False) if schema is None else schema.coefficients[coefficient]
    labels = ("no", "yes") if flag else () if column is None or column.is_ordered else column.levels
    ends = (low, high) if levels is None else (levels[0], levels[-1])
    listed = levels is not None and len(levels) <= MAX_LISTED
    if column is not None and column.is_ordered and column.levels and not flag:
        levels, listed = column.level_numbers.tolist(), len(column.levels) <= MAX_LISTED
    return Values(
        discrete=discrete,
        low=float(ends[0]),
        high=float(ends[1]),
        levels=tuple(levels) if levels is not None and (listed or labels) else None,
        labels=labels or None,
        text=column is not None and column.date_format is not None,
    )
