"""A run in a line, and as a small table in HTML for notebooks; reads no weights and no data."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from tensorar.errors import RunError
from tensorar.runs.metrics import best_row
from tensorar.runs.recipe import PARTS, Recipe
from tensorar.runs.run_files import RunFiles


def in_words(files: RunFiles, facts: Mapping[str, str]) -> str:
    """The folder and what identifies the run."""
    return f"Run({str(files.folder)!r}: {', '.join(f'{name} {value}' for name, value in facts.items())})"


def as_table(files: RunFiles, facts: Mapping[str, str]) -> str:
    """The same, a row each."""
    rows = {"run": str(files.folder), **facts}
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return f"<table>{cells}</table>"


def facts_of(files: RunFiles, recipe: Recipe, event_shape: tuple[int, ...]) -> dict[str, str]:
    """What identifies a run, by name."""
    facts: dict[str, str] = {part: str(getattr(recipe, part)) for part in PARTS}
    facts["event"] = str(event_shape)
    try:
        rows = files.metrics()
    except RunError as error:
        return facts | {"damaged": str(error)}
    best = best_row(rows)
    facts |= {} if best is None else {"validation": f"{best['valid_nats']:.3f} nats per event"}
    return facts | ({"steps": str(rows[-1]["step"])} if rows else {})
