"""Base class of the heads that find something in the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tensorar import Head


@dataclass(frozen=True, kw_only=True)
class HeadFoundInData(Head):
    """A head whose values depend on what was found in the data, besides its options."""

    @property
    def found(self) -> Any:
        """What was found or set: units, a table of values, a range of integers. None for nothing."""
        return self.__dict__.get("_found")

    def with_found(self, found: Any) -> Head:
        """Return a copy of this head with what was found."""
        head = replace(self)
        head._set_found(found)
        return head

    def _set_found(self, found: Any) -> None:
        # the dataclass is frozen, and its fields are the options of the spec
        object.__setattr__(self, "_found", found)
