"""Write pictures or numbers; the file name extension selects the format."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Shaped
    from matplotlib.figure import Figure
    from torch import Tensor

    from tensorar.runs.run import Run
    from tensorar_cli.output import Output

PICTURES = (".png",)
ANIMATIONS = (".gif",)
PAGES = (".html",)
NUMBERS = (".npy", ".csv")
SOUNDS = (".wav",)


def check_extension(path: Path, extensions: tuple[str, ...] = PICTURES, option: str = "--out") -> Path:
    """Return the path if its extension is one of these; called before any computation. Raises ``TensorarError``."""
    from tensorar import TensorarError

    if path.suffix not in extensions:
        raise TensorarError(
            expected=f"{option} to end in {' or '.join(extensions)}", got=repr(str(path)), remedy="use that extension"
        )
    return path


def is_folder(path: Path) -> bool:
    """Whether ``--out`` names a folder: one that exists, or a name without an ending."""
    return path.is_dir() or (not path.suffix and not path.exists())


def check_output(path: Path, extensions: tuple[str, ...]) -> Path:
    """Return the path of a folder, or of a file with one of these extensions. Raises ``TensorarError``."""
    return path if is_folder(path) else check_extension(path, extensions)


def check_events_output(out: Path | None, run: Path, name: str, extensions: tuple[str, ...]) -> Path:
    """The path to write events of a run to, by default ``name`` in its folder. Raises ``TensorarError``.

    Of a run on a table, rows in any kind of table; else a folder, or a file with one of these extensions.
    """
    from tensorar.tables import check_table_path

    path = out or run / name
    if is_of_table(run) and holds_rows(path):
        return check_table_path(path)
    return check_output(path, extensions)


def is_of_table(run: Path) -> bool:
    """Whether the folder of a run says that it was trained on a table."""
    from tensorar.runs.folder import SCHEMA_FILE

    return (run / SCHEMA_FILE).exists()


def holds_rows(path: Path) -> bool:
    """Whether a file of events of a table holds rows: pictures and arrays do not."""
    return path.suffix not in (*PICTURES, ".npy")


def ending_of(path: Path) -> str:
    """The ending of a file's name, that of its content included in ``.csv.gz``."""
    return "".join(path.suffixes[-2:] if path.suffix.lower() == ".gz" else path.suffixes[-1:])


def beside(path: Path, word: str) -> Path:
    """The path of a second file, ``NAME-word`` with the same ending."""
    ending = ending_of(path)
    return path.with_name(f"{path.name.removesuffix(ending)}-{word}{ending}")


def write_files(folder: Path, pictures: dict[str, bytes]) -> None:
    """Write the content of each picture or other file, by the name of its file, to a folder. Raises ``RunError``."""
    from tensorar.utils.files import write_atomically

    for name, content in pictures.items():
        write_atomically(folder / name, content)


def write(path: Path, draw: Callable[[], Figure], events: Tensor, run: Run, output: Output) -> None:
    """Write a picture, or the ``(..., *event)`` numbers of events in it (see ``write_numbers``). Raises ``RunError``.

    Arrays have the dtype of the run's data, or a printed note says why not.
    """
    if path.suffix in PICTURES:
        from tensorar import plotting

        plotting.save(draw(), path)
        return
    from tensorar.workflows.data_dtype import in_data_dtype

    numbers, note = in_data_dtype(run, events) if path.suffix == ".npy" else (events.numpy(), "")
    write_numbers(path, numbers, run.event_shape)
    if note:
        output.print(f"note: {note}")


def write_numbers(path: Path, numbers: Shaped[np.ndarray, "..."], event_shape: tuple[int, ...]) -> None:
    """Write ``(..., *event)`` numbers as a .npy array, or as .csv text with an event per row. Raises ``RunError``."""
    from tensorar.utils.files import write_atomically

    content = _npy(numbers) if path.suffix == ".npy" else _csv(numbers, event_shape)
    write_atomically(path, content)


def write_values(path: Path, numbers: Tensor, run: Run) -> None:
    """Write ``(..., *event)`` numbers of a run's events: of a table, below the names of its columns.

    Raises ``RunError``.
    """
    from tensorar.workflows.table_rows import frame_of_values, schema_of

    if run.schema is None or path.suffix == ".npy":
        write_numbers(path, numbers.numpy(), run.event_shape)
        return
    from tensorar.tables import write_table

    schema = schema_of(run)
    write_table(path, frame_of_values(schema, numbers), schema.form)


def _npy(numbers: Shaped[np.ndarray, "..."]) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, numbers)
    return buffer.getvalue()


def _csv(numbers: Shaped[np.ndarray, "..."], event_shape: tuple[int, ...]) -> bytes:
    import math

    # nine digits represent every float32 exactly, seventeen every float64
    digits = 17 if numbers.dtype == "float64" else 9
    rows = [",".join(_shortest(v, digits) for v in row) for row in numbers.reshape(-1, math.prod(event_shape)).tolist()]
    return ("\n".join(rows) + "\n").encode()


def _shortest(value: float, digits: int) -> str:
    """A number in as few digits as represent it: Python's own choice for float64, fixed for narrower dtypes."""
    return repr(value).removesuffix(".0") if digits == 17 else f"{value:.{digits}g}"
