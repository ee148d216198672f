"""Proposals: another model that sees all of the evidence draws what is unknown, and weights correct for it."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.errors import SpecError
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.generation.generation import Generation
from tensorar.generation.visits import Visits
from tensorar.order import Order
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
    if proposal.head.support.is_discrete != model.head.support.is_discrete:
        kinds = ["discrete" if m.head.support.is_discrete else "continuous" for m in (model, proposal)]
        raise SpecError(expected=f"a proposal of {kinds[0]} values", got=kinds[1], remedy="use a similar head")
    if proposal.backbone.signature.context_features != model.backbone.signature.context_features:
        raise SpecError(
            expected=f"a proposal with {model.backbone.signature.context_features} context features",
            got=str(proposal.backbone.signature.context_features),
            remedy="use a model of the same data",
        )


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
        self.model, batch = model, len(value)
        visits = Visits([order.observed_first(mask)])
        self.generation = Generation(model, batch, visits, context)
        standard = flatten_events(model.standardize(Evidence(mask.expand(value.shape), value).value))
        self.generation.prefill(visits.by_step(standard)[:, : int(mask.sum())])

    def propose(self, noise: Float[Tensor, "batch k"]) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """The data's values of the next coefficient, and the logarithm of their probability under the proposal."""
        index = self.generation.index
        parameters = self.generation.parameters().to(self.model.dtype)
        head = self.model.head
        standard = head.draw(parameters, noise[:, : head.noise_size], index)
        value = self.model.restore(standard, index)
        self.generation.advance(standard)
        return value, self.model.data_distribution(parameters, index).log_prob(value).double()

    def select(self, rows: Int[Tensor, " selected"]) -> None:
        """Keep these particles, repeats allowed."""
        self.generation.select(rows)
