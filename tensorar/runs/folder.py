"""Run folders: made for one training, and locked while it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path

from tensorar.errors import RunError
from tensorar.runs.head_state import FILE as HEAD_FILE
from tensorar.runs.lock import LOCK_FILE, locked, require_unlocked
from tensorar.utils.files import remove_empty, remove_temporary_files, write_error

RECIPE_FILE = "recipe.toml"
STATE_FILE = "training/state.safetensors"
SCHEMA_FILE = "schema.json"
# what a training writes, and what it may leave unfinished when it is killed
WRITTEN = re.compile(r"recipe\.toml|schema\.json|metrics\.jsonl|training\.png|\w+\.safetensors")


@contextmanager
def existing_folder(folder: Path) -> Iterator[Path]:
    """Lock the folder of a run and remove what a killed training left unfinished. Raises ``RunError``."""
    if not folder.is_dir():
        raise RunError(expected=f"the run folder {folder}", got="no such folder", remedy="check the path")
    with locked(folder):
        for place in (folder, folder / "training"):
            remove_temporary_files(place, WRITTEN)
        yield folder


@contextmanager
def new_folder(folder: Path, *, numbered: bool) -> Iterator[Path]:
    """Make and lock the folder of a new run; if ``numbered``, the first of NAME, NAME-2, ... that does not exist.

    Folders are removed again if no recipe is written. Raises ``RunError`` when the folder contains a run, when another
    process trains in it, or when it cannot be made.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        made = _first_free(folder) if numbered else _made(folder)
    except OSError as error:
        raise write_error(folder / LOCK_FILE, error) from error
    try:
        with existing_folder(made):
            _require_no_run(made)
            try:
                yield made
            finally:
                if not (made / RECIPE_FILE).exists():
                    for name in (STATE_FILE, HEAD_FILE, SCHEMA_FILE):
                        (made / name).unlink(missing_ok=True)
    finally:
        remove_empty([made / "training", *([made] if numbered else []), *missing])


def require_free(folder: Path) -> None:
    """Raise ``RunError`` when the folder contains a run, naming the process that trains it; changes nothing."""
    require_unlocked(folder)
    _require_no_run(folder)


def _require_no_run(folder: Path) -> None:
    if (folder / RECIPE_FILE).exists():
        raise RunError(
            expected="a folder without a run",
            got=f"the run in {folder}",
            remedy="resume it with resume=True, or choose another folder",
        )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _first_free(folder: Path) -> Path:
    """The first folder that this process, and no other, makes."""
    for candidate in chain([folder], (folder.with_name(f"{folder.name}-{i}") for i in count(2))):
        with suppress(FileExistsError):
            candidate.mkdir(parents=True)
            return candidate
    raise AssertionError("unreachable")
