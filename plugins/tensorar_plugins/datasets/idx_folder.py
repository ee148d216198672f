"""IDX files found by the names that MNIST and its successors use."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tensorar import DataError
from tensorar.utils.reading import expand, shorten, unreadable
from tensorar_plugins.datasets.folders import missing_files

# train-images-idx3-ubyte.gz, train-images.idx3-ubyte, emnist-letters-test-labels-idx1-ubyte, ...
NAME = re.compile(r"(?:(?P<prefix>.+)-)?(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx\d+-\w+(?:\.gz)?")
EXAMPLES = {
    "events": "train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz",
    "labels": "train-labels-idx1-ubyte.gz and t10k-labels-idx1-ubyte.gz",
}
PARTS = {"train": "train", "t10k": "test", "test": "test"}


@dataclass(frozen=True)
class IdxFiles:
    """The files of one dataset, by part: ``train`` and ``test``, or ``all`` for a file on its own."""

    folder: Path
    prefix: str
    events: dict[str, Path]
    labels: dict[str, Path]

    def __str__(self) -> str:
        return str(self.folder / self.prefix)

    def of(self, kind: Literal["events", "labels"], parts: Iterable[str]) -> dict[str, Path]:
        """The files of these parts. Raises ``DataError`` if one of them is missing."""
        files = self.events if kind == "events" else self.labels
        missing = [part for part in parts if part not in files]
        if missing:
            what = kind if missing == ["all"] else f"a file of the {missing[0]} {kind}"
            raise missing_files(f"{what}, named like {EXAMPLES[kind]},", self.folder)
        return {part: files[part] for part in parts}


def find_idx_files(path: str | Path) -> IdxFiles:
    """The IDX files at a path: a file, a folder (also one above ``raw`` or ``gzip``), or FOLDER/PREFIX of the names.

    Without images, the labels are the events. Raises ``DataError`` that lists the files of the folder if
    there are none, or several datasets.
    """
    whole = expand(path)
    try:
        if whole.is_dir():
            return _in_folder(whole)
        if not os.path.lexists(whole) and whole.parent.is_dir():
            return _with_prefix(whole)
        return _single(whole)
    except OSError as error:
        raise unreadable(path, "a readable file or folder", error) from error


def plain_idx_files(folder: Path) -> IdxFiles | None:
    """The files in a folder whose names are those of MNIST itself; None if there are none. Raises ``DataError``."""
    try:
        sets = _sets(folder) if folder.is_dir() else ()
        return next((files for files in sets if not files.prefix), None)
    except OSError as error:
        raise unreadable(folder, "a readable folder", error) from error


def _in_folder(folder: Path) -> IdxFiles:
    for folders in ([folder], [folder / "raw", folder / "gzip"], sorted(folder.glob("*/raw"))):
        found = [files for below in folders if below.is_dir() for files in _sets(below)]
        # the plain names are those of MNIST itself
        found = [files for files in found if not files.prefix] or found
        if len(found) > 1:
            raise DataError(
                expected=f"one dataset in {folder}",
                got=shorten(", ".join(map(str, found)), 400),
                remedy=f"choose one, for example with path={found[0]}",
            )
        if found:
            return found[0]
    alone = [entry for entry in folder.iterdir() if "idx" in entry.name.lower()]
    if len(alone) == 1:
        return _single(alone[0])
    raise missing_files(EXAMPLES["events"], folder)


def _with_prefix(whole: Path) -> IdxFiles:
    for files in _sets(whole.parent):
        if files.prefix == whole.name:
            return files
    train, test = (f"{whole.name}-{part}-images-idx3-ubyte.gz" for part in ("train", "test"))
    raise missing_files(f"{whole.name}, or {train} and {test},", whole.parent)


def _single(file: Path) -> IdxFiles:
    """One file of events, with the labels beside it if its name is that of images."""
    match = NAME.fullmatch(file.name)
    if match is None or match["kind"] != "images":
        return IdxFiles(file.parent, "", {"all": file}, {})
    prefix, part = match["prefix"] or "", PARTS[match["part"]]
    labels = next((files.labels for files in _sets(file.parent) if files.prefix == prefix), {})
    return IdxFiles(file.parent, prefix, {"all": file}, {"all": labels[part]} if part in labels else {})


def _sets(folder: Path) -> Iterator[IdxFiles]:
    """The datasets in a folder, by the beginning of their files' names; compressed files are preferred."""
    sets: dict[str, dict[str, dict[str, Path]]] = {}
    for path in sorted(folder.iterdir()):
        if match := NAME.fullmatch(path.name):
            kinds = sets.setdefault(match["prefix"] or "", {"images": {}, "labels": {}})
            kinds[match["kind"]][PARTS[match["part"]]] = path
    for prefix, kinds in sets.items():
        images, labels = kinds["images"], kinds["labels"]
        yield IdxFiles(folder, prefix, images or labels, labels if images else {})
