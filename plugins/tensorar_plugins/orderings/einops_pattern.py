"""Orders written as einops patterns, so that most orders need no code."""

from __future__ import annotations

import keyword
import math
import re

import einops
import torch
from jaxtyping import Int
from torch import Tensor

from tensorar import Ordering
from tensorar.errors import ShapeError, SpecError


class EinopsPattern(Ordering):
    """Any einops rearrangement of the event's axes, with axis sizes as options.

    ``"c h w -> (h w c)"`` visits an image pixel by pixel, ``"c (h p) (w q) -> (p q h w c)"`` interlaced,
    ``"c (h p) (w q) -> (h w p q c)"`` patch by patch (with ``p=2,q=2``). Every option other than ``pattern`` is the
    size of the axis of that name, an integer of at least 1; sizes that follow from the event's shape may be left out.

    >>> EinopsPattern(pattern="h w -> (w h)").visits((2, 3))
    tensor([0, 3, 1, 4, 2, 5])

    Options:
        pattern: Einops pattern from the event's axes to the visiting order, in quotes.
    """

    name = "einops"

    def __init__(self, /, *, pattern: str, **sizes: int) -> None:
        self.pattern, self.sizes = pattern, sizes
        if pattern.count("->") != 1 or min(sizes.values(), default=1) < 1:
            raise SpecError(
                expected="an einops pattern with one -> and sizes of at least 1",
                got=f"{pattern!r} with {sizes or 'no sizes'}",
                remedy='write for example einops:pattern="h w -> (w h)"',
            )
        axes = set(re.findall(r"[^\W\d]\w*", pattern))
        for name in sorted({*sizes, *filter(keyword.iskeyword, axes)}):
            # the sizes are keyword arguments of einops, beside one named tensor; it warns about Python keywords
            if name not in axes or name == "tensor" or keyword.iskeyword(name):
                raise SpecError(
                    expected="sizes of axes in the pattern, named neither tensor nor like a Python keyword",
                    got=f"{name!r} with {pattern!r}",
                    remedy="rename the axis in the pattern and its size",
                )

    def visits(self, event_shape: tuple[int, ...]) -> Int[Tensor, " n"]:
        index = torch.arange(math.prod(event_shape)).reshape(event_shape)
        try:
            return einops.rearrange(index, self.pattern, **self.sizes).flatten()
        except (einops.EinopsError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise ShapeError(
                expected=f"a shape that fits the einops pattern {self.pattern!r} with {self.sizes or 'no sizes'}",
                got=f"{tuple(event_shape)}",
                remedy=f"change the pattern or the sizes (reason: {reason})",
            ) from error
