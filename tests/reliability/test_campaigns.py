"""Odd arguments, damaged files, kills and commands at once end as they should; the long form is slow."""

import os

import pytest

from .fuzzing.campaigns import CAMPAIGNS

SEED = int(os.environ.get("RELIABILITY_SEED", "1"))


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_no_trial_ends_unexpectedly(name, stage):
    tally = CAMPAIGNS[name].run(stage, CAMPAIGNS[name].short, 0)
    assert not tally.families, tally.report()


@pytest.mark.slow
@pytest.mark.parametrize("name", CAMPAIGNS)
def test_no_trial_of_another_seed_ends_unexpectedly(name, stage):
    trials = int(os.environ.get("RELIABILITY_TRIALS", CAMPAIGNS[name].trials))
    tally = CAMPAIGNS[name].run(stage, trials, SEED)
    assert not tally.families, tally.report()
