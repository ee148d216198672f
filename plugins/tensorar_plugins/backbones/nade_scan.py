"""NADE's hidden units for all coefficients, chunk by chunk, and recomputed in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def nade_scan(
    features: Float[Tensor, "steps features batch"],
    weight: Float[Tensor, "steps features hidden"],
    start: Float[Tensor, "batch hidden"],
    output_weight: Float[Tensor, "steps parameters hidden"],
    scale: Float[Tensor, " steps"] | None = None,
    *,
    activation: str = "sigmoid",
    chunk: int = 16,
) -> Float[Tensor, "steps parameters batch"]:
    """``out[t] = V[t] act(scale[t] (start + sum_{s < t} weight[s]^T features[s]))`` for all steps ``t``.

    ``V`` is ``output_weight``; all steps come in visiting order. Both passes hold the hidden units of ``chunk`` steps
    at a time. Only the sums before each chunk are saved for the backward pass: ``N / chunk`` times ``B H`` numbers.
    """
    arguments = (features, weight, start, output_weight, scale, activation, chunk)
    output: Tensor = _Scan.apply(*arguments)  # type: ignore[no-untyped-call]
    return output


Pairs = list[tuple[Tensor, Tensor]]


def running_sums(rows: Float[Tensor, "rows *shape"], *, reverse: bool = False) -> Pairs:
    """Pairs of views ``(target, addend)``: adding them in turn makes each of ``2 ** k`` rows the sum of all up to it.

    There are ``k`` pairs, each of which changes half of the rows. With ``reverse`` a row becomes the sum of itself and
    all after it.

    >>> rows = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    >>> for target, addend in running_sums(rows):
    ...     _ = target.add_(addend)
    >>> rows.flatten()
    tensor([ 1.,  3.,  6., 10.])
    """
    pairs, size = [], 1
    while size < len(rows):
        halves = rows.unflatten(0, (-1, 2 * size))
        low, high = halves[:, :size], halves[:, size:]
        pairs.append((low, high[:, :1]) if reverse else (high, low[:, -1:]))
        size *= 2
    return pairs


def _add(pairs: Pairs) -> None:
    for target, addend in pairs:
        target.add_(addend)


def _sigmoid_backward_(gradient: Float[Tensor, "*shape"], output: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    torch.ops.aten.sigmoid_backward.grad_input(gradient, output, grad_input=gradient)
    return gradient


def _relu_backward_(gradient: Float[Tensor, "*shape"], output: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    torch.ops.aten.threshold_backward.grad_input(gradient, output, 0, grad_input=gradient)
    return gradient


# forward in place; and backward in place: (gradient of the output, output) -> gradient of the input
InPlace = tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]
ACTIVATIONS: dict[str, InPlace] = {
    "sigmoid": (torch.sigmoid_, _sigmoid_backward_),
    "relu": (torch.relu_, _relu_backward_),
}


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        features: Float[Tensor, "steps features batch"],
        weight: Float[Tensor, "steps features hidden"],
        start: Float[Tensor, "batch hidden"],
        output_weight: Float[Tensor, "steps parameters hidden"],
        scale: Float[Tensor, " steps"] | None,
        activation: str,
        chunk: int,
    ) -> Float[Tensor, "steps parameters batch"]:
        ctx.activation, ctx.chunk = activation, min(chunk, len(features))
        output = features.new_empty(len(features), output_weight.shape[1], len(start))
        # (chunks + 1, B, H): the sums before each chunk, and those after the last
        starts = start.new_empty(-(-len(features) // ctx.chunk) + 1, *start.shape)
        starts[0] = start
        units = _ChunkUnits(start, ctx.activation, ctx.chunk)
        chunks = _chunks(ctx.chunk, features, weight, output_weight, scale, output, each=(starts, starts[1:]))
        # shapes: x (C, F, B), w (C, F, H), v (C, P, H), s (C), out (C, P, B), before and after (B, H)
        for x, w, v, s, out, before, after in chunks:
            sums = units.sums(x, w, before)
            # out= keeps autocast from rounding the sums that later chunks add to
            torch.addmm(sums[-1], x[-1].T, w[-1], out=after)
            torch.bmm(v, units.activated(sums, s).mT, out=out)
        ctx.save_for_backward(features, weight, output_weight, scale, starts)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Float[Tensor, "steps parameters batch"]) -> tuple[Tensor | None, ...]:
        *inputs, starts = ctx.saved_tensors
        # the gradients of features, weight, output_weight and scale; filled chunk by chunk
        gradients = [None if t is None else torch.empty_like(t) for t in inputs]
        if not ctx.needs_input_grad[0]:
            gradients[0] = None
        units, later = _ChunkUnits(starts[0], ctx.activation, ctx.chunk), _LaterGradients(starts[0], ctx.chunk)
        chunks = list(_chunks(ctx.chunk, *inputs, gradient, *gradients, each=(starts,)))
        # dx is the gradient of x, and has its shape
        for x, w, v, s, dout, dx, dw, dv, ds, before in reversed(chunks):
            sums = units.sums(x, w, before)
            hidden = units.activated(sums, s)  # (C, B, H)
            torch.bmm(dout, hidden, out=dv)
            dsums = units.backward(_product(dout.mT, v, out=later.of_chunk(len(x))), hidden)  # (C, B, H)
            _scale_backward_(dsums, sums, s, ds)
            dterms = later.running_sums_of_chunk(len(x))  # (C, B, H)
            torch.bmm(x, dterms, out=dw)
            if dx is not None:
                torch.bmm(w, dterms.mT, out=dx)
        dfeatures, dweight, doutput_weight, dscale = gradients
        return dfeatures, dweight, later.total, doutput_weight, dscale, None, None


def _chunks(size: int, *tensors: Tensor | None, each: Sequence[Tensor]) -> Iterator[tuple[Any, ...]]:
    """The tensors split into chunks, with one row of ``each`` per chunk; None for a tensor that is None."""
    chunks: list[Iterable[Tensor | None]] = [repeat(None) if t is None else t.split(size) for t in tensors]
    return zip(*chunks, *each, strict=False)


def _product(
    left: Float[Tensor, "chunk batch inner"],
    right: Float[Tensor, "chunk inner hidden"],
    out: Float[Tensor, "chunk batch hidden"],
) -> Float[Tensor, "chunk batch hidden"]:
    """``left @ right``, a batch of matrix products; an outer product is faster as a broadcast one."""
    return torch.mul(left, right, out=out) if left.shape[-1] == 1 else torch.bmm(left, right, out=out)


def _scale_backward_(
    gradient: Float[Tensor, "chunk batch hidden"],
    sums: Float[Tensor, "chunk batch hidden"],
    scale: Float[Tensor, " chunk"] | None,
    scale_gradient: Float[Tensor, " chunk"] | None,
) -> None:
    """Turn the gradient of ``scale * sums`` into that of the sums, and write that of the scale."""
    if scale is not None:
        torch.sum(gradient * sums, (1, 2), out=scale_gradient)
        gradient.mul_(scale[:, None, None])


def _rows(chunk: int) -> int:
    """The power of two that is at least ``chunk``."""
    return 1 << (chunk - 1).bit_length()


class _ChunkUnits:
    """The hidden units of one chunk after another, in the same memory."""

    def __init__(self, start: Float[Tensor, "batch hidden"], activation: str, chunk: int) -> None:
        self.activate_, self.backward = ACTIVATIONS[activation]
        self.rows = start.new_zeros(_rows(chunk), *start.shape)
        self.running_sums = running_sums(self.rows)
        self.scaled: Tensor | None = None

    def sums(
        self,
        x: Float[Tensor, "chunk features batch"],
        w: Float[Tensor, "chunk features hidden"],
        before: Float[Tensor, "batch hidden"],
    ) -> Float[Tensor, "chunk batch hidden"]:
        """For each step of the chunk the sum over all steps before it."""
        sums = self.rows[: len(x)]
        sums[0] = before
        _product(x[:-1].mT, w[:-1], out=sums[1:])
        _add(self.running_sums)
        return sums

    def activated(
        self, sums: Float[Tensor, "chunk batch hidden"], scale: Float[Tensor, " chunk"] | None
    ) -> Float[Tensor, "chunk batch hidden"]:
        """The hidden units; they overwrite the sums unless there is a scale."""
        if scale is None:
            return self.activate_(sums)
        self.scaled = torch.empty_like(self.rows) if self.scaled is None else self.scaled
        return self.activate_(torch.mul(sums, scale[:, None, None], out=self.scaled[: len(sums)]))


class _LaterGradients:
    """Gradients of the sums of one chunk after another, from the last, added up over later steps."""

    def __init__(self, start: Float[Tensor, "batch hidden"], chunk: int) -> None:
        self.rows = start.new_zeros(_rows(chunk) + 1, *start.shape)
        self.running_sums = running_sums(self.rows[1:], reverse=True)
        # over all steps of the chunks so far
        self.total = torch.zeros_like(start)

    def of_chunk(self, size: int) -> Float[Tensor, "chunk batch hidden"]:
        """The rows for the gradients of the chunk's own sums."""
        return self.rows[:size]

    def running_sums_of_chunk(self, size: int) -> Float[Tensor, "chunk batch hidden"]:
        """For each step of the chunk the gradients of all sums after it, which is the gradient of its own term."""
        self.rows[size] = self.total
        _add(self.running_sums)
        torch.add(self.rows[0], self.rows[1], out=self.total)
        return self.rows[1 : size + 1]
