"""Headers of tables: whether the first row has names, and names for all columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorar.tables.cells import NUMBER

if TYPE_CHECKING:
    from pandas import DataFrame


def is_header(cells: Any) -> bool:
    """Whether a row holds names: some text, and no numbers; or numbers that only count the columns, as pandas does."""
    names = [cell for cell in cells if cell]
    return counts_columns(cells) or (
        bool(names) and not any(NUMBER.fullmatch(name.replace(",", ".")) for name in names)
    )


def counts_columns(cells: Any) -> bool:
    """Whether a row is 0, 1, 2, ...: three or more numbers, or fewer after an empty cell, above those of the rows."""
    first, *others = map(str, cells)
    names = others if not first else [first, *others]
    return len(names) >= (1 if not first else 3) and names == [str(i) for i in range(len(names))]


def header_notes(cells: Any, has_header: bool) -> list[str]:
    """A note on a header that was missed, or that is unusual."""
    if not has_header:
        return ["no header: columns are called column 1, column 2, ... (header=true if the first row has names)"]
    if counts_columns(cells):
        return ["header: the first row only counts the columns, which are called so (header=false if it is a row)"]
    return []


def named_columns(cells: DataFrame, has_header: bool) -> tuple[DataFrame, dict[str, str]]:
    """The rows with named columns, and the names that had to be changed: those that are empty or occur twice."""
    header = cells.iloc[0] if has_header else [""] * cells.shape[1]
    names: list[str] = []
    changed = {}
    for i, name in enumerate(map(str, header)):
        unique = name or f"column {i + 1}"
        if unique in names:
            unique = next(f"{name}.{k}" for k in range(1, cells.shape[1] + 1) if f"{name}.{k}" not in names)
        if has_header and unique != name:
            changed[unique] = name
        names.append(unique)
    frame = cells.iloc[1:] if has_header else cells
    return frame.set_axis(names, axis=1).reset_index(drop=True), changed
