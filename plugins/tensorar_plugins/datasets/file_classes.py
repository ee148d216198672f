"""Files of a kind in a folder, and classes by their names or folders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar import DataError
from tensorar.utils.reading import escaped, expand, shorten, unreadable
from tensorar_plugins.datasets.folders import missing_files

SEPARATORS = re.compile("[_-]")


def find_files(path: str | Path, endings: tuple[str, ...], what: str) -> list[Path]:
    """The files with some endings in a folder and in its folders, sorted; or the file itself.

    Raises ``DataError`` if there are none.
    """
    root = expand(path)
    try:
        if root.is_file():
            return [root]
        found = [file for pattern in ("*", "*/*") for file in root.glob(pattern) if file.name.lower().endswith(endings)]
    except (OSError, ValueError) as error:
        raise unreadable(path, f"a readable folder of {what}", error) from error
    files = sorted(file for file in found if file.is_file() and not file.name.startswith("."))
    if not files:
        raise missing_files(f"{what} ({', '.join(endings)})", root)
    return files


def class_by_name(text: str, names: Sequence[str]) -> Float[Tensor, " classes"]:
    """The class of that name, one-hot. Raises ``DataError`` for other text."""
    if text.strip() not in names:
        raise DataError(
            expected=f"a class: {escaped(shorten(', '.join(names), 200))}",
            got=repr(text),
            remedy=f"write for example {escaped(names[0])}",
        )
    return torch.eye(len(names))[names.index(text.strip())]


class FileClasses:
    """The classes of files, named like the folder of each or like the beginning of its name. Raises ``DataError``."""

    def __init__(self, files: Sequence[Path], *, by_folder: bool, where: str) -> None:
        self._by_folder = by_folder
        if len(self._names(files)) < 2:
            raise DataError(
                expected=f"files of at least two classes in {where}, by their {'folders' if by_folder else 'prefixes'}",
                got=f"the class {escaped(shorten(self._name(files[0]), 60))} only",
                remedy="leave out labels, or name the files or their folders by class",
            )
        self.names = self._names(files)

    def one_hot(self, files: Sequence[Path]) -> Float[Tensor, "files classes"]:
        """The classes of files as one-hot vectors."""
        return torch.eye(len(self.names))[[self._index[self._name(file)] for file in files]]

    def parse(self, text: str) -> Float[Tensor, " classes"]:
        """A class by its name, one-hot. Raises ``DataError`` for other text."""
        return class_by_name(text, self.names)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.names)}

    def _name(self, file: Path) -> str:
        return file.parent.name if self._by_folder else SEPARATORS.split(file.name)[0]

    def _names(self, files: Sequence[Path]) -> list[str]:
        return sorted({self._name(file) for file in files})
