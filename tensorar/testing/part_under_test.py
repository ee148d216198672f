"""The part that is checked, with its options, the shapes to try and the profile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from tensorar.build import head_for
from tensorar.dataset import Dataset
from tensorar.head import Head
from tensorar.parts.registry import default_registry
from tensorar.suggestions import suggest_heads
from tensorar.testing.check import Profile
from tensorar.testing.generate.composite_heads import HeadOfKind, event_size
from tensorar.testing.generate.small_options import small_options
from tensorar.testing.kinds import Shape, kind_of
from tensorar.testing.results import CheckFailed


@dataclass(frozen=True)
class PartUnderTest:
    """A part with its options, the event shapes to try (None: any), the profile, and those options that were given."""

    part: Any
    options: dict[str, Any]
    shapes: tuple[Shape, ...] | None
    profile: Profile
    given: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def small(
        cls, part: type, options: dict[str, Any], shapes: Sequence[Shape] | None, profile: Profile
    ) -> PartUnderTest:
        """The part with small widths, depths and numbers of levels, where ``options`` do not set them."""
        small = small_options(part, options)
        taken = shapes_of(part, small) if shapes is None else tuple(map(tuple, shapes))
        return cls(part, small, taken, profile, dict(options))

    @property
    def kind(self) -> str:
        """The kind of the part, as ``"head"``."""
        return kind_of(self.part)

    def make(self, options: Mapping[str, Any] | None = None) -> Any:
        """A new instance of a part that is constructed from options alone: its own, unless others are given."""
        return self.part(**(self.options if options is None else options))

    def by_kind(self) -> Sequence[PartUnderTest]:
        """A head once for each kind of its coefficients; another part once."""
        if self.kind != "head" or len(self.instance.members) == 1:
            return [self]
        # raises if there are no shapes because no number of coefficients suits the head
        count = (event_size(self.instance) or 1) if self.shapes is None else min(map(math.prod, self.shapes))
        sizes = self.instance.kinds(torch.arange(count)).bincount().tolist()
        return [
            KindUnderTest(self.part, self.options, ((size,),), self.profile, self.given, k, count)
            for k, size in enumerate(sizes)
            if size
        ]

    @cached_property
    def instance(self) -> Any:
        """One instance shared by checks that do not modify it."""
        return self.make()

    @cached_property
    def suggested_head(self) -> Head:
        """The head that is suggested for a dataset. Raises ``CheckFailed`` if there is none."""
        return suggest_head(self.instance)


@dataclass(frozen=True)
class KindUnderTest(PartUnderTest):
    """The coefficients of one kind of a head, in events of ``count`` coefficients."""

    member: int = 0
    count: int = 1

    def make(self, options: Mapping[str, Any] | None = None) -> HeadOfKind:
        """The head of these coefficients."""
        return HeadOfKind(whole=super().make(options), member_index=self.member, count=self.count)


def shapes_of(part: type, options: Mapping[str, Any]) -> tuple[Shape, ...] | None:
    """The shapes of events to try for a head that suits some numbers of coefficients only; None for other parts."""
    if not issubclass(part, Head):
        return None
    # a head that cannot be made is left to the base check
    with suppress(Exception):
        count = event_size(part(**options))
        return None if count is None else ((count,), (2, count))
    return None


def suggest_head(dataset: Dataset) -> Head:
    """The head that is suggested for a dataset. Raises ``CheckFailed`` if there is none."""
    specs = suggest_heads(dataset)
    if not specs:
        raise CheckFailed("no installed head supports these values; set suggested_head to one of your plugin")
    return head_for(default_registry().create("head", specs[0]), dataset)
