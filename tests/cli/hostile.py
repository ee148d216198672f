"""A single-file plugin that ends the program where the environment variable HOSTILE says, as HOW says."""

import os
import sys
from dataclasses import dataclass

import torch

import tensorar


class Odd(BaseException):
    """No Exception."""


def maybe_end(where):
    """End the program here, if the variable says so."""
    if os.environ.get("HOSTILE") == where:
        how = os.environ["HOW"]
        if how == "exit":
            sys.exit(0)
        if how == "interrupt":
            raise KeyboardInterrupt
        raise {"base": Odd, "division": ZeroDivisionError, "recursion": RecursionError}[how]("one\x1b[31m\ntwo")


maybe_end("import")


@dataclass(frozen=True, kw_only=True)
class HostileOrdering(tensorar.Ordering):
    """Raster order. [red]no markup[/red]

    Options:
        size: Nothing.
    """

    name = "hostile"
    size: int = 3

    def __post_init__(self):
        maybe_end("constructor")

    def visits(self, event_shape):
        maybe_end("visits")
        return torch.arange(torch.Size(event_shape).numel())


class HostileBackbone(tensorar.EvidenceBackbone):
    """One bias per coefficient."""

    name = "hostile_bias"

    def __init__(self, signature):
        super().__init__(signature)
        maybe_end("network")
        self.bias = torch.nn.Parameter(
            torch.zeros(torch.Size(signature.event_shape).numel(), signature.parameter_count)
        )

    def forward(self, features, mask, query, context=None):
        maybe_end("forward")
        return self.bias[query]


@dataclass(frozen=True, kw_only=True)
class HostileDataset(tensorar.Dataset):
    """Bits."""

    name = "hostile_bits"

    def load(self):
        maybe_end("load")
        events = torch.arange(60)[:, None] % 2 * torch.ones(60, 4, dtype=torch.uint8)
        return tensorar.Splits(*events.to(torch.uint8).split([40, 10, 10]))


@tensorar.hookimpl
def tensorar_orderings():
    maybe_end("hook")
    return [HostileOrdering]


@tensorar.hookimpl
def tensorar_backbones():
    return [HostileBackbone]


@tensorar.hookimpl
def tensorar_datasets():
    return [HostileDataset]
