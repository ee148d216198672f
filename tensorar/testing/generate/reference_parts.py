"""The simplest correct parts of each kind, which complete a model around the part under test."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, Distribution, constraints

from tensorar.backbone import CausalBackbone, EvidenceBackbone, Signature
from tensorar.dataset import Dataset, Splits
from tensorar.head import Head
from tensorar.order import Order
from tensorar.ordering import Ordering
from tensorar.parts.hookspecs import hookimpl
from tensorar.parts.part import Part
from tensorar.parts.plugins import Plugins, PluginSource
from tensorar.parts.registry import Registry
from tensorar.utils.shapes import flatten_events


@dataclass(frozen=True, kw_only=True)
class FixedOrder(Ordering):
    """The coefficients in a given order.

    Options:
        steps: Flat indices of the coefficients in visiting order.
    """

    name = "fixed_order"
    steps: tuple[int, ...] = (0,)

    def visits(self, event_shape: tuple[int, ...]) -> Tensor:
        """The steps. Raises ``ShapeError`` unless there is one per coefficient."""
        if len(self.steps) != math.prod(event_shape):
            raise self.unsupported(event_shape, f"{len(self.steps)} coefficients")
        return torch.tensor(self.steps)


@dataclass(frozen=True, kw_only=True)
class RandomOrder(FixedOrder):
    """A random order per draw; likelihoods and samples use the given one."""

    name = "random_order"
    fixed = False
    uniform = True

    def draw(self, event_shape: tuple[int, ...], generator: torch.Generator | None = None) -> Order:
        """A uniformly random permutation."""
        return Order(torch.randperm(math.prod(event_shape), generator=generator), event_shape)


@dataclass(frozen=True, kw_only=True)
class ForwardBackward(FixedOrder):
    """An ensemble of the given order and its reverse."""

    name = "forward_backward"
    fixed = False
    ensemble = True

    def orders(self, event_shape: tuple[int, ...]) -> tuple[Order, ...]:
        """Both orders (for a single coefficient: one)."""
        forwards = Order(self.visits(event_shape), event_shape)
        return (forwards, Order(forwards.visits.flip(0), event_shape))[: min(2, len(forwards))]


@dataclass(frozen=True, kw_only=True)
class Backwards(Ordering):
    """The last coefficient first, in any shape."""

    name = "backwards"

    def visits(self, event_shape: tuple[int, ...]) -> Tensor:
        """The flat indices, descending."""
        return torch.arange(math.prod(event_shape)).flip(0)


@dataclass(frozen=True, kw_only=True)
class Coin(Head):
    """One Bernoulli distribution per coefficient."""

    name = "coin"
    parameter_count = 1
    feature_count = 1
    support = constraints.boolean

    def encode(self, value: Tensor, coefficients: Tensor | None = None) -> Tensor:
        """The value itself."""
        return value.unsqueeze(-1)

    def distribution(self, parameters: Tensor, coefficients: Tensor | None = None) -> Distribution:
        """The parameter is the logit."""
        return Bernoulli(logits=parameters[..., 0], validate_args=False)


@dataclass(frozen=True, kw_only=True)
class Die(Head):
    """Three categories per coefficient: several parameters, and several features."""

    name = "die"
    parameter_count = 3
    feature_count = 3
    support = constraints.integer_interval(0, 2)

    def encode(self, value: Tensor, coefficients: Tensor | None = None) -> Tensor:
        """One-hot features, NaN for NaN."""
        sides = (value.unsqueeze(-1) == torch.arange(3, device=value.device)).to(value.dtype)
        return torch.where(value.isfinite().unsqueeze(-1), sides, torch.nan)

    def distribution(self, parameters: Tensor, coefficients: Tensor | None = None) -> Distribution:
        """The parameters are logits."""
        return Categorical(logits=parameters, validate_args=False)


class Linear(CausalBackbone):
    """A linear map of the preceding coefficients and the context."""

    name = "linear"

    def __init__(self, signature: Signature) -> None:
        super().__init__(signature)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        self.weight = nn.Parameter(torch.randn(n, p, n, f))
        self.bias = nn.Parameter(torch.randn(n, p))
        self.context = nn.Linear(signature.context_features, n * p) if signature.context_features else None

    def forward(self, features: Tensor, order: Order, context: Tensor | None = None) -> Tensor:
        """One weight per pair of coefficients, masked by the order."""
        n, p = self.bias.shape
        weight = self.weight * order.causal_mask()[:, None, :, None]
        out = features.flatten(1) @ weight.reshape(n * p, -1).T + self.bias.flatten()
        if self.context is not None:
            out = out + self.context(context)
        return out.reshape(-1, *self.signature.event_shape, p)


class LinearEvidence(EvidenceBackbone):
    """A linear map of mask, values and context, for all coefficients at once."""

    name = "linear_evidence"
    dense = True

    def __init__(self, signature: Signature) -> None:
        super().__init__(signature)
        n, f, p = math.prod(signature.event_shape), signature.feature_count, signature.parameter_count
        self.map = nn.Linear(n * (f + 1) + signature.context_features, n * p)

    def forward(self, features: Tensor, mask: Tensor, query: Tensor, context: Tensor | None = None) -> Tensor:
        """The parameters of the queried coefficients."""
        inputs = [features.flatten(1), flatten_events(mask).to(features.dtype), *([] if context is None else [context])]
        everything: Tensor = self.map(torch.cat(inputs, 1))
        by_coefficient = everything.reshape(len(query), -1, self.signature.parameter_count)
        return by_coefficient.take_along_dim(query.unsqueeze(-1), 1)


@dataclass(frozen=True, kw_only=True)
class Counting(Dataset):
    """Events of zeros and ones in a repeating pattern.

    Options:
        shape: Event shape.
    """

    name = "counting"
    shape: tuple[int, ...] = ()

    def load(self) -> Splits:
        """Eight events in each split."""
        rows = torch.tensor(list(itertools.islice(itertools.cycle([0.0, 1.0, 1.0]), 24 * math.prod(self.shape))))
        return Splits(*rows.reshape(3, 8, *self.shape))


def registry_with(kind: str, part: type[Part], *heads: type[Part]) -> Registry:
    """A registry of the reference parts, one more part and these heads, independent of installed plugins."""
    parts: dict[str, list[type[Part]]] = {
        "ordering": [FixedOrder, RandomOrder, ForwardBackward],
        "head": [Coin, Die],
        "backbone": [Linear, LinearEvidence],
        "dataset": [Counting],
    }
    for added, one in [*(("head", head) for head in heads), (kind, part)]:
        parts[added] = [known for known in parts[added] if known.name != one.name] + [one]
    plugins = Plugins()
    hooks = {f"tensorar_{k}s": _hook(f"tensorar_{k}s", listed) for k, listed in parts.items()}
    plugins.register(SimpleNamespace(**hooks), PluginSource("kit", "kit", "0"))
    return Registry(plugins)


def _hook(name: str, parts: list[type[Part]]) -> Callable[[], list[type[Part]]]:
    def hook() -> list[type[Part]]:
        return parts

    hook.__name__ = name
    return hookimpl(hook)
