"""A run: the folder that holds a trained model and all that is needed to train it again, or on."""

from __future__ import annotations

import json
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from tensorar.build import build, load_dataset
from tensorar.dataset import Dataset
from tensorar.errors import PluginError, RunError, SpecError
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Kind, Registry, default_registry
from tensorar.runs.recipe import PARTS, Recipe, read_recipe, recipe_toml
from tensorar.runs.tensors import read_tensors, under, write_tensors
from tensorar.utils.files import is_main_process, json_line, write_atomically, write_error
from tensorar.utils.random_state import seeded


class Run:
    """A run folder: ``recipe.toml``, ``model.safetensors`` (the best weights), ``training/``, ``metrics.jsonl``."""

    def __init__(self, folder: Path, recipe: Recipe, made: dict[str, Any], registry: Registry) -> None:
        self.folder, self.recipe, self.made, self.registry = folder, recipe, made, registry

    @classmethod
    def create(
        cls,
        folder: str | Path,
        recipe: Recipe,
        event_shape: tuple[int, ...],
        *,
        context_features: int = 0,
        registry: Registry | None = None,
    ) -> Run:
        """A run to train in a folder that holds none yet. Raises ``RunError`` when there is one already.

        Nothing is written before its training begins, by which time all that it needs has been found to fit.
        """
        folder, registry = Path(folder), registry or default_registry()
        if is_main_process() and (folder / "recipe.toml").exists():
            raise RunError(
                expected="a folder without a run",
                got=f"the run in {folder}",
                remedy="resume it with --resume, or name another folder",
            )
        made = {
            "event_shape": list(event_shape),
            "context_features": context_features,
            "plugins": _plugins(recipe, registry),
        }
        return cls(folder, recipe, made, registry)

    @classmethod
    def open(cls, folder: str | Path, *, registry: Registry | None = None) -> Run:
        """An existing run. Raises ``RunError`` when the folder holds none, or one that cannot be read."""
        folder = Path(folder)
        if not (folder / "recipe.toml").is_file():
            raise RunError(
                expected="a run folder (one with a recipe.toml)",
                got=str(folder),
                remedy="name the folder that tensorar train printed",
            )
        recipe, made = read_recipe(folder / "recipe.toml")
        run = cls(folder, recipe, made, registry or default_registry())
        run._require_plugins()
        return run

    def _require_plugins(self) -> None:
        for kind in PARTS:
            spec = getattr(self.recipe, kind)
            try:
                self.registry.find(_kind(kind), spec.name)
            except SpecError as error:
                plugins = self.made.get("plugins")
                owner = plugins.get(kind) if isinstance(plugins, dict) else None
                raise PluginError(
                    expected=f"the {kind} {spec.name!r} that {self.folder} was made with",
                    got="no installed plugin that brings it",
                    remedy=_how_to_get(owner),
                ) from error

    @cached_property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of the events of the model."""
        shape = self.made.get("event_shape")
        if not isinstance(shape, list) or not all(isinstance(size, int) for size in shape):
            raise RunError(
                expected=f"made.event_shape in {self.folder / 'recipe.toml'}",
                got=str(shape),
                remedy="restore recipe.toml from a copy, or train again",
            )
        return tuple(shape)

    @cached_property
    def context_features(self) -> int:
        """The length of the contexts that the model listens to."""
        count = self.made.get("context_features", 0)
        if not isinstance(count, int) or count < 0:
            raise RunError(
                expected=f"made.context_features in {self.folder / 'recipe.toml'} to be a number from 0 on",
                got=str(count),
                remedy="restore recipe.toml from a copy, or train again",
            )
        return count

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset that the model is trained on. Raises ``RunError`` when its events have another shape by now."""
        dataset = load_dataset(self.recipe.dataset, registry=self.registry)
        self._require("events of shape", self.event_shape, dataset.event_shape)
        self._require("contexts of length", self.context_features, dataset.context_features)
        return dataset

    def _require(self, what: str, expected: object, got: object) -> None:
        if expected != got:
            raise RunError(
                expected=f"{what} {expected}, which {self.folder} was made for",
                got=f"{got} from {self.recipe.dataset}",
                remedy="give the dataset its old files back, or train in a new folder",
            )

    def new_model(self) -> AutoregressiveModel:
        """The model of the recipe with fresh weights, the same for the same seed."""
        with seeded(self.recipe.training.seed):
            recipe = self.recipe
            return build(
                self.event_shape,
                recipe.ordering,
                recipe.head,
                recipe.backbone,
                context_features=self.context_features,
                registry=self.registry,
            )

    @cached_property
    def model(self) -> AutoregressiveModel:
        """The model of the best validation. Raises ``RunError`` when its weights are missing or do not fit."""
        tensors, _ = read_tensors(self.folder / "model.safetensors")
        return self._with_weights(tensors)

    @cached_property
    def last_model(self) -> AutoregressiveModel:
        """The model as training last left it (averaged weights). Raises ``RunError`` like ``model``."""
        tensors, _ = read_tensors(self.state_path)
        return self._with_weights(under("average/module.", tensors))

    def _with_weights(self, tensors: dict[str, Tensor]) -> AutoregressiveModel:
        model = self.new_model()
        wanted, given = _shapes(model.state_dict()), _shapes(tensors)
        unlike = sorted(key for key in wanted.keys() | given.keys() if wanted.get(key) != given.get(key))
        if unlike:
            raise RunError(
                expected=f"the weights in {self.folder} to fit its recipe",
                got=f"others for {', '.join(unlike[:3])}" + (f" and {len(unlike) - 3} more" if unlike[3:] else ""),
                remedy="restore recipe.toml and model.safetensors from one copy, or train again",
            )
        model.load_state_dict(tensors)
        return model.eval()

    @property
    def state_path(self) -> Path:
        """All that a training needs to go on."""
        return self.folder / "training" / "state.safetensors"

    def save_recipe(self) -> None:
        """Write what the run is trained with. Raises ``RunError`` when the folder cannot be written to."""
        write_atomically(self.folder / "recipe.toml", recipe_toml(self.recipe, self.made).encode())

    def save_model(self, model: AutoregressiveModel) -> None:
        """Write the weights that the run stands for."""
        write_tensors(self.folder / "model.safetensors", model.state_dict())

    # --- metrics ----------------------------------------------------------------------------------------------------

    @property
    def metrics_path(self) -> Path:
        """One JSON object per line: what was measured at a step."""
        return self.folder / "metrics.jsonl"

    def metrics(self) -> list[dict[str, Any]]:
        """Everything measured so far; a last line cut off by a crash is left out."""
        if not self.metrics_path.is_file():
            return []
        lines = self.metrics_path.read_text(errors="replace").splitlines()
        return list(takewhile(lambda row: isinstance(row, dict), map(_row, lines)))

    def add_metrics(self, row: dict[str, Any]) -> None:
        """Append a row."""
        try:
            with self.metrics_path.open("a") as file:
                file.write(json_line(row) + "\n")
        except OSError as error:
            raise write_error(self.metrics_path, error) from error

    def drop_metrics_after(self, step: int) -> None:
        """Forget what was measured after a step that training goes back to."""
        rows = [row for row in self.metrics() if row.get("step", 0) <= step]
        write_atomically(self.metrics_path, "".join(json_line(row) + "\n" for row in rows).encode())


def _row(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {key: tensor.shape for key, tensor in tensors.items()}


def _kind(name: str) -> Kind:
    kinds: tuple[Kind, ...] = get_args(Kind)
    return next(kind for kind in kinds if kind == name)


def _plugins(recipe: Recipe, registry: Registry) -> dict[str, dict[str, str]]:
    owners = {kind: registry.find(_kind(kind), getattr(recipe, kind).name).owner for kind in PARTS}
    return {
        kind: {"plugin": o.plugin, "distribution": o.distribution, "version": o.version} for kind, o in owners.items()
    }


def _how_to_get(owner: Any) -> str:
    known = owner if isinstance(owner, dict) else {}
    distribution, version = known.get("distribution", ""), known.get("version", "")
    if not distribution:
        return "install the plugin that brings it"
    if not version:
        return f"load it with --plugin {distribution}"
    return f"install it: pip install {distribution}=={version}"
