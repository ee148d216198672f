"""Tables: the same cells, columns and kind of file come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tensorar.runs.run import Run
from tensorar.tables import FileForm, Schema, decode, write_table
from tensorar.utils.reading import expand
from tensorar.workflows.source_files.source import Source, SourceKind, pack_rest, require_ending, unpack_rest
from tensorar.workflows.table_rows import class_cells, read_rows, schema_of

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor

TEXT = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".txt")


class TableFile(SourceKind):
    """A table of a run that was trained on one. Cells that the model does not know are kept beside it, compressed."""

    name = "table"

    def accepts(self, run: Run, path: Path) -> bool:
        """Whether this is the kind of a file that exists."""
        return run.schema is not None

    def read(self, run: Run, path: Path) -> Source:
        """The events of a file. Raises ``TensorarError``."""
        rows = read_rows(run, path, empty_rows=True)
        frame, contexts = rows.table.frame, rows.contexts
        known = _frame(rows.events, contexts, rows.schema)
        corrections = _corrections(frame, known)
        rest, size = pack_rest(corrections)
        form = {"kind": self.name, "columns": list(frame.columns), "form": asdict(rows.table.form), "rest": size}
        form["ending"] = next((e for e in TEXT if path.name.lower().endswith(e)), expand(path).suffix.lower())
        cells = sum(len(column["texts"]) for column in corrections.values())
        note = f"{cells} cells that the model does not know, in {len(corrections)} columns, are compressed by LZMA"
        return Source(rows.events, contexts, form, rest, (note,) if cells else ())

    def check_out(self, form: Mapping[str, Any], out: Path) -> None:
        """Raise ``TensorarError`` for a path of another kind."""
        require_ending(out, form["ending"])

    def write(self, run: Run, source: Source, out: Path) -> None:
        """Write a file of the same kind."""
        import pandas

        known = _frame(source.events, source.contexts, schema_of(run))
        corrections, columns = unpack_rest(source.rest, source.form["rest"]), {}
        for name in source.form["columns"]:
            cells = known[name].to_numpy(object).copy() if name in known else np.full(len(known), "", object)
            found = corrections.get(name, {"rows": [], "texts": []})
            cells[np.array(found["rows"], int)] = found["texts"]
            columns[name] = cells[source.kept.numpy()]
        write_table(out, pandas.DataFrame(columns, dtype=object), FileForm(**source.form["form"]))


def _frame(events: Tensor, contexts: Tensor | None, schema: Schema) -> DataFrame:
    """The cells that events and classes tell."""
    values = events.double() if events.dtype != torch.float64 else events
    return decode(values, schema, class_cells(schema, contexts))


def _corrections(frame: DataFrame, known: DataFrame) -> dict[str, dict[str, list[Any]]]:
    """The cells of each column that differ from those that events tell."""
    found = {}
    for name in frame.columns:
        cells = frame[name].to_numpy(object)
        differs = cells != known[name].to_numpy(object) if name in known else np.ones(len(cells), bool)
        rows = np.flatnonzero(differs)
        if len(rows):
            found[str(name)] = {"rows": rows.tolist(), "texts": cells[rows].tolist()}
    return found
