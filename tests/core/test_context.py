"""Models of ``p(x | context)``: every backbone listens to the context, and stays a distribution for each."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tensorar import Evidence, build
from tests.oracles import joint, parameters_of
from tests.strategies import backbone_specs, events_of, models, seeds

CONTEXT = 3


def _conditional(data, backbone, **options):
    model = data.draw(models(backbone=backbone, context_features=CONTEXT, **options))
    generator = torch.Generator().manual_seed(data.draw(seeds))
    return model, torch.randn(4, CONTEXT, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_probabilities_sum_to_one_for_each_context(backbone, data):
    model, contexts = _conditional(data, backbone)
    for context in contexts[:2]:
        _, probability = joint(model, context)
        torch.testing.assert_close(probability.sum(), torch.ones(()).double(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_each_example_depends_on_its_own_context_and_no_other(backbone, data):
    model, contexts = _conditional(data, backbone)
    x = events_of(model, 1, data.draw(seeds)).expand(4, *model.event_shape)
    together = model.log_prob(x, contexts)
    assert len(set(together.tolist())) > 1
    for i in range(4):
        torch.testing.assert_close(model.log_prob(x[i : i + 1], contexts[i : i + 1])[0], together[i])


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_the_rule_holds_with_a_context(backbone, data):
    model, contexts = _conditional(data, backbone, max_coefficients=12)
    x, other = (events_of(model, 4, data.draw(seeds)) for _ in range(2))
    step = data.draw(st.integers(0, len(model.order) - 1))
    changed = torch.where(model.order.before(step), x, other)
    until = model.order.visits[: step + 1]
    torch.testing.assert_close(
        parameters_of(model, changed, contexts)[:, until], parameters_of(model, x, contexts)[:, until]
    )


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_one_conditional_at_a_time_sees_the_same_context(backbone, data):
    model, contexts = _conditional(data, backbone)
    x = events_of(model, 4, data.draw(seeds))
    total = torch.zeros(4, dtype=torch.float64)
    for t, coefficient in enumerate(model.order.visits):
        posterior = model.conditional(model.order.evidence(x, t), contexts)
        total = total + posterior.log_prob(x.reshape(4, -1)[:, coefficient])
    torch.testing.assert_close(total, model.log_prob(x, contexts))


@pytest.mark.parametrize("backbone", backbone_specs())
@given(data=st.data())
def test_samples_follow_the_context_of_their_example(backbone, data):
    """With weights that overrule everything else, the context decides the sample: half of the batch on each side."""
    model, _ = _conditional(data, backbone)
    contexts = torch.randn(2, CONTEXT, dtype=torch.float64).repeat_interleave(200, 0)
    generator = torch.Generator().manual_seed(0)
    mask = torch.zeros(400, *model.event_shape, dtype=torch.bool)
    samples = model.sample(evidence=Evidence(mask, mask.double()), context=contexts, generator=generator)
    first = samples.reshape(400, -1)[:, model.order.visits[0]]
    expected = model.conditionals(torch.zeros_like(samples), contexts).mean.reshape(400, -1)[:, model.order.visits[0]]
    for half in (slice(0, 200), slice(200, 400)):
        # five standard deviations of the mean of 200 coins
        assert abs(first[half].mean() - expected[half].mean()) < 5 * 0.5 / 200**0.5


@pytest.mark.parametrize("ordering", ["raster", "shuffled"])
def test_completions_of_different_masks_follow_the_context_of_their_example(ordering):
    """A context that leaves no choice: whatever is observed where, what is drawn tells whose context was seen."""
    model = build((6,), ordering, "bernoulli", "fvsbn", context_features=1)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(model.backbone.context.weight, 1000.0)
    generator = torch.Generator().manual_seed(0)
    context = torch.randint(2, (50, 1), generator=generator) * 2.0 - 1
    mask = torch.rand(50, 6, generator=generator) < 0.5
    samples = model.sample(evidence=Evidence(mask, torch.zeros(50, 6)), context=context)
    assert torch.equal(samples, torch.where(mask, 0.0, (context > 0).float()))
