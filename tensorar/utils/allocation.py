"""What a network allocates while it is built: refused, with its size, when it is more than the memory there is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from tensorar.errors import TensorarError
from tensorar.utils.memory import available_memory, format_bytes, require_memory
from tensorar.utils.operation_mode import OperationMode

CPU, META = torch.device("cpu"), torch.device("meta")
# smaller tensors are created without a look at the memory that is left, and in a trial are really created
SMALL, SMALL_IN_TRIAL = 2**24, 2**12
MAX_BYTES_PER_ELEMENT = 16
# torch counts elements in 64 bits
BEYOND_64_BITS = 2**63
# bytes that a tensor takes beside its numbers: the objects of Python that hold it
OVERHEAD = 2000
# with more tensors than this, a network is being built in a loop that may not end
MAX_TENSORS = 1000
# options above this may be the length of such a loop; below, it ends in seconds
LARGE = 1000
# a loop is tried with two small lengths that are equal to it modulo this, since some have to be odd or even
MODULUS = 6
# messages of Python and torch
ALLOCATION = re.compile(r"can't allocate memory|not enough memory|out of memory", re.IGNORECASE)
OVERFLOW = re.compile(r"overflow|too (big|large) to convert|too many digits", re.IGNORECASE)
BYTES = re.compile(r"tried to allocate (\d+) bytes")
REMEDY = "use smaller sizes, batches or numbers of samples, or a machine with more memory"

Options = Mapping[str, Any]


class AllocationGuard(OperationMode):
    """Checks every large tensor against the memory that is left, before it is created on the CPU.

    Raises ``TensorarError``. Tensors and random numbers are the same as without it.
    """

    # whether tensors that are small by their arguments are created without being described
    skips_small = True

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Options | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if not _creates(function) or (options.get("device") or CPU).type != "cpu":
            return function(*args, **options)
        if self.skips_small and _surely_small(args):
            return function(*args, **options)
        described = _described(function, args, options)
        size = BEYOND_64_BITS if described is None else described.numel() * described.element_size()
        return self.create(lambda: function(*args, **options), described, size)

    def create(self, make: Callable[[], Any], described: Tensor | None, size: int) -> Any:
        """The tensor that ``make`` creates; ``described`` is the same without its numbers, if it can exist."""
        if size > SMALL:
            require_memory(size, f"a tensor of {self.what}")
        return make()


class StepGuard(AllocationGuard):
    """Checks the results of all operations too, before they are computed, where they could be large.

    ``refusal`` is the error that was raised.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.refusal: TensorarError | None = None

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Options | None = None
    ) -> Any:
        try:
            size = _result_bytes(function, args, dict(kwargs or {}))
            if size > SMALL:
                require_memory(size, f"a tensor of {self.what}", remedy=REMEDY)
            return super().__torch_dispatch__(function, types, args, kwargs)
        except TensorarError as error:
            self.refusal = error
            raise


def _result_bytes(function: Any, args: tuple[Any, ...], options: Options) -> int:
    """The bytes that an operation on tensors of the CPU allocates for its results, 0 if they are small or unknown."""
    schema = function._schema
    tensors = [t for t in tree_leaves((args, options)) if isinstance(t, Tensor)]
    # no result of two tensors is larger than their product
    bound = math.prod(max(1, t.numel()) for t in tensors)
    if any(returned.alias_info for returned in schema.returns) or bound * MAX_BYTES_PER_ELEMENT <= SMALL:
        return 0
    if any(t.device.type != "cpu" for t in tensors):
        return 0
    described = tree_map_only(Tensor, _as_meta, (args, options))
    try:
        results = function(*described[0], **described[1])
    except Exception:  # operations that have no description, or whose result depends on numbers
        return 0
    return sum(t.numel() * t.element_size() for t in tree_leaves(results) if isinstance(t, Tensor))


def _as_meta(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)


class _EnoughError(Exception):
    """A trial is over."""


