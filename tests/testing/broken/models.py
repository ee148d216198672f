"""Classes of models with one defect each."""

from __future__ import annotations

import torch

from tensorar import AutoregressiveModel, Evidence, Order, flatten_events


class AveragesLogits(AutoregressiveModel):
    """An ensemble that averages logits instead of probabilities."""

    def log_prob(self, x, context=None, *, order=None):
        if order is not None or len(self.orders) == 1:
            return super().log_prob(x, context, order=order)
        return torch.stack([super(AveragesLogits, self).log_prob(x, context, order=o) for o in self.orders]).mean(0)


class RedrawsObservedValues(AutoregressiveModel):
    """Samples all coefficients, including observed ones."""

    def sample(self, n=None, evidence=None, **options):
        drawn = super().sample(n, evidence, **options)
        return drawn if evidence is None else super().sample(len(drawn), **options)


class SharpensSamples(AutoregressiveModel):
    """Samples at a lower temperature than the likelihood."""

    def sample(self, n=None, evidence=None, **options):
        sharper = self.backbone.register_forward_hook(lambda network, given, parameters: 1.5 * parameters)
        try:
            return super().sample(n, evidence, **options)
        finally:
            sharper.remove()


class IgnoresTheGenerator(AutoregressiveModel):
    """Samples from the global random state."""

    def sample(self, n=None, evidence=None, *, generator=None, **options):
        return super().sample(n, evidence, **options)


class OmitsTheLast(AutoregressiveModel):
    """A likelihood without the coefficient visited last."""

    def log_prob(self, x, context=None, *, order=None):
        order = order or self.order
        nats = flatten_events(self.conditionals(x, context, order=order).log_prob(x))
        return nats[:, order.visits[:-1]].sum(1)


class HidesEvidence(AutoregressiveModel):
    """Samples independently of the evidence."""

    def sample(self, n=None, evidence=None, **options):
        if evidence is None:
            return super().sample(n, **options)
        n = n or len(evidence)
        drawn = super().sample(n, **options)
        return torch.where(evidence.expand(n).mask, evidence.expand(n).value.to(drawn), drawn)


class QueriesWithoutEvidence(AutoregressiveModel):
    """Single conditionals do not depend on the evidence."""

    def query(self, evidence, query, order, context=None):
        nothing = Evidence(torch.zeros_like(evidence.mask), evidence.value)
        return super().query(nothing, query, order, context)


class ReturnsTheSum(AutoregressiveModel):
    """A likelihood of the whole batch."""

    def log_prob(self, x, context=None, *, order=None):
        return super().log_prob(x, context, order=order).sum()


class GeneratesInRasterOrder(AutoregressiveModel):
    """Generation that ignores the order."""

    def generation(self, batch, order=None, context=None):
        return super().generation(batch, Order.raster(self.event_shape), context)


class SelectsInAscendingOrder(AutoregressiveModel):
    """Generation that sorts the selected rows."""

    def generation(self, batch, order=None, context=None):
        state = super().generation(batch, order, context)
        select = state.select
        state.select = lambda rows: select(rows.sort().values)
        return state


CAUGHT = {
    GeneratesInRasterOrder: "generation_is_the_forward_pass",
    SelectsInAscendingOrder: "generation_selects_and_resets",
    ReturnsTheSum: "takes_what_it_declares",
    AveragesLogits: "sums_to_one",
    RedrawsObservedValues: "observed_values_are_kept",
    SharpensSamples: "samples_follow_the_likelihood",
    IgnoresTheGenerator: "samples_follow_the_generator",
    OmitsTheLast: "conditionals_add_up_to_log_prob",
    HidesEvidence: "completions_follow_the_likelihood",
    QueriesWithoutEvidence: "conditionals_add_up_to_log_prob",
}
