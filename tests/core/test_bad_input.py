"""Invalid input gives a one-line error: expected, got, remedy."""

from __future__ import annotations

import pytest
import torch

from tensorar import Evidence, Head, Order, ShapeError, SpecError, SupportError, TensorarError, build
from tests.part_specs import backbone_specs

pytestmark = pytest.mark.usefixtures("without_shape_checks")

SHAPE = (2, 3)


@pytest.fixture(scope="module", params=backbone_specs())
def model(request):
    return build(SHAPE, "raster", "bernoulli", request.param)


@pytest.fixture(scope="module", params=backbone_specs())
def contextual(request):
    return build(SHAPE, "raster", "bernoulli", request.param, context_features=4)


def _refused(kind, call, *, match=None):
    with pytest.raises(TensorarError, match=match) as error:
        call()
    assert type(error.value) is kind
    assert "\n" not in str(error.value)
    assert str(error.value) == f"expected {error.value.expected}, got {error.value.got}; {error.value.remedy}"


WRONG_SHAPES = [(), (3,), (2, 3), (5, 3, 2), (5, 2, 4), (5, 6), (5, 1, 2, 3)]


@pytest.mark.parametrize("shape", WRONG_SHAPES)
def test_events_of_another_shape(model, shape):
    x = torch.zeros(shape)
    for call in (model.log_prob, model.loss, model.conditionals, model):
        _refused(ShapeError, lambda call=call: call(x), match="batch, 2, 3")
    for take in (model.conditional, model.next_coefficient, lambda known: model.sample(evidence=known)):
        _refused(ShapeError, lambda take=take: take(Evidence(x > 0, x)))


@pytest.mark.parametrize("value", [2.0, -1.0, 0.5, float("nan"), float("inf")])
def test_values_without_a_probability(model, value):
    x = torch.zeros(4, *SHAPE)
    x[2, 1, 1] = value
    _refused(SupportError, lambda: model.log_prob(x), match="0 or 1")
    known = Evidence(torch.tensor([[True, True, True], [False, True, False]]).expand(4, -1, -1), x)
    _refused(SupportError, lambda: model.conditional(known), match=r"0 or 1.*in the evidence")
    _refused(SupportError, lambda: model.sample(evidence=known), match=r"0 or 1.*in the evidence")
    unknown = Evidence(torch.tensor([[True, True, True], [False, False, False]]).expand(4, -1, -1), x)
    assert model.sample(evidence=unknown).shape == (4, *SHAPE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bits_are_told_from_their_neighbors(dtype):
    """All bits are looked at together: by the extremes of ``x - x * x``."""
    model = build(SHAPE, "raster", "bernoulli", "fvsbn").to(dtype)
    bits = torch.tensor([[0.0, 1.0, -0.0], [1.0, 1.0, 0.0]], dtype=dtype)
    assert model.log_prob(bits[None]).isfinite().all()
    eps = torch.finfo(dtype).eps
    for bad in (torch.finfo(dtype).tiny, -torch.finfo(dtype).tiny, 1 - eps / 2, 1 + eps, 1e30, -torch.inf):
        for place in range(bits.numel()):
            x = bits.clone()
            x.view(-1)[place] = bad
            _refused(SupportError, lambda x=x: model.log_prob(x[None]), match="0 or 1")


def test_a_complete_event_has_no_next_coefficient(model):
    x = torch.zeros(2, *SHAPE)
    half = torch.zeros(2, *SHAPE, dtype=torch.bool)
    half[1] = True
    for mask in (torch.ones_like(half), half):
        _refused(ShapeError, lambda mask=mask: model.conditional(Evidence(mask, x)), match="at least one unknown")


def test_evidence_whose_mask_and_value_disagree():
    _refused(ShapeError, lambda: Evidence(torch.ones(2, 3) > 0, torch.ones(3, 2)))
    _refused(ShapeError, lambda: Evidence(torch.ones(3) > 0, torch.ones(1, 3)))
    _refused(ShapeError, lambda: Evidence(torch.ones(2, 3), torch.ones(2, 3)), match="Boolean")


def test_a_number_of_samples_that_does_not_go_with_the_evidence(model):
    for n, events in ((3, 2), (1, 2), (0, 2), (2, 0)):
        _refused(ShapeError, lambda n=n, e=events: model.sample(n, Evidence.none(e, SHAPE)), match=f"1 or {n} events")
    _refused(ShapeError, lambda: model.sample(-1), match="n >= 0")


@pytest.mark.parametrize("shape", [(), (4,), (1, 4), (2, 4), (3, 3), (3, 5), (3, 1, 4), (3, 0)])
def test_a_context_of_another_shape(contextual, shape):
    x, context = torch.zeros(3, *SHAPE), torch.zeros(shape)
    some = Evidence.none(3, SHAPE)
    for call in (contextual.log_prob, contextual.loss, contextual.conditionals):
        _refused(ShapeError, lambda call=call: call(x, context), match=r"context of shape \(3, 4\)")
    _refused(ShapeError, lambda: contextual.conditional(some, context), match=r"context of shape \(3, 4\)")
    if shape not in [(4,), (1, 4)]:  # one context for all samples
        _refused(ShapeError, lambda: contextual.sample(3, context=context), match="context of")
        _refused(ShapeError, lambda: contextual.sample(evidence=some, context=context))


def test_a_context_that_is_missing_or_unexpected(model, contextual):
    x = torch.zeros(3, *SHAPE)
    _refused(ShapeError, lambda: contextual.log_prob(x), match="got none")
    _refused(ShapeError, lambda: contextual.loss(x), match="got none")
    _refused(ShapeError, lambda: contextual.sample(3), match="got none")
    _refused(ShapeError, lambda: contextual.conditional(Evidence.none(3, SHAPE)), match="got none")
    _refused(ShapeError, lambda: model.log_prob(x, torch.zeros(3, 4)), match="no context.*omit it")
    _refused(ShapeError, lambda: model.sample(3, context=torch.zeros(3, 4)), match="no context")


def test_an_order_of_other_events(model):
    _refused(ShapeError, lambda: model.log_prob(torch.zeros(1, *SHAPE), order=Order.raster((3, 2))), match="order of")


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 0), (-1, 4)])
def test_an_event_with_an_empty_axis(shape):
    _refused(ShapeError, lambda: build(shape, "raster", "bernoulli", "mlp"), match="positive sizes")


