"""A file of events, as values and what it takes to write them again in the same form."""

from __future__ import annotations

import json
import lzma
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Float, Real
from torch import Tensor

from tensorar.coding.side import decompress
from tensorar.errors import DataError, TensorarError
from tensorar.runs.run import Run

REST = "rest.xz"
MAX_REST_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class Source:
    """Events of a file ``(n, *event)``, NaN where nothing was observed, their contexts if the file has them, its form.

    ``form`` (JSON values) and ``rest`` (bytes) are what else it takes to write the file; ``notes`` say what differs.
    """

    events: Real[Tensor, "n *event"]
    contexts: Float[Tensor, "n context"] | None
    form: dict[str, Any]
    rest: bytes = b""
    notes: tuple[str, ...] = ()


class SourceKind(ABC):
    """A kind of file: how it is read for a run, and written again."""

    name: ClassVar[str]

    @abstractmethod
    def accepts(self, run: Run, path: Path) -> bool:
        """Whether this is the kind of a file that exists."""

    @abstractmethod
    def read(self, run: Run, path: Path) -> Source:
        """The events of a file. Raises ``TensorarError`` for one whose values would not come back."""

    @abstractmethod
    def check_out(self, form: Mapping[str, Any], out: Path) -> None:
        """Raise ``TensorarError`` for a path that is not of the file's kind; called before any computation."""

    @abstractmethod
    def write(self, run: Run, source: Source, out: Path) -> None:
        """Write a file of the same kind. Raises ``TensorarError``."""


def require_ending(out: Path, *endings: str) -> None:
    """Raise ``TensorarError`` unless the path has one of these endings."""
    if not out.name.lower().endswith(endings):
        raise TensorarError(
            expected=f"`out` to end in {' or '.join(endings)}, as the file that was compressed",
            got=repr(str(out)),
            remedy="use that ending",
        )


def pack_rest(values: Any) -> tuple[bytes, int]:
    """JSON values, compressed, and their size before."""
    content = json.dumps(values).encode()
    return lzma.compress(content), len(content)


def unpack_rest(content: bytes, size: int) -> Any:
    """The JSON values of so many bytes. Raises ``DataError``."""
    try:
        return json.loads(decompress(content, min(size, MAX_REST_BYTES), REST))
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(expected=f"JSON in {REST}", got="other bytes", remedy="get the file again") from error
