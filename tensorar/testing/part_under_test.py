"""The part that is checked, with its options, the shapes to try and the profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tensorar.build import head_for
from tensorar.dataset import Dataset
from tensorar.head import Head
from tensorar.parts.registry import default_registry
from tensorar.suggestions import suggest_heads
from tensorar.testing.check import Profile
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
        taken = None if shapes is None else tuple(map(tuple, shapes))
        return cls(part, small_options(part, options), taken, profile, dict(options))

    @property
    def kind(self) -> str:
        """The kind of the part, as ``"head"``."""
        return kind_of(self.part)

    def make(self) -> Any:
        """A new instance of a part that is constructed from options alone."""
        return self.part(**self.options)

    @cached_property
    def instance(self) -> Any:
        """One instance shared by checks that do not modify it."""
        return self.make()

    @cached_property
    def suggested_head(self) -> Head:
        """The head that is suggested for a dataset. Raises ``CheckFailed`` if there is none."""
        return suggest_head(self.instance)


def suggest_head(dataset: Dataset) -> Head:
    """The head that is suggested for a dataset. Raises ``CheckFailed`` if there is none."""
    specs = suggest_heads(dataset)
    if not specs:
        raise CheckFailed("no installed head supports these values; set suggested_head to one of your plugin")
    return head_for(default_registry().create("head", specs[0]), dataset)
