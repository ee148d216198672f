"""The pictures in a folder: which files, of which split and class."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tensorar import DataError
from tensorar.utils.reading import expand, is_picture, shorten, unreadable
from tensorar_plugins.datasets.folders import WHICH_FOLDER, missing_files

# files below a folder without pictures that are looked at, to say where there are some
MAX_LOOKED_AT = 10_000
# names of folders that hold a split
SPLIT_FOLDERS = {"train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid"}
SPLIT_FOLDERS |= {"test": "test", "testing": "test"}
WHAT = "a readable folder of pictures"


@dataclass(frozen=True)
class FoundImage:
    """A file, its split (``train`` unless the folder is split already), and its class: a folder's name, or none."""

    path: Path
    split: str
    label: str


@dataclass(frozen=True)
class ImageFolder:
    """The files found, sorted by path, and a line about those that were passed over."""

    files: tuple[FoundImage, ...]
    notes: tuple[str, ...]

    @property
    def has_classes(self) -> bool:
        """Whether every picture lies in a class folder, of which there are several."""
        labels = {file.label for file in self.files}
        return len(labels) > 1 and "" not in labels


def find_images(path: str | Path, *, recursive: bool) -> ImageFolder:
    """The pictures in a folder, and in its folders: of splits (``train``, ``valid``, ``test``) or of classes.

    Folders below those of classes are read if ``recursive``. A file is a folder of its own. Raises ``DataError`` if
    there are no pictures.
    """
    root = expand(path)
    try:
        if root.is_file():
            return ImageFolder((FoundImage(root, "train", ""),), ())
        splits = _split_folders(root)
        parts = splits or {root: "train"}
        found = [file for folder, split in parts.items() for file in _below(folder, split, recursive)]
    except (OSError, ValueError) as error:
        raise unreadable(path, WHAT, error) from error
    images = [file for file in found if is_picture(file.path)]
    if not images:
        deeper = not recursive and any(map(is_picture, islice(root.rglob("*"), MAX_LOOKED_AT)))
        remedy = "add recursive=true for pictures in folders of folders" if deeper else WHICH_FOLDER
        raise missing_files("pictures (.png, .jpg, .webp, .gif, ...)", root, remedy)
    return ImageFolder(tuple(images), tuple(_notes(images, found)))


def holds_images(folder: Path) -> bool:
    """Whether there is a picture in a folder, in one of its folders, or one level below."""
    patterns = ("*", "*/*", "*/*/*")
    return any(is_picture(path) for pattern in patterns for path in folder.glob(pattern))


def _split_folders(root: Path) -> dict[Path, str]:
    """The folders of splits, if all folders are named like splits and one is that of training."""
    folders = [entry for entry in sorted(root.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    splits = {folder: SPLIT_FOLDERS.get(folder.name.lower(), "") for folder in folders}
    return splits if "train" in splits.values() and all(splits.values()) else {}


def _below(folder: Path, split: str, recursive: bool) -> Iterator[FoundImage]:
    """All files directly in a folder, and in its folders, whose names are the classes."""
    for entry in _entries(folder):
        if entry.is_dir():
            below = _walk(entry) if recursive else (file for file in _entries(entry) if file.is_file())
            yield from (FoundImage(file, split, entry.name) for file in below)
        elif entry.is_file():
            yield FoundImage(entry, split, "")


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _entries(folder: Path) -> list[Path]:
    return [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith((".", "__MACOSX"))]


def _notes(images: list[FoundImage], found: list[FoundImage]) -> Iterator[str]:
    others = Counter(file.path.suffix.lower() or "no ending" for file in found if not is_picture(file.path))
    if others:
        kinds = shorten(", ".join(f"{count} {ending}" for ending, count in sorted(others.items())), 80)
        yield f"files that are no pictures are passed over: {kinds}"


def require_classes(folder: ImageFolder, path: str | Path) -> None:
    """Raise ``DataError`` unless every picture lies in one of several class folders."""
    if not folder.has_classes:
        outside = sum(not file.label for file in folder.files)
        raise DataError(
            expected=f"a folder for each class in {path}, with its pictures",
            got=f"{outside} pictures outside of such folders" if outside else "a single class",
            remedy="move them to folders of classes, or leave out labels",
        )
