"""Datasets from part specs, and from the bare paths of the files and folders that they read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tensorar.dataset import Dataset
from tensorar.errors import DataError, SpecError
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.utils.reading import expand

FILE_ENDING, FIRST_OPTION = re.compile(r"\.[A-Za-z]\w{0,7}"), re.compile(r":\w+=")
PATH_AND_OPTIONS = re.compile(r"(?P<path>.+?)[,:](?P<options>\w+=.*)")


def load_dataset(spec: str | PartSpec, *, registry: Registry | None = None, **options: Any) -> Dataset:
    """The dataset of a spec, or of the path of a file or a folder; ``options`` override those in the spec.

    >>> load_dataset("toy", length=16).event_shape
    (16,)
    """
    registry = registry or default_registry()
    spec = dataset_spec(spec, registry)
    dataset: Dataset = registry.create("dataset", PartSpec(spec.name, {**spec.options, **options}))
    return dataset


def dataset_spec(text: str | PartSpec, registry: Registry) -> PartSpec:
    """The spec of a dataset; of a path, that of the dataset that reads such files. Raises ``SpecError``."""
    if isinstance(text, str) and text not in registry.parts("dataset"):
        spec = _spec_of_file(text, registry) or _spec_of_folder(text, registry)
        if spec is not None:
            return spec
    try:
        return PartSpec.parse(text)
    except SpecError as error:
        raise _options_of_path(str(text), registry) or _unknown_file(str(text), registry) or error from error


def _spec_of_file(text: str, registry: Registry) -> PartSpec | None:
    """The spec of the first dataset that reads files with the ending of a path; None if none does."""
    if FIRST_OPTION.search(text):
        return None
    for name, registered in registry.parts("dataset").items():
        if text.lower().endswith(registered.part.file_endings):
            return PartSpec(name, {"path": text})
    return None


def _options_of_path(text: str, registry: Registry) -> SpecError | None:
    """The error for a bare path that options follow; None for other text."""
    found = PATH_AND_OPTIONS.fullmatch(text)
    spec = found and _spec_of_file(found["path"], registry)
    if not (found and spec):
        return None
    remedy = f"write {spec},{found['options']}"
    return SpecError(expected="a path without options, or the spec of a dataset", got=repr(text), remedy=remedy)


def _unknown_file(text: str, registry: Registry) -> SpecError | None:
    """The error for the name of a file that no dataset reads by its ending; None for text that is no such name."""
    if not FILE_ENDING.fullmatch(Path(text).suffix) or FIRST_OPTION.search(text):
        return None
    endings = [ending for one in registry.parts("dataset").values() for ending in one.part.file_endings]
    return SpecError(
        expected=f"a dataset, or a file that one reads ({', '.join(endings)})",
        got=repr(text),
        remedy="convert it to one of these, name the folder of pictures, sounds or volumes, or write NAME:path=FILE",
    )


def _spec_of_folder(text: str, registry: Registry) -> PartSpec | None:
    """The spec of the first dataset that reads the files in a folder; None if the text is no folder's path."""
    try:
        folder = expand(text)
        if not folder.is_dir():
            return None
    except (DataError, OSError, ValueError):  # no path at all
        return None
    datasets = registry.parts("dataset")
    for name, registered in datasets.items():
        if registered.part.accepts_folder(folder):
            return PartSpec(name, {"path": text})
    hints = {name: registered.part.folder_hint(folder) for name, registered in datasets.items()}
    specs = [f"{PartSpec(name, {'path': text})} ({hint})" for name, hint in hints.items() if hint]
    raise SpecError(
        expected=f"a dataset, or a folder of files that one reads ({', '.join(datasets)})",
        got=f"the folder {text}" + (", which more than one reads" if len(specs) > 1 else ""),
        remedy=f"write {' or '.join(specs) or 'NAME:path=FOLDER'}",
    )
