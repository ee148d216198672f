"""The metrics of a run: a file with one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from tensorar.errors import RunError
from tensorar.runs.fields import BOOLEAN, check_fields, integer, number, optional, shortened
from tensorar.utils.files import json_line, write_atomically, write_error

# null: NaN or infinity, which JSON does not have, or unknown
FIELDS = {
    "step": integer(1),
    "seconds": number(0),
    "train_nats": optional(number()),
    "valid_nats": optional(number()),
    "valid_bits_per_dim": optional(number()),
    "valid_perplexity": optional(number(0)),
    "valid_exact": BOOLEAN,
    "valid_data_nats": optional(number()),
    "valid_observed": optional(number(0)),
    "learning_rate": number(0),
}
MAX_LINE_BYTES = 4096


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All rows, in order; a last line that a crash cut off is left out. Raises ``RunError`` for other damage."""
    return list(_rows(path))


def best_row(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first row of the best finite validation, None if there is none."""
    # NaN and infinity are null in the file
    valid = [row for row in rows if row["valid_nats"] is not None]
    return min(valid, key=lambda row: float(row["valid_nats"]), default=None)


def append_metrics(path: Path, row: dict[str, Any]) -> None:
    """Append a row. Raises ``RunError`` when the file cannot be written."""
    try:
        with path.open("a") as file:
            file.write(json_line(row) + "\n")
    except OSError as error:
        raise write_error(path, error) from error


def truncate_metrics(path: Path, step: int) -> None:
    """Remove the rows after a step. Raises ``RunError`` when the file is damaged or cannot be written."""
    rows = takewhile(lambda row: row["step"] <= step, _rows(path))
    write_atomically(path, "".join(json_line(row) + "\n" for row in rows).encode())


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows one by one, however large the file is."""
    step = 0
    for index, line in enumerate(_lines(path), 1):
        where = f"line {index} of {path}"
        remedy = "restore the file from a copy, or remove that line and those after it"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            if len(line) < MAX_LINE_BYTES and not line.endswith(b"\n"):
                return  # cut off by a crash
            raise _damaged(where, shortened(line), remedy) from error
        if not isinstance(row, dict):
            raise _damaged(where, shortened(row), remedy)
        # rows written before values could be missing lack the field
        check_fields({"valid_observed": None} | row, FIELDS, where=where, remedy=remedy)
        if row["step"] <= step:
            raise RunError(expected=f"a step after {step} in {where}", got=str(row["step"]), remedy=remedy)
        step = row["step"]
        yield row


def _lines(path: Path) -> Iterator[bytes]:
    """The lines, in pieces of at most ``MAX_LINE_BYTES``."""
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES):
                yield line
    except OSError as error:
        raise RunError(
            expected=f"{path} to be readable", got=error.strerror or str(error), remedy="set its permissions"
        ) from error


def _damaged(where: str, got: str, remedy: str) -> RunError:
    return RunError(expected=f"a JSON object in {where}", got=got, remedy=remedy)
