"""The kit's own manners: names, options, expected failures, the same result each time, one line without Hypothesis."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tensorar import Order, SpecError, default_registry
from tensorar.testing import CheckFailed, checks, event_shapes, evidence, models, orders, raster_like
from tensorar.testing.checks import heads, orderings
from tests.cli.commands import environment
from tests.testing.broken.masks import BlindWithoutSayingSo, InclusiveOutput
from tests.testing.broken.orderings import RepeatsAnIndex
from tests.testing.reference import Backwards, BinMixture, Dense, Lines


@pytest.mark.parametrize("check", checks(Backwards))
def test_checks_are_used_like_this(check):
    check()


def test_the_case_of_a_test_has_the_name_of_its_check(request):
    every = checks(Lines)
    assert [check.__name__ for check in every] == [check.name for check in every]
    assert len({check.name for check in every}) == len(every)
    assert repr(every[0]) == "<check described of the backbone 'lines'>"


@pytest.mark.parametrize("check", checks(BlindWithoutSayingSo, expected_failures={"sees_its_past": "a short kernel"}))
def test_an_expected_failure_is_one(check):
    check()


def test_what_is_expected_to_fail_and_passes_is_a_failure():
    check = {c.name: c for c in checks(Lines, expected_failures={"sees_its_past": "it is blind"})}["sees_its_past"]
    with pytest.raises(CheckFailed, match="sees_its_past passed though expected to fail: it is blind"):
        check()


def test_an_expected_failure_of_no_check_is_told():
    with pytest.raises(
        SpecError, match="name of a check of a backbone, got 'sees_its_pas'; did you mean 'sees_its_past"
    ):
        checks(Lines, expected_failures={"sees_its_pas": "a reason"})


@pytest.mark.usefixtures("without_shape_checks")
@pytest.mark.parametrize("what", [Lines.__init__, "raster", 3, dict])
def test_what_is_no_part(what):
    with pytest.raises(SpecError, match="a class of ordering, head, backbone, dataset or model"):
        checks(what)


def test_options_are_the_parts_own():
    given_levels = {check.name: check for check in checks(BinMixture, levels=7)}
    given_levels["sums_to_one"]()
    for check in checks(Dense, copies=5, dropout=0.0, shapes=[(2, 2)])[:4]:
        check()
    with pytest.raises(CheckFailed, match="raised TypeError"):
        checks(Dense, no_such=3)[1]()


def test_an_error_of_the_part_is_told_in_one_line_with_its_cause():
    class Broken(Lines):
        """Divides by zero."""

        def forward(self, features, order, context=None):
            return features / (1 // 0)

    with pytest.raises(
        CheckFailed, match=r"raised ZeroDivisionError: .* \(shape \(\), ordering 0, head coin\)"
    ) as found:
        {check.name: check for check in checks(Broken)}["no_leak_by_value"]()
    assert found.value.__cause__ is not None


@pytest.mark.parametrize("part", [BlindWithoutSayingSo, InclusiveOutput, RepeatsAnIndex])
def test_the_same_result_each_time_whatever_the_noise(part):
    def told():
        found = []
        for check in checks(part)[:8]:
            try:
                check()
            except CheckFailed as error:
                found.append((check.name, str(error)))
        return found

    torch.manual_seed(1)
    first = told()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert first
    assert told() == first
    assert torch.equal(torch.get_rng_state(), before)


def test_a_shape_can_be_named_for_a_part_that_takes_few():
    class OnlyLarge(Lines):
        """Takes 20 coefficients."""

        @classmethod
        def adapted_signature(cls, signature):
            signature = super().adapted_signature(signature)
            if signature.event_shape != (4, 5):
                from tensorar import ShapeError

                raise ShapeError(expected="(4, 5)", got=str(signature.event_shape), remedy="reshape")
            return signature

    with pytest.raises(CheckFailed, match="name some in shapes="):
        {check.name: check for check in checks(OnlyLarge)}["no_leak_by_value"]()
    named = {check.name: check for check in checks(OnlyLarge, shapes=[(4, 5)])}
    for name in ("no_leak_by_value", "takes_what_it_declares", "sees_its_past", "observed_values_are_kept"):
        named[name]()


def _python(code):
    return subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)


def test_without_hypothesis_there_is_one_line_that_says_how_to_get_it():
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


# --- the strategies that are public ----------------------------------------------------------------------------------


@given(data=st.data())
def test_strategies_give_what_goes_together(data):
    shape = data.draw(event_shapes(max_coefficients=8))
    order = data.draw(orders(shape))
    assert isinstance(order, Order)
    assert order.event_shape == shape
    for strategy in (orderings(shape), raster_like(shape)):
        assert default_registry().create("ordering", data.draw(strategy)).order(shape).event_shape == shape
    head = data.draw(heads(discrete=True))
    model = data.draw(models(backbone="fvsbn", head=head, max_coefficients=4))
    known = data.draw(evidence(model, 3))
    assert known.value.shape == (3, *model.event_shape)
    model.head.check(known.value, known=known.mask)
