"""A checksum of what a run's recipe says of its data, model and training: a damaged digit must not change results."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tensorar.errors import RunError
from tensorar.parts.registry import Registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.paths import without_paths
from tensorar.runs.recipe import PARTS

KEY = "checksum"


def with_checksum(document: dict[str, Any], registry: Registry) -> dict[str, Any]:
    """The tables of a run's recipe, with their checksum in the provenance."""
    return document | {"provenance": document["provenance"] | {KEY: _checksum(document, registry)}}


def check_recipe(document: dict[str, Any], registry: Registry, file: Path) -> None:
    """Raise ``RunError`` when the recipe of a run is not the one that was written."""
    found = document["provenance"].get(KEY)
    if found != _checksum(document, registry):
        raise RunError(
            expected=f"the parts, the training and the provenance in {file} to be as the run wrote them",
            got="no checksum" if found is None else "others",
            remedy="restore recipe.toml from a copy; to change an experiment, train a copy of it as a recipe",
        )


def _checksum(document: dict[str, Any], registry: Registry) -> str:
    """The BLAKE2 hash of what is written, except paths, which may change.

    Settings count as they are written: another version may have more of them, or other defaults.
    """
    specs = {kind: PartSpec.parse(document["parts"][kind]) for kind in PARTS}
    parts = {kind: str(without_paths(spec, registry.find(kind, spec.name).part)) for kind, spec in specs.items()}
    provenance = {key: value for key, value in document["provenance"].items() if key not in (KEY, "paths")}
    content = json.dumps([parts, document.get("training", {}), provenance], sort_keys=True, default=str)
    return blake2b(content.encode(), digest_size=16).hexdigest()
