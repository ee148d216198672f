"""State of a head: results do not depend on earlier calls or on other heads, and tensors stay on their device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tensorar.head import Head
from tensorar.testing.generate.head_inputs import DTYPES, Parameters
from tensorar.testing.generate.head_options import coefficients_of, variants
from tensorar.testing.generate.head_results import differing, results_of
from tensorar.testing.generate.values import values_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped

# operations that take tensors of several devices
COPIES = ("_to_copy", "copy_", "_copy_from")


@check("head")
def earlier_calls_have_no_effect(part: PartUnderTest) -> None:
    """Results are the same whatever was computed before: in another dtype or shape, or by a head with other options."""
    alone = {dtype: results_of(part.make(), dtype=dtype) for dtype in DTYPES}
    for order in (DTYPES, DTYPES[::-1]):
        used = part.make()
        for dtype in order:
            results_of(used, dtype=dtype, shape=(7,))
        _require_unchanged(alone, used, order, "calls in another dtype and shape")
        for variant in variants(part)[1:]:
            results_of(part.part(**variant.options))
            _require_unchanged(alone, used, order, f"a head with other options was made ({variant.description})")


@check("head")
def training_after_sampling(part: PartUnderTest) -> None:
    """Gradients are computed after samples were drawn in inference mode, whose tensors training cannot use."""
    for variant in variants(part):
        head: Head = part.part(**variant.options)
        with torch.inference_mode():
            results_of(head, dtype=torch.float32)
        parameters = Parameters(1.0, 0, torch.float32).of(head, 5).requires_grad_()
        values = values_of(head, (5,), 0).float()
        head.encode(values)
        head.distribution(parameters, torch.zeros(5, dtype=torch.long)).log_prob(values).sum().backward()


@check("head")
def any_device(part: PartUnderTest) -> None:
    """Nothing is computed on the CPU for tensors of another device (without an accelerator: of a simulated one)."""
    skipped = []
    for variant in variants(part):
        for what, compute in _operations(variant.head, len(coefficients_of(part))).items():
            try:
                with _OneDevice():  # type: ignore[no-untyped-call]
                    device = compute().device
            except (NotImplementedError, RuntimeError) as error:
                # an operation that needs numbers, which a simulated device does not have
                skipped.append(f"{what}: {' '.join(str(error).split())[:80]}")
                continue
            if device.type != "meta":
                raise CheckFailed(f"{what} of tensors on another device returns a tensor on the {device}")
    if len(skipped) == len(variants(part)) * len(_operations(part.instance, 1)):
        raise CheckSkipped(f"the device could not be simulated ({skipped[0]})")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _require_unchanged(
    alone: dict[torch.dtype, dict[str, Tensor]], used: Head, order: tuple[torch.dtype, ...], after: str
) -> None:
    for dtype in order:
        different = differing(alone[dtype], results_of(used, dtype=dtype))
        if different:
            raise CheckFailed(f"{different} in {dtype} changed after {after}")


class _OneDevice(TorchDispatchMode):
    """Simulates an accelerator by tensors on torch's device ``meta``, which refuse to be mixed with the CPU's."""

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, Tensor)]
        there = any(tensor.device.type == "meta" for tensor in tensors)
        here = [tensor for tensor in tensors if tensor.device.type == "cpu" and tensor.ndim > 0]
        name = operation.overloadpacket.__name__
        # indices may be on the CPU, the indexed tensor may not
        indexed = name.startswith("index") and tensors[0].device.type == "meta"
        if there and here and name not in COPIES and not indexed:
            raise CheckFailed(f"{name} mixes a tensor of shape {tuple(here[0].shape)} on the CPU with another device's")
        return operation(*args, **(kwargs or {}))


def _operations(head: Head, n: int) -> dict[str, Callable[[], Tensor]]:
    parameters = torch.empty(4, n, head.parameter_count, device="meta")
    values, noise = torch.empty(4, n, device="meta"), torch.empty(4, n, head.noise_size, device="meta")
    index = torch.empty(n, dtype=torch.long, device="meta")
    return {
        "encode": lambda: head.encode(values, index),
        "log_prob": lambda: head.distribution(parameters, index).log_prob(values),
        "draw": lambda: head.draw(parameters, noise, index),
        "sample": lambda: head.distribution(parameters, index).sample(),
        "mean": lambda: head.distribution(parameters, index).mean,
    }
