"""Runs and their models."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from tensorar.errors import SpecError
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry
from tensorar.runs.folder import SCHEMA_FILE
from tensorar.runs.run import Run
from tensorar.tables import Schema
from tensorar.training.device import check_device
from tensorar.utils.reading import shorten


def open_run(run: Run | str | Path, registry: Registry | None = None) -> Run:
    """A run, opened if only its folder is given. Raises ``RunError``, ``PluginError``."""
    return run if isinstance(run, Run) else Run.open(run, registry=registry)


def model_of(run: Run, device: str) -> AutoregressiveModel:
    """The best model of a run, on a device. Raises ``RunError``, and ``TensorarError`` for an unknown device."""
    place = check_device(device)
    return run.model.to(place)


def proposal_of(
    run: Run, proposal: Run | str | Path | None, device: str, registry: Registry | None
) -> AutoregressiveModel | None:
    """The model of another run on the same data as ``run``, if one is given.

    Raises ``SpecError`` for one of a table with other columns, whose numbers mean something else.
    """
    if proposal is None:
        return None
    other = open_run(proposal, registry)
    own, others = _coefficients(run), _coefficients(other)
    for i, (expected, got) in enumerate(zip_longest(own, others)):
        if expected != got:
            raise SpecError(
                expected=f"coefficient {i} of the proposal to be {_in_words(expected)}, as in {run.folder}",
                got=f"{_in_words(got)} in {other.folder}",
                remedy="use a run on the same columns, with the same values",
            )
    return model_of(other, device)


Coefficient = tuple[str, str, tuple[str, ...], str | None, bool]


def _coefficients(run: Run) -> list[Coefficient]:
    """What each coefficient of a run on a table is: name, kind, levels and format of its column, and whether a flag."""
    if run.schema is None:
        return []
    schema = Schema.from_dict(run.schema, str(run.folder / SCHEMA_FILE))
    return [(c.name, c.kind, c.levels, c.date_format, flag) for c, flag in schema.coefficients]


def _in_words(coefficient: Coefficient | None) -> str:
    if coefficient is None:
        return "no column of a table"
    name, kind, levels, date_format, flag = coefficient
    what = f"{kind} of {len(levels)} values ({shorten(', '.join(levels), 60)})" if levels else date_format or kind
    return f"whether {name} is missing" if flag else f"the column {name}: {what}"
