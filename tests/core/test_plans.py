"""Cached plans: made once per arguments and device, bounded, and usable in later training."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from tensorar import cached_plan, planned_property


@dataclass(frozen=True)
class Key:
    """An argument that lives on a device."""

    number: int
    device: str = field(default="cpu", compare=False)


def test_a_plan_is_made_once_for_its_arguments_and_each_device():
    made = []

    @cached_plan(maxsize=8)
    def plan(key, *, scale=1):
        made.append((key, scale))
        return torch.full((2,), key.number * scale)

    assert plan(Key(1)) is plan(Key(1))
    assert plan(Key(1), scale=2).tolist() == [2, 2]
    # equal keys, as orders on two devices are
    assert plan(Key(3)) is not plan(Key(3, device="meta"))
    assert len(made) == 4


def test_only_the_last_plans_are_kept():
    made = []

    @cached_plan(maxsize=2)
    def plan(n):
        made.append(n)
        return n

    for n in (1, 2, 1, 3, 1, 2):
        plan(n)
    assert made == [1, 2, 3, 2]


class Table:
    """Something with a table."""

    @planned_property
    def rows(self):
        """Rows."""
        return torch.ones(2)


def test_what_is_planned_in_inference_mode_can_be_trained_with():
    @cached_plan()
    def plan(n):
        return torch.ones(n)

    table, weight = Table(), torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        plan(2), table.rows
    (weight * plan(2) * table.rows).sum().backward()
    assert weight.grad.tolist() == [1, 1]
    assert table.rows is table.rows
