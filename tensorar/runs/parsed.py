"""The numbers of a large text file, kept beside the run, so that it is parsed once.

They are used as long as the file has the same content, and the run the same schema, under the same version of tensorar.
Otherwise, and when they are damaged, the file is parsed again: nothing is lost with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tensorar.dataset import Dataset
from tensorar.dataset_files import Parsed
from tensorar.errors import DataError, RunError
from tensorar.runs.tensors import open_tensors, write_tensors
from tensorar.utils.reading import digest_of, expand

FILE = "parsed.safetensors"
# smaller files are parsed within a second
LEAST_BYTES = 2**20
Schema = Mapping[str, Any] | None


def keep_parsed(folder: Path, dataset: Dataset, schema: Schema) -> None:
    """Keep what ``dataset`` has parsed, if its file is large and has not changed meanwhile."""
    path = dataset.parsed_path
    # what cannot be kept is parsed again
    with suppress(DataError, RunError, OSError):
        if path is None or expand(path).stat().st_size < LEAST_BYTES or (parsed := dataset.parsed()) is None:
            return
        if digest_of(path, "a table") == parsed.digest:
            write_tensors(folder / FILE, dict(parsed.tensors), _identity(parsed.digest, schema))


def with_parsed(folder: Path, dataset: Dataset, schema: Schema) -> Dataset:
    """The dataset with the numbers that are kept in ``folder``, or as it is if there are none of its file's content."""
    path, kept = dataset.parsed_path, folder / FILE
    if path is None or schema is None or not kept.is_file():
        return dataset
    with suppress(DataError, RunError), open_tensors(kept) as file:
        digest = digest_of(path, "a table")
        if file.metadata == _identity(digest, schema):
            return dataset.with_parsed(Parsed(digest, file.read()), schema, str(kept))
    return dataset


def _identity(digest: str, schema: Schema) -> dict[str, str]:
    written = blake2b(json.dumps(schema, sort_keys=True).encode(), digest_size=16).hexdigest()
    return {"file": digest, "schema": written, "tensorar": version("tensorar")}
