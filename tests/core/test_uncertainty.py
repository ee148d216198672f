"""The uncertainty of each unknown coefficient given the evidence: predicted, or estimated from completions."""

import itertools

import pytest
import torch

from tensorar import Evidence, Order, TensorarError, build, default_registry
from tensorar.uncertainty import empirical_entropy, predicts_marginals, uncertainty
from tests.part_specs import discrete_head_specs


def model_of(shape, head="bernoulli", backbone="mlp:hidden=8", ordering="shuffled"):
    torch.manual_seed(0)
    model = build(shape, ordering, head, backbone).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return model


def evidence_of(mask, n=2):
    values = torch.randint(0, 2, (n, *mask.shape), generator=torch.Generator().manual_seed(1)).double()
    return Evidence(mask.expand(n, *mask.shape), values)


MASK = torch.tensor([[True, False, True], [False, False, True]])
NONE = torch.zeros(2, 1, 2, 3)


@pytest.mark.parametrize("head", discrete_head_specs())
def test_the_entropy_is_that_of_the_coefficient_visited_right_after_the_evidence(head):
    model, evidence = model_of((2, 3), head), evidence_of(MASK)
    found = uncertainty(model, evidence, NONE)
    assert (found.measure, found.completions) == ("entropy", None)
    for i in range(6):
        if MASK.flatten()[i]:
            assert (found.value.flatten(1)[:, i] == 0).all()
            continue
        rest = [j for j in range(6) if not MASK.flatten()[j] and j != i]
        order = Order(torch.tensor([*MASK.flatten().nonzero()[:, 0].tolist(), i, *rest]), (2, 3))
        values = torch.arange(getattr(model.head.support, "upper_bound", 1) + 1.0).double()
        x = evidence.value.unsqueeze(0).expand(len(values), -1, -1, -1).flatten(2).clone()
        x[:, :, i] = values.unsqueeze(1)
        conditionals = model.conditionals(x.reshape(-1, 2, 3), order=order).log_prob(x.reshape(-1, 2, 3))
        log_prob = conditionals.reshape(len(values), 2, 6)[:, :, i]
        torch.testing.assert_close(log_prob.exp().sum(0), torch.ones(2).double())
        torch.testing.assert_close(found.value.flatten(1)[:, i], -(log_prob.exp() * log_prob).sum(0))


@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
def test_the_entropy_of_counts(name):
    head = default_registry().create("head", name)
    torch.manual_seed(0)
    model = build((3,), "shuffled", head, "mlp:hidden=8").double().eval()
    found = uncertainty(model, Evidence.none(1, (3,)), NONE).value[0]
    query = torch.arange(3).unsqueeze(0)
    predicted = model.data_distribution(model.query(Evidence.none(1, (3,)), query, model.order)[0], query[0])
    log_prob = predicted.log_prob(torch.arange(3000.0).double().unsqueeze(1))
    torch.testing.assert_close(found, -(log_prob.exp() * log_prob).sum(0), atol=1e-6, rtol=0)


def test_standard_deviations_are_in_the_units_of_the_data():
    units = "gaussian:units='0/1'", "gaussian:units='3/10'"
    one, ten = (uncertainty(model_of((4,), head), Evidence.none(1, (4,)), NONE) for head in units)
    assert one.measure == one.label == "standard deviation"
    torch.testing.assert_close(10 * one.value, ten.value)
    assert (one.value > 0).all()


def test_masks_may_differ_between_events_and_be_complete():
    model, mask = model_of((2, 3)), torch.stack([MASK, torch.ones_like(MASK), ~MASK])
    evidence = Evidence(mask, evidence_of(MASK, 3).value)
    found = uncertainty(model, evidence, NONE).value
    assert ((found > 0) == ~mask).all()
    torch.testing.assert_close(found[2:], uncertainty(model, evidence[2:], NONE).value)


def test_contexts_are_used():
    torch.manual_seed(0)
    model = build((3,), "shuffled", "bernoulli", "mlp:hidden=8", context_features=2).eval()
    contexts = torch.tensor([[1.0, 0.0], [0.0, 5.0]])
    found = uncertainty(model, Evidence.none(2, (3,)), NONE, contexts).value
    assert not torch.equal(found[0], found[1])
    with pytest.raises(TensorarError):
        uncertainty(model, Evidence.none(2, (3,)), NONE)


