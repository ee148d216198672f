"""Before training: checks of the data and of the number of processes, and initialization at the marginals."""

from pathlib import Path

import pytest
import torch

from tensorar import (
    Dataset,
    Registry,
    RunError,
    Splits,
    SupportError,
    TrainingSettings,
    build,
    default_registry,
    evaluate,
    load_dataset,
    suggest_heads,
    train,
)
from tensorar.parts.plugins import Plugins
from tensorar.training.checking import check_data, check_shares
from tensorar.training.optimizer import make_optimizer

from .helpers import new_run


@pytest.mark.parametrize("backbone", ["fvsbn", "mlp:hidden=4"])
def test_training_starts_at_the_marginals(backbone):
    model = build((2, 3), "snake", "bernoulli", backbone)
    for name, parameter in model.named_parameters():
        if not name.endswith("bias"):
            parameter.data.zero_()
    data = torch.tensor([[[1, 1, 0], [0, 1, 0]], [[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [1, 1, 0]]])
    model.init_from_marginals(data)
    expected = (data.double().sum(0) + 0.5) / 4
    with torch.no_grad():
        means = model.conditional_means(torch.zeros(1, 2, 3))[0].double()
    torch.testing.assert_close(means, expected, atol=1e-5, rtol=1e-5)


def test_a_raster_backbone_starts_at_the_permuted_marginals():
    plugins = Plugins()
    plugins.load_installed()
    plugins.load_file(Path(__file__).parents[1] / "core" / "toy_backbones.py")
    model = build((2, 3), "raster:axes='1 0',flip=0", "bernoulli", "triangle", registry=Registry(plugins))
    seen = {}
    model.backbone.network.init_output_bias = lambda marginal: seen.update(marginal=marginal)
    data = torch.tensor([[[1, 1, 0], [0, 1, 0]]])
    model.init_from_marginals(data)
    logits = model.head.marginal_parameters(data)
    assert torch.equal(seen["marginal"], model.order.raster_view.apply(logits[None])[0])
    assert seen["marginal"].shape == (3, 2, 1)


def test_biases_are_not_decayed():
    model = build((3,), "raster", "bernoulli", "fvsbn")
    optimizer = make_optimizer(model, TrainingSettings(weight_decay=0.5))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decay == {id(model.backbone.weight): 0.5, id(model.backbone.bias): 0.0}


def test_epochs_are_passes_over_data_smaller_than_a_batch():
    assert TrainingSettings(epochs=10.0, batch_size=100).planned_steps(20) == 10
    assert TrainingSettings(epochs=2.0, batch_size=10).planned_steps(25) == 5


def test_every_process_needs_events(tmp_path):
    dataset = new_run(tmp_path).dataset
    check_shares(dataset, TrainingSettings(batch_size=4, valid_events=4), 4)
    with pytest.raises(RunError, match="at least 5 training events in a batch"):
        check_shares(dataset, TrainingSettings(batch_size=4), 5)
    with pytest.raises(RunError, match="at least 3 validation events"):
        check_shares(dataset, TrainingSettings(valid_events=2), 3)


def test_a_dataset_option_is_suggested_if_it_fits(tmp_path):
    class Gray(Dataset):
        name = "gray"
        alternative_specs = {"gray:bits=true": (0, 1), "gray:color=true": (0, 300)}  # noqa: RUF012

        def load(self):
            return Splits(*[torch.tensor([[0, 200]])] * 3)

    with pytest.raises(SupportError, match=r"use head='categorical:levels=201' or .* or the dataset gray:bits=true$"):
        check_data(Gray(), "gray", default_registry().create("head", "bernoulli"), default_registry())


def test_the_head_that_a_dataset_names_is_suggested():
    toy = load_dataset("toy", length=8)
    with pytest.raises(SupportError, match=r"; use head='categorical:levels=16,one_hot=true'$"):
        check_data(toy, "toy", default_registry().create("head", "bernoulli"), default_registry())


def test_a_value_only_in_the_test_set_is_refused_before_the_training(tmp_path):
    run = new_run(tmp_path / "run", head="categorical:levels=2")
    run.dataset.test[0, 0] = 2
    with pytest.raises(SupportError, match="got 2 in the dataset agreeing"):
        train(run, device="cpu")


@pytest.mark.parametrize(("head", "value"), [("beta", 0.9999999999), ("bernoulli", 1e-60)])
def test_values_are_checked_as_the_model_will_see_them(head, value):
    class Narrow(Dataset):
        name = "narrow"

        def load(self):
            return Splits(*[torch.tensor([[value, 0.5 if head == "beta" else 1.0]], dtype=torch.float64)] * 3)

    with pytest.raises(SupportError, match=rf"got {value}, rounded to [01], in the dataset narrow; use head='g"):
        check_data(Narrow(), "narrow", default_registry().create("head", head), default_registry())
    with pytest.raises(SupportError, match=f"got {value}, rounded"):
        evaluate(build((2,), "raster", head, "mlp:hidden=4"), Narrow().test)


def test_training_leaves_the_callers_random_numbers_as_they_were(tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(new_run(tmp_path / "run"), device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_the_suggested_head_accepts_all_splits():
    class Rising(Dataset):
        name = "rising"

        def load(self):
            return Splits(*[torch.tensor([[top, 0]]) for top in (3, 5, 9)])

    best, *_ = suggest_heads(Rising())
    assert str(best) == "categorical:levels=10"
