"""What a network allocates: refused before it is allocated, found without loops that never end."""

import pytest
import torch
from torch import nn

from tensorar import TensorarError, build, default_registry
from tensorar.utils import memory
from tensorar.utils.allocation import LARGE, AllocationGuard, memory_error, require_room

# many passes; other tests of the same functions check the shapes
pytestmark = pytest.mark.usefixtures("without_shape_checks")

AVAILABLE = 10**9


@pytest.fixture(autouse=True)
def _one_gigabyte(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: AVAILABLE)
    monkeypatch.setattr("tensorar.utils.allocation.available_memory", lambda: AVAILABLE)


@pytest.mark.parametrize(
    ("create", "size"),
    [
        (lambda: torch.empty(10**6, 10**6), "4 TB"),
        (lambda: torch.zeros(10**10, dtype=torch.float64), "80 GB"),
        (lambda: torch.randn(10**5, 10**5, generator=torch.Generator()), "40 GB"),
        (lambda: torch.arange(10**10), "80 GB"),
        (lambda: torch.randperm(10**10, generator=torch.Generator()), "80 GB"),
        (lambda: torch.zeros(2).new_ones(10**10), "40 GB"),
        (lambda: nn.Linear(10**5, 10**5), "40 GB"),
        (lambda: nn.Embedding(10**9, 10**3), "4 TB"),
        (lambda: torch.empty(10**12, 10**12), "9.22 EB"),
    ],
)
def test_a_tensor_larger_than_the_memory_is_not_created(create, size):
    with pytest.raises(TensorarError, match=f"got a tensor of it, which would take {size}; "), AllocationGuard("it"):
        create()


def test_the_guard_changes_no_numbers():
    def made():
        torch.manual_seed(3)
        return nn.GRU(5, 7), torch.randperm(9, generator=torch.Generator().manual_seed(1)), torch.get_rng_state()

    plain = made()
    with AllocationGuard("it"):
        guarded = made()
    assert all(a.equal(b) for a, b in zip(plain[0].parameters(), guarded[0].parameters(), strict=True))
    assert plain[1].equal(guarded[1])
    assert plain[2].equal(guarded[2])


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
def test_conversions_are_left_alone(mode):
    # in inference mode these reach the guard, which takes them for new tensors by their argument ``device``
    with mode(), AllocationGuard("it"):
        x = torch.ones(3)
        assert x.to(torch.device("cpu")) is x
        assert x.to("cpu", torch.float64).dtype == x.double().dtype == torch.float64
        assert x.to(torch.zeros(1, dtype=torch.int64)).sum() == 3
        assert build((4, 4), "raster", "bernoulli", "pixelcnn:channels=4,blocks=1").order.device.type == "cpu"


def test_a_trial_leaves_the_random_numbers_alone():
    before = torch.get_rng_state()
    require_room(lambda options: nn.Linear(options["width"], 3), {"width": LARGE + 1}, "it")
    assert before.equal(torch.get_rng_state())


def _tower(options):
    return nn.ModuleList(nn.Linear(options["width"], options["width"]) for _ in range(options["layers"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 10**12, "width": 100}, r"got it, which would take 44\.\d PB"),
        ({"layers": 10**12, "width": 10**12}, r"got a part of it, which would take 9\.22 EB"),
        ({"layers": 10**5, "width": 2000}, r"got a part of it, which would take 1"),
        ({"layers": 3, "width": 10**5}, r"got a part of it, which would take 40 GB"),
    ],
)
def test_loops_over_a_large_option_are_cut_short(options, message):
    with pytest.raises(TensorarError, match=message):
        require_room(_tower, options, "it")


def test_two_loops():
    def both(options):
        return [nn.Linear(3, 3) for _ in range(options["a"])], [nn.Linear(3, 3) for _ in range(options["b"])]

    with pytest.raises(TensorarError, match="got it, which would take "):
        require_room(both, {"a": 10**12, "b": 10**11}, "it")


def test_what_fits_is_accepted():
    require_room(_tower, {"layers": 2000, "width": 10}, "it")
    require_room(_tower, {"layers": 10, "width": 2000}, "it")
    require_room(_tower, {"layers": LARGE, "width": 10}, "it")


def test_errors_of_a_trial_are_left_to_the_real_thing():
    def broken(options):
        raise ZeroDivisionError

    require_room(broken, {"width": 10**12}, "it")


BACKBONES = [
    (name, option)
    for name, found in default_registry().parts("backbone").items()
    for option, parameter in found.part.option_parameters().items()
    if parameter.annotation in (int, int | None) and option not in ("seed", "chunk")
]


@pytest.mark.parametrize(("name", "option"), BACKBONES)
def test_every_size_of_every_backbone_has_a_limit(name, option):
    spec = f"{name}:{option}=1000000000001"
    if (name, option) == ("rnn", "embedding"):
        spec += ",position_embedding=true"
    with pytest.raises(TensorarError) as raised:
        build((4, 4), "raster", "bernoulli", spec)
    refused = str(raised.value)
    assert "would take" in refused or "at most" in refused or "multiple" in refused, refused
    assert "reason:" not in refused


def test_errors_of_python_and_torch_about_memory():
    text = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8000000000000 bytes. Error code 12"
    found = str(memory_error(RuntimeError(text)))
    assert found.startswith("expected at most 1 GB of memory, as is available, got a request for 8 TB; ")
    assert "a request for more" in str(memory_error(MemoryError()))
    assert "at most 64 bits" in str(memory_error(OverflowError("int too big to convert")))
    assert memory_error(RuntimeError("shapes differ")) is None
