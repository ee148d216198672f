"""Units of a head: what it takes from data, and the transform between standard values and the data's values."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tensorar.errors import TensorarError
from tensorar.head import Head
from tensorar.testing.generate.head_options import few_coefficients, fitted
from tensorar.testing.generate.values import values_of
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped, describe_error

# features of standardized data beyond this size are no features of about unit size
LARGEST_FEATURE = 100.0
# allowed error of values that were standardized and restored: relative, and in standard units
RELATIVE, ABSOLUTE = 4e-15, 1e-9
# kinds of data whose values are all in the support
OF_THE_SUPPORT = ("ordinary", "float32", "constant", "partly constant")
# allowed error of the logarithm of a derivative
LOG_DERIVATIVE = 1e-6


@check("head", by_kind=True)
def data_are_restored(part: PartUnderTest) -> None:
    """Values of any magnitude are the same after ``standardize`` and ``restore``, each coefficient by its own units."""
    for what, data, head in _fitted_heads(part):
        index = torch.arange(data.shape[1])
        standard = head.standardize(data, index)
        restored = head.restore(standard, index).double()
        error = (restored - data.double()).abs()
        size = _derivative(head, standard, index).nan_to_num(0.0)
        wrong = ~(error <= RELATIVE * data.double().abs() + ABSOLUTE * size)
        if wrong.any():
            raise CheckFailed(
                f"{data[wrong][0].item():.17g} becomes {restored[wrong][0].item():.17g} when it is standardized and"
                f" restored ({what} data)"
            )
        features = head.encode(standard.float(), index).abs().max().item()
        if head.data_state() and not features < LARGEST_FEATURE:
            raise CheckFailed(f"features of standardized values are up to {features:g} ({what} data)")
        _require_columns(head, data, standard, what)
        if head.data_state():
            _require_distinct(data, standard, size, what)


@check("head", by_kind=True)
def likelihoods_are_in_the_units_of_the_data(part: PartUnderTest) -> None:
    """``transform`` states by how much it stretches values, so that densities of the data integrate to 1."""
    for what, data, head in _fitted_heads(part):
        index = torch.arange(data.shape[1])
        standard = values_of(head, tuple(data.shape), 1)
        transform = head.transform(index)
        if transform is None:
            continue
        stated = transform.log_abs_det_jacobian(standard, transform(standard))
        # probabilities of single values have no units
        expected = torch.zeros_like(standard)
        if not head.support.is_discrete:
            expected = _derivative(head, standard, index).log()
        wrong = expected.isfinite() & ~((stated - expected).abs() < LOG_DERIVATIVE)
        if wrong.any():
            raise CheckFailed(
                f"transform stretches {standard[wrong][0].item():g} by exp({expected[wrong][0].item():.6g}), but its"
                f" log_abs_det_jacobian is {stated.expand_as(wrong)[wrong][0].item():.6g} ({what} data)"
            )


@check("head", by_kind=True)
def data_state_is_complete(part: PartUnderTest) -> None:
    """A head made from options and ``data_state`` equals the one that found it; ``for_data`` returns a new head."""
    for what, data, head in _fitted_heads(part):
        index = torch.arange(data.shape[1])
        original: Head = part.make()
        before = sorted(original.data_state())
        original.for_data(data)
        if sorted(original.data_state()) != before:
            raise CheckFailed("for_data changes the head instead of returning a new one")
        state = head.data_state()
        if not state and (original.data_state() or not _same_transform(original, head, data, index)):
            raise CheckFailed(f"data_state is empty, though for_data changed the transform ({what} data)")
        again = original.with_data_state({name: tensor.clone() for name, tensor in state.items()})
        if not _same_transform(again, head, data, index):
            raise CheckFailed(f"a head restored from data_state standardizes values differently ({what} data)")
        if again.parameter_count != head.parameter_count or again.feature_count != head.feature_count:
            raise CheckFailed(
                f"a head restored from data_state has other numbers of parameters or features ({what} data)"
            )


# --- helpers ---------------------------------------------------------------------------------------------------------


def _fitted_heads(part: PartUnderTest) -> Iterator[tuple[str, Tensor, Head]]:
    """Kinds of data that the head supports once it is fitted to them. Raises ``CheckSkipped`` if nothing is fitted."""
    used = False
    for what, data in _data(part):
        try:
            head = part.make().for_data(data)
            head.check(data)
        except TensorarError as error:
            if what in OF_THE_SUPPORT:
                raise CheckFailed(f"{what} data in the support are refused: it {describe_error(error)}") from error
            continue
        if head.data_state() or head.transform(torch.arange(data.shape[1])) is not None:
            used = True
            yield what, data, head
    if not used:
        raise CheckSkipped("the head takes nothing from the data")


def _data(part: PartUnderTest) -> Iterator[tuple[str, Tensor]]:
    head = fitted(part)
    n = few_coefficients(part)
    own = head.restore(values_of(head, (100, n), 0), torch.arange(n)).double()
    yield "ordinary", own
    yield "float32", own.float()
    yield "differently scaled", own * 10.0 ** torch.linspace(-3, 9, n, dtype=torch.float64)
    yield "constant", own[:1].repeat(100, 1)
    yield "partly constant", torch.where(torch.arange(n) == n - 1, own[0], own)
    yield "distant (1.7e9)", 1.7e9 + 1000 * own
    for size in (1e-200, 1e-25, 1e22, 1e200):
        yield f"{size:g} times as large", size * own
    yield "large integer", (1e12 + 1000 * own).round().long()
    yield "int64 beyond 2^53", 2**60 + (1000 * own).round().long()
    yield "two-valued", torch.where(own > own.median(), 3.5, -1.25)


def _derivative(head: Head, standard: Tensor, index: Tensor) -> Tensor:
    """By how much the transform stretches values."""
    if head.support.is_discrete:
        return torch.ones_like(standard)
    inputs = standard.double().requires_grad_()
    (derivative,) = torch.autograd.grad(head.restore(inputs, index).sum(), inputs)
    return derivative


def _require_columns(head: Head, data: Tensor, standard: Tensor, what: str) -> None:
    for i in range(data.shape[1]):
        for index in (torch.tensor(i), torch.full((len(data),), i)):
            if not torch.equal(head.standardize(data[:, i], index).double(), standard[:, i].double()):
                raise CheckFailed(f"coefficient {i} is standardized differently alone ({what} data)")


def _require_distinct(data: Tensor, standard: Tensor, size: Tensor, what: str) -> None:
    """Require that different values stay different, if all are stretched alike (as logarithms are not)."""
    for i in range(data.shape[1]):
        before, after = len(data[:, i].unique()), len(standard[:, i].unique())
        if before > after and bool((size[:, i] == size[0, i]).all()):
            raise CheckFailed(f"{before} distinct values of a coefficient become {after} standard values ({what} data)")


def _same_transform(one: Head, other: Head, data: Tensor, index: Tensor) -> bool:
    some, others = one.standardize(data, index).double(), other.standardize(data, index).double()
    return torch.equal(some.nan_to_num(), others.nan_to_num())
