"""The part that is checked, with its options, the shapes to try and the profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tensorar.testing.check import Profile
from tensorar.testing.generate.small_options import small_options
from tensorar.testing.kinds import Shape, kind_of


@dataclass(frozen=True)
class PartUnderTest:
    """A part with its options, the event shapes to try (None: any), the profile, and the options that were set."""

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
