"""A correct head that is made of two."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from tensorar import Head
from tensorar.mixed import Mixed, MixedTransform, union
from tests.testing.reference.heads_integers import Tokens
from tests.testing.reference.heads_units import InUnits


@dataclass(frozen=True, kw_only=True)
class Survey(Head):
    """Three questions by turns: one of three answers, and two real numbers in the units of their questions."""

    name = "survey"
    feature_count = 4
    parameter_count = 3
    answer = Tokens(levels=3, one_hot=True)
    number = InUnits()

    @property
    def members(self):
        return (self.answer, self.__dict__.get("_number", self.number))

    @property
    def support(self):
        return union(*(member.support for member in self.members))

    def kinds(self, coefficients):
        return (coefficients % 3).clamp(max=1)

    def places(self, coefficients):
        third = coefficients // 3
        return torch.where(coefficients % 3 == 0, third, 2 * third + coefficients % 3 - 1)

    def supports(self, values, coefficients=None):
        return self.together(lambda member, some, own: member.supports(some, own), coefficients, values)

    def encode(self, value, coefficients=None):
        def padded(member, some, own):
            return F.pad(member.encode(some, own), (0, 1) if member is self.answer else (3, 0))

        return self.together(padded, coefficients, value, trailing=1)

    def used_features(self, coefficients):
        return (torch.arange(4, device=coefficients.device) == 3) == (self.kinds(coefficients) == 1)[..., None]

    def distribution(self, parameters, coefficients=None):
        pieces, index = self.pieces(coefficients)
        each = zip(pieces.kinds, pieces.take(parameters, 1), index, strict=True)
        return Mixed([self.of_kind(kind, some, own) for kind, some, own in each], pieces)

    def of_kind(self, kind, parameters, index):
        member = self.members[kind]
        return member.distribution(parameters[..., : member.parameter_count], index)

    def draw(self, parameters, noise, coefficients=None):
        draw = [lambda p, u, own, member=m: member.draw(p, u[..., : member.noise_size], own) for m in self.members]
        return self.by_member(draw, parameters, noise, coefficients)

    @property
    def noise_size(self):
        return max(member.noise_size for member in self.members)

    @property
    def draws_one_by_one(self):
        return False

    def transform(self, coefficients=None):
        if not self.data_state():
            return None
        pieces, index = self.pieces(coefficients)
        each = zip(pieces.kinds, index, strict=True)
        return MixedTransform([self.members[kind].transform(own) for kind, own in each], pieces)

    def for_data(self, train, *others):
        numbers = torch.arange(train[0].numel()) % 3 > 0
        return self.with_number(self.number.for_data(train.flatten(1)[:, numbers]))

    def data_state(self):
        return self.members[1].data_state()

    def with_data_state(self, state):
        return self.with_number(self.number.with_data_state(state))

    def with_number(self, number):
        found = replace(self)
        found.__dict__["_number"] = number
        return found

    def together(self, function, coefficients, values, trailing=0):
        pieces, index = self.pieces(coefficients)
        values = values.expand(torch.broadcast_shapes(values.shape, pieces.shape))
        each = zip(pieces.kinds, pieces.take(values), index, strict=True)
        return pieces.join([function(self.members[kind], some, own) for kind, some, own in each], trailing)
