"""Networks on accelerators: forward, in training and in steps; on a machine without one, on a simulated one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from tensorar.backbone import CausalBackbone
from tensorar.generation.steppers import make_stepper
from tensorar.generation.visits import Visits
from tensorar.model import AutoregressiveModel
from tensorar.testing.checks.comparison import describing
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.part_cases import growing_cases
from tensorar.testing.generate.reference_parts import Die
from tensorar.testing.kinds import Shape
from tensorar.testing.oracles import parameters_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped, describe_error
from tensorar.testing.simulated_device import DeviceMixedError, simulated_device

# images first: they need more tables than sequences
SHAPES: tuple[Shape, ...] = ((2, 3), (6,), (2, 2, 2), (1, 2, 2, 2))


@check("backbone")
def any_device(part: PartUnderTest) -> None:
    """On every available accelerator, or a simulated one, parameters and steps are the same up to rounding."""
    devices = [torch.device(name) for name in ("cuda", "mps") if getattr(torch, name).is_available()]
    for case in growing_cases(part, shapes=SHAPES, head=Die(), context_features=2)[:1]:
        for device in devices:
            with describing(case, f"on {device} "):
                _require_same_there(case, device)
        if not devices:
            with describing(case, "on an accelerator "), _simulated() as device:
                _require_same_there(case, device)


# --- helpers ---------------------------------------------------------------------------------------------------------


@contextmanager
def _simulated() -> Iterator[torch.device]:
    """The simulated accelerator. Skips what it cannot do, so that only mixed devices and wrong values are failures."""
    with simulated_device() as device:
        try:
            yield device
        except (CheckFailed, DeviceMixedError):
            raise
        except Exception as error:
            raise CheckSkipped(f"no accelerator is available, and a simulated one {describe_error(error)}") from error


def _require_same_there(case: Case, device: torch.device) -> None:
    """Require equal parameters and steps in float32 on a device, and a training step that runs there."""
    model, x, context = case.mild_model().float(), case.events(3).float(), case.contexts(3)
    assert context is not None
    context = context.float()
    there = copy.deepcopy(model).to(device)
    with torch.no_grad():
        _require_close(parameters_of(there, x.to(device), context.to(device)), parameters_of(model, x, context))
        if isinstance(model.backbone, CausalBackbone) and model.backbone.has_stepper:
            _require_close(_walk(there, x.to(device), context.to(device)), _walk(model, x, context))
    there.train().loss(x.to(device), context.to(device)).backward()


def _walk(model: AutoregressiveModel, x: Tensor, context: Tensor) -> Tensor:
    """The parameters of all steps, ``(batch, N, P)``."""
    stepper = make_stepper(model.backbone, Visits([model.order]), len(x), context)
    features, last, steps = model.features(x).flatten(1, -2), None, []
    for visited in model.order.visits.tolist():
        steps.append(stepper.step(last))
        last = features[:, visited]
    return torch.stack(steps, 1)


def _require_close(got: Tensor, expected: Tensor) -> None:
    if not torch.allclose(got.cpu(), expected, rtol=1e-3, atol=1e-3):
        raise CheckFailed("the parameters differ from those on the CPU")
