"""What a dataset of a user's files tells of them: how others are read, what was parsed, the form of an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Bool, Real
from torch import Tensor

from tensorar.errors import DataError


@dataclass(frozen=True, eq=False)
class FileEvents:
    """Events from a file of the user's ``(n, *event)``, which of their coefficients are known, and what was done.

    ``known`` is None if the file does not say; ``notes`` has a line for each change, such as another size.
    """

    events: Real[Tensor, "n *event"]
    known: Bool[Tensor, "n *event"] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Parsed:
    """The numbers of a text file that takes long to parse, by name, and the ``digest`` of its content (``digest_of``).

    They do not depend on the options of the dataset, other than by its schema.
    """

    digest: str
    tensors: Mapping[str, Tensor]


class DatasetFiles:
    """The methods of a ``Dataset`` that reads files of the user; a dataset without files leaves them as they are."""

    name: ClassVar[str]
    # in small letters, with the point: of files of events, whose bare paths then mean this dataset
    file_endings: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def accepts_folder(cls, path: Path) -> bool:
        """Whether a folder has files of the kind that this dataset reads: it is then chosen for the bare path."""
        return False

    @classmethod
    def folder_hint(cls, path: Path) -> str:
        """How this dataset would read a folder that may mean others, too, in words; "" if it would not.

        The error for the bare path then names the dataset.
        """
        return ""

    @property
    def schema_document(self) -> dict[str, Any] | None:
        """What it takes to read other files as the dataset's own was read, as JSON values; runs keep it."""
        return None

    @property
    def file_dtype(self) -> str:
        """The numpy dtype of the numbers in the file, such as uint16; "" for that of the events."""
        return ""

    @property
    def coefficient_names(self) -> list[str]:
        """The names of the coefficients, as those of a table's columns; empty if they have none."""
        return []

    @property
    def level_counts(self) -> list[int]:
        """How many levels each coefficient has whose numbers are names, as in a category; 0 for numbers. Or empty."""
        return []

    def describe_place(self, part: int, event: int, coefficient: int) -> str:
        """A coefficient of an event of a part (0, 1, 2: training, validation, test) in the data's words, or ""."""
        return ""

    @property
    def parsed_path(self) -> str | Path | None:
        """The text file whose numbers runs keep, so that it is parsed once (None: no file takes long)."""
        return None

    def parsed(self) -> Parsed | None:
        """The numbers of ``parsed_path``, if this dataset has parsed it."""
        return None

    @property
    def column_kinds(self) -> list[tuple[str, str, str]]:
        """The name, the kind and details of each column of a table; printed before training."""
        return []

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        """Events in another file of the dataset's kind, as events of a shape; of a picture, with a ``mask`` beside it.

        Raises ``DataError`` for a file that cannot be read, has other shapes, or is of no kind that the dataset reads.
        """
        raise DataError(
            expected=f"a dataset that reads files of yours, for {path}",
            got=repr(self.name),
            remedy="use an event of its splits",
        )

    @property
    def event_ending(self) -> str:
        """The ending of files that hold one event in the form of the data, such as .wav; "" if there are none."""
        return ""

    def event_file(self, event: Real[Tensor, "*event"]) -> bytes:
        """The content of a file with ``event_ending`` of an event, or of its first steps."""
        raise NotImplementedError
