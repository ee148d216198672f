"""The conformance kit: named checks that an ordering, a head, a backbone or a dataset keeps its contract.

::

    from tensorar.testing import checks

    @pytest.mark.parametrize("check", checks(MyBackbone))
    def test_my_backbone(check):
        check()

A failing check raises ``CheckFailed`` with the smallest counterexample in words; a check with nothing to test raises
``CheckSkipped`` with the reason, which pytest reports as skipped. ``check.run()`` returns a ``Result`` instead.

The strategies and oracles of the checks are public, for properties of your own. The kit requires Hypothesis:
``tensorar[test]``.
"""

from tensorar.testing.check import Check, Profile
from tensorar.testing.errors import MissingHypothesisError
from tensorar.testing.generate.models import heads, models
from tensorar.testing.generate.orderings import orderings, raster_like
from tensorar.testing.generate.shapes import event_shapes, orders
from tensorar.testing.generate.values import events_of, evidence, randomize, seeds, values_of
from tensorar.testing.kit import checks
from tensorar.testing.oracles import (
    all_values,
    brute_conditional,
    joint,
    levels_of,
    p_value,
    parameters_of,
    points_and_weights,
)
from tensorar.testing.results import CheckFailed, CheckSkipped, Result

__all__ = [
    "Check",
    "CheckFailed",
    "CheckSkipped",
    "MissingHypothesisError",
    "Profile",
    "Result",
    "all_values",
    "brute_conditional",
    "checks",
    "event_shapes",
    "events_of",
    "evidence",
    "heads",
    "joint",
    "levels_of",
    "models",
    "orderings",
    "orders",
    "p_value",
    "parameters_of",
    "points_and_weights",
    "randomize",
    "raster_like",
    "seeds",
    "values_of",
]
