"""The conformance kit: named checks that tell whether an ordering, a head, a backbone or a dataset is right.

    from tensorar.testing import checks

    @pytest.mark.parametrize("check", checks(MyBackbone))
    def test_my_backbone(check):
        check()

A check that fails raises ``CheckFailed`` with the smallest counterexample in words. The strategies and oracles that the
checks are made of are public too, for properties of your own. All of it needs Hypothesis: ``tensorar[test]``.
"""

from tensorar.testing.check import Check, CheckFailed, Profile
from tensorar.testing.errors import MissingHypothesisError
from tensorar.testing.generate.strategies import (
    event_shapes,
    events_of,
    evidence,
    heads,
    models,
    orderings,
    orders,
    randomise,
    raster_like,
    seeds,
    values_of,
)
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

__all__ = [
    "Check",
    "CheckFailed",
    "MissingHypothesisError",
    "Profile",
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
    "randomise",
    "raster_like",
    "seeds",
    "values_of",
]
