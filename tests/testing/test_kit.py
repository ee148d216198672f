"""The interface of the kit: names, options, expected failures, skipped checks, reproducibility, and Hypothesis."""

import subprocess
import sys
from typing import ClassVar
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from tensorar import Order, PluginError, ShapeError, SpecError, default_registry
from tensorar.testing import CheckFailed, CheckSkipped, checks, event_shapes, evidence, models, orders, raster_like
from tensorar.testing import heads as head_specs
from tensorar.testing import orderings as ordering_specs
from tensorar.testing.properties import for_all
from tensorar.testing.registration import check as register
from tests.cli.commands import environment
from tests.testing.broken.backbones import TakesMoreThanItDeclares
from tests.testing.broken.masks import InclusiveOutput, UndeclaredBlindSpot
from tests.testing.broken.orderings import NotUniform, RepeatsAnIndex
from tests.testing.reference import Backwards, BinMixture, Dense, InUnits, Lines


def named(part, **options):
    return {check.name: check for check in checks(part, **options)}


@pytest.mark.parametrize("check", checks(Backwards))
def test_checks_are_used_like_this(check):
    check()


def test_a_test_has_the_name_of_its_check():
    every = checks(Lines)
    assert [check.__name__ for check in every] == [check.name for check in every]
    assert len({check.name for check in every}) == len(every)
    assert repr(every[0]) == "<check takes_what_it_declares of the backbone 'lines'>"


def test_options_are_those_of_the_part():
    named(BinMixture, levels=7)["sums_to_one"]()
    for check in checks(Dense, copies=5, dropout=0.0, shapes=[(2, 2)])[:4]:
        check()
    with pytest.raises(CheckFailed, match="raised TypeError"):
        checks(Dense, no_such=3)[0]()


@pytest.mark.usefixtures("without_shape_checks")
@pytest.mark.parametrize("what", [Lines.__init__, "raster", 3, dict])
def test_something_other_than_a_part_is_refused(what):
    with pytest.raises(SpecError, match="a class of ordering, head, backbone, dataset or model"):
        checks(what)


def test_names_of_checks_are_unique_per_kind():
    with pytest.raises(PluginError, match="expected one check 'permutation' of a ordering, got two"):
        register("ordering", name="permutation")(lambda part: None)


# --- results ---------------------------------------------------------------------------------------------------------


