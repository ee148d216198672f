"""A block of events as one stream of symbols: the loop that the writer and the reader have in common."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int, Int64, Shaped
from torch import Tensor
from torch.distributions import Distribution

from tensorar.coding.alphabets import alphabet_of
from tensorar.coding.streams import SymbolStream
from tensorar.generation.generation import Generation, visits_of
from tensorar.model import AutoregressiveModel
from tensorar.utils.shapes import flatten_events

Progress = Callable[[int, int], None]
# of a step and the parameters of its coefficient in each event, their values as the network takes them
CodeStep = Callable[[int, Tensor], Tensor]


class BlockCoder:
    """Codes blocks of at most ``batch`` events of a model, each as a batch of exactly that size.

    The conditionals come from the stepper, one coefficient at a time, whether the values are known or not: those of one
    pass over complete events differ in the last bits, and one of these is enough to lose the rest of a block. Tables
    of probabilities are computed from the head's parameters in float64, on the CPU.

    Raises ``SpecError`` for a head that cannot be coded.
    """

    def __init__(self, model: AutoregressiveModel, batch: int, on_step: Callable[[], None]) -> None:
        self.model, self.batch, self.on_step = model, batch, on_step
        coefficients = torch.arange(len(model.order))
        self._kinds = model.head.kinds(coefficients)
        self._places, used = model.head.places(coefficients), set(self._kinds.tolist())
        self._alphabets = {kind: alphabet_of(member) for kind, member in enumerate(model.head.members) if kind in used}
        self._rows = min(alphabet.rows for alphabet in self._alphabets.values())

    def code(
        self,
        stream: SymbolStream,
        count: int,
        context: Float[Tensor, "count context"] | None,
        known: Bool[Tensor, "count n"] | None,
        values: Float[Tensor, "count n"] | None,
    ) -> Float[Tensor, "count n"]:
        """Write ``count`` events of standard ``values``, or read them if these are None; returns them.

        What is not ``known`` (None: all is) has no symbol: its likeliest value, given those before it, stands for it.
        """
        padded = None if context is None else self._padded(context)
        generation = Generation(self.model, self.batch, visits_of(self.model, self.batch, None), padded)
        one_order = generation.visits.members is None and not self.model.ordering.adaptive
        if one_order and known is None and count <= self._rows:
            code_step = self._coder_of_one_order(stream, values)
        else:
            code_step = self._coder_of_groups(stream, generation, count, known, values)
        for t in range(len(generation)):
            parameters = generation.parameters().to("cpu", torch.float64)
            parameters = parameters if count == self.batch else parameters[:count]
            generation.advance(self._padded(code_step(t, parameters)))
            self.on_step()
        return flatten_events(generation.standard_evidence().value)[:count].cpu()

    def _coder_of_one_order(self, stream: SymbolStream, values: Float[Tensor, "count n"] | None) -> CodeStep:
        """Codes a coefficient that is the same in all events."""
        # what is asked for here would be asked for at every step, at a cost that small networks do not have
        device, dtype, visits = self.model.device, self.model.dtype, self.model.order.visits.cpu()
        kinds, places = self._kinds[visits].tolist(), self._places[visits].unbind()

        def read(t: int, parameters: Float64[Tensor, "count parameters"]) -> Float[Tensor, " count"]:
            return torch.from_numpy(self._code_some(stream, kinds[t], parameters, places[t], None)).to(device, dtype)

        if values is None:
            return read
        by_step = values[:, visits].T.contiguous()
        numbers, given = list(by_step.long().numpy()), by_step.to(device, dtype).unbind()

        def write(t: int, parameters: Float64[Tensor, "count parameters"]) -> Float[Tensor, " count"]:
            self._code_some(stream, kinds[t], parameters, places[t], numbers[t])
            return given[t]

        return write

    def _coder_of_groups(
        self,
        stream: SymbolStream,
        generation: Generation,
        count: int,
        known: Bool[Tensor, "count n"] | None,
        values: Float[Tensor, "count n"] | None,
    ) -> CodeStep:
        """Codes a coefficient that may differ between events in its kind, and in whether it is known."""
        device, dtype, numbers = self.model.device, self.model.dtype, None if values is None else values.long()

        def code_step(t: int, parameters: Float64[Tensor, "count parameters"]) -> Float[Tensor, " count"]:
            index = generation.index.cpu()
            coded = self._code_groups(stream, parameters, index[:count] if index.ndim else index, known, numbers)
            return torch.from_numpy(coded).to(device, dtype)

        return code_step

    def _padded(self, rows: Float[Tensor, "count *rest"]) -> Float[Tensor, "batch *rest"]:
        """Rows that are filled up to a batch with copies of the first."""
        missing = self.batch - rows.shape[0]
        return rows if not missing else torch.cat([rows, rows[:1].expand(missing, *rows.shape[1:])])

    def _code_some(
        self,
        stream: SymbolStream,
        kind: int,
        parameters: Float64[Tensor, "some parameters"],
        places: Int[Tensor, "..."],
        values: Int64[np.ndarray, " some"] | None,
    ) -> Int[np.ndarray, " some"]:
        """The values of coefficients of one kind."""
        return self._alphabets[kind].code(stream, self._distribution(kind, parameters, places), values)

    def _distribution(self, kind: int, parameters: Tensor, places: Tensor) -> Distribution:
        member = self.model.head.members[kind]
        own = parameters if parameters.shape[1] == member.parameter_count else parameters[:, : member.parameter_count]
        return member.distribution(self._alphabets[kind].laid_out(own), places)

    def _code_groups(
        self,
        stream: SymbolStream,
        parameters: Float64[Tensor, "count parameters"],
        index: Int[Tensor, "..."],
        known: Bool[Tensor, "count n"] | None,
        values: Int64[Tensor, "count n"] | None,
    ) -> Int64[np.ndarray, " count"]:
        """The values of a coefficient of each example, by its kind, by whether it is known, and as tables fit."""
        coded, index = np.empty(len(parameters), np.int64), index.expand(len(parameters))
        has_symbol = torch.ones_like(index, dtype=torch.bool) if known is None else _at(known, index)
        kinds, places, given = self._kinds[index], self._places[index], None if values is None else _at(values, index)
        for kind, alphabet in self._alphabets.items():
            for rows in _chunks((kinds == kind) & has_symbol, alphabet.rows):
                own = None if given is None else given[rows].numpy()
                coded[rows.numpy()] = self._code_some(stream, kind, parameters[rows], places[rows], own)
            for rows in _chunks((kinds == kind) & ~has_symbol, alphabet.rows):
                coded[rows.numpy()] = alphabet.likeliest(self._distribution(kind, parameters[rows], places[rows]))
        return coded


def _chunks(mask: Bool[Tensor, " count"], size: int) -> list[Int[Tensor, " some"]]:
    """The examples of a mask, at most ``size`` at once."""
    rows = mask.nonzero()[:, 0]
    return list(rows.split(size)) if len(rows) else []


def _at(by_coefficient: Shaped[Tensor, "count n"], index: Int[Tensor, " count"]) -> Shaped[Tensor, " count"]:
    """A coefficient of each example."""
    return by_coefficient.gather(1, index.unsqueeze(1))[:, 0]


def block_coder(model: AutoregressiveModel, batch: int, events: int, progress: Progress | None) -> BlockCoder:
    """A coder of blocks that reports the steps done of those of so many events."""
    total, done = len(model.order) * -(-events // batch), 0

    def count() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return BlockCoder(model, batch, count)
