"""Models of ``p(x | context)``: every backbone depends on the context, and is normalized for each one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tensorar import Evidence, ShapeError, build
from tensorar.testing import models, seeds
from tests.part_specs import backbone_specs

CONTEXT = 3


def _conditional(data, backbone, **options):
    model = data.draw(models(backbone=backbone, context_features=CONTEXT, **options))
    generator = torch.Generator().manual_seed(data.draw(seeds))
    return model, torch.randn(4, CONTEXT, dtype=torch.float64, generator=generator)


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
    """The context determines every value, so each completion reveals whose context was used."""
    model = build((6,), ordering, "bernoulli", "fvsbn", context_features=1)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(model.backbone.context.weight, 1000.0)
    generator = torch.Generator().manual_seed(0)
    context = torch.randint(2, (50, 1), generator=generator) * 2.0 - 1
    mask = torch.rand(50, 6, generator=generator) < 0.5
    samples = model.sample(evidence=Evidence(mask, torch.zeros(50, 6)), context=context)
    assert torch.equal(samples, torch.where(mask, 0.0, (context > 0).float()))


@pytest.mark.parametrize("ordering", ["raster", "shuffled", "random_orders:count=2", "adaptive"])
@pytest.mark.parametrize("known", [0, 1, 3])
@pytest.mark.parametrize(
    "call",
    [
        lambda model, x, evidence, context: model.log_prob(x, context),
        lambda model, x, evidence, context: model.log_marginal(evidence, context),
        lambda model, x, evidence, context: model.log_conditional(x, evidence.mask, context),
        lambda model, x, evidence, context: model.conditional(evidence, context),
        lambda model, x, evidence, context: model.next_coefficient(evidence, context),
        lambda model, x, evidence, context: model.visits_for(x, context, known=evidence.mask),
        lambda model, x, evidence, context: model.sample(evidence=evidence, context=context),
    ],
)
def test_a_context_is_required_whatever_is_known(ordering, known, call, without_shape_checks):
    model = build((4,), ordering, "bernoulli", "mlp:hidden=8", context_features=CONTEXT).eval()
    x = torch.zeros(1, 4)
    evidence = Evidence(torch.arange(4)[None] < known, x)
    for context in (None, torch.zeros(1, CONTEXT + 1)):
        with pytest.raises(ShapeError, match="context"):
            call(model, x, evidence, context)
