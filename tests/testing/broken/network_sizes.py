"""Backbones and steppers that are wrong for large events or large batches."""

from __future__ import annotations

import torch

from tensorar import CachedStepper
from tests.testing.reference import Dense, Lines, LinesStepper, Masks


class RanksInOneByte(Lines):
    """Compares ranks as signed bytes, which wrap around at 128."""

    def mask(self, order):
        rank = order.rank.flatten().to(torch.int8)
        return rank[None, :] < rank[:, None]


class MasksInBlocks(Lines):
    """Masks blocks of 16 coefficients, the first one correctly, each later one as a whole."""

    def mask(self, order):
        rank = order.rank.flatten()
        within = (rank[:, None] // 16 == rank[None, :] // 16) & (rank[:, None] >= 16)
        return super().mask(order) | (within & (rank[:, None] != rank[None, :]))


class ForgetsBeyond32(Lines):
    """Depends on the last 32 coefficients only."""

    def mask(self, order):
        rank = order.rank.flatten()
        return super().mask(order) & (rank[:, None] - rank[None, :] <= 32)

    def stepper(self, order, batch, context=None):
        return None


class SumsAllAtLength40(Lines):
    """Adds the sum of all features to events of 32 coefficients or more."""

    def forward(self, features, order, context=None):
        out = super().forward(features, order, context)
        total = features.flatten(1).sum(1).reshape(-1, *[1] * (features.ndim - 1))
        return out + total if len(order) >= 32 else out

    def stepper(self, order, batch, context=None):
        return None


class KeepsThe16Last(Lines):
    """A stepper with a ring of the last 16 features."""

    def stepper(self, order, batch, context=None):
        return _Ring(self, order, batch, context)


class _Ring(CachedStepper):
    def begin(self):
        shape = (self.batch, 16, self.backbone.weight.shape[-1])
        self.ring = self.backbone.weight.new_zeros(shape)

    def advance(self, features, t):
        network, visits = self.backbone, self.order.visits
        if features is not None:
            self.ring[:, (t - 1) % 16] = features
        recent = range(max(0, t - 16), t)
        out = network.start(self.batch, self.context)[:, visits[t]].clone()
        for s in recent:
            out += self.ring[:, s % 16] @ network.weight[visits[t], :, visits[s]].T
        return out

    def state(self):
        return {"ring": self.ring}


class StepsInTurnsOf32(Lines):
    """A stepper whose index of the last coefficient wraps around after 32 steps."""

    def stepper(self, order, batch, context=None):
        return _Wrapping(self, order, batch, context)


class _Wrapping(LinesStepper):
    def add(self, features, step):
        super().add(features, step % 32)


class ChunksOf64(Dense):
    """Computes large batches in chunks of 64, each with the contexts of the first chunk."""

    def forward(self, features, order, context=None):
        whole = super().forward
        return torch.cat(
            [whole(chunk, order, None if context is None else context[: len(chunk)]) for chunk in features.split(64)]
        )


class CentersLargeBatches(Dense):
    """Centers hidden units over the batch if it has more than 64 examples."""

    def hidden(self, x):
        return (x - x.mean(0)).tanh() if len(x) > 64 else x.tanh()


class SharesSumsOfLargeBatches(Lines):
    """A stepper that keeps 64 sums, so that later examples share them."""

    def stepper(self, order, batch, context=None):
        return _Sixtyfour(self, order, batch, context)


class _Sixtyfour(LinesStepper):
    def add(self, features, step):
        super().add(torch.cat([features[:64], features[: max(0, len(features) - 64)]]), step)


class AnswersEightQueries(Masks):
    """Returns the result of the eighth query for all after it."""

    def queried(self, everything, query):
        return super().queried(everything, torch.cat([query[:, :8], query[:, 7:8].expand_as(query[:, 8:])], dim=1))


class MarksQueriesAsKnown(Masks):
    """Adds a feature that tells queried coefficients apart if more than half of all are queried."""

    def forward(self, features, mask, query, context=None):
        out = super().forward(features, mask, query, context)
        return out + 0.1 * query.shape[1] if query.shape[1] > mask[0].numel() / 2 > 4 else out


CAUGHT = {
    RanksInOneByte: "no_leak_in_large_events",
    MasksInBlocks: "no_leak_in_large_events",
    ForgetsBeyond32: "sees_its_past",
    SumsAllAtLength40: "no_leak_in_large_events",
    KeepsThe16Last: "stepper_is_the_forward_pass_in_large_events",
    StepsInTurnsOf32: "stepper_is_the_forward_pass_in_large_events",
    ChunksOf64: "same_in_a_large_batch",
    CentersLargeBatches: "same_in_a_large_batch",
    SharesSumsOfLargeBatches: "stepper_is_the_forward_pass_in_a_large_batch",
    AnswersEightQueries: "all_queries_are_independent",
    MarksQueriesAsKnown: "all_queries_are_independent",
}
