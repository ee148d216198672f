"""Predictive distributions step by step: they sum to 1 and agree with the model and the dataset."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Dataset, Evidence, ShapeError, Splits, build, load_dataset
from tensorar.plotting import posterior_steps, visited_steps
from tensorar.testing import brute_conditional, joint, levels_of, seeds
from tensorar.testing.properties import composite


@composite
def models_with_steps(draw):
    """A small model of discrete values with random weights, an event of it, and a step."""
    shape = draw(st.sampled_from([(), (3,), (2, 2), (1, 3, 1)]))
    ordering = draw(st.sampled_from(["raster", "snake", "random:seed=2"]))
    head = draw(st.sampled_from(["bernoulli", "categorical:levels=3", "logistic_mixture:levels=3,components=2"]))
    torch.manual_seed(draw(seeds))
    model = build(shape, ordering, head, draw(st.sampled_from(["fvsbn", "mlp:hidden=4"]))).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x = torch.randint(levels_of(model.head), shape)
    return model.eval(), x, draw(st.integers(0, len(model.order) - 1))


@given(models_with_steps())
def test_the_distribution_does_not_depend_on_later_values(case):
    model, x, t = case
    step = posterior_steps(model, x, [t])[0]
    values, probability = joint(model)
    expected = brute_conditional(values, probability, step.mask, x.double(), step.coefficient)
    assert torch.allclose(step.probabilities.double(), expected, atol=1e-5)
    assert float(step.probabilities.sum()) == pytest.approx(1, abs=1e-5)
    assert step.support.tolist() == list(range(levels_of(model.head)))
    assert not step.density
    assert step.exact is None


@given(models_with_steps())
def test_known_values_are_those_visited_before(case):
    model, x, t = case
    step = posterior_steps(model, x, [t])[0]
    assert step.coefficient == int(model.order.visits[t])
    assert torch.equal(step.mask, model.order.mask_before(t))
    assert torch.equal(step.values, torch.where(step.mask, x, 0).double())
    assert step.truth == float(x.flatten()[step.coefficient])


@pytest.mark.parametrize("head", ["gaussian_mixture", "logistic_mixture:components=3"])
def test_densities_integrate_to_about_one_and_show_the_truth(head):
    model = build((3,), "raster", head, "mlp:hidden=4")
    for far in (0.0, 30.0):
        step = posterior_steps(model, torch.tensor([0.3, far, 0.1]), [1])[0]
        assert step.density
        assert float(torch.trapezoid(step.probabilities, step.support)) == pytest.approx(1, abs=0.02)
        assert step.support[0] < far < step.support[-1]


def test_the_exact_distribution_is_that_of_the_dataset():
    toy = load_dataset("toy:length=6,fixed=20")
    model = build((6,), "raster", "categorical:levels=12", "fvsbn")
    x = toy.test[3]
    for t, step in enumerate(posterior_steps(model, x, range(6), toy)):
        known = toy.conditional(Evidence(step.mask[None], torch.where(step.mask, x, 0)[None].double()))
        assert torch.allclose(step.exact, known.probs[0].float())
        assert float(step.exact.sum()) == pytest.approx(1, abs=1e-6)
        assert step.exact[int(x[t])] > 0, "the true value is possible"


def test_only_the_raster_order_has_an_exact_distribution():
    toy = load_dataset("toy:length=6,fixed=20")
    backwards = build((6,), "raster:flip='0'", "categorical:levels=12", "fvsbn")
    assert posterior_steps(backwards, toy.test[0], [1], toy)[0].exact is None


def test_an_ensemble_that_visits_an_event_backwards_has_no_exact_distribution():
    toy = load_dataset("toy:length=6,fixed=20")
    model = build((6,), "flips", "categorical:levels=12", "made:hidden=8")
    x = toy.test[0].float()
    x[0] = torch.nan
    order, count = visited_steps(model, x)
    assert order.visits.tolist() == [5, 4, 3, 2, 1, 0] and model.order.visits[0] == 0
    assert [step.exact for step in posterior_steps(model, x, range(count), toy)] == [None] * 6


def test_a_dataset_without_conditionals_gives_no_exact_distribution():
    class WithoutConditionals(Dataset):
        """Zeros."""

        name = "without_conditionals"

        def load(self):
            return Splits(*[torch.zeros(2, 3)] * 3)

    model = build((3,), "raster", "bernoulli", "fvsbn")
    assert posterior_steps(model, torch.zeros(3), [1], WithoutConditionals())[0].exact is None


def test_the_global_random_state_is_neither_used_nor_changed():
    model = build((3,), "raster", "gaussian_mixture", "fvsbn")
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    step = posterior_steps(model, torch.zeros(3), [1])[0]
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(posterior_steps(model, torch.zeros(3), [1])[0].support, step.support)


def test_invalid_steps_and_shapes():
    model = build((3,), "raster", "bernoulli", "fvsbn")
    for t in (3, -1):
        with pytest.raises(ShapeError, match=f"steps from 0 to 2, got {t}"):
            posterior_steps(model, torch.zeros(3), [0, t])
    with pytest.raises(ShapeError, match=r"an event of shape \(3,\), got \(4,\)"):
        posterior_steps(model, torch.zeros(4), [0])


def test_steps_are_returned_in_the_given_order():
    model = build((2, 2), "snake", "bernoulli", "fvsbn")
    steps = posterior_steps(model, torch.zeros(2, 2), [2, 0])
    assert [step.coefficient for step in steps] == model.order.visits[[2, 0]].tolist()


@pytest.mark.parametrize("ordering", ["shuffled", "raster"])
def test_steps_of_an_event_end_at_its_first_missing_value(ordering):
    torch.manual_seed(0)
    model = build((2, 2), ordering, "categorical:levels=3", "mlp:hidden=4").double().eval()
    x = torch.tensor([[1.0, torch.nan], [2.0, torch.nan]])
    order, count = visited_steps(model, x)
    known = 2 if ordering == "shuffled" else 1
    assert count == known + 1
    steps = posterior_steps(model, x, range(count))
    assert [step.coefficient for step in steps] == order.visits[:count].tolist()
    assert [step.truth for step in steps] == [*x.flatten()[order.visits[:known]].tolist(), None]
    nats = sum(step.probabilities[int(step.truth)].log() for step in steps[:known])
    observed = Evidence(order.mask_before(known).unsqueeze(0), x.unsqueeze(0))
    assert nats.item() == pytest.approx(model.log_prob(observed, order=order).item(), abs=1e-6)
    with pytest.raises(ShapeError, match=rf"steps from 0 to {known} \(a missing value\), got {count}"):
        posterior_steps(model, x, [count])


@pytest.mark.parametrize("missing", [False, True])
def test_steps_of_an_adaptive_ordering_are_those_that_sampling_would_take(missing):
    torch.manual_seed(0)
    model = build((2, 2), "adaptive", "categorical:levels=3", "mlp:hidden=4", context_features=2).double().eval()
    x, context = torch.tensor([[1.0, 0.0], [2.0, 1.0]]), torch.randn(2, dtype=torch.float64)
    visits = model.visits_for(x.unsqueeze(0), context.unsqueeze(0))[0]
    known = 2 if missing else 4
    x.view(-1)[visits[known:]] = torch.nan
    order, count = visited_steps(model, x, context)
    assert count == min(4, known + 1)
    assert torch.equal(order.visits[:count], visits[:count])
    steps = posterior_steps(model, x, [*range(count)][::-1], context=context)[::-1]
    assert [step.coefficient for step in steps] == visits[:count].tolist()
    assert [step.truth is None for step in steps] == [k == known for k in range(count)]
    predicted = model.conditionals(x.unsqueeze(0), context.unsqueeze(0)).probs.flatten(0, 2)
    for k in range(known):
        assert torch.allclose(steps[k].probabilities, predicted[visits[k]], atol=1e-9)


def test_all_steps_of_an_adaptive_ordering_are_those_of_one_walk(monkeypatch):
    model, passes = build((6,), "adaptive", "bernoulli", "mlp:hidden=4").eval(), []
    monkeypatch.setattr(model.backbone, "forward", _counted(model.backbone.forward, passes))
    posterior_steps(model, torch.zeros(6), range(6))
    # one walk finds the order, another one the distributions
    assert len(passes) == 2 * 6


def _counted(function, calls):
    def counted(*arguments):
        calls.append(1)
        return function(*arguments)

    return counted
