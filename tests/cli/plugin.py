"""A single-file plugin with an ordering, a head, a dataset and a recipe."""

from dataclasses import dataclass

import torch

import tensorar


@dataclass(frozen=True, kw_only=True)
class Backwards(tensorar.Ordering):
    """From the last coefficient to the first."""

    name = "backwards"

    def visits(self, event_shape):
        return torch.arange(torch.Size(event_shape).numel()).flip(0)


@dataclass(frozen=True, kw_only=True)
class Coin(tensorar.Head):
    """A coin per coefficient."""

    name = "coin"
    parameter_count = 1
    feature_count = 1
    support = torch.distributions.constraints.boolean

    def encode(self, value, coefficients=None):
        return value.unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        return torch.distributions.Bernoulli(logits=parameters[..., 0])


@dataclass(frozen=True, kw_only=True)
class Stripes(tensorar.Dataset):
    """Images whose rows are all equal.

    Options:
        side: Height and width.
    """

    name = "stripes"
    side: int = 4

    def load(self):
        drawn = torch.rand(60, 1, self.side, generator=torch.Generator().manual_seed(0)) < 0.5
        return tensorar.Splits(*drawn.expand(-1, self.side, -1).to(torch.uint8).split([40, 10, 10]))


@tensorar.hookimpl
def tensorar_orderings():
    return [Backwards]


@tensorar.hookimpl
def tensorar_heads():
    return [Coin]


@tensorar.hookimpl
def tensorar_datasets():
    return [Stripes]


@tensorar.hookimpl
def tensorar_recipes():
    parts = {"dataset": "stripes", "ordering": "backwards", "head": "coin", "backbone": "fvsbn"}
    specs = {kind: tensorar.PartSpec.parse(spec) for kind, spec in parts.items()}
    training = tensorar.TrainingSettings(steps=4, batch_size=8)
    return [tensorar.Recipe(name="striped", description="A few steps on stripes.", training=training, **specs)]
