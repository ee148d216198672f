"""Seeding restores the generators that it seeds."""

import pytest
import torch

from tensorar.utils.random_state import seed_all, seeded


class MPSGenerator:
    """Stands in for the generator of a machine with MPS."""

    def __init__(self):
        self.state = torch.tensor([7])

    def install(self, monkeypatch):
        monkeypatch.setattr(torch.mps, "get_rng_state", lambda: self.state)
        monkeypatch.setattr(torch.mps, "set_rng_state", lambda state: setattr(self, "state", state))
        monkeypatch.setattr(torch.mps, "manual_seed", lambda seed: setattr(self, "state", torch.tensor([seed])))
        return self


@pytest.mark.parametrize("accelerator", [False, True])
def test_all_generators_are_seeded_as_by_torch(monkeypatch, accelerator):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: accelerator)
    torch.manual_seed(3)
    expected = torch.rand(2)
    seed_all(3)
    assert torch.rand(2).equal(expected)


def test_the_cpu_generator_is_restored():
    before = torch.get_rng_state()
    with seeded(3):
        first = torch.rand(2)
    assert torch.get_rng_state().equal(before)
    with seeded(3):
        assert torch.rand(2).equal(first)


def test_the_mps_generator_is_restored_even_after_an_error(monkeypatch):
    generator = MPSGenerator().install(monkeypatch)
    with pytest.raises(KeyError), seeded(3, torch.device("mps")):
        assert generator.state.tolist() == [3]
        raise KeyError
    assert generator.state.tolist() == [7]
