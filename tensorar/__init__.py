"""Exact autoregressive models of tensors of any shape, in any visiting order, as plugins."""

from tensorar.assembly import build, load_dataset, suggest_head
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
from tensorar.model import AutoregressiveModel
from tensorar.order import Order, RasterView
from tensorar.ordering import Ordering
from tensorar.parts.hookspecs import hookimpl
from tensorar.parts.registry import Registry, default_registry
from tensorar.parts.spec import PartSpec
from tensorar.shapes import flatten_events

__all__ = [
    "AutoregressiveModel",
    "Backbone",
    "CausalBackbone",
    "DataError",
    "Dataset",
    "Evidence",
    "EvidenceBackbone",
    "Head",
    "Order",
    "Ordering",
    "PartSpec",
    "PluginError",
    "RasterView",
    "Registry",
    "RunError",
    "ShapeError",
    "Signature",
    "SpecError",
    "Splits",
    "SupportError",
    "TensorarError",
    "build",
    "default_registry",
    "flatten_events",
    "hookimpl",
    "load_dataset",
    "suggest_head",
]
