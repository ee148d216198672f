"""A run: the folder with a trained model and everything needed to train it again or to resume."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import tomli_w
from jaxtyping import Float
from torch import Tensor

from tensorar.axes import AxisNames, guess_axes
from tensorar.build import build, head_for
from tensorar.dataset import Dataset
from tensorar.dataset_spec import dataset_spec, load_dataset
from tensorar.errors import DataError, RunError
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.runs.folder import RECIPE_FILE, SCHEMA_FILE, require_free
from tensorar.runs.head_state import restore_head, save_head_state, state_in_recipe
from tensorar.runs.parsed import keep_parsed, with_parsed
from tensorar.runs.paths import relative_paths, require_paths, with_absolute_paths, with_found_paths
from tensorar.runs.provenance import check_provenance, provenance_of, require_plugins
from tensorar.runs.recipe import Recipe, parse_recipe, read_document, recipe_document
from tensorar.runs.recipe_checksum import check_recipe, with_checksum
from tensorar.runs.run_display import as_table, facts_of, in_words
from tensorar.runs.run_files import RunFiles
from tensorar.runs.stages import KEY as STAGES
from tensorar.runs.stages import Stage, current_stage
from tensorar.runs.tensors import layout_of, open_tensors, require_finite, strip_prefix, write_tensors
from tensorar.utils.files import json_text, read_json, write_atomically
from tensorar.utils.npy_format import READABLE_DTYPES
from tensorar.utils.processes import is_main_process
from tensorar.utils.random_state import seeded

# the number of parameters, in the metadata of the weights
PARAMETERS = "parameters"


class Run(RunFiles):
    """A run folder: ``recipe.toml``, ``model.safetensors`` (the best weights), ``training/``, ``metrics.jsonl``."""

    def __init__(self, folder: Path, recipe: Recipe, provenance: dict[str, Any], registry: Registry) -> None:
        super().__init__(folder)
        self.recipe, self.provenance, self.registry = recipe, provenance, registry
        self.initial: Run | None = None

    @classmethod
    def create(
        cls,
        folder: str | Path,
        recipe: Recipe,
        dataset: Dataset | None = None,
        *,
        registry: Registry | None = None,
        numbered: bool = False,
        initial: Run | None = None,
    ) -> Run:
        """A new run in a folder that contains none. Raises ``RunError`` when there is one already.

        ``dataset`` is the recipe's, if it is loaded already. Nothing is written before training starts, which makes the
        folder: if ``numbered``, the first of NAME, NAME-2, ... that does not exist. Training begins with the weights of
        the run ``initial`` if it is given, which must have the same parts and shapes; the head keeps that run's units.
        """
        folder, registry = Path(folder), registry or default_registry()
        if is_main_process() and not numbered:
            require_free(folder)
        if dataset is None:
            spec = recipe.dataset
            dataset = load_dataset(spec, registry=registry) if initial is None else initial.other_dataset(spec)
        provenance = provenance_of(recipe, dataset.event_shape, dataset.context_features, registry)
        provenance["axes"] = list(dataset.axis_names)
        dtype = dataset.file_dtype or str(dataset.train.dtype).removeprefix("torch.")
        provenance |= {"dtype": dtype} if dtype in READABLE_DTYPES else {}
        if (augmentation := recipe.training.augmentation) is not None:
            augmentation.check(dataset.axis_names, dataset.event_shape)
        head = head_for(registry.create("head", recipe.head), dataset) if initial is None else initial.head
        written = state_in_recipe(head.data_state())
        provenance |= {} if written is None else {"head": written}
        provenance |= {} if initial is None else {"initial": initial.identity()}
        run = cls(folder, with_absolute_paths(recipe, registry), provenance, registry)
        run.unchecked_dataset, run.head, run.numbered = dataset, head, numbered
        run.schema = dataset.schema_document
        run.initial = initial
        if initial is not None:
            initial._require_shapes(dataset, recipe.dataset)
        return run

    @classmethod
    def open(cls, folder: str | Path, *, registry: Registry | None = None) -> Run:
        """An existing run. Raises ``RunError`` when the folder has none, ``PluginError`` when a plugin is missing."""
        folder, registry = Path(folder), registry or default_registry()
        file = folder / RECIPE_FILE
        if not file.is_file():
            raise RunError(
                expected="a run folder (with a recipe.toml)",
                got=str(folder),
                remedy="pass the folder of a trained run",
            )
        document = read_document(file)
        recipe, provenance = parse_recipe(document, file)
        check_provenance(provenance, file)
        require_plugins(recipe, provenance, folder, registry)
        check_recipe(document, registry, file)
        return cls(folder, recipe, provenance, registry)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of the model's events."""
        return tuple(self.provenance["event_shape"])

    @property
    def axes(self) -> AxisNames:
        """The names of the event's axes: those of the dataset the run was trained on."""
        return tuple(self.provenance.get("axes", ())) or guess_axes(self.event_shape)

    @property
    def dtype(self) -> str:
        """The numpy dtype of the numbers of the data the run was trained on; "" if it is unknown."""
        return str(self.provenance.get("dtype", ""))

    @property
    def context_features(self) -> int:
        """The length of the model's contexts, 0 if it has none."""
        return int(self.provenance.get("context_features", 0))

    # --- display ----------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return in_words(self, facts_of(self, self.recipe, self.event_shape))

    def _repr_html_(self) -> str:
        return as_table(self, facts_of(self, self.recipe, self.event_shape))

    # --- data -------------------------------------------------------------------------------------------------------

    @cached_property
    def unchecked_dataset(self) -> Dataset:
        """The dataset of the recipe, of which nothing is loaded or checked yet: its files need not exist."""
        found = with_found_paths(self.recipe, self.provenance.get("paths", {}), self.folder)
        # a run that began with another run's weights reads tables by that run's schema
        begun = "initial" in self.provenance
        return self.other_dataset(found.dataset) if begun else load_dataset(found.dataset, registry=self.registry)

    @cached_property
    def dataset(self) -> Dataset:
        """The dataset of the recipe, loaded once.

        Raises ``DataError`` when its files are missing, ``RunError`` when the shape of its events has changed.
        """
        require_paths(self.recipe, self.provenance.get("paths", {}), self.folder)
        dataset = self.unchecked_dataset = with_parsed(self.folder, self.unchecked_dataset, self.schema)
        self._require_shapes(dataset, self.recipe.dataset)
        if self.schema is not None and dataset.schema_document != self.schema:
            self._require("columns as in", SCHEMA_FILE, "columns of other kinds or levels", self.recipe.dataset)
        return dataset

    def _require_shapes(self, dataset: Dataset, spec: PartSpec) -> None:
        self._require("events of shape", self.event_shape, dataset.event_shape, spec)
        self._require("contexts of length", self.context_features, dataset.context_features, spec)

    def _require(self, what: str, expected: object, got: object, spec: PartSpec) -> None:
        if expected != got:
            own = spec == self.recipe.dataset
            raise RunError(
                expected=f"{what} {expected}, for which {self.folder} was trained",
                got=f"{got} from {spec}",
                remedy=("restore the original data files" if own else "use other data") + ", or train in a new folder",
            )

    def spec_of(self, data: str | PartSpec | None) -> PartSpec:
        """The spec of other data, which may be a path; None: of the run's own dataset. Raises ``SpecError``."""
        return self.recipe.dataset if data is None else dataset_spec(data, self.registry)

    def other_dataset(self, spec: str | PartSpec) -> Dataset:
        """Another dataset for this run; a table is read by the run's schema. Raises ``SpecError``, ``RunError``."""
        dataset = load_dataset(spec, registry=self.registry)
        return dataset if self.schema is None else dataset.with_schema(self.schema, str(self.folder / SCHEMA_FILE))

    @cached_property
    def schema(self) -> dict[str, Any] | None:
        """What the dataset found in its files, by which others are read; None if there is nothing to keep.

        Raises ``RunError`` for a damaged file.
        """
        path = self.folder / SCHEMA_FILE
        return read_json(path) if path.exists() else None

    def parse_context(self, text: str) -> Float[Tensor, " context"]:
        """A context written as text, in the dataset's notation; loads no data. Raises ``DataError``."""
        context = self.unchecked_dataset.parse_context(text)
        if len(context) != self.context_features:
            raise DataError(
                expected=f"a context of {self.context_features} numbers",
                got=f"{len(context)} in {text!r}",
                remedy="separate them with commas",
            )
        return context

    # --- training ---------------------------------------------------------------------------------------------------

    @property
    def stage(self) -> Stage:
        """The last stage of training, with its settings: the recipe's, with the changes of ``train_on``."""
        return current_stage(self.recipe.training, self.provenance.get(STAGES, []), str(self.recipe_path))

    def train_on(self, settings: Mapping[str, Any], *, step: int, seconds: float) -> None:
        """Begin a new stage after so many steps and seconds; ``save_recipe`` writes it."""
        entry = {"from_step": step, "from_seconds": seconds, "settings": dict(settings)}
        self.provenance = self.provenance | {STAGES: [*self.provenance.get(STAGES, []), entry]}

    def identity(self) -> dict[str, str]:
        """Folder, data and checksum of this run, for the provenance of one that begins with its weights."""
        with open_tensors(self.model_path) as file:
            return {"run": str(self.folder.resolve()), "data": str(self.recipe.dataset), "weights": file.checksum}

    # --- models -----------------------------------------------------------------------------------------------------

    @cached_property
    def head(self) -> Head:
        """The head, with what it found in the training data. Raises ``RunError`` when that is missing or invalid."""
        head: Head = self.registry.create("head", self.recipe.head)
        return restore_head(head, self.provenance.get("head"), self.folder)

    def new_model(self) -> AutoregressiveModel:
        """The recipe's model with new weights, which depend on the recipe's seed only."""
        with seeded(self.recipe.training.seed):
            recipe, augmentation = self.recipe, self.recipe.training.augmentation
            return build(
                self.event_shape,
                recipe.ordering,
                self.head,
                recipe.backbone,
                context_features=self.context_features,
                augmentation_features=0 if augmentation is None else augmentation.features,
                registry=self.registry,
            )

    @cached_property
    def model(self) -> AutoregressiveModel:
        """The model of the best validation, in evaluation mode.

        Its parameters are frozen, so that likelihoods hold no graph; ``run.model.requires_grad_()`` is for gradients
        of parameters, and gradients of events need nothing. Raises ``RunError`` when its weights are missing, damaged
        or not finite, or do not fit the recipe.
        """
        if not self.model_path.exists() and not self.metrics():
            raise RunError(
                expected=f"the weights of a validation in {self.folder}",
                got="none: its training has not come to the first validation",
                remedy="let it go on, or resume it",
            )
        return self._model_from(self.model_path)

    @cached_property
    def last_model(self) -> AutoregressiveModel:
        """The model at the end of training (averaged weights). Raises ``RunError`` like ``model``."""
        return self._model_from(self.state_path, prefix="average/module.")

    def _model_from(self, path: Path, prefix: str = "") -> AutoregressiveModel:
        model = self.new_model()
        built = model.state_dict()
        with open_tensors(path) as file:
            file.require_layout(layout_of(built), prefix=prefix)
            tensors = strip_prefix(prefix, file.read())
        require_finite(tensors, built, path)
        model.load_state_dict(tensors)
        return model.eval().requires_grad_(False)

    @property
    def parameter_count(self) -> int:
        """The number of parameters of the model."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    # --- files ------------------------------------------------------------------------------------------------------

    def save_recipe(self) -> None:
        """Write the recipe. Raises ``RunError`` when the folder cannot be written to."""
        save_head_state(self.folder, self.head.data_state())
        if self.schema is not None:
            write_atomically(self.folder / SCHEMA_FILE, json_text(self.schema))
        paths = relative_paths(self.recipe, self.folder, self.registry)
        document = recipe_document(self.recipe, self.provenance | ({"paths": paths} if paths else {}))
        document = with_checksum(document, self.registry)
        self.provenance = document["provenance"]
        write_atomically(self.recipe_path, tomli_w.dumps(document).encode())

    def keep_parsed(self) -> None:
        """Keep the numbers of a large table beside the run, so that its file is parsed once."""
        keep_parsed(self.folder, self.unchecked_dataset, self.schema)

    def save_model(self, model: AutoregressiveModel) -> None:
        """Write the weights of the run's model, and how many there are."""
        count = sum(parameter.numel() for parameter in model.parameters())
        write_tensors(self.model_path, model.state_dict(), {PARAMETERS: str(count)})
