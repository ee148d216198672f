"""Folders of the user's that lack the files they should have."""

from __future__ import annotations

import heapq
from pathlib import Path

from tensorar import DataError
from tensorar.utils.reading import describe

LISTED_FILES = 8


WHICH_FOLDER = "pass the folder that contains the files with path="


def missing_files(expected: str, folder: Path, remedy: str = WHICH_FOLDER) -> DataError:
    """The error for a folder without the expected files, which lists those it has."""
    return DataError(
        expected=f"{expected} in {'this folder' if folder == Path() else f'the folder {folder}'}",
        got=_list_files(folder),
        remedy=remedy,
    )


def _list_files(folder: Path) -> str:
    """The first few names in a folder."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return "no such folder"
    except (OSError, ValueError) as error:
        return describe(error)
    first = ", ".join(heapq.nsmallest(LISTED_FILES, names))
    if len(names) > LISTED_FILES:
        return f"{first} and {len(names) - LISTED_FILES} more"
    return first or "an empty folder"
