"""NaN and infinity: one line that names the first event, sample or tensor concerned, never a result."""

from __future__ import annotations

import pytest
import torch

from tensorar import Evidence, NumericalError, RunError, build, default_registry, evaluate
from tensorar.testing import randomize, values_of
from tests.part_specs import backbone_specs, head_specs


def _break(model, *, weight=float("nan")):
    name, parameter = next(iter(model.backbone.named_parameters()))
    with torch.no_grad():
        parameter.flatten()[0] = weight
    return name


@pytest.mark.parametrize("backbone", backbone_specs())
@pytest.mark.parametrize("method", ["auto", "naive"])
def test_weights_that_are_not_finite_are_named(backbone, method):
    model = randomize(build((4,), "raster", "bernoulli", backbone), 0)
    for parameter in model.backbone.parameters():
        torch.nn.init.constant_(parameter, torch.nan)
    first = next(name for name, _ in model.backbone.named_parameters())
    with pytest.raises(NumericalError, match=rf"coefficient 0 of sample 0; the weights {first} are not finite"):
        model.sample(3, method=method)
    with pytest.raises(
        NumericalError, match=rf"undefined likelihood of 5 of 5 events, first of event 0; the weights {first}"
    ):
        evaluate(model, torch.ones(5, 4))


@pytest.mark.parametrize("head", head_specs())
def test_no_head_turns_nan_into_samples(head):
    """A comparison with NaN is false, so that a head could draw some value from NaN without a trace."""
    model = randomize(build((3,), "raster", head, "fvsbn"), 0)
    for parameter in model.backbone.parameters():
        torch.nn.init.constant_(parameter, torch.nan)
    for method in ("cached", "naive", "fixed-point"):
        with pytest.raises(NumericalError, match="expected finite numbers in every sample"):
            model.sample(2, method=method)
    known = model.restore(values_of(model.head, (2, 3), 0))
    evidence = Evidence(torch.tensor([[True, True, False], [True, True, True]]), known)
    with pytest.raises(NumericalError, match="coefficient 2 of sample 0"):
        model.sample(evidence=evidence)


def _overflowing_where_the_first_value_is_not_zero():
    model = build((2,), "raster", "gaussian", "fvsbn")
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.fill_(3e38 if parameter.ndim > 2 or parameter.numel() > 4 else 0.0)
    return model


def test_only_the_examples_concerned_are_named():
    model = _overflowing_where_the_first_value_is_not_zero()
    with pytest.raises(NumericalError, match="of 2 of 3 events, first of event 1"):
        evaluate(model, torch.tensor([[0.0, 1.0], [2.0, 0.0], [3.0, 0.0]]))
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.fill_(1e38)
    with pytest.raises(NumericalError, match="so large that the network overflows"):
        model.sample(2)


def test_events_of_probability_zero_are_counted():
    class Half(type(default_registry().create("head", "bernoulli"))):
        """Never one."""

        name = "half"

        def distribution(self, parameters, coefficients=None):
            return torch.distributions.Bernoulli(probs=torch.zeros_like(parameters[..., 0]), validate_args=False)

    class Impossible(torch.distributions.Bernoulli):
        def log_prob(self, value):
            return torch.where(value == 0, 0.0, -torch.inf)

    Half.distribution = lambda self, parameters, coefficients=None: Impossible(parameters[..., 0] * 0 + 0.5)
    model = build((2,), "raster", Half(), "fvsbn")
    events = torch.tensor([[0, 0], [0, 0], [1, 0], [0, 1]])
    with pytest.raises(NumericalError, match="probability zero of 2 of 4 events, first of event 2"):
        evaluate(model, events)
    assert evaluate(model, events[:2]).nats == 0


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e6, 1e8, -1e8])
@pytest.mark.parametrize("name", ["categorical:levels=5", "logistic_mixture:levels=5,components=4"])
def test_probabilities_sum_to_one_whatever_the_logits(name, shift):
    head = default_registry().create("head", name)
    weights = head.parameter_count if name.startswith("cat") else 4
    parameters = torch.randn(20, head.parameter_count, generator=torch.Generator().manual_seed(0))
    parameters[:, :weights] += shift
    distribution = head.distribution(parameters)
    mass = distribution.log_prob(torch.arange(5.0)[:, None].expand(5, 20)).exp().sum(0)
    torch.testing.assert_close(mass, torch.ones(20), rtol=0, atol=1e-5)
    if name.startswith("cat"):
        torch.testing.assert_close(distribution.probs.sum(-1), torch.ones(20), rtol=0, atol=1e-5)
    else:
        torch.testing.assert_close(distribution.mixture_distribution.probs.sum(-1), torch.ones(20), rtol=0, atol=1e-5)


@pytest.mark.parametrize("components", [1, 4])
def test_mixtures_of_densities_are_normalized_whatever_the_logits(components):
    head = default_registry().create("head", f"gaussian_mixture:components={components}")
    parameters = torch.zeros(1, head.parameter_count)
    parameters[:, :components] = 1e8
    points = torch.linspace(-12, 12, 24001)
    total = head.distribution(parameters).log_prob(points[:, None]).exp().sum() * 0.001
    assert total.item() == pytest.approx(1, abs=1e-3)


def test_a_loss_that_is_not_finite_names_its_event():
    from tensorar.runs.settings import TrainingSettings
    from tensorar.training.device import make_accelerator
    from tensorar.training.optimization import Optimization

    model = _overflowing_where_the_first_value_is_not_zero()
    optimization = Optimization(model, TrainingSettings(), make_accelerator("cpu", "float32"))
    events = torch.tensor([[0.0, 0.0], [3.5, 0.0], [0.0, 0.0]])
    with pytest.raises(RunError, match=r"step 7, got .* for event 1 of the batch, whose values reach 3\.5"):
        optimization.gradients(events, None, batch_size=3, factor=1.0, number=7, progress=0.0)
    name = _break(model)
    with pytest.raises(RunError, match=f"the weights backbone.{name} are not finite"):
        optimization.gradients(events * 0, None, batch_size=3, factor=1.0, number=8, progress=0.0)
