"""A checksum of what a run's recipe says of its model and training, so that a damaged digit does not change results."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tensorar.errors import RunError
from tensorar.runs.recipe import Recipe

KEY = "checksum"
MODEL_PARTS = ("ordering", "head", "backbone")


def recipe_checksum(recipe: Recipe, provenance: dict[str, Any]) -> str:
    """A checksum of the parts of the model, the training settings and the provenance; paths of data may change."""
    kept = {key: value for key, value in provenance.items() if key not in (KEY, "paths")}
    parts = {part: str(getattr(recipe, part)) for part in MODEL_PARTS}
    content = json.dumps([parts, asdict(recipe.training), kept], sort_keys=True)
    return blake2b(content.encode(), digest_size=16).hexdigest()


def check_recipe(recipe: Recipe, provenance: dict[str, Any], file: Path) -> None:
    """Raise ``RunError`` when the recipe of a run is not the one that was written."""
    expected = provenance.get(KEY)
    if expected is not None and expected != recipe_checksum(recipe, provenance):
        raise RunError(
            expected=f"the model and the training in {file} to be as the run wrote them (checksum {expected})",
            got="others",
            remedy="restore recipe.toml from a copy; to change an experiment, train a copy of it with `recipe`",
        )
