"""Proposals: another model that sees all of the evidence draws what is unknown, and weights correct for it."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.generation import Generation
from tensorar.generation.visits import Visits
from tensorar.mixed import in_data_units
from tensorar.order import Order
from tensorar.support import support_values
from tensorar.utils.shapes import flatten_events


def check_proposal(model: Factorization, proposal: Factorization) -> None:
    """Raise ``SpecError`` for a proposal of other events, of another kind of values, or that lacks the orders."""
    if proposal.event_shape != model.event_shape:
        raise SpecError(
            expected=f"a proposal for events of shape {model.event_shape}",
            got=f"one for {proposal.event_shape}",
            remedy="use a model of the same data",
        )
    if not proposal.ordering.any_order:
        raise SpecError(
            expected="a proposal for all orders, which sees what is known first",
            got=f"one with ordering={proposal.ordering.name}",
            remedy="train it with ordering=shuffled",
        )
    for coefficient in _of_each_kind(model, proposal):
        if _values(model, coefficient) != _values(proposal, coefficient):
            described = [m.head.member(coefficient).describe_values() for m in (model, proposal)]
            raise SpecError(
                expected=f"a proposal of the same values as the model of coefficient {coefficient}: {described[0]}",
                got=described[1],
                remedy="use a model of the same data, with a similar head",
            )
    if proposal.backbone.signature.context_features != model.backbone.signature.context_features:
        raise SpecError(
            expected=f"a proposal with {model.backbone.signature.context_features} context features",
            got=str(proposal.backbone.signature.context_features),
            remedy="use a model of the same data",
        )


def _of_each_kind(model: Factorization, proposal: Factorization) -> list[int]:
    """A coefficient of each pair of kinds of coefficients."""
    coefficients = torch.arange(len(model.order))
    pairs = zip(model.head.kinds(coefficients).tolist(), proposal.head.kinds(coefficients).tolist(), strict=True)
    first: dict[tuple[int, int], int] = {}
    for coefficient, pair in enumerate(pairs):
        first.setdefault(pair, coefficient)
    return list(first.values())


def _values(model: Factorization, coefficient: int) -> tuple[float, ...] | str:
    """The data's values that have a probability: all of them, or the name of the set."""
    index, finite = torch.tensor(coefficient), support_values(model.head, coefficient)
    if finite is not None:
        values: list[float] = model.head.restore(finite, index).tolist()
        return tuple(values)
    parameters = torch.zeros(model.head.parameter_count)
    distribution = in_data_units(model.head.distribution(parameters, index), model.head.transform(index))
    support = distribution.support
    return str(getattr(support, "base_constraint", support))


class Proposal:
    """The particles of one evidence under another model, which visits what is known first, then the rest.

    ``select`` follows the resampling, ``propose`` draws the next unknown coefficient, ``observe`` takes its value.
    """

    def __init__(
        self,
        model: Factorization,
        order: Order,
        mask: Bool[Tensor, "*event"],
        value: Float[Tensor, "batch *event"],
        context: Float[Tensor, "batch context"] | None,
    ) -> None:
        """``value`` are the data's values of the evidence of each example, with the same ``mask`` for all."""
        self.model, self.dtype, batch = model, model.dtype, len(value)
        visits = Visits([order.observed_first(mask)])
        self.generation = Generation(model, batch, visits, context)
        standard = flatten_events(model.standardize(Evidence(mask.expand(value.shape), value).value))
        self.generation.prefill(visits.by_step(standard)[:, : int(mask.sum())])

    def propose(self, noise: Float[Tensor, "batch k"]) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """The data's values of the next coefficient, and the logarithm of their probability under the proposal."""
        index = self.generation.index
        parameters = self.generation.parameters().to(self.dtype)
        head = self.model.head
        standard = head.draw(parameters, noise[:, : head.noise_size], index)
        value = self.model.restore(standard, index)
        self.generation.advance(standard)
        return value, self.model.data_distribution(parameters, index).log_prob(value).double()

    def select(self, rows: Int[Tensor, " selected"]) -> None:
        """Keep these particles, repeats allowed."""
        self.generation.select(rows)
