"""Exact autoregressive models of tensors of any shape, in any visiting order, as plugins."""

from tensorar.assembly import build, heads_for, load_dataset, suggest_head
from tensorar.backbone import Backbone, CausalBackbone, EvidenceBackbone, Signature
from tensorar.dataset import Dataset, Splits
from tensorar.errors import (
    DataError,
    PluginError,
    RunError,
    ShapeError,
    SpecError,
    SupportError,
    TensorarError,
)
from tensorar.evidence import Evidence
from tensorar.head import Head
from tensorar.influence import influence, share_of_past
from tensorar.model import AutoregressiveModel
from tensorar.order import Order, RasterView, may_see
from tensorar.ordering import Ordering
from tensorar.parts.hookspecs import hookimpl
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.recipe import Recipe
from tensorar.regions import region
from tensorar.runs.recipe_file import read_recipe, recipe_toml
from tensorar.runs.run import Run
from tensorar.settings import TrainingSettings
from tensorar.shapes import flatten_events
from tensorar.stepper import Stepper
from tensorar.training.evaluation import Likelihood, evaluate
from tensorar.training.trainer import train

__all__ = [
    "AutoregressiveModel",
    "Backbone",
    "CausalBackbone",
    "DataError",
    "Dataset",
    "Evidence",
    "EvidenceBackbone",
    "Head",
    "Likelihood",
    "Order",
    "Ordering",
    "PartSpec",
    "PluginError",
    "RasterView",
    "Recipe",
    "Registry",
    "Run",
    "RunError",
    "ShapeError",
    "Signature",
    "SpecError",
    "Splits",
    "Stepper",
    "SupportError",
    "TensorarError",
    "TrainingSettings",
    "build",
    "default_registry",
    "evaluate",
    "flatten_events",
    "heads_for",
    "hookimpl",
    "influence",
    "load_dataset",
    "may_see",
    "read_recipe",
    "recipe_toml",
    "region",
    "share_of_past",
    "suggest_head",
    "train",
]
