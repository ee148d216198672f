"""A run in a line, and as a small table in HTML for notebooks; reads no weights and no data."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tensorar.errors import RunError
from tensorar.runs.metrics import best_row
from tensorar.runs.recipe import PARTS

if TYPE_CHECKING:
    from tensorar.runs.run import Run


def in_words(run: Run) -> str:
    """The folder and what identifies the run."""
    facts = ", ".join(f"{name} {value}" for name, value in _facts(run).items())
    return f"Run({str(run.folder)!r}: {facts})"


def as_table(run: Run) -> str:
    """The same, a row each."""
    rows = {"run": str(run.folder), **_facts(run)}
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return f"<table>{cells}</table>"


def _facts(run: Run) -> dict[str, str]:
    """What identifies a run, by name."""
    facts: dict[str, str] = {part: str(getattr(run.recipe, part)) for part in PARTS}
    facts["event"] = str(run.event_shape)
    try:
        rows = run.metrics()
    except RunError as error:
        return facts | {"damaged": str(error)}
    best = best_row(rows)
    facts |= {} if best is None else {"validation": f"{best['valid_nats']:.3f} nats per event"}
    return facts | ({"steps": str(rows[-1]["step"])} if rows else {})
