"""Evidence: which coefficients of a batch of tensors are known, and what they are."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import torch
from jaxtyping import Bool, Int, Real
from torch import Tensor

from tensorar.errors import ShapeError
from tensorar.utils.pixel_picture import gray_values, pixel_picture

MAX_DRAWN_EXAMPLES = 8


@dataclass(frozen=True, eq=False, repr=False)
class Evidence:
    """The known part of a batch of events: ``mask`` is True where a coefficient is known, ``value`` holds its value.

    The conditioning event of the chain rule, of in-painting and of training is this one object. ``value`` is set to
    zero wherever ``mask`` is False, whatever was passed there (NaN included), so that nothing unknown can leak.

    Shapes: both ``(batch, *event)``. Raises ``ShapeError`` when they differ, or the mask is not Boolean.

    >>> evidence = Evidence(torch.tensor([[True, False]]), torch.tensor([[3.0, 7.0]]))
    >>> evidence.value
    tensor([[3., 0.]])
    """

    mask: Bool[Tensor, "batch *event"]
    value: Real[Tensor, "batch *event"]

    def __post_init__(self) -> None:
        if self.mask.shape != self.value.shape or self.mask.ndim == 0:
            raise ShapeError(
                expected=f"a mask and values of the same shape (mask {tuple(self.mask.shape)})",
                got=f"values {tuple(self.value.shape)}",
                remedy="pass both with the shape (batch, *event)",
            )
        if self.mask.dtype != torch.bool:
            raise ShapeError(
                expected="a Boolean mask (True where known)", got=str(self.mask.dtype), remedy="pass mask.bool()"
            )
        zero = torch.zeros((), dtype=self.value.dtype, device=self.value.device)
        object.__setattr__(self, "value", torch.where(self.mask, self.value, zero))

    @classmethod
    def none(cls, batch: int, event_shape: tuple[int, ...], *, device: torch.device | None = None) -> Evidence:
        """Evidence of ``batch`` events of which nothing is known."""
        shape = (batch, *event_shape)
        return cls(torch.zeros(shape, dtype=torch.bool, device=device), torch.zeros(shape, device=device))

    @classmethod
    def observed(cls, values: Real[Tensor, "batch *event"]) -> Evidence:
        """What was observed of events in which NaN stands for a missing value.

        >>> Evidence.observed(torch.tensor([[1.0, torch.nan]])).mask
        tensor([[ True, False]])
        """
        return cls(~values.isnan(), values)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one event."""
        return tuple(self.mask.shape[1:])

    @property
    def counts(self) -> Int[Tensor, " batch"]:
        """The number of known coefficients of each event."""
        return self.mask.unsqueeze(-1).flatten(1).sum(1)

    def __len__(self) -> int:
        return len(self.mask)

    def __repr__(self) -> str:
        return f"Evidence(batch={len(self)}, event_shape={self.event_shape}, {self._known_in_words()})"

    def _repr_html_(self) -> str:
        """A picture of the first examples, for notebooks: known values in gray, unknown ones in blue."""
        first = self[:MAX_DRAWN_EXAMPLES].to("cpu")
        if not first.mask.numel():
            return escape(repr(self))
        colors = gray_values(first.value.detach().double().numpy(), first.mask.numpy())
        drawn = f"first {len(first)} of {len(self)} events" if len(first) < len(self) else f"events: {len(self)}"
        words = f"{drawn}, each {self.event_shape}; {self._known_in_words()}: gray; unknown: blue"
        return f"{pixel_picture(colors, 'known values in gray, unknown ones in blue')}<br><small>{words}</small>"

    def _known_in_words(self) -> str:
        return f"{int(self.mask.sum())} of {self.mask.numel()} coefficients known"

    def __getitem__(self, rows: Tensor | slice) -> Evidence:
        """The evidence of some examples."""
        return Evidence(self.mask[rows], self.value[rows])

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Evidence:
        """The same evidence on a device, its values in a dtype (None: in their own)."""
        return Evidence(self.mask.to(device), self.value.to(device, dtype or self.value.dtype))

    def repeat(self, times: int) -> Evidence:
        """Every example repeated ``times`` times in a row."""
        return Evidence(self.mask.repeat_interleave(times, dim=0), self.value.repeat_interleave(times, dim=0))

    def expand(self, n: int) -> Evidence:
        """The evidence of one event repeated ``n`` times; a batch of ``n`` is returned as it is.

        >>> len(Evidence.none(1, (2, 2)).expand(5))
        5
        """
        if len(self) not in (1, n):
            raise ShapeError(
                expected=f"evidence of 1 or {n} events",
                got=f"{len(self)}",
                remedy="repeat it, or omit n",
            )
        return Evidence(self.mask.expand(n, *self.event_shape), self.value.expand(n, *self.event_shape))
