"""What Python shells and notebooks show: runs, likelihoods, orders, figures, and the progress of training."""

from __future__ import annotations

import io
import re

import pytest
import torch

from tensorar import Order, Run, evaluate, train
from tensorar.plotting import event_grid, order_masks
from tensorar.training import progress_bar
from tensorar.training.state import TrainingState
from tensorar.training.update import TrainingUpdate
from tests.training.helpers import new_run, registry


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = new_run(tmp_path_factory.mktemp("display") / "a<b>", steps=3)
    train(made, device="cpu")
    return Run.open(made.folder, registry=registry())


def test_a_run_names_its_parts_and_its_progress(run):
    best = run.metrics()[-1]["valid_nats"]
    text = repr(run)
    assert text.startswith(
        f"Run({str(run.folder)!r}: dataset agreeing, ordering raster, head bernoulli, backbone fvsbn"
    )
    assert text.endswith(f"validation {best:.3f} nats per event, steps 3)")
    page = run._repr_html_()
    assert "<th>backbone</th><td>fvsbn</td>" in page and "a&lt;b&gt;" in page and "<b>" not in page


def test_a_new_run_has_a_repr_too(tmp_path):
    assert "event (6,)" in repr(new_run(tmp_path / "new")) and not (tmp_path / "new").exists()


def test_a_likelihood_reads_as_a_sentence(run):
    found = evaluate(run.model, run.dataset.test, dataset=run.dataset)
    assert re.fullmatch(
        r"Likelihood\(\d\.\d{3} ± \d\.\d{3} nats per event, \d\.\d{4} bits/dim, \d+ events \(exact\)(, .*)?\)",
        repr(found),
    )
    assert f"{found.nats:.3f}" in str(found)


def test_long_orders_are_abbreviated_and_short_ones_whole():
    assert repr(Order.raster((2, 2))) == "Order(event_shape=(2, 2), visits=[0, 1, 2, 3])"
    assert repr(Order.raster((28, 28))).endswith("10, 11, ..., 783])")


def test_figures_display_themselves():
    for figure in (event_grid(torch.rand(4, 1, 4, 4)), order_masks(Order.raster((3, 3)))):
        assert figure._repr_png_().startswith(b"\x89PNG")


def test_training_draws_a_bar_if_somebody_looks(tmp_path, monkeypatch, capsys):
    train(new_run(tmp_path / "quiet", steps=2), device="cpu")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress_bar, "can_be_shown", lambda: True)
    monkeypatch.setattr("tensorar.training.train.can_be_shown", lambda: True)
    train(new_run(tmp_path / "shown", steps=2), device="cpu")
    assert "100%" in (shown := capsys.readouterr().err) and "best validation" in shown
    train(new_run(tmp_path / "callback", steps=2), device="cpu", on_update=lambda update: None)
    assert capsys.readouterr().err == ""
    seen = []
    train(
        new_run(tmp_path / "both", steps=2), device="cpu", progress=True, on_update=lambda u: seen.append(u.state.step)
    )
    assert "100%" in capsys.readouterr().err and seen == [1, 2, 2]


def test_the_bar_of_what_is_resumed_begins_where_it_ended():
    with progress_bar._bar()(total=100, file=io.StringIO()) as bar:
        draw = progress_bar._drawing(bar, None)
        for fraction in (0.4, 0.6):
            draw(TrainingUpdate(TrainingState(), 10, fraction, 1.0, 4, 1.0, {"valid_nats": None}))
    assert (bar.initial, bar.n) == (40, 60)


def test_likelihoods_of_a_run_hold_no_graph_unless_asked(run):
    x = run.dataset.test[:4].float()
    assert not run.model.log_prob(x).requires_grad
    assert float(run.model.log_prob(x)[0]) < 0
    model = Run.open(run.folder, registry=registry()).model.requires_grad_()
    (-model.log_prob(x).mean()).backward()
    assert any(p.grad is not None and bool(p.grad.any()) for p in model.parameters())
