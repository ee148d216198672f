"""Backbones that are wrong when several orders can occur, or when one is used that they were not built for."""

from __future__ import annotations

from tensorar import ShapeError
from tests.testing.reference import Dense, Lines, LinesStepper


class FirstOfSeveral(Dense):
    """Uses the first of the orders that it was built for."""

    def forward(self, features, order, context=None):
        orders = self.signature.orders
        return super().forward(features, orders[0] if len(orders) > 1 else order, context)


class BuiltForOneOrder(Lines):
    """Keeps the mask of the only order that it was built for, and takes every order."""

    def mask(self, order):
        return super().mask(self.signature.order or order)

    def stepper(self, order, batch, context=None):
        return None


class AssertsItsOrder(Lines):
    """Refuses other orders than its own with an assertion."""

    def mask(self, order):
        assert self.signature.order in (None, order), "another order"
        return super().mask(order)


class StepsInItsOwnOrder(Lines):
    """A stepper that follows the order that the network was built for."""

    def stepper(self, order, batch, context=None):
        return super().stepper(next(iter(self.signature.orders), order), batch, context)


class RefusesInTheForwardPassOnly(Lines):
    """Refuses other orders than its own, except in the stepper, which takes its own instead."""

    def forward(self, features, order, context=None):
        if self.signature.order not in (None, order):
            raise ShapeError(expected="the order of the signature", got="another", remedy="build it anew")
        return super().forward(features, order, context)

    def stepper(self, order, batch, context=None):
        return super().stepper(self.signature.order or order, batch, context)


class KeyedByItsStart(Lines):
    """Keeps a mask per start of the order, which two orders can share."""

    def __init__(self, signature):
        super().__init__(signature)
        self.masks = {}

    def mask(self, order):
        return self.masks.setdefault(tuple(order.visits[:16].tolist()), super().mask(order))

    def stepper(self, order, batch, context=None):
        return None


class SharesSumsBetweenOrders(Lines):
    """The first steppers in all orders share their sums, and so do the second ones."""

    def stepper(self, order, batch, context=None):
        if not hasattr(self, "sums"):
            self.sums, self.counts = {}, {}
        self.counts[order] = self.counts.get(order, 0) + 1
        return _Shared(self, order, batch, context)


class _Shared(LinesStepper):
    def begin(self):
        super().begin()
        key = self.backbone.counts[self.order], self.batch
        self.sums = self.backbone.sums.setdefault(key, self.sums).copy_(self.sums)


class RandomOrdersByBuckets(Dense):
    """Puts the ranks of a varying order into 32 buckets."""

    def forward(self, features, order, context=None):
        if self.signature.orders or len(order) <= 32:
            return super().forward(features, order, context)
        rank = order.rank.flatten() * 32 // len(order)
        first = (self.first * self.into_hidden(rank)[:, :, None]).flatten(1)
        hidden = features.flatten(1) @ first.T
        last = self.last * (self.degrees < rank[:, None] + 2)[:, None, :]
        out = self.add_context(hidden.tanh() @ last.flatten(0, 1).T + self.bias.flatten(), context)
        return out.reshape(-1, *self.signature.event_shape, self.signature.parameter_count)


CAUGHT = {
    FirstOfSeveral: "right_in_several_orders",
    StepsInItsOwnOrder: "right_in_several_orders",
    SharesSumsBetweenOrders: "right_in_several_orders",
    BuiltForOneOrder: "another_order_is_right_or_refused",
    AssertsItsOrder: "another_order_is_right_or_refused",
    RefusesInTheForwardPassOnly: "another_order_is_right_or_refused",
    KeyedByItsStart: "right_in_several_orders",
    RandomOrdersByBuckets: "no_leak_in_large_events",
}
