"""A run: the folder with a trained model and everything needed to train it again or to resume."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.build import build, head_for, load_dataset
from tensorar.dataset import Dataset
from tensorar.errors import DataError, RunError
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry, default_registry
from tensorar.runs.head_state import restore_head, save_head_state, state_in_recipe
from tensorar.runs.metrics import append_metrics, read_metrics, truncate_metrics
from tensorar.runs.provenance import provenance_of, read_context_features, read_event_shape, require_plugins
from tensorar.runs.recipe import Recipe, read_recipe, recipe_toml
from tensorar.runs.tensors import read_tensors, strip_prefix, write_tensors
from tensorar.utils.files import is_main_process, write_atomically
from tensorar.utils.random_state import seeded


class Run:
    """A run folder: ``recipe.toml``, ``model.safetensors`` (the best weights), ``training/``, ``metrics.jsonl``."""

    def __init__(self, folder: Path, recipe: Recipe, provenance: dict[str, Any], registry: Registry) -> None:
        self.folder, self.recipe, self.provenance, self.registry = folder, recipe, provenance, registry

    @classmethod
    def create(
        cls, folder: str | Path, recipe: Recipe, dataset: Dataset | None = None, *, registry: Registry | None = None
    ) -> Run:
        """A new run in a folder that contains none. Raises ``RunError`` when there is one already.

        ``dataset`` is the recipe's, if it is loaded already. Nothing is written before training starts.
        """
        folder, registry = Path(folder), registry or default_registry()
        require_free(folder)
        dataset = dataset or load_dataset(recipe.dataset, registry=registry)
        provenance = provenance_of(recipe, dataset.event_shape, dataset.context_features, registry)
        head = head_for(registry.create("head", recipe.head), dataset)
        written = state_in_recipe(head.data_state())
        run = cls(folder, recipe, provenance if written is None else provenance | {"head": written}, registry)
        run._unchecked_dataset, run.head = dataset, head
        return run

    @classmethod
    def open(cls, folder: str | Path, *, registry: Registry | None = None) -> Run:
        """An existing run. Raises ``RunError`` when the folder has none, ``PluginError`` when a plugin is missing."""
        folder, registry = Path(folder), registry or default_registry()
        if not (folder / "recipe.toml").is_file():
            raise RunError(
                expected="a run folder (with a recipe.toml)",
                got=str(folder),
                remedy="pass the folder of a trained run",
            )
        recipe, provenance = read_recipe(folder / "recipe.toml")
        require_plugins(recipe, provenance, folder, registry)
        return cls(folder, recipe, provenance, registry)

    @cached_property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of the model's events."""
        return read_event_shape(self.provenance, self.recipe_path)

    @cached_property
    def context_features(self) -> int:
        """The length of the model's contexts, 0 if it has none."""
        return read_context_features(self.provenance, self.recipe_path)

    # --- data -------------------------------------------------------------------------------------------------------

    @cached_property
    def _unchecked_dataset(self) -> Dataset:
        return load_dataset(self.recipe.dataset, registry=self.registry)

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset of the recipe, loaded once. Raises ``RunError`` when the shape of its events has changed."""
        dataset = self._unchecked_dataset
        self._require("events of shape", self.event_shape, dataset.event_shape)
        self._require("contexts of length", self.context_features, dataset.context_features)
        return dataset

    def _require(self, what: str, expected: object, got: object) -> None:
        if expected != got:
            raise RunError(
                expected=f"{what} {expected}, for which {self.folder} was trained",
                got=f"{got} from {self.recipe.dataset}",
                remedy="restore the original data files, or train in a new folder",
            )

    def parse_context(self, text: str) -> Float[Tensor, " context"]:
        """A context written as text, in the dataset's notation; loads no data. Raises ``DataError``."""
        context = self._unchecked_dataset.parse_context(text)
        if len(context) != self.context_features:
            raise DataError(
                expected=f"a context of {self.context_features} numbers",
                got=f"{len(context)} in {text!r}",
                remedy="separate them with commas",
            )
        return context

    # --- models -----------------------------------------------------------------------------------------------------

    @cached_property
    def head(self) -> Head:
        """The head, with what it found in the training data. Raises ``RunError`` when that is missing or invalid."""
        head: Head = self.registry.create("head", self.recipe.head)
        return restore_head(head, self.provenance.get("head"), self.folder)

    def new_model(self) -> AutoregressiveModel:
        """The recipe's model with new weights, which depend on the recipe's seed only."""
        with seeded(self.recipe.training.seed):
            recipe = self.recipe
            return build(
                self.event_shape,
                recipe.ordering,
                self.head,
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
        """The model at the end of training (averaged weights). Raises ``RunError`` like ``model``."""
        tensors, _ = read_tensors(self.state_path)
        return self._with_weights(strip_prefix("average/module.", tensors))

    def _with_weights(self, tensors: dict[str, Tensor]) -> AutoregressiveModel:
        model = self.new_model()
        expected, found = _shapes(model.state_dict()), _shapes(tensors)
        differing = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
        if differing:
            more = f" and {len(differing) - 3} more" if differing[3:] else ""
            raise RunError(
                expected=f"the weights in {self.folder} to fit its recipe",
                got=f"others for {', '.join(differing[:3])}{more}",
                remedy="restore recipe.toml and model.safetensors from one copy, or train again",
            )
        model.load_state_dict(tensors)
        return model.eval()

    # --- files ------------------------------------------------------------------------------------------------------

    @property
    def recipe_path(self) -> Path:
        """The recipe, with the run's provenance."""
        return self.folder / "recipe.toml"

    @property
    def state_path(self) -> Path:
        """The training state, from which training resumes."""
        return self.folder / "training" / "state.safetensors"

    @property
    def metrics_path(self) -> Path:
        """The metrics: one JSON object per line."""
        return self.folder / "metrics.jsonl"

    def save_recipe(self) -> None:
        """Write the recipe. Raises ``RunError`` when the folder cannot be written to."""
        save_head_state(self.folder, self.head.data_state())
        write_atomically(self.recipe_path, recipe_toml(self.recipe, self.provenance).encode())

    def save_model(self, model: AutoregressiveModel) -> None:
        """Write the weights of the run's model."""
        write_tensors(self.folder / "model.safetensors", model.state_dict())

    def metrics(self) -> list[dict[str, Any]]:
        """All metrics so far; a last line that a crash cut off is left out."""
        return read_metrics(self.metrics_path)

    def add_metrics(self, row: dict[str, Any]) -> None:
        """Append a row of metrics."""
        append_metrics(self.metrics_path, row)

    def drop_metrics_after(self, step: int) -> None:
        """Remove the metrics after the step from which training resumes."""
        truncate_metrics(self.metrics_path, step)


def require_free(folder: Path) -> None:
    """Raise ``RunError`` when the folder contains a run already."""
    if is_main_process() and (folder / "recipe.toml").exists():
        raise RunError(
            expected="a folder without a run",
            got=f"the run in {folder}",
            remedy="resume it with resume=True, or choose another folder",
        )


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {key: tensor.shape for key, tensor in tensors.items()}