def test_other_models_are_estimated_from_their_completions():
    model = model_of((2, 2), backbone="fvsbn", ordering="raster")
    evidence = evidence_of(torch.tensor([[True, False], [False, False]]))
    generator = torch.Generator().manual_seed(0)
    completions = model.sample(evidence=evidence.repeat(4000), generator=generator).unflatten(0, (2, 4000))
    found = uncertainty(model, evidence, completions)
    assert (found.completions, found.label) == (4000, "entropy (nats)")
    assert "estimated from 4000 completions, biased low" in str(found)
    rest = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3))).double()
    for k in range(2):
        events = torch.cat([evidence.value[k, 0, 0].expand(8, 1), rest], 1).reshape(8, 2, 2)
        posterior = model.log_prob(events).softmax(0)
        ones = (posterior.unsqueeze(1) * events.flatten(1)).sum(0).clamp(1e-12, 1 - 1e-12)
        exact = torch.special.entr(ones) + torch.special.entr(1 - ones)
        # the standard error of the estimate is at most 0.02
        torch.testing.assert_close(found.value[k].flatten(), exact.detach(), atol=0.06, rtol=0)


def test_an_empirical_standard_deviation():
    model = model_of((2,), "gaussian", "fvsbn", "raster")
    draws = torch.tensor([[[1.0, 5.0], [3.0, 5.0]]])
    found = uncertainty(model, Evidence.none(1, (2,)), draws)
    torch.testing.assert_close(found.value, torch.tensor([[2**0.5, 0.0]]).double())


def drawn_first(model, coefficient):
    """Draws of a coefficient by itself, in an order that visits it first."""
    rest = [i for i in range(3) if i != coefficient]
    orders = [Order(torch.tensor([coefficient, *rest]), (3,))]
    return model.sample(20_000, orders=orders, generator=torch.Generator().manual_seed(1))[:, coefficient]


@pytest.mark.parametrize("backbone", ["mlp:hidden=8", "made:hidden=8"])
def test_coefficients_of_several_kinds_have_the_measure_of_their_kind(backbone):
    """Predicted, or from completions: the entropies of categories, whose numbers have no deviation."""
    head = 'columns:heads="bernoulli; gaussian; categorical:levels=3"'
    model, nothing = model_of((3,), head, backbone), Evidence.none(1, (3,))
    drawn = model.sample(20_000, generator=torch.Generator().manual_seed(0)).unsqueeze(0)
    found = uncertainty(model, nothing, drawn)
    assert found.measure == found.label == "entropy or standard deviation"
    values = drawn[0].T if found.completions else torch.stack([drawn_first(model, i) for i in range(3)])
    shares = [(values[i, :, None] == torch.arange(3.0)).double().mean(0) for i in (0, 2)]
    entropies = [torch.special.entr(share).sum() for share in shares]
    expected = torch.stack([entropies[0], values[1].std(), entropies[1]])
    torch.testing.assert_close(found.value[0], expected.double(), atol=0.03, rtol=0)


def test_an_empirical_entropy_counts_values():
    draws = torch.tensor([3.0, 3.0, 7.0, 1.0]).reshape(1, 4, 1)
    share = torch.tensor([0.5, 0.25, 0.25]).double()
    torch.testing.assert_close(empirical_entropy(draws)[0], torch.special.entr(share).sum(0, keepdim=True))


@pytest.mark.parametrize("shape", [(3, 50, 2, 3), (2, 1, 4), (2, 9)])
def test_an_empirical_entropy_is_the_mean_surprise_of_a_draw(shape):
    draws = torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(0))
    shares = torch.stack([(draws == one.unsqueeze(1)).double().mean(1) for one in draws.unbind(1)], 1)
    torch.testing.assert_close(empirical_entropy(draws), -shares.log().mean(1))


def test_which_models_predict_it():
    assert predicts_marginals(model_of((2, 2)))
    for ordering, backbone in (("raster", "mlp:hidden=8"), ("raster", "fvsbn"), ("flips", "pixelcnn:channels=8")):
        model = build((2, 2), ordering, "bernoulli", backbone)
        assert not predicts_marginals(model)
        with pytest.raises(TensorarError, match=r"`completions` >= 2, .* got 1; use completions=32"):
            uncertainty(model, Evidence.none(1, (2, 2)), torch.zeros(1, 1, 2, 2))
