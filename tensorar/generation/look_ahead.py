"""Several coefficients by one pass of the network: guesses with the same noise, kept as far as they are right."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.generation.choosers import Choose
from tensorar.generation.generation import Generation

# of a pass: a CPU waits for the weights of fewer steps, and computes longer for more
MAX_STEPS = 32
# values that a pass has to give: it takes about as long as so many single steps
WORTHWHILE = 3.0
Values = Float[Tensor, "batch steps"]
Parameters = Float[Tensor, "batch steps parameters"]
# the values of some steps, and the parameters that they were drawn from
Drawn = tuple[Sequence[Float[Tensor, " batch"]], Sequence[Float[Tensor, "batch parameters"]]]


class Draws:
    """Draws the next coefficients of a generation, in calls of at least one; ``noise`` is by step, ``(batch, k)``.

    With the noise fixed a value is a function of its parameters. So where a stepper looks ahead, the next values are
    guessed from the parameters of the last pass and their own noise, and one pass computes the parameters of all of
    them as if the guesses were right. The values drawn from these are those of one step after the other, up to and
    including the first that differs from its guess; the rest are the next guesses. Where passes give too few values,
    steps are single, and guessed all the same, until guesses are right again. It is the exact sampling of Song et al.
    2020 (arXiv:2002.03629) and of Wiggers and Hoogeboom 2020 (arXiv:2002.09928), in a window.
    """

    def __init__(
        self, generation: Generation, choose: Choose, noise: Sequence[Tensor], *, look_ahead: bool = True
    ) -> None:
        self.generation, self.choose, self.noise = generation, choose, noise
        # found once: a model looks through its parts for it
        self.dtype = generation.model.dtype
        self.looks_ahead = look_ahead and _worth_while(generation)
        # how many values a pass gives: a moving average
        self.gain = WORTHWHILE
        self.guesses, self.last = torch.empty(generation.batch, 0), torch.empty(0)

    def __call__(self) -> Drawn:
        """The next values, which are taken in."""
        if not self.looks_ahead or not len(self.last):
            return self._one()
        if self.gain >= WORTHWHILE:
            values, parameters = self._several(self._guesses(MAX_STEPS))
            gain: float = len(values)
        else:
            guess = self._guesses(1)[:, 0]
            values, parameters = self._one()
            # a right guess says that there would have been more
            gain = self.gain + 2 if torch.equal(values[0], guess) else 1
        self.gain = (self.gain + gain) / 2
        return values, parameters

    def _one(self) -> Drawn:
        """One step."""
        generation, t = self.generation, self.generation.position
        parameters = generation.parameters().to(self.dtype)
        value = self.choose(parameters, self.noise[t], generation.index)
        generation.advance(value)
        if self.looks_ahead:
            self.guesses, self.last = value.new_empty(len(value), 0), parameters
        return (value,), (parameters,)

    def _several(self, guesses: Float[Tensor, "batch guesses"]) -> Drawn:
        """One pass, and the values up to the first that was guessed wrong."""
        parameters = self.generation.ahead(guesses[:, :-1]).to(self.dtype)
        values = self._drawn(parameters, self.generation.position)
        right = (values == guesses)[:, :-1].all(0).long().cumprod(0)
        count = 1 + int(right.sum())
        self.generation.keep(values[:, :count])
        self.guesses, self.last = values[:, count:], parameters[:, -1]
        return values[:, :count].unbind(1), parameters[:, :count].unbind(1)

    def _guesses(self, most: int) -> Values:
        """Of the next values: what was drawn with wrong guesses before them, then by the parameters of the last one."""
        size = min(most, len(self.generation) - self.generation.position)
        known = self.guesses[:, :size]
        if known.shape[1] == size:
            return known
        parameters = self.last.unsqueeze(1).expand(-1, size - known.shape[1], -1)
        return torch.cat([known, self._drawn(parameters, self.generation.position + known.shape[1])], 1)

    def _drawn(self, parameters: Parameters, first: int) -> Values:
        """The values of several steps from ``first`` on, by their own noise."""
        steps = slice(first, first + parameters.shape[1])
        noise = torch.stack(tuple(self.noise[steps]), 1)
        return self.choose(parameters, noise, self.generation.visits.table[..., steps])


def _worth_while(generation: Generation) -> bool:
    """Whether several steps in one pass are faster than one after the other, and guesses may be right."""
    head, one_order = generation.model.head, generation.visits.members is None
    discrete = all(member.support.is_discrete for member in head.members) and not head.draws_one_by_one
    return generation.stepper.looks_ahead and one_order and discrete and generation.model.device.type == "cpu"
