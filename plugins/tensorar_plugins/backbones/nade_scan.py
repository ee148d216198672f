"""NADE's hidden units for all coefficients: chunk by chunk, and computed again for the gradient."""

from __future__ import annotations

from itertools import repeat

import torch
from torch.autograd.function import once_differentiable


def nade_scan(features, weight, start, readout, scale=None, *, activation="sigmoid", chunk=16):
    """``out[t] = readout[t] act(scale[t] (start + sum_{s < t} weight[s]^T features[s]))`` for all steps ``t``.

    Shapes: features ``(N, F, B)``, weight ``(N, F, H)``, start ``(B, H)``, readout ``(N, P, H)``, scale ``(N)``, out
    ``(N, P, B)``, with ``N`` in visiting order. Hidden units are there for ``chunk`` coefficients at a time, in the
    backward pass too: kept for it are only the sums before each chunk, ``N / chunk`` times ``B H`` numbers.
    """
    return _Scan.apply(features, weight, start, readout, scale, activation, chunk)


def running_sums(rows, *, back=False):
    """Pairs of views ``(to, what)``: added in turn, they make each of ``2 ** k`` rows the sum of all up to it.

    There are ``k`` of them, each of which changes half of the rows; ``back``: the sum of itself and all after it.

    >>> rows = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    >>> for to, what in running_sums(rows):
    ...     _ = to.add_(what)
    >>> rows.flatten()
    tensor([ 1.,  3.,  6., 10.])
    """
    pairs, size = [], 1
    while size < len(rows):
        halves = rows.unflatten(0, (-1, 2 * size))
        low, high = halves[:, :size], halves[:, size:]
        pairs.append((low, high[:, :1]) if back else (high, low[:, -1:]))
        size *= 2
    return pairs


def _add(pairs):
    for to, what in pairs:
        to.add_(what)


def _sigmoid_backward_(slope, hidden):
    return torch.ops.aten.sigmoid_backward.grad_input(slope, hidden, grad_input=slope)


def _relu_backward_(slope, hidden):
    return torch.ops.aten.threshold_backward.grad_input(slope, hidden, 0, grad_input=slope)


# in place; and in place, from the slope by the output and the output, the slope by the input
ACTIVATIONS = {"sigmoid": (torch.sigmoid_, _sigmoid_backward_), "relu": (torch.relu_, _relu_backward_)}


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, weight, start, readout, scale, activation, chunk):
        ctx.activation, ctx.chunk = activation, min(chunk, len(features))
        out = features.new_empty(len(features), readout.shape[1], len(start))
        starts = start.new_empty(-(-len(features) // ctx.chunk) + 1, *start.shape)
        starts[0] = start
        units = _Units(start, ctx)
        parts = _chunks(ctx.chunk, features, weight, readout, scale, out, each=(starts, starts[1:]))
        for x, w, v, s, answer, before, after in parts:
            sums = units.sums(x, w, before)
            # out= keeps autocast from rounding what later chunks add to
            torch.addmm(sums[-1], x[-1].T, w[-1], out=after)
            torch.bmm(v, units.activated(sums, s).mT, out=answer)
        ctx.save_for_backward(features, weight, readout, scale, starts)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        *inputs, starts = ctx.saved_tensors
        slopes = [torch.empty_like(t) if t is not None else None for t in inputs]
        if not ctx.needs_input_grad[0]:
            slopes[0] = None
        units, later = _Units(starts[0], ctx), _Later(starts[0], ctx.chunk)
        parts = list(_chunks(ctx.chunk, *inputs, slope, *slopes, each=(starts,)))
        for x, w, v, s, by_out, by_x, by_w, by_v, by_s, before in reversed(parts):
            sums = units.sums(x, w, before)
            hidden = units.activated(sums, s)
            torch.bmm(by_out, hidden, out=by_v)
            by_units = units.backward(_product(by_out.mT, v, out=later.of_chunk(len(x))), hidden)
            _back_through_scale_(by_units, sums, s, by_s)
            asked = later.sums(len(x))
            torch.bmm(x, asked, out=by_w)
            if by_x is not None:
                torch.bmm(w, asked.mT, out=by_x)
        return slopes[0], slopes[1], later.rest, slopes[2], slopes[3], None, None


def _chunks(size, *tensors, each=()):
    """Chunk by chunk what belongs together: parts of the tensors (None of None), and one row of ``each``."""
    parts = [repeat(None) if t is None else t.split(size) for t in tensors]
    return zip(*parts, *each, strict=False)


def _product(left, right, out):
    """``left @ right`` for each of ``(C, B, K)`` and ``(C, K, H)``; an outer product is faster as a broadcast one."""
    return torch.mul(left, right, out=out) if left.shape[-1] == 1 else torch.bmm(left, right, out=out)


def _back_through_scale_(slope, sums, scale, by_scale):
    """Make the slope by ``scale * sums`` that by the sums, and write down that by the scale."""
    if scale is not None:
        torch.sum(slope * sums, (1, 2), out=by_scale)
        slope.mul_(scale[:, None, None])


def _rows(chunk):
    return 1 << (chunk - 1).bit_length()


class _Units:
    """The hidden units of one chunk after another, in the same memory."""

    def __init__(self, start, ctx):
        self.activate_, self.backward = ACTIVATIONS[ctx.activation]
        self.rows = start.new_zeros(_rows(ctx.chunk), *start.shape)
        self.running_sums = running_sums(self.rows)
        self.scaled = None

    def sums(self, x, w, before):
        """``(C, B, H)``: what each coefficient of the chunk finds summed of all before it."""
        sums = self.rows[: len(x)]
        sums[0] = before
        _product(x[:-1].mT, w[:-1], out=sums[1:])
        _add(self.running_sums)
        return sums

    def activated(self, sums, scale):
        """The hidden units; in place of the sums where nothing scales them."""
        if scale is None:
            return self.activate_(sums)
        self.scaled = torch.empty_like(self.rows) if self.scaled is None else self.scaled
        return self.activate_(torch.mul(sums, scale[:, None, None], out=self.scaled[: len(sums)]))


class _Later:
    """Slopes by the sums of one chunk after another, from the last: what later coefficients ask of earlier ones."""

    def __init__(self, start, chunk):
        self.rows = start.new_zeros(_rows(chunk) + 1, *start.shape)
        self.running_sums = running_sums(self.rows[1:], back=True)
        self.rest = torch.zeros_like(start)

    def of_chunk(self, size):
        """Room for the slopes by the chunk's own sums."""
        return self.rows[:size]

    def sums(self, size):
        """``(C, B, H)``: for each coefficient of the chunk the slopes of all after it; then ``rest`` has all so far."""
        self.rows[size] = self.rest
        _add(self.running_sums)
        torch.add(self.rows[0], self.rows[1], out=self.rest)
        return self.rows[1 : size + 1]
