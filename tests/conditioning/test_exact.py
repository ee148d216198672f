"""Exact conditioning: likelihoods and completions against the enumerated joint distribution, for all masks."""

from __future__ import annotations

import itertools
import math
import weakref

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import AutoregressiveModel, Evidence, SamplingInfo, build
from tensorar.conditioning import enumeration
from tensorar.conditioning.ways import members_for
from tensorar.ensemble import mixture_log_prob
from tensorar.testing import joint, p_value, randomize
from tests.part_specs import backbone_specs

SHAPE = (2, 2)
MASKS = torch.tensor(list(itertools.product([False, True], repeat=4))).reshape(-1, *SHAPE)


def model_of(backbone: str, ordering: str = "raster", head: str = "bernoulli", shape=SHAPE) -> AutoregressiveModel:
    return randomize(build(shape, ordering, head, backbone), 3, spread=0.7).eval()


class Joint:
    """All events and their log-probabilities under the orders that a model mixes given a mask."""

    def __init__(self, model):
        self.model, self.by_order = model, {}
        self.values = joint(model)[0]

    def log_prob(self, mask):
        return mixture_log_prob([self._in_order(order) for order in members_for(self.model, mask)])

    def _in_order(self, order):
        if order not in self.by_order:
            self.by_order[order] = self.model.log_prob(self.values, order=order).detach()
        return self.by_order[order]


def expected_marginal(values, log_prob, mask, x):
    return log_prob[((values == x) | ~mask).flatten(1).all(1)].logsumexp(0)


@pytest.mark.parametrize(
    ("backbone", "ordering"),
    [
        *((backbone, "raster") for backbone in backbone_specs()),
        *((backbone, "flips") for backbone in ("made:hidden=8", "pixelcnn:blocks=2,channels=8")),
        *((backbone, "shuffled") for backbone in ("made:hidden=8", "mlp:hidden=8", "transformer:channels=8,layers=1")),
        ("diagonal_bilstm:channels=8,layers=1", "einops:pattern='h w -> w h'"),
    ],
)
def test_marginals_and_conditionals_are_those_of_the_joint(backbone, ordering):
    model = model_of(backbone, ordering)
    x = (torch.rand(SHAPE, generator=torch.Generator().manual_seed(1)) < 0.5).double()
    got = model.log_marginal(Evidence(MASKS, x.expand(MASKS.shape)))
    given = model.log_conditional(x.expand(MASKS.shape), MASKS)
    assert got.exact.all() and given.exact.all() and (got.standard_error == 0).all()
    joint_of = Joint(model)
    for k, mask in enumerate(MASKS):
        values, log_prob = joint_of.values, joint_of.log_prob(mask)
        expected = expected_marginal(values, log_prob, mask, x)
        assert float(got.value[k]) == pytest.approx(float(expected), abs=1e-9)
        whole = log_prob[(values == x).flatten(1).all(1)][0]
        assert float(given.value[k]) == pytest.approx(float(whole - expected), abs=1e-9)


@pytest.mark.parametrize("ordering", ["raster", "flips", "shuffled"])
@pytest.mark.parametrize("backbone", ["made:hidden=8", "mlp:hidden=8"])
def test_completions_follow_the_joint(backbone, ordering):
    model = model_of(backbone, ordering)
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).double()
    joint_of = Joint(model)
    for mask in MASKS[1::3]:
        info = SamplingInfo()
        drawn = model.sample(2000, Evidence(mask[None], x[None]), generator=torch.Generator().manual_seed(0), info=info)
        assert info.conditioning.way == ("exact" if mask.any() else "")
        values, log_prob = joint_of.values, joint_of.log_prob(mask)
        agrees = ((values == x) | ~mask).flatten(1).all(1)
        counts = torch.stack([(drawn == value).flatten(1).all(1).sum() for value in values[agrees]])
        assert counts.sum() == len(drawn)
        assert p_value(counts, log_prob[agrees].softmax(0)) > 1e-4, mask


