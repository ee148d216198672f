"""Coefficients of different kinds: a head for each column of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import Transform

from tensorar import Head, SpecError
from tensorar.mixed import Mixed, MixedTransform, union
from tensorar_plugins.heads.column_layout import ColumnLayout, feature_slots
from tensorar_plugins.heads.gaussian_mixture import GaussianMixtureHead


@dataclass(frozen=True, kw_only=True)
class ColumnsHead(Head):
    """A head for each column: the coefficients of a table, or of the last axis of an event.

    The likelihood of an event is in nats of the data's units: a probability for discrete columns, a density for others.
    Parameters are padded to those of the largest head; features have a place of their own for each kind of head.

    Options:
        heads: The head of each column, separated by semicolons, such as
            ``"bernoulli; categorical:levels=3,one_hot=true; gaussian_mixture"``; one alone is the head of all columns.
    """

    name = "columns"
    heads: tuple[Head, ...] = (GaussianMixtureHead(),)

    # --- which head is that of a coefficient ------------------------------------------------------------------------

    @cached_property
    def _layout(self) -> ColumnLayout:
        return ColumnLayout(self.heads)

    @cached_property
    def members(self) -> tuple[Head, ...]:
        found: tuple[Head, ...] | None = self.__dict__.get("_found")
        return self._layout.heads if found is None else found

    def kinds(self, coefficients: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
        return self._layout.kinds(coefficients)

    def places(self, coefficients: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
        return self._layout.places(coefficients)

    # --- what a head declares ---------------------------------------------------------------------------------------

    @cached_property
    def parameter_count(self) -> int:  # type: ignore[override]
        return max(member.parameter_count for member in self.members)

    @cached_property
    def _slots(self) -> dict[str, tuple[int, int]]:
        return feature_slots(self.members)

    @cached_property
    def feature_count(self) -> int:  # type: ignore[override]
        return sum(size for _, size in self._slots.values())

    @cached_property
    def support(self) -> Constraint:  # type: ignore[override]
        return union(*[member.support for member in self.members])

    @property
    def point_masses(self) -> tuple[float, ...]:  # type: ignore[override]
        return self.members[0].point_masses if len(self.members) == 1 else ()

    def supports(
        self, values: Float[Tensor, "*batch"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Bool[Tensor, "*batch"]:
        if len(self.members) == 1:
            return self.members[0].supports(values, coefficients)
        pieces, index = self.pieces(coefficients)
        values = values.expand(torch.broadcast_shapes(values.shape, pieces.shape))
        each = zip(pieces.kinds, pieces.take(values), index, strict=True)
        return pieces.join([self.members[kind].supports(some, own) for kind, some, own in each])

    def describe_values(self) -> str:
        return "; ".join(dict.fromkeys(member.describe_values() for member in self.members))

    # --- features and distributions ---------------------------------------------------------------------------------

    def encode(
        self, value: Float[Tensor, "*batch"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*batch features"]:
        if len(self.members) == 1:
            return self.members[0].encode(value, coefficients)
        pieces, index = self.pieces(coefficients)
        encoded = []
        for kind, some, own in zip(pieces.kinds, pieces.take(value), index, strict=True):
            member = self.members[kind]
            first, _ = self._slots[member.name]
            features = member.encode(some, own)
            after = self.feature_count - first - features.shape[-1]
            encoded.append(F.pad(features, (first, after)) + 0 * features[..., :1])
        return pieces.join(encoded, trailing=1)

    def distribution(
        self, parameters: Float[Tensor, "*batch parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Distribution:
        if len(self.members) == 1:
            return self.members[0].distribution(parameters, coefficients)
        pieces, index = self.pieces(coefficients)
        parts = []
        for kind, some, own in zip(pieces.kinds, pieces.take(parameters, trailing=1), index, strict=True):
            member = self.members[kind]
            parts.append(member.distribution(some[..., : member.parameter_count], own))
        return Mixed(parts, pieces)

    def relocated(
        self,
        parameters: Float[Tensor, "*batch parameters"],
        location: Float[Tensor, "*batch features"],
        scale: Float[Tensor, "*batch features"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*batch parameters"]:
        if len(self.members) == 1:
            return self.members[0].relocated(parameters, location, scale, coefficients)
        pieces, index = self.pieces(coefficients)
        each = (pieces.take(part, trailing=1) for part in (parameters, location, scale))
        moved = []
        for kind, own, p, m, s in zip(pieces.kinds, index, *each, strict=True):
            member = self.members[kind]
            first, count = self._slots[member.name][0], member.feature_count
            slots = slice(first, first + count)
            new = member.relocated(p[..., : member.parameter_count], m[..., slots], s[..., slots], own)
            moved.append(torch.cat([new, p[..., member.parameter_count :]], -1))
        return pieces.join(moved, trailing=1)

    def used_features(self, coefficients: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch features"]:
        if len(self.members) == 1:
            return super().used_features(coefficients)
        slots = [(self._slots[member.name][0], member.feature_count) for member in self.members]
        feature = torch.arange(self.feature_count)
        used = torch.stack([(feature >= first) & (feature < first + count) for first, count in slots])
        return used.to(coefficients.device)[self.kinds(coefficients)]

    # --- samples ----------------------------------------------------------------------------------------------------

    @cached_property
    def noise_size(self) -> int:
        return max(member.noise_size for member in self.members)

    @cached_property
    def draws_one_by_one(self) -> bool:
        return any(member.draws_one_by_one for member in self.members)

    @cached_property
    def draws_in_fixed_operations(self) -> bool:
        return len(self.members) == 1 and self.members[0].draws_in_fixed_operations

    def draw(
        self,
        parameters: Float[Tensor, "*batch parameters"],
        noise: Float[Tensor, "*batch noise"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*batch"]:
        if len(self.members) == 1:
            return self.members[0].draw(parameters, noise, coefficients)
        return self.by_member([_drawer(member) for member in self.members], parameters, noise, coefficients)

    # --- the data ---------------------------------------------------------------------------------------------------

    def transform(self, coefficients: Int[Tensor, "..."] | None = None) -> Transform | None:
        if len(self.members) == 1:
            return self.members[0].transform(coefficients)
        every = torch.zeros(1, dtype=torch.long)
        if all(member.transform(every) is None for member in self.members):
            return None
        pieces, index = self.pieces(coefficients)
        parts = [self.members[kind].transform(own) for kind, own in zip(pieces.kinds, index, strict=True)]
        return MixedTransform(parts, pieces)

    def for_data(self, train: Real[Tensor, "n *event"], *others: Real[Tensor, "_ *event"]) -> Head:
        splits = [train, *others]
        if len(self.heads) == 1:
            return self._with_members([self.members[0].for_data(*splits)])
        self._require_columns(train)
        by_member = zip(*map(self._by_member, splits), strict=True)
        return self._with_members([m.for_data(*own) for m, own in zip(self.members, by_member, strict=True)])

    def notes(self, train: Real[Tensor, "n *event"]) -> list[str]:
        if len(self.heads) == 1:
            return self.members[0].notes(train)
        each = zip(self.members, self._by_member(train), strict=True)
        return [note for member, own in each for note in member.notes(own)]

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"] | None:
        if len(self.heads) == 1:
            return self.members[0].marginal_parameters(values)
        count = values[0].numel()
        kinds, flat = self.kinds(torch.arange(count)), values.reshape(len(values), count)
        found = torch.zeros(count, self.parameter_count)
        for k, member in enumerate(self.members):
            # one estimate for each column, of all its coefficients
            rows = flat[:, kinds == k].reshape(-1, len(self._layout.columns(k)))
            own = member.marginal_parameters(rows)
            if own is not None:
                found[kinds == k, : own.shape[-1]] = own.repeat(int((kinds == k).sum()) // len(own), 1)
        return found.reshape(*values.shape[1:], -1)

    def data_state(self) -> dict[str, Tensor]:
        states = ((k, member.data_state()) for k, member in enumerate(self.members))
        return {f"{name}_{k}": tensor for k, state in states for name, tensor in state.items()}

    def with_data_state(self, state: dict[str, Tensor]) -> Head:
        by_member: list[dict[str, Tensor]] = [{} for _ in self.members]
        for key, tensor in state.items():
            name, _, number = key.rpartition("_")
            if not number.isdecimal() or int(number) >= len(by_member):
                raise SpecError(
                    expected=f"numbers of {len(by_member)} kinds of columns",
                    got=key,
                    remedy="restore the run from a copy",
                )
            by_member[int(number)][name] = tensor
        return self._with_members([m.with_data_state(own) for m, own in zip(self.members, by_member, strict=True)])

    def _with_members(self, members: Sequence[Head]) -> Head:
        head = replace(self)
        # the dataclass is frozen, and its fields are the options of the spec
        object.__setattr__(head, "_found", tuple(members))
        return head

    def _by_member(self, events: Real[Tensor, "n *event"]) -> list[Real[Tensor, "rows _"]]:
        """The values of the columns of each member, a row for each row of each event."""
        rows = events.reshape(-1, len(self.heads))
        return [rows[:, self._layout.columns(k)] for k in range(len(self.members))]

    def _require_columns(self, train: Tensor) -> None:
        if train[0].numel() % len(self.heads):
            raise SpecError(
                expected=f"events of {len(self.heads)} columns, one for each of the heads of {self.name}",
                got=f"events of {train[0].numel()} coefficients",
                remedy="write a head for each column, or one for all",
            )

    @classmethod
    def options_for(cls, values: Real[Tensor, "..."]) -> dict[str, Any] | None:
        # a table's schema knows the kinds of its columns; numbers alone do not
        return None


def _drawer(member: Head) -> Any:
    def draw(parameters: Tensor, noise: Tensor, coefficients: Tensor) -> Tensor:
        return member.draw(parameters, noise[..., : member.noise_size], coefficients)

    return draw
