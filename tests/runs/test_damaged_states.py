"""Training states that do not fit the run: each is refused in one line, before anything is written."""

import json
from dataclasses import replace

import pytest
import torch

from tensorar import RunError, read_recipe
from tests.training.helpers import registry

from .helpers import opened, resume, rewritten, write_recipe


def _field(name, value):
    def change(_, metadata):
        metadata["state"] = json.dumps(json.loads(metadata["state"]) | {name: value})

    return change


def _metadata(name, text):
    return lambda _, metadata: metadata.update({name: text})


def _without(*names):
    return lambda tensors, _: [tensors.pop(name) for name in names]


def _slot(name, value):
    return lambda tensors, _: tensors[name].fill_(value)


STATES = {
    "negative step": (_field("step", -1), "step in the state of .* to be an integer from 0 to .*, got -1"),
    "fractional step": (_field("step", 4.0), "step in the state of .* got 4.0"),
    "boolean step": (_field("step", True), "step in .* got True"),
    "huge step": (_field("step", 10**30), "step in .* to be an integer"),
    "step beyond the end": (_field("step", 7), "averages of 7 steps in .*, got 5"),
    "step 0": (_field("step", 0), "interval_steps|none in .*, got others"),
    "NaN seconds": (_field("seconds", float("nan")), "seconds in .* to be a finite number >= 0, got nan"),
    "negative seconds": (_field("seconds", -1.0), "seconds in .* got -1.0"),
    "text for seconds": (_field("seconds", "1"), "seconds in .* got '1'"),
    "infinite best": (_field("best_nats", float("-inf")), "best_nats in .* to be a finite number or null, got -inf"),
    "interval": (_field("interval_nats", None), "interval_nats in .* got None"),
    "interval of more steps": (_field("interval_steps", 9), "interval_steps up to its step, 5"),
    "negative patience": (_field("evaluations_without_improvement", -3), "evaluations_without_improvement in"),
    "finished as a number": (_field("finished", 1), "finished in .* to be true or false, got 1"),
    "unknown field": (_field("best_nat", 1.0), "a field of the state of .*, got 'best_nat'; did you mean 'best_nats'"),
    "no object": (_metadata("state", "[]"), "state in .* to be a table"),
    "no JSON": (_metadata("state", "{"), "JSON in the metadata in"),
    "deep JSON": (_metadata("state", "[" * 100_000), "JSON in the metadata in"),
    "long metadata": (_metadata("state", "[]," * 200_000), "metadata of at most 400000 characters in"),
    "unknown metadata": (_metadata("more", "1"), "a field of .*state.safetensors, got 'more'"),
    "no state": (lambda _, metadata: metadata.pop("state"), "state in .* to be a table, got none"),
    "no optimizer": (_metadata("optimized", "[]"), "optimizer tensors at step 5"),
    "negative index": (_metadata("optimized", "[-1]"), "optimized in .* to be a list of at most 2 values"),
    "no moments": (_without("optimizer/0/exp_avg"), "others for optimizer/0/exp_avg;"),
    "no count": (_without("optimizer/1/step"), "others for optimizer/1/step;"),
    "no optimizer tensors": (
        _without(*(f"optimizer/{i}/{slot}" for i in range(2) for slot in ("exp_avg", "exp_avg_sq", "step"))),
        r"others for optimizer/0/exp_avg, optimizer/0/exp_avg_sq, optimizer/0/step and 3 more",
    ),
    "moment of another shape": (
        lambda tensors, _: tensors.update({"optimizer/0/exp_avg": torch.zeros(3)}),
        "others for optimizer/0/exp_avg;",
    ),
    "NaN moment": (_slot("optimizer/1/exp_avg", torch.nan), "NaN or infinity in optimizer/1/exp_avg;"),
    "negative square": (_slot("optimizer/1/exp_avg_sq", -1), "squares >= 0 for parameter 1"),
    "count of updates": (_slot("optimizer/0/step", 9), "from 1 to 5 updates of parameter 0 in .*, got 9"),
    "fraction of updates": (_slot("optimizer/0/step", 1.5), "updates of parameter 0 in .*, got 1.5"),
    "count of averages": (_slot("average/n_averaged", -2), "averages of 5 steps in .*, got -2"),
    "unknown tensor": (lambda tensors, _: tensors.update({"more": torch.zeros(1)}), "others for more;"),
}


@pytest.mark.parametrize("case", STATES)
def test_foreign_training_states(interrupted, case):
    change, message = STATES[case]
    rewritten(interrupted / "training/state.safetensors", change)
    before = (interrupted / "metrics.jsonl").read_bytes()
    with pytest.raises(RunError, match=message):
        resume(interrupted)
    assert (interrupted / "metrics.jsonl").read_bytes() == before


def test_a_state_beyond_the_recipes_plan(interrupted):
    recipe, provenance = read_recipe(interrupted / "recipe.toml")
    shorter = replace(recipe, training=replace(recipe.training, steps=3))
    write_recipe(interrupted, shorter, provenance, registry())
    with pytest.raises(RunError, match=r"a state of at most 3 steps, as the recipe plans, in .*, got 5"):
        resume(interrupted)


def test_the_undamaged_state_resumes(interrupted):
    resume(interrupted)
    assert [row["step"] for row in opened(interrupted).metrics()] == [2, 4, 6]
