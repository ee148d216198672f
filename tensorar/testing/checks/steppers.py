"""Properties of steppers: equal to the forward pass, also after selection, reset and a change of weights."""

from __future__ import annotations

import torch
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from tensorar.model import AutoregressiveModel
from tensorar.stepper import CachedStepper, Stepper
from tensorar.testing.checks.stepped_events import BATCH, SteppedEvents, require_own_stepper
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.part_cases import cases_of
from tensorar.testing.kinds import is_causal
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, CheckSkipped


@check("backbone", when=is_causal)
def stepper_is_the_forward_pass(part: PartUnderTest) -> None:
    """Each step returns the parameters of the forward pass, which stay, for two steppers used alternately."""

    def test(case: Case) -> None:
        model = case.model()
        both = [SteppedEvents.of(case, model, offset) for offset in (1, 2)]
        for _ in model.order.visits:
            for events in both:
                events.step()
        for events in both:
            events.look_back()

    for_all(_stepped_cases(part), test, examples=part.profile.examples)


@check("backbone", when=is_causal)
def stepper_selects_examples(part: PartUnderTest) -> None:
    """After ``select(rows)`` at any step, the stepper is that of the selected examples, fewer or more than before."""

    def test(case: Case) -> None:
        events = SteppedEvents.of(case, case.model())
        _require_method(events.stepper, "select", "resample")
        generator = torch.Generator().manual_seed(case.seed)
        for t in torch.randint(len(events.visits) + 1, (2,), generator=generator).sort().values.tolist():
            events.step_to(t, " after select")
            n = BATCH - 1 if len(events.x) == BATCH else BATCH + 2
            rows = torch.randint(len(events.x), (n,), generator=generator)
            # new values from here on, so that copies of an example differ
            events.select(rows, case.events(n, offset=2 + t))
        events.finish(" after select")

    for_all(_stepped_cases(part), test, examples=max(6, part.profile.examples // 2))


@check("backbone", when=is_causal)
def stepper_resets(part: PartUnderTest) -> None:
    """After ``reset`` at any step, the stepper begins again."""

    def test(case: Case) -> None:
        events = SteppedEvents.of(case, case.model())
        _require_method(events.stepper, "reset", "begin again")
        events.step_to(case.seed % (len(events.visits) + 1))
        events.reset(case.events(BATCH, offset=2))
        events.finish(" after reset")

    for_all(_stepped_cases(part), test, examples=max(4, part.profile.examples // 2))


@check("backbone", when=is_causal)
def stepper_prefills(part: PartUnderTest) -> None:
    """After ``prefill`` of some first coefficients, steps go on as if these had been visited one by one."""

    def test(case: Case) -> None:
        model = case.model()
        count = 1 + case.seed % len(model.order)
        events, whole = SteppedEvents.of(case, model), SteppedEvents.of(case, model, offset=2)
        events.prefill(count)
        if _has(events.stepper, "select"):
            events.select(torch.tensor([2, 0, 0]), case.events(BATCH, offset=3))
        events.finish(f" after prefill of {count} coefficients")
        # everything: nothing is left to step
        whole.prefill(len(model.order))
        if _has(whole.stepper, "reset"):
            whole.reset(case.events(BATCH, offset=4))
            whole.finish(" after prefill and reset")

    for_all(_stepped_cases(part), test, examples=max(6, part.profile.examples // 2))


@check("backbone", when=is_causal)
def stepper_looks_ahead(part: PartUnderTest) -> None:
    """``ahead`` is the forward pass as far as its guesses are right, and ``keep`` moves on by them.

    Without ``keep`` the stepper stays where it is.
    """

    def test(case: Case) -> None:
        events = SteppedEvents.of(case, case.model(), batch=1)
        if not events.stepper.looks_ahead:
            raise CheckSkipped("the stepper does not look ahead")
        generator = torch.Generator().manual_seed(case.seed)
        events.step()
        while left := len(events.visits) - events.t:
            steps, right, kind = (int(torch.randint(n, (), generator=generator)) for n in (left, left, 3))
            events.look_ahead(1 + steps, right, keep=kind == 1)
            if kind == 2:
                events.step(" after a look ahead")

    for_all(_stepped_cases(part), test, examples=part.profile.examples)


@check("backbone", when=is_causal)
def stepper_follows_the_weights(part: PartUnderTest) -> None:
    """After the weights changed in place, a new stepper and a reset one have the new weights."""

    def test(case: Case) -> None:
        model = case.model()
        events = SteppedEvents.of(case, model)
        events.step_to(case.seed % (len(events.visits) + 1))
        _change_weights(model)
        SteppedEvents.of(case, model, offset=2).finish(" made after the weights changed")
        if _has(events.stepper, "reset"):
            events.reset(events.x)
            events.finish(" reset after the weights changed")

    for_all(_stepped_cases(part), test, examples=max(4, part.profile.examples // 2))


@check("backbone", when=is_causal)
def stepper_state_is_valid(part: PartUnderTest) -> None:
    """``state()`` returns tensors with the batch axis first that do not overlap, and restores a ``CachedStepper``."""

    def test(case: Case) -> None:
        events = SteppedEvents.of(case, case.model())
        _require_method(events.stepper, "state", "report its memory")
        events.step_to(1 + case.seed % len(events.visits))
        _require_state(events.stepper.state(), BATCH)
        _require_restored(events)
        if _has(events.stepper, "select"):
            events.select(torch.tensor([1, 0, 1, 0, 2]), case.events(5, offset=2))
            _require_state(events.stepper.state(), 5)

    for_all(_stepped_cases(part), test, examples=max(4, part.profile.examples // 2))


# --- helpers ---------------------------------------------------------------------------------------------------------


def _stepped_cases(part: PartUnderTest) -> SearchStrategy[Case]:
    require_own_stepper(part.part)
    return cases_of(part)


def _has(stepper: Stepper, method: str) -> bool:
    return getattr(type(stepper), method, None) not in (None, getattr(Stepper, method))


def _require_method(stepper: Stepper, method: str, purpose: str) -> None:
    if not _has(stepper, method):
        raise CheckSkipped(f"steppers without {method} cannot {purpose}")


def _change_weights(model: AutoregressiveModel) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(-0.7).add_(0.3)


def _require_state(state: dict[str, Tensor], batch: int) -> None:
    for name, held in state.items():
        if held.ndim == 0 or len(held) != batch:
            raise CheckFailed(f"{name} of the state has shape {tuple(held.shape)}, expected {batch} examples first")
    elements = [(name, element) for name, held in state.items() for element in _addresses(held)]
    if len({element for _, element in elements}) < len(elements):
        raise CheckFailed(f"the elements of {', '.join(state)} overlap in memory")


def _require_restored(events: SteppedEvents) -> None:
    """Require that copying the state back, with the step ``t``, repeats the steps."""
    stepper, t = events.stepper, events.t
    if not isinstance(stepper, CachedStepper):
        return
    kept = {name: held.clone() for name, held in stepper.state().items()}
    events.finish()
    with torch.inference_mode():
        for name, held in stepper.state().items():
            held.copy_(kept[name])
    stepper.t = events.t = t
    events.finish(" after its state was restored")


def _addresses(held: Tensor) -> list[int]:
    """The address of each element."""
    size = held.untyped_storage().nbytes() // held.element_size()
    offsets = torch.arange(size).as_strided(held.size(), held.stride(), held.storage_offset()).flatten()
    return (held.untyped_storage().data_ptr() + offsets * held.element_size()).tolist()
