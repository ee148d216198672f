"""A head that is made of several: each of its coefficients is that of a member, in every respect."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.testing.generate.head_inputs import Parameters
from tensorar.testing.generate.head_options import coefficients_of, fitted
from tensorar.testing.generate.values import values_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed

EVENTS = 20


def _is_composite(part: type[Head]) -> bool:
    return part.members is not Head.members


@check("head", when=_is_composite)
def coefficients_are_those_of_members(part: PartUnderTest) -> None:
    """Each coefficient has the likelihood, support and units of the member that ``kinds`` names, at its ``places``.

    Code, truncated samples and plots ask the member. Features are zero but those that are used.
    """
    for head in (part.instance, fitted(part)):
        index = coefficients_of(part)
        _require_declarations(head, index)
        values = values_of(head, (EVENTS, len(index)), 0, index)
        parameters = Parameters(1.0, 0, torch.float64).of(head, EVENTS, len(index))
        whole = _of_whole(head, values, parameters, index)
        for i, member, place in _by_coefficient(head, index):
            own = _of_member(member, values[:, i], values[:, i - 1], parameters[:, i], place)
            for what, expected in own.items():
                if not torch.allclose(whole[what][:, i].double(), expected.double(), equal_nan=True):
                    raise CheckFailed(
                        f"the {what} of coefficient {int(index[i])} are not those of its member, {member.name}"
                    )
        if not head.support.check(values).all():
            raise CheckFailed("the support does not contain those of all members")
        _require_unused_zeros(head, values, index)


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_declarations(head: Head, index: Tensor) -> None:
    kinds, places = head.kinds(index), head.places(index)
    if kinds.shape != index.shape or places.shape != index.shape:
        raise CheckFailed(f"kinds and places of {len(index)} coefficients have shapes {kinds.shape}, {places.shape}")
    if not 0 <= int(kinds.min()) <= int(kinds.max()) < len(head.members) or int(places.min()) < 0:
        raise CheckFailed(f"kinds are from {int(kinds.min())} to {int(kinds.max())} of {len(head.members)} members")
    for what in ("parameter_count", "feature_count", "noise_size"):
        most = max(getattr(member, what) for member in head.members)
        if getattr(head, what) < most:
            raise CheckFailed(f"{what} is {getattr(head, what)}, less than the {most} of a member")
    if head.support.is_discrete != all(member.support.is_discrete for member in head.members):
        raise CheckFailed("the support must be discrete if those of all members are, and not otherwise")


def _by_coefficient(head: Head, index: Tensor) -> Iterator[tuple[int, Head, Tensor]]:
    for i, (kind, place) in enumerate(zip(head.kinds(index).tolist(), head.places(index), strict=True)):
        yield i, head.members[kind], place


def _of_whole(head: Head, values: Tensor, parameters: Tensor, index: Tensor) -> dict[str, Tensor]:
    return {
        "likelihoods": head.distribution(parameters, index).log_prob(values),
        # of its own values, and of those of another coefficient
        "supported values": head.supports(torch.cat([values, values.roll(1, 1)]), index),
        "restored values": head.restore(values, index),
    }


def _of_member(member: Head, values: Tensor, others: Tensor, parameters: Tensor, place: Tensor) -> dict[str, Tensor]:
    return {
        "likelihoods": member.distribution(parameters[:, : member.parameter_count], place).log_prob(values),
        "supported values": member.supports(torch.cat([values, others]), place),
        "restored values": member.restore(values, place),
    }


def _require_unused_zeros(head: Head, values: Tensor, index: Tensor) -> None:
    unused = ~head.used_features(index)
    wrong = (head.encode(values, index) != 0) & unused
    if wrong.any():
        at = int(wrong.nonzero()[0, 1])
        raise CheckFailed(f"coefficient {int(index[at])} has a feature that used_features leaves out")