@given(st.integers(0, 2**16), st.sampled_from(["categorical:levels=3", "logistic_mixture:levels=3,components=2"]))
def test_marginals_of_one_mask_sum_to_one(seed, head):
    model = randomize(build((3,), "raster", head, "fvsbn"), seed).eval()
    mask = torch.rand(3, generator=torch.Generator().manual_seed(seed)) < 0.5
    values = torch.cartesian_prod(*[torch.arange(3.0)] * 3).double()
    known = torch.where(mask, values, 0.0).unique(dim=0)
    total = model.log_marginal(Evidence(mask.expand(known.shape), known)).value.logsumexp(0)
    assert float(total) == pytest.approx(0.0, abs=1e-9)


def test_the_completions_of_many_events_are_not_held_at_once(monkeypatch):
    model, alive = model_of("fvsbn"), []
    completions = enumeration._completions

    def counted(*arguments):
        events, log_prob = completions(*arguments)
        alive.append(weakref.ref(events))
        # those of the event before are replaced by these
        assert sum(one() is not None for one in alive) <= 2
        return events, log_prob

    monkeypatch.setattr(enumeration, "_completions", counted)
    values = joint(model)[0]
    model.sample(evidence=Evidence(torch.tensor([[False, True], [True, True]]).expand(values.shape), values))
    assert len(alive) == 8


def test_the_second_of_two_equal_bits_determines_the_first():
    model = build((2,), "raster", "bernoulli", "fvsbn").double().eval()
    equal_bits(model)
    for value in (0.0, 1.0):
        x = torch.tensor([[0.0, value]]).double()
        drawn = model.sample(500, Evidence(torch.tensor([[False, True]]), x))
        assert (drawn[:, 0] == value).all()


def equal_bits(model):
    """Make the second bit equal to the first, a fair one, whatever the names of the weights."""
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=40)
    equal = x[:, 0] == x[:, 1]

    def closure():
        optimizer.zero_grad()
        loss = -model.log_prob(x)[equal].mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert float(model.log_prob(x).detach()[equal].exp().sum()) > 0.999


def test_contexts_and_units_enter(monkeypatch):
    monkeypatch.setattr("tensorar.conditioning.ways.MAX_COMPLETIONS", 30)
    head = "categorical:values='-5 0 7'"
    model = randomize(build((3,), "raster", head, "made:hidden=8", context_features=2), 0).eval()
    context, values = torch.randn(1, 2).double(), torch.tensor([-5.0, 0.0, 7.0]).double()
    events = torch.cartesian_prod(values, values, values)
    log_prob = model.log_prob(events, context.expand(27, -1)).detach()
    mask = torch.tensor([False, True, True])
    got = model.log_marginal(Evidence(mask[None], events[5:6]), context)
    agrees = (events[:, 1:] == events[5, 1:]).all(1)
    assert float(got.value[0]) == pytest.approx(float(log_prob[agrees].logsumexp(0)), abs=1e-9)
    drawn = model.sample(300, Evidence(mask[None], events[5:6]), context=context)
    assert (drawn[:, 1:] == events[5, 1:]).all()
    counts = (drawn[:, :1] == values).sum(0)
    assert counts.sum() == 300 and p_value(counts, log_prob[agrees].softmax(0)) > 1e-4


def test_densities_are_in_the_datas_units():
    x = 1e6 + 500 * torch.randn(200, 2, dtype=torch.float64)
    model = build((2,), "raster", "gaussian", "fvsbn", data=x).double().eval()
    mask = torch.tensor([True, False])
    got = model.log_marginal(Evidence(mask.expand(200, 2), x))
    assert got.exact.all()
    conditional = model.conditionals(x).log_prob(x)
    torch.testing.assert_close(got.value, conditional[:, 0].detach(), rtol=0, atol=1e-9)
    rest = model.log_conditional(x, mask).value
    torch.testing.assert_close(rest, conditional[:, 1].detach(), rtol=0, atol=1e-9)
    assert float(got.value.mean()) < -math.log(500)
