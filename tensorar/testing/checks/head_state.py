"""State of a head: results do not depend on earlier calls or on other heads, and tensors stay on their device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tensorar.head import Head
from tensorar.testing.generate.head_inputs import DTYPES, Parameters
from tensorar.testing.generate.head_options import coefficients_of, few_coefficients, usable, variants
from tensorar.testing.generate.head_results import differing, results_of
from tensorar.testing.generate.values import values_of
from tensorar.testing.kinds import Shape
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped
from tensorar.testing.simulated_device import DeviceMixedError, SimulatedTensor, simulated_device


@check("head")
def earlier_calls_have_no_effect(part: PartUnderTest) -> None:
    """Results are the same whatever was computed before: in another dtype or shape, or by a head with other options."""
    shape = (5, few_coefficients(part))
    other_shape = (7,) if part.shapes is None else (7, *shape[1:])
    alone = {dtype: results_of(part.make(), dtype=dtype, shape=shape) for dtype in DTYPES}
    for order in (DTYPES, DTYPES[::-1]):
        used = part.make()
        for dtype in order:
            results_of(used, dtype=dtype, shape=other_shape)
        _require_unchanged(alone, used, order, shape, "calls in another dtype and shape")
        for variant in variants(part)[1:]:
            results_of(usable(part.make(variant.options), part), shape=shape)
            _require_unchanged(alone, used, order, shape, f"a head with other options was made ({variant.description})")


@check("head")
def trains_after_inference(part: PartUnderTest) -> None:
    """Gradients are computed after inference mode and sampling: nothing cached there blocks them."""
    for variant in variants(part):
        head = usable(part.make(variant.options), part)
        with torch.inference_mode():
            results_of(head, dtype=torch.float32, shape=(5, few_coefficients(part)))
        parameters = Parameters(1.0, 0, torch.float32).of(head, 5).requires_grad_()
        values = values_of(head, (5,), 0).float()
        head.encode(values, torch.zeros(5, dtype=torch.long))
        head.distribution(parameters, torch.zeros(5, dtype=torch.long)).log_prob(values).sum().backward()


@check("head")
def any_device(part: PartUnderTest) -> None:
    """Nothing is computed on the CPU for tensors of another device, which is simulated."""
    done, skipped = 0, ""
    for variant in variants(part):
        for what, compute in _operations(variant.head, coefficients_of(part)).items():
            try:
                with simulated_device() as device:
                    found = compute().device
            except DeviceMixedError as error:
                raise CheckFailed(f"{what} of tensors on another device: {error} ({variant.description})") from error
            except (NotImplementedError, RuntimeError) as error:
                # an operation that cannot be simulated, or a mean that does not exist
                skipped = f"{what}: {' '.join(str(error).split())[:80]}"
                continue
            if found != device:
                raise CheckFailed(f"{what} of tensors on another device returns a tensor on the {found}")
            done += 1
    if not done:
        raise CheckSkipped(f"the device could not be simulated ({skipped})")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_unchanged(
    alone: dict[torch.dtype, dict[str, Tensor]], used: Head, order: tuple[torch.dtype, ...], shape: Shape, after: str
) -> None:
    for dtype in order:
        different = differing(alone[dtype], results_of(used, dtype=dtype, shape=shape))
        if different:
            raise CheckFailed(f"{different} in {dtype} changed after {after}")


def _operations(head: Head, known: Tensor) -> dict[str, Callable[[], Tensor]]:
    shape = (4, len(known))
    values = SimulatedTensor(values_of(head, shape, 0).float())
    parameters = SimulatedTensor(Parameters(1.0, 0, torch.float32).of(head, *shape))
    noise, index = SimulatedTensor(torch.full((*shape, head.noise_size), 0.4)), SimulatedTensor(known)
    return {
        "encode": lambda: head.encode(values, index),
        "log_prob": lambda: head.distribution(parameters, index).log_prob(values),
        "draw": lambda: head.draw(parameters, noise, index),
        "sample": lambda: head.distribution(parameters, index).sample(),
        "mean": lambda: head.distribution(parameters, index).mean,
    }
