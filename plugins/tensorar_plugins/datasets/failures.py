"""Files of a folder that do not open: named and skipped, and refused if they are more than a share of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tensorar import DataError
from tensorar.utils.reading import escaped, shorten

NAMED_FILES = 5
T = TypeVar("T")


class Failures:
    """The files of ``count`` that do not open, of a kind (``what``) in a folder, and the largest ``share`` of them."""

    def __init__(self, count: int, share: float, root: Path, what: str) -> None:
        self._count, self._share, self._root, self._what = count, share, root, what
        self._reasons: dict[str, str] = {}
        self._remedy = ""

    def reading(self, paths: Iterable[Path], read: Callable[[Path], T]) -> Iterator[tuple[Path, T]]:
        """The files that open, with what is read of each. Raises ``DataError`` as ``add`` does."""
        for path in paths:
            try:
                found = read(path)
            except DataError as error:
                self.add(path, error)
            else:
                yield path, found

    def add(self, path: Path, error: DataError) -> None:
        """A file that was skipped. Raises ``DataError`` if it is the only one."""
        if self._count == 1:
            raise error
        name = path.relative_to(self._root) if path.is_relative_to(self._root) else path
        self._reasons[escaped(str(name))] = escaped(error.got)
        self._remedy = self._remedy or error.remedy

    def check(self) -> None:
        """Raise ``DataError`` if too many files were skipped."""
        failed = len(self._reasons)
        if failed > self._share * self._count or failed == self._count:
            share, some = failed / self._count, f"the {self._count} {self._what} in {self._root}"
            raise DataError(
                expected=f"at most {100 * self._share:g} % of {some} to fail to open",
                got=self._described(),
                remedy=f"for the first: {self._remedy}"
                if share == 1
                else f"remove or replace them, or set max_skipped={min(1, share + 0.01):.2f}",
            )

    def notes(self) -> Iterator[str]:
        """A line that names the files, if there are any."""
        if self._reasons:
            yield f"skipped {self._described()}"

    def _described(self) -> str:
        named = [f"{name}: {reason}" for name, reason in list(self._reasons.items())[:NAMED_FILES]]
        reasons = shorten("; ".join(named), 300)
        return f"{len(self._reasons)} of {self._count} {self._what} that do not open ({reasons})"