class _Trial(AllocationGuard):
    """Adds up the bytes of the tensors that are created, and only describes the large ones.

    Stops at more bytes than are available, or too many tensors; ``finished`` is False then.
    """

    skips_small = False

    def __init__(self) -> None:
        super().__init__("")
        self.bytes, self.tensors, self.available = 0, 0, available_memory()
        self.finished = True

    def create(self, make: Callable[[], Any], described: Tensor | None, size: int) -> Any:
        self.bytes += size + OVERHEAD
        self.tensors += 1
        if self.bytes > self.available or self.tensors > MAX_TENSORS:
            raise _EnoughError
        return described if size > SMALL_IN_TRIAL else make()

    def run(self, make: Callable[[], object]) -> None:
        """Build something; its other errors are left to the real thing."""
        with torch.random.fork_rng([]), suppress(Exception), self:
            try:
                make()
            except (_EnoughError, MemoryError):
                self.finished = False


def require_room(make: Callable[[dict[str, Any]], object], options: Options, what: str) -> None:
    """Raise ``TensorarError``, with the size, if ``make(options)`` would allocate more than the memory there is.

    Only options above ``LARGE`` are suspected, and cause a trial. If it meets too many tensors, their number is taken
    to grow with a large option as it does between two small values of it.
    """
    large = {name: value for name, value in options.items() if type(value) is int and value > LARGE}
    if not large or _require_room_for_part(make, options, what):
        return
    # one loop over one of the options, or else loops over several of them
    for loops in (*({name: value} for name, value in large.items()), large):
        small = {**options, **{name: MODULUS + value % MODULUS for name, value in loops.items()}}
        if _require_room_for_part(make, small, what):
            required = base = _tried(make, small).bytes
            for name, value in loops.items():
                more = _tried(make, {**small, name: small[name] + MODULUS}).bytes
                required += (more - base) * (value - small[name]) // MODULUS
            require_memory(required, what)
            return


def _require_room_for_part(make: Callable[[dict[str, Any]], object], options: Options, what: str) -> bool:
    """Require memory for what a trial with these options allocates; return whether it was built to its end."""
    trial = _tried(make, options)
    require_memory(trial.bytes, f"a part of {what}")
    return trial.finished


def _tried(make: Callable[[dict[str, Any]], object], options: Options) -> _Trial:
    trial = _Trial()
    trial.run(lambda: make(dict(options)))
    return trial


def memory_error(error: BaseException) -> TensorarError | None:
    """The error to report for one of Python or torch about a lack of memory, or sizes of more than 64 bits."""
    text = str(error)
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and ALLOCATION.search(text)):
        found = BYTES.search(text)
        got = f"a request for {format_bytes(int(found[1]))}" if found else "a request for more"
        return TensorarError(
            expected=f"at most {format_bytes(available_memory())} of memory, as is available", got=got, remedy=REMEDY
        )
    if _is_overflow(error):
        return TensorarError(expected="sizes and numbers of at most 64 bits", got="larger ones", remedy=REMEDY)
    return None


def _is_overflow(error: BaseException) -> bool:
    kinds = ValueError | RuntimeError | ArithmeticError | TypeError
    return isinstance(error, kinds) and bool(OVERFLOW.search(str(error)))


@cache
def _creates(function: Any) -> bool:
    """Whether an operation creates a tensor whose size follows from its arguments."""
    schema = function._schema
    stated = any(a.name == "device" and a.kwarg_only for a in schema.arguments)
    return stated and schema.name not in ("aten::_to_copy", "aten::to")


def _surely_small(args: tuple[Any, ...]) -> bool:
    """Whether a tensor of these sizes, or a range between these integers, is small.

    Describing even a small range makes torch import sympy, for half a second.
    """
    numbers = [n for arg in args for n in (arg if isinstance(arg, list | tuple) else (arg,))]
    integers = [max(abs(n), 2) for n in numbers if type(n) is int]
    return len(integers) == len(numbers) > 0 and math.prod(integers) <= SMALL // MAX_BYTES_PER_ELEMENT


def _described(function: Any, args: tuple[Any, ...], options: Options) -> Tensor | None:
    """The tensor that an operation would create, without its numbers; None if its size exceeds 64 bits."""
    random = {"generator": None} if "generator" in options else {}
    try:
        tensor: Tensor = function(*args, **{**options, **random, "device": META})
    except RuntimeError as error:
        if _is_overflow(error):
            return None
        raise
    return tensor
