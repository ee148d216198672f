"""Whether values have a probability under a head, as a model will see them; and what to say of those that have none."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.distributions import constraints
from torch.distributions.constraints import Constraint

from tensorar.errors import SupportError
from tensorar.utils.precision import widened

# bounds memory
MAX_VALUES_PER_CHECK = 1024
INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
# integers in so small a range are checked by it
MAX_RANGE = 4096


@runtime_checkable
class HeadOfValues(Protocol):
    """What a head says of values; see ``tensorar.Head``."""

    @property
    def name(self) -> str:
        """The name of the head."""

    @property
    def support(self) -> Constraint:
        """The standard values that have a probability."""

    def supports(self, values: Float[Tensor, "*batch"], coefficients: Int[Tensor, "..."] | None = None) -> Tensor:
        """Whether each standard value has a probability."""

    def standardize(self, values: Real[Tensor, "*batch"], coefficients: Int[Tensor, "..."] | None = None) -> Tensor:
        """Standard values of the data's values."""

    def is_discrete(self, coefficients: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        """Whether the values of each coefficient are whole numbers."""

    def member(self, coefficient: int) -> HeadOfValues:
        """The head of a coefficient."""

    def describe_values(self) -> str:
        """The values that have a probability, in words."""

    def data_state(self) -> dict[str, Tensor]:
        """What the head takes from the data."""


def check_values(
    head: HeadOfValues,
    values: Real[Tensor, "batch *event"],
    *,
    coefficients: Int[Tensor, "..."] | None,
    known: Bool[Tensor, "batch *event"] | None,
    what: str,
    suggestion: str,
    dtype: torch.dtype | None,
) -> None:
    """``Head.check``, value by value."""
    if known is not None and not known.any():
        return
    if coefficients is None:
        coefficients = torch.arange(math.prod(values.shape[1:]), device=values.device).reshape(values.shape[1:])
    chunks = max(1, -(-len(values) // MAX_VALUES_PER_CHECK))
    if known is None and chunks == 1 and _represents(head, values, coefficients, dtype).all():
        return
    interest = [None] * chunks if known is None else _split(known, values)
    parts = zip(*(_split(part, values) for part in (values, coefficients)), interest, strict=True)
    for part, (some, index, of_interest) in enumerate(parts):
        good = _represents(head, some, index, dtype)
        if not (good if of_interest is None else good | ~of_interest).all():
            bad = ~good if of_interest is None else ~good & of_interest
            event = part * MAX_VALUES_PER_CHECK + int(bad.reshape(len(bad), -1).any(1).int().argmax())
            coefficient = int(index.expand(bad.shape)[bad][0])
            member = head.member(coefficient)
            raise SupportError(
                expected=f"event {event} to have values in the support of the head {member.name!r} "
                f"({member.describe_values()})",
                got=f"{_describe(head, some[bad][0], dtype)} in {what}",
                remedy=suggestion or _remedy(some[bad][0]),
                place=(event, coefficient),
            )


def good_at_a_glance(head: HeadOfValues, values: Tensor, dtype: torch.dtype | None) -> bool:
    """Whether the extremes of values show that all have a probability under a head of one support and no transform."""
    if not values.numel():
        return False
    if head.support is constraints.boolean and values.dtype == (dtype or values.dtype) and values.is_floating_point():
        return _all_bits(values)
    return values.dtype in INTEGERS and _in_range(head, values, dtype)


def _in_range(head: HeadOfValues, values: Tensor, dtype: torch.dtype | None) -> bool:
    """Whether all whole numbers from the least to the greatest value have a probability: a look at two of them."""
    least, greatest = (int(bound) for bound in values.aminmax())
    if greatest - least > MAX_RANGE:
        return False
    numbers = torch.arange(least, greatest + 1, device=values.device)
    return bool(_represents(head, numbers, torch.zeros_like(numbers), dtype).all())


def _all_bits(values: Tensor) -> bool:
    """Whether all values are 0 or 1: two passes without a table of answers."""
    # zero for 0 and 1 only; NaN and infinity make both extremes NaN (counting others takes ten times as long)
    least, greatest = torch.addcmul(values, values, values, value=-1).aminmax()
    return least.item() == 0 == greatest.item()


def _represents(head: HeadOfValues, values: Tensor, coefficients: Tensor, dtype: torch.dtype | None) -> Tensor:
    """Whether values are supported once they are standardized and rounded (None: not rounded)."""
    standard = head.standardize(values, coefficients)
    rounded = (
        standard if dtype is None and standard.is_floating_point() else standard.to(dtype or default_value_dtype())
    )
    if rounded is standard:
        return head.supports(standard, coefficients)
    supported = head.supports(rounded, coefficients)
    # a whole number must not become another one
    return supported & ((widened(rounded) == widened(standard)) | ~head.is_discrete(coefficients))


def default_value_dtype() -> torch.dtype:
    """The dtype of a new model's values: torch's default, but never half precision."""
    return torch.promote_types(torch.get_default_dtype(), torch.float32)


def is_bounded(support: Constraint) -> bool:
    """Whether a support has two ends, which NaN and infinity are not between."""
    ends = (getattr(support, name, None) for name in ("lower_bound", "upper_bound"))
    return support is constraints.boolean or all(end is not None for end in ends)


def _split(part: Tensor, values: Tensor) -> tuple[Tensor, ...]:
    parts: tuple[Tensor, ...] = part.expand(values.shape).split(MAX_VALUES_PER_CHECK)
    return parts


# --- in words --------------------------------------------------------------------------------------------------------


def _describe(head: HeadOfValues, value: Tensor, dtype: torch.dtype | None) -> str:
    """Format a rejected value, noting when only rounding made it invalid."""
    rounded = value.to(dtype or default_value_dtype()).item()
    if not math.isfinite(value.item()) or rounded == value.item() or head.data_state():
        return f"{value.item():g}"
    return f"{value.item()}, rounded to {rounded:g},"


def _remedy(rejected: Tensor) -> str:
    if rejected.isnan():
        return "pass tensorar.Evidence.observed(x) if NaN stands for what was not observed, or fill it in"
    return "choose a head or a dataset option that fits the values"


def describe_support(support: Constraint) -> str:
    """A constraint in words.

    >>> describe_support(torch.distributions.constraints.boolean)
    '0 or 1'
    >>> describe_support(torch.distributions.constraints.positive)
    'real numbers above 0'
    """
    bounds = [getattr(support, name, None) for name in ("lower_bound", "upper_bound")]
    if support is constraints.boolean:
        return "0 or 1"
    kind = "integers" if support.is_discrete else "real numbers"
    if bounds[0] is None:
        return kind
    included = bool(support.check(torch.tensor(float(bounds[0]))))
    if bounds[1] is None:
        return f"{kind} >= {bounds[0]:g}" if included else f"{kind} above {bounds[0]:g}"
    between = f"from {bounds[0]:g} to" if included else f"strictly between {bounds[0]:g} and"
    return f"{kind} {between} {bounds[1]:g}"
