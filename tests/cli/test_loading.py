"""Every command loads its dataset at most once, and checks what it can before that."""

from pathlib import Path

import numpy as np
import pytest

from tensorar import default_registry

from .commands import SHORT, call, contents, done, refused

PLUGIN = Path(__file__).with_name("counting_dataset.py")
LABELS = {"counting": ["events"], "counting:labels=true": ["contexts", "events"]}
COMMANDS = {
    "evaluate": ["evaluate", "run"],
    "sample": ["sample", "run", "-n", "2"],
    "inpaint": ["inpaint", "run", "--events", "2"],
    "posterior": ["posterior", "run"],
    "resume": ["train", "--resume", "run", "--steps", "1", "--device", "cpu"],
}


def loads(*arguments):
    """What a command loads, in alphabetical order."""
    default_registry().load_file(PLUGIN)
    counted = default_registry().find("dataset", "counting").part.loads
    counted.clear()
    done(*arguments, "--plugin", PLUGIN)
    return sorted(counted)


@pytest.mark.parametrize("data", LABELS)
def test_training_loads_the_dataset_once(data):
    assert loads("train", data, *SHORT) == LABELS[data]
    assert loads("train", data, "--backbone", "mlp:hidden=4", *SHORT) == LABELS[data]


@pytest.mark.parametrize("data", LABELS)
def test_other_commands_load_the_dataset_at_most_once(data):
    done("train", data, *SHORT, "--out", "run", "--plugin", PLUGIN)
    for name, command in COMMANDS.items():
        expected = [] if name == "sample" and data == "counting" else LABELS[data]
        assert loads(*command) == expected, name


def test_samples_for_given_contexts_load_nothing():
    done("train", "counting:labels=true", *SHORT, "--out", "run", "--plugin", PLUGIN)
    assert loads("sample", "run", "-n", "2", "--context", "1") == []
    assert loads("inpaint", "run", "--events", "2", "--context", "1") == ["contexts", "events"]


REFUSED_BY_TRAINING = {
    "a misspelt part": (["--backbone", "convnte"], "did you mean 'convnet'?"),
    "an option of a backbone": (["--backbone", "convnet:chanels=3"], "did you mean 'channels'?"),
    "the type of a backbone's option": (["--backbone", "convnet:channels=many"], "channels to be integer"),
    "an option of a head": (["--head", "categorical:level=3"], "did you mean 'levels'?"),
    "a value that the head refuses": (["--head", "categorical:levels=1"], "got 1"),
    "a missing option": (["--ordering", "einops"], "write einops:pattern=..."),
    "the type of an ordering's option": (["--ordering", "random:seed=x"], "seed to be integer"),
    "a setting": (["--set", "lerning_rate=1"], "did you mean 'learning_rate'?"),
    "a device": (["--device", "warp"], "use --device auto"),
    "the folder of another run": (["--out", "run"], "resume it with --resume"),
}


@pytest.mark.parametrize("case", REFUSED_BY_TRAINING)
def test_training_refuses_before_it_loads(case, tmp_path):
    arguments, message = REFUSED_BY_TRAINING[case]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.toml").touch()
    before = contents(tmp_path)
    assert message in refused(call("train", "sealed", *arguments, "--plugin", PLUGIN))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("sealed:sice=3", "did you mean 'size'?"),
        ("sealed:size=x", "integer"),
        ("sealed:size=0", "must be positive"),
    ],
)
def test_options_of_a_dataset_are_checked_before_it_loads(data, message):
    assert message in refused(call("train", data, "--plugin", PLUGIN))


def test_a_recipe_is_checked_before_its_dataset_loads(bits_run):
    text = (bits_run / "recipe.toml").read_text()
    (bits_run / "recipe.toml").write_text(text.replace('"fvsbn"', '"fvsbn:hidden=3"'))
    np.save(bits_run.parent / "bits.npy", np.zeros(3))
    assert "as the run wrote them" in refused(call("train", "--resume", bits_run))
    assert "an option of fvsbn, got 'hidden'" in refused(call("train", "--recipe", bits_run / "recipe.toml"))


REFUSED_BY_OTHERS = {
    "evaluate --split tset": "--split to be one of",
    "evaluate --device warp": "use --device auto",
    "evaluate --data toy:lenth=3": "did you mean 'length'?",
    "inpaint --split tset": "--split to be one of",
    "inpaint --evidence middle": "a region",
    "inpaint --method plane": "--method to be one of",
    "inpaint --mask none.npy": "the mask none.npy",
    "sample --method plane": "--method to be one of",
    "sample --temperature 0": "temperature > 0, got 0.0; use --top-k 1",
    "inpaint --top-p 2": "--top-p <= 1, got 2.0",
    "posterior --split tset": "--split to be one of",
    "posterior --steps 99": "--steps from 0 to",
}


@pytest.mark.parametrize("typed", REFUSED_BY_OTHERS)
def test_other_commands_refuse_before_they_load(typed, trained, bits_run, monkeypatch):
    def load(self):
        raise AssertionError("the data were loaded")

    for name in ("npy", "toy"):
        monkeypatch.setattr(default_registry().find("dataset", name).part, "load", load)
    command, *options = typed.split(" ")
    assert REFUSED_BY_OTHERS[typed] in refused(call(command, bits_run, *options))
