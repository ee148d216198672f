"""The metrics of a run: a file with one JSON object per line."""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path
from typing import Any

from tensorar.utils.files import json_line, write_atomically, write_error


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All rows, in order; a last line that a crash cut off is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(errors="replace").splitlines()
    return list(takewhile(lambda row: isinstance(row, dict), map(_row, lines)))


def append_metrics(path: Path, row: dict[str, Any]) -> None:
    """Append a row. Raises ``RunError`` when the file cannot be written."""
    try:
        with path.open("a") as file:
            file.write(json_line(row) + "\n")
    except OSError as error:
        raise write_error(path, error) from error


def truncate_metrics(path: Path, step: int) -> None:
    """Remove the rows after a step. Raises ``RunError`` when the file cannot be written."""
    rows = [row for row in read_metrics(path) if row.get("step", 0) <= step]
    write_atomically(path, "".join(json_line(row) + "\n" for row in rows).encode())


def _row(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None
