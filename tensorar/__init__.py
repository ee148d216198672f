"""Exact autoregressive models of tensors of any shape, in any visiting order, as plugins."""

from tensorar.backbone import Backbone, CausalBackbone, EvidenceBackbone, Signature
from tensorar.build import build
from tensorar.dataset import Dataset, Splits
from tensorar.dataset_files import FileEvents, Parsed
from tensorar.dataset_spec import load_dataset
from tensorar.dependencies import dependency_matrix, receptive_field_coverage
from tensorar.errors import (
    DataError,
    NumericalError,
    PluginError,
    RunError,
    ShapeError,
    SpecError,
    SupportError,
    TensorarError,
)
from tensorar.events import Events, ShuffledEvents, StoredEvents
from tensorar.evidence import Evidence
from tensorar.generation import Generation, SamplingInfo
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.order import Order, RasterView, may_see
from tensorar.ordering import Ordering
from tensorar.parts.hookspecs import hookimpl
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.regions import region
from tensorar.runs.recipe import Recipe, read_recipe, read_recipes, recipe_toml
from tensorar.runs.row import Row
from tensorar.runs.run import Run
from tensorar.runs.settings import TrainingSettings
from tensorar.stepper import CachedStepper, CandidateStepper, Stepper
from tensorar.suggestions import suggest_backbone, suggest_heads, suggest_ordering
from tensorar.training.evaluation import evaluate
from tensorar.training.likelihood import Likelihood
from tensorar.training.over_orders import OverOrders
from tensorar.training.train import train
from tensorar.utils.plans import cached_plan, planned_property
from tensorar.utils.shapes import flatten_events

__all__ = [
    "AutoregressiveModel",
    "Backbone",
    "CachedStepper",
    "CandidateStepper",
    "CausalBackbone",
    "DataError",
    "Dataset",
    "Events",
    "Evidence",
    "EvidenceBackbone",
    "FileEvents",
    "Generation",
    "Head",
    "Likelihood",
    "NumericalError",
    "Order",
    "Ordering",
    "OverOrders",
    "Parsed",
    "PartSpec",
    "PluginError",
    "RasterView",
    "Recipe",
    "Registry",
    "Row",
    "Run",
    "RunError",
    "SamplingInfo",
    "ShapeError",
    "ShuffledEvents",
    "Signature",
    "SpecError",
    "Splits",
    "Stepper",
    "StoredEvents",
    "SupportError",
    "TensorarError",
    "TrainingSettings",
    "build",
    "cached_plan",
    "default_registry",
    "dependency_matrix",
    "evaluate",
    "flatten_events",
    "hookimpl",
    "load_dataset",
    "may_see",
    "planned_property",
    "read_recipe",
    "read_recipes",
    "receptive_field_coverage",
    "recipe_toml",
    "region",
    "suggest_backbone",
    "suggest_heads",
    "suggest_ordering",
    "train",
]
