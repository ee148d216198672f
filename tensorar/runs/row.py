"""Rows: what makes a recipe a published result, and how it is evaluated."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_type_hints

from tensorar.errors import SpecError
from tensorar.parts.part import coerce
from tensorar.parts.spec import nearest

Unit = Literal["nats", "bits/dim", "nats/dim"]
Machine = Literal["cpu", "gpu"]
Baseline = Literal["gaussian"]
# a figure that is farther above the published one needs a reason
TOLERANCE = 0.01


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table of results: the published figure, and how the recipe's own is measured.

    ``group`` is the table, of figures that can be compared. ``theirs`` is the published negative log-likelihood in the
    unit (None: there is none), from ``source``. Training takes about ``minutes`` on the ``machine``: one core of a CPU,
    or a GPU. ``orders`` random orders are mixed in the evaluation (0: the model is evaluated as it is), on so many
    ``mixture_events`` only and extended to the others by the mean over orders (0: on all); ``exact`` asks for exact
    likelihoods where an estimate would be faster. With ``folds``, so many models are trained, each without
    the fold that it is tested on (the option ``fold`` of the dataset), and the figure is their mean. ``baseline`` is
    fitted to the same events, and
    ``baseline_theirs`` is its published figure. ``note`` says what differs from the source, ``reason`` why the figure
    is more than 1 % above the published one.
    """

    group: str
    source: str
    theirs: float | None = None
    unit: Unit = "nats"
    minutes: float = 1.0
    machine: Machine = "cpu"
    orders: int = 0
    mixture_events: int = 0
    exact: bool = False
    folds: int = 0
    baseline: Baseline | None = None
    baseline_theirs: float | None = None
    note: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        for name in ("orders", "mixture_events", "folds", "minutes"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SpecError(
                    expected=f"{name} of a row to be at least 0", got=str(getattr(self, name)), remedy="correct it"
                )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Row:
        """A row from a recipe's table. Raises ``SpecError`` for an unknown, missing or invalid value."""
        kinds = get_type_hints(cls)
        for key in values:
            if key not in kinds:
                raise SpecError(expected="a key of a row", got=repr(key), remedy=nearest(key, kinds))
        for key in ("group", "source"):
            if key not in values:
                raise SpecError(expected=f"{key} of a row", got="none", remedy=f'write {key} = "..." under [row]')
        return cls(**{key: coerce(value, kinds[key], where=f"{key!r} of a row") for key, value in values.items()})

    def as_dict(self) -> dict[str, Any]:
        """The table of a recipe: the group, the source, and the values that differ from the defaults."""
        defaults = {field.name: field.default for field in fields(self)}
        return {key: value for key, value in asdict(self).items() if value != defaults[key]}

    def misses(self, figure: float) -> bool:
        """Whether a figure is more than 1 % above the published one."""
        return self.theirs is not None and figure > self.theirs * (1 + TOLERANCE)

    def in_unit(self, nats: float, size: int) -> float:
        """Nats per event of ``size`` coefficients in the unit of the row.

        >>> Row(group="toy", source="", unit="nats/dim").in_unit(6.0, 3)
        2.0
        """
        return nats * {"nats": 1.0, "bits/dim": 1 / (size * math.log(2)), "nats/dim": 1 / size}[self.unit]
