"""Labels of images as contexts, and the names of their classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from tensorar import DataError
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import open_file, shorten, unreadable

NAME_FILES = ("classes.txt", "label_names.txt")
WHAT = "the names of classes in UTF-8 text"
MAX_NAME_BYTES = 2**20
NUMBER = re.compile(r"-?[0-9]{1,20}")


class ClassLabels:
    """The classes that occur in some labels, one-hot, and their names if given or in a file beside the labels."""

    def __init__(
        self,
        labels: Integer[Tensor, " n"],
        folder: Path | None = None,
        prefix: str = "",
        names: Sequence[str] = (),
    ) -> None:
        self.values = labels.unique().tolist()
        self._folder, self._prefix, self._names = folder, prefix, names

    def one_hot(self, labels: Integer[Tensor, " n"]) -> Float[Tensor, "n classes"]:
        """One-hot vectors over the classes, in increasing order. Raises ``DataError`` if there are too many."""
        n, classes = len(labels), len(self.values)
        require_memory(4 * n * classes, f"{n} labels of {classes} classes, as one-hot vectors", error=DataError)
        index = torch.searchsorted(torch.tensor(self.values), labels.long())
        return torch.zeros(n, classes).scatter_(1, index[:, None], 1.0)

    def parse(self, text: str) -> Float[Tensor, " classes"]:
        """A class by its number or name, one-hot. Raises ``DataError`` for other text."""
        word = text.strip()
        value = int(word) if NUMBER.fullmatch(word) else None
        if value not in self.values:
            value = self.names.get(word)
        if value not in self.values:
            raise DataError(
                expected=f"a class: {self._describe()}", got=repr(text), remedy=f"write for example {self.values[0]}"
            )
        return self.one_hot(torch.tensor([value]))[0]

    @property
    def written(self) -> list[str]:
        """The first name of each class, or its number."""
        by_value: dict[int, str] = {}
        for name, value in self.names.items():
            by_value.setdefault(value, name)
        return [by_value.get(value, str(value)) for value in self.values]

    @cached_property
    def names(self) -> dict[str, int]:
        """The class of each name: as given (one for each value, in increasing order), from a file, or none.

        The file is ``emnist-...-mapping.txt``, ``classes.txt`` or ``label_names.txt``.
        """
        if self._folder is None:
            return dict(zip(self._names, self.values, strict=bool(self._names)))
        mapping = self._folder / (f"{self._prefix}-mapping.txt" if self._prefix else "mapping.txt")
        if mapping.exists():
            return _parse_mapping(_read_lines(mapping), mapping)
        for path in (self._folder / name for name in NAME_FILES):
            if path.exists():
                return self._parse_names(_read_lines(path), path)
        return {}

    def _parse_names(self, lines: list[str], path: Path) -> dict[str, int]:
        lowest, highest = self.values[0], self.values[-1]
        # one name for each number from the lowest label, or from 0
        start = lowest if len(lines) == highest - lowest + 1 else 0
        if start + len(lines) != highest + 1:
            raise DataError(
                expected=f"a name for each class from {lowest} to {highest} in {path}",
                got=f"{len(lines)} names",
                remedy="write one name per line, or name the class by its number",
            )
        return _unique([(name, start + i) for i, name in enumerate(lines)], path)

    def _describe(self) -> str:
        lowest, highest = self.values[0], self.values[-1]
        if len(self.values) == highest - lowest + 1:
            numbers = f"{lowest} to {highest}"
        else:
            numbers = shorten(", ".join(map(str, self.values)), 60)
        return numbers + (f", or {shorten(', '.join(self.names), 100)}" if self.names else "")


def _read_lines(path: Path) -> list[str]:
    """The lines of a text file, without empty ones at its end."""
    with open_file(path, WHAT) as file:
        text = file.data.read(MAX_NAME_BYTES + 1)
    try:
        if len(text) > MAX_NAME_BYTES:
            raise ValueError(f"more than {MAX_NAME_BYTES} bytes")
        return [line.strip() for line in text.decode("utf-8-sig").rstrip().splitlines()]
    except ValueError as error:
        raise unreadable(path, WHAT, error) from error


def _parse_mapping(lines: list[str], path: Path) -> dict[str, int]:
    """EMNIST's lines of a class and the code points of its characters."""
    names: list[tuple[str, int]] = []
    for number, line in enumerate(lines, 1):
        try:
            value, *points = map(int, line.split())
            names += [(chr(point), value) for point in points]
        except (ValueError, OverflowError) as error:
            raise DataError(
                expected=f"a class and the code points of its characters in line {number} of {path}",
                got=repr(shorten(line, 60)),
                remedy="correct it, or name the class by its number",
            ) from error
    return _unique(names, path)


def _unique(names: list[tuple[str, int]], path: Path) -> dict[str, int]:
    classes: dict[str, int] = {}
    for name, value in names:
        if classes.setdefault(name, value) != value:
            raise DataError(
                expected=f"a different name for each class in {path}",
                got=f"{shorten(name, 60)!r} for the classes {classes[name]} and {value}",
                remedy="correct it, or name the class by its number",
            )
    return classes
