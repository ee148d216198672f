"""A simulated accelerator: tensors with real values in main memory that torch takes for those of another device.

Operations on them give the values that they give on the CPU, so that control flow may depend on values (under torch's
``FakeTensorMode`` it may not). Operations on tensors of both devices raise ``DeviceMixedError``, as on an accelerator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from tensorar.utils.operation_mode import OperationMode

# autograd needs a device that torch was built with, and no operation touches the storage of this one
DEVICE = torch.device("meta")
aten = torch.ops.aten
# a copy moves values between devices
COPIES = {aten.copy_.default, aten._to_copy.default}
# indices may be on the CPU, but not those into a tensor of the CPU on the accelerator
INDEXES = {aten.index.Tensor, aten.index_put_.default}


class DeviceMixedError(RuntimeError):
    """An operation got tensors of the CPU and of the simulated accelerator."""


class SimulatedTensor(Tensor):
    """A tensor that is on ``DEVICE`` by its attributes, and keeps its values in ``held``, on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, values: Tensor) -> SimulatedTensor:
        """A tensor with these values."""
        made: SimulatedTensor = Tensor._make_wrapper_subclass(
            cls,
            values.size(),
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            layout=values.layout,
            device=DEVICE,
        )
        made.held = values
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"SimulatedTensor({self.held})"

    # the default would make results on the CPU tensors of this class, too
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class _Operations(OperationMode):
    """Operations of torch, those on no tensor of the device included: they may make one."""

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """Functions that read or write the memory of tensors without an operation, as to make one from numbers."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in (Tensor.numpy, Tensor.__array__) and isinstance(args[0], SimulatedTensor):
            raise DeviceMixedError("numpy got a tensor of an accelerator")
        if func is Tensor.tolist:
            return _values(args[0]).tolist()
        if func is torch.unravel_index:
            place = _simulated if isinstance(args[0], SimulatedTensor) else _values
            return tree_map(place, func(*tree_map(_values, args), **kwargs))
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            args = (args[0], _tensor_indices(args[1]), *args[2:])
        if func is Tensor.new_tensor:
            like, *args_after = args
            kwargs = {"dtype": like.dtype, "device": like.device} | kwargs
            func, args = torch.tensor, tuple(args_after)
        if func not in (torch.tensor, torch.as_tensor) or kwargs.get("device") is None:
            return func(*args, **kwargs)
        device = kwargs.pop("device")
        return func(*args, **kwargs).to(device)


@contextmanager
def simulated_device() -> Iterator[torch.device]:
    """The simulated accelerator as a device, for use within the context."""
    with _Operations(), _Functions():
        yield DEVICE


def _run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operation on the values, and return its results on the device where they would be."""
    tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
    simulated = [tensor for tensor in tensors if isinstance(tensor, SimulatedTensor)]
    others = [tensor for tensor in tensors if not isinstance(tensor, SimulatedTensor)]
    if any(tensor.device == DEVICE for tensor in others):
        raise NotImplementedError(f"{func.__name__} got a tensor that was made without an operation")
    if simulated and any(tensor.ndim for tensor in others) and not _may_cross(func, args):
        raise DeviceMixedError(f"{func.__name__.split('.')[0]} got tensors of two devices, the CPU and an accelerator")
    device = kwargs.get("device")
    if device is not None:
        kwargs = kwargs | {"device": torch.device("cpu")}
    result = func(*tree_map(_values, args), **tree_map(_values, kwargs))
    if torch.device(device) != DEVICE if device is not None else not simulated:
        return result
    # in-place operations return their argument
    same = {id(tensor.held): tensor for tensor in simulated}
    return tree_map(lambda value: same[id(value)] if id(value) in same else _simulated(value), result)


def _may_cross(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether an operation may get tensors of both devices."""
    return func in COPIES or (func in INDEXES and isinstance(args[0], SimulatedTensor))


def _tensor_indices(index: Any) -> Any:
    """An index with tensors for lists."""
    if isinstance(index, tuple):
        return tuple(map(_tensor_indices, index))
    return torch.tensor(index) if isinstance(index, list) else index


def _values(value: Any) -> Any:
    return value.held if isinstance(value, SimulatedTensor) else value


def _simulated(value: Any) -> Any:
    return SimulatedTensor(value) if isinstance(value, Tensor) else value