def test_an_error_of_the_part_is_reported_in_one_line_with_its_cause():
    class Broken(Lines):
        """Divides by zero for a single coefficient."""

        def forward(self, features, order, context=None):
            return features / (1 // 0)

    with pytest.raises(
        CheckFailed, match=r"raised ZeroDivisionError: .* \(shape \(\), ordering 0, head coin\)"
    ) as found:
        named(Broken)["takes_what_it_declares"]()
    assert found.value.__cause__ is not None


def test_a_check_without_anything_to_test_is_skipped_with_the_reason():
    check = named(Dense)["stepper_is_the_forward_pass"]
    assert check.run().status == "skipped"
    with pytest.raises(CheckSkipped, match="the backbone has no stepper of its own"):
        check()


def test_only_cases_that_a_check_does_not_apply_to_are_skipped():
    result = named(BinMixture, levels=400)["sums_to_one_in_a_model"].run()
    assert (result.status, result.reason) == ("skipped", "there are more than 300 events of shape ()")
    assert named(BinMixture, levels=20)["sums_to_one_in_a_model"].run().status == "passed"


def test_other_checks_are_skipped_where_the_part_does_not_take_what_it_declares():
    results = {name: check.run() for name, check in reversed(named(TakesMoreThanItDeclares).items())}
    failed = {name for name, result in results.items() if result.status == "failed"}
    assert failed == {"takes_what_it_declares"}
    reason = "the backbone does not take what it declares (see takes_what_it_declares)"
    assert (results["finite"].status, results["finite"].reason) == ("skipped", reason)
    assert results["described"].status == "passed", "the name and the options do not depend on it"


def test_the_base_check_is_run_once():
    calls = []

    class Counts(Lines):
        """Counts its constructions."""

        def __init__(self, signature):
            super().__init__(signature)
            calls.append(signature)

    every = named(Counts)
    every["takes_what_it_declares"]()
    once = len(calls)
    every["takes_what_it_declares"]()
    assert len(calls) == once > 0


# --- expected failures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", checks(NotUniform, expected_failures={"uniform_as_declared": "a quick shuffle"}))
def test_an_expected_failure_passes(check):
    check()


def test_an_expected_failure_has_its_own_status_with_the_reason():
    result = named(UndeclaredBlindSpot, expected_failures={"sees_its_past": "a short kernel"})["sees_its_past"].run()
    assert (result.status, result.reason) == ("expected_failure", "a short kernel")


def test_a_part_declares_its_expected_failures():
    class ShortKernel(UndeclaredBlindSpot):
        """Declares the check that it fails."""

        expected_failures: ClassVar = {"sees_its_past": "a short kernel"}

    assert named(ShortKernel)["sees_its_past"].run().status == "expected_failure"
    other = named(ShortKernel, expected_failures={"sees_its_past": "another reason"})["sees_its_past"].run()
    assert (other.status, other.reason) == ("expected_failure", "another reason")


def test_an_expected_failure_needs_a_reason():
    with pytest.raises(SpecError, match="expected the reason for which sees_its_past fails, got none"):
        checks(Lines, expected_failures={"sees_its_past": " "})


def test_a_part_that_ends_the_program_fails_its_checks():
    class Exits(Backwards):
        """Calls ``sys.exit``."""

        def visits(self, event_shape):
            sys.exit(3)

    assert named(Exits)["permutation"].run().status == "skipped"
    assert named(Exits)["takes_some_shape"].run().reason.startswith("raised SystemExit: 3")


def test_an_expected_failure_that_passes_is_a_failure():
    check = named(Lines, expected_failures={"sees_its_past": "a short kernel"})["sees_its_past"]
    with pytest.raises(CheckFailed, match="sees_its_past passed although expected to fail: a short kernel"):
        check()


def test_an_expected_failure_that_is_skipped_is_a_failure():
    name = "stepper_resets"
    check = named(Dense, expected_failures={name: "not written"})[name]
    message = rf"{name} was skipped \(the backbone has no stepper.*\) although expected to fail: not written"
    with pytest.raises(CheckFailed, match=message):
        check()


def test_an_expected_failure_of_an_unknown_check_is_refused():
    with pytest.raises(
        SpecError, match="name of a check of a backbone, got 'sees_its_pas'; did you mean 'sees_its_past"
    ):
        checks(Lines, expected_failures={"sees_its_pas": "a reason"})


# --- reproducibility and shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [UndeclaredBlindSpot, InclusiveOutput, RepeatsAnIndex])
def test_results_do_not_depend_on_the_random_state(part):
    def failures():
        results = [(check.name, check.run()) for check in checks(part)[:16]]
        return [(name, result.reason) for name, result in results if result.status == "failed"]

    torch.manual_seed(1)
    first = failures()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert first
    assert failures() == first
    assert torch.equal(torch.get_rng_state(), before)


def test_shapes_can_be_given_for_a_part_that_takes_few():
    class OnlyLarge(Lines):
        """Takes events of shape (4, 5)."""

        @classmethod
        def check_shape(cls, event_shape):
            super().check_shape(event_shape)
            if event_shape != (4, 5):
                raise ShapeError(expected="(4, 5)", got=str(event_shape), remedy="reshape")

    result = checks(OnlyLarge)[0].run()
    assert (result.status, result.reason) == ("failed", "shape () is refused though declared (event_ranks None)")
    OnlyLarge.event_ranks = frozenset({9})
    assert checks(OnlyLarge)[0].run().reason == "no shape is taken; name some in shapes="
    given_shape = named(OnlyLarge, shapes=[(4, 5)])
    for name in ("no_leak_by_value", "takes_what_it_declares", "sees_its_past", "observed_values_are_kept"):
        given_shape[name]()


def test_heads_of_few_coefficients_are_checked_in_the_shapes_given():
    class ThreeColumns(InUnits):
        """Three columns with a unit each."""

        name = "three_columns"

        def transform(self, coefficients=None):
            return super().transform(coefficients) if self.data_state() else None

        def distribution(self, parameters, coefficients=None):
            normal = super().distribution(parameters)
            unit = torch.tensor([1.0, 2.0, 3.0], dtype=parameters.dtype, device=parameters.device)[coefficients]
            return torch.distributions.Normal(unit * normal.loc, unit * normal.scale, validate_args=False)

        def marginal_parameters(self, values):
            return super().marginal_parameters(values / torch.tensor([1.0, 2.0, 3.0]))

    results = {name: check.run() for name, check in named(ThreeColumns, shapes=[(3,)]).items()}
    assert {name: result.reason for name, result in results.items() if result.status == "failed"} == {}


def test_constants_in_source_files_do_not_reach_the_cases_and_those_of_the_kit_no_other_test():
    cases, constant = st.integers(0, 10**7), 7654321
    cache = dict.fromkeys(providers.CONSTANTS_CACHE)
    seen = []
    for_all(cases, seen.append, examples=100)
    assert dict.fromkeys(providers.CONSTANTS_CACHE) == cache
    with mock.patch.object(providers, "_get_local_constants", lambda: providers.Constants(integers={constant})):
        given(cases)(lambda number: None)()
        again = []
        for_all(cases, again.append, examples=100)
    assert constant not in again
    assert again == seen


def test_the_kit_runs_with_hypothesis_6_131_which_has_no_such_class(monkeypatch):
    monkeypatch.delattr(providers, "Constants")
    seen = []
    for_all(st.integers(0, 10**7), seen.append, examples=100)
    assert len(seen) == 100


# --- without Hypothesis ----------------------------------------------------------------------------------------------


def _python(code):
    return subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)


def test_without_hypothesis_one_line_says_how_to_install_it():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import tensorar\n"
        "try:\n    import tensorar.testing\n"
        "except tensorar.TensorarError as error:\n    assert isinstance(error, ImportError); print(error)"
    )
    done = _python(code)
    assert done.stdout.count("\n") == 1, done.stderr
    assert "pip install 'tensorar[test]'" in done.stdout


def test_the_library_does_not_import_the_kit():
    done = _python("import sys, tensorar; print('hypothesis' in sys.modules, 'tensorar.testing' in sys.modules)")
    assert done.stdout == "False False\n"


# --- public strategies -----------------------------------------------------------------------------------------------


@given(data=st.data())
def test_strategies_draw_parts_that_fit_together(data):
    shape = data.draw(event_shapes(max_coefficients=8))
    order = data.draw(orders(shape))
    assert isinstance(order, Order)
    assert order.event_shape == shape
    for strategy in (ordering_specs(shape), raster_like(shape)):
        assert default_registry().create("ordering", data.draw(strategy)).order(shape).event_shape == shape
    head = data.draw(head_specs(discrete=True))
    model = data.draw(models(backbone="fvsbn", head=head, max_coefficients=4))
    known = data.draw(evidence(model, 3))
    assert known.value.shape == (3, *model.event_shape)
    model.head.check(known.value, known=known.mask)
