"""The simulated accelerator of the kit, and parts that another process cannot import."""

import math

import pytest
import torch
from torch import nn

from tensorar.testing import checks
from tensorar.testing.simulated_device import DeviceMixedError, simulated_device
from tests.testing.reference import Lines


def test_a_simulated_device_computes_like_the_cpu():
    torch.manual_seed(0)
    network, x = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2)), torch.randn(5, 3)
    expected = network(x)
    with simulated_device() as device:
        network.to(device)
        got = network(x.to(device))
        assert got.device == device
        assert torch.equal(got.cpu(), expected)
        got.sum().backward()
        assert network[0].weight.grad.device == device
        assert bool((got > -math.inf).all()), "control flow may depend on values"


@pytest.mark.usefixtures("without_shape_checks")
def test_tensors_made_from_numbers_are_on_the_device():
    with simulated_device() as device:
        x = torch.zeros(3, device=device)
        for made in (
            torch.tensor([1.0, 2.0, 3.0], device=device),
            x.new_tensor([1.0, 2.0, 3.0]),
            x + torch.tensor(1.0),
        ):
            assert (x + made).sum().item() in (6.0, 3.0)
        x[[0, 2]] = 5.0
        assert x.tolist() == [5.0, 0.0, 5.0]
        assert x[torch.tensor([2])].tolist() == [5.0], "an index may be on the CPU"


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: x + torch.ones(3),
        lambda x: torch.cat([x, torch.ones(3)]),
        lambda x: torch.where(torch.ones(3, dtype=torch.bool), x, 0.0),
        lambda x: x.index_select(0, torch.tensor([1])),
        lambda x: x.numpy(),
    ],
)
def test_mixed_devices_are_refused(mix):
    with simulated_device() as device, pytest.raises(DeviceMixedError):
        mix(torch.zeros(3, device=device))


def test_a_part_of_a_function_is_not_sent_to_another_process():
    class Local(Lines):
        """Defined here."""

    result = {check.name: check for check in checks(Local)}["same_in_another_process"].run()
    assert result.status == "skipped"
    assert "another process cannot" in result.reason
