"""Files of a kind in a folder, and classes by their names or folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar import DataError
from tensorar.utils.memory import require_memory
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


class NamedClasses:
    """Classes with names, as one-hot vectors in the order of the names."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(set(names))
        self._index = {name: k for k, name in enumerate(self.names)}

    def one_hot(self, names: Sequence[str]) -> Float[Tensor, "n classes"]:
        """One-hot vectors of classes by name. Raises ``DataError`` if they do not fit into memory."""
        n, classes = len(names), len(self.names)
        require_memory(4 * n * classes, f"{n} labels of {classes} classes, as one-hot vectors", error=DataError)
        index = torch.tensor([self._index[name] for name in names])
        return torch.zeros(n, classes).scatter_(1, index[:, None], 1.0)

    def parse(self, text: str) -> Float[Tensor, " classes"]:
        """A class by its name, one-hot. Raises ``DataError`` for other text."""
        return class_by_name(text, self.names)


class FileClasses(NamedClasses):
    """The classes of files, named like the folder of each or like the beginning of its name. Raises ``DataError``."""

    def __init__(self, files: Sequence[Path], *, by_folder: bool, where: str) -> None:
        self._by_folder = by_folder
        super().__init__(map(self._name, files))
        if len(self.names) < 2:
            raise DataError(
                expected=f"files of at least two classes in {where}, by their {'folders' if by_folder else 'prefixes'}",
                got=f"the class {escaped(shorten(self.names[0], 60))} only",
                remedy="leave out labels, or name the files or their folders by class",
            )

    def of_files(self, files: Sequence[Path]) -> Float[Tensor, "files classes"]:
        """The classes of files as one-hot vectors."""
        return self.one_hot([self._name(file) for file in files])

    def _name(self, file: Path) -> str:
        return file.parent.name if self._by_folder else SEPARATORS.split(file.name)[0]