@pytest.mark.parametrize(
    ("ordering", "head", "backbone"),
    [
        ("rastr", "bernoulli", "mlp"),
        ("raster", "bernouli", "mlp"),
        ("raster", "bernoulli", "mpl"),
        ("raster:axis=1", "bernoulli", "mlp"),
        ("raster", "categorical:level=4", "mlp"),
        ("raster", "categorical:levels=1", "mlp"),
        ("raster", "categorical:levels=many", "mlp"),
        ("raster", "bernoulli", "mlp:width=3"),
        ("raster", "bernoulli", "mlp:hidden=-3"),
        ("raster", "bernoulli", "mlp:hidden=1.5"),
        ("raster", "bernoulli", "mlp:dropout=2"),
        ("raster", "bernoulli", "convnet:kernel=-1"),
        ("raster", "bernoulli", "mlp:"),
        ("", "bernoulli", "mlp"),
        ("einops", "bernoulli", "mlp"),
    ],
)
def test_specs_with_mistakes(ordering, head, backbone):
    _refused(SpecError, lambda: build(SHAPE, ordering, head, backbone))


@pytest.mark.parametrize(("ordering", "shape"), [("hilbert", (3, 3, 3)), ("raster:axes=0 1 2", (3, 3))])
def test_orderings_that_do_not_take_the_shape(ordering, shape):
    _refused(ShapeError, lambda: build(shape, ordering, "bernoulli", "mlp"), match="for the ordering")


def test_backbones_that_do_not_take_the_shape():
    _refused(ShapeError, lambda: build((2, 2, 2, 2), "raster", "bernoulli", "convnet"), match="axes longer than 1")


class TwoKinds(Head):
    """Bits in the first coefficient, signs in the second: a head whose support differs between coefficients."""

    name = "two_kinds"
    parameter_count, feature_count, support = 1, 1, torch.distributions.constraints.real

    def encode(self, value, coefficients=None):
        return value.unsqueeze(-1)

    def distribution(self, parameters, coefficients=None):
        return torch.distributions.Bernoulli(logits=parameters[..., 0], validate_args=False)

    def supports(self, values, coefficients=None):
        low = torch.where(coefficients == 0, 0.0, -1.0)
        return (values == low) | (values == 1)


def test_values_are_checked_by_coefficient(without_shape_checks):
    model = build((2,), "raster", TwoKinds(), "fvsbn")
    x = torch.tensor([[1.0, -1.0]]).expand(3000, 2).clone()
    model.head.check(x, coefficients=model.coefficients)
    state = model.generation(3000)
    state.observe(x[:, 0])
    state.observe(x[:, 1])
    x[2999, 0] = -1.0
    _refused(SupportError, lambda: model.log_prob(x), match="got -1 in x")
    _refused(SupportError, lambda: model.generation(3000).observe(x[:, 0]), match="observed values")
    _refused(SupportError, lambda: model.sample(evidence=Evidence(x < 0, x)), match="in the evidence")
