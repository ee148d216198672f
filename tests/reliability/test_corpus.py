"""What once ended unexpectedly, and its kin: direct trials beside the random ones."""

import random

import pytest

from .fuzzing import damages, lies
from .fuzzing.file_trials import TARGETS, run_sound, try_damage
from .fuzzing.judge import judge
from .fuzzing.stage import SHORT
from .fuzzing.values import DEVICES

HUGE, BEYOND = "1000000000000", "99999999999999999999"
TRAIN = ["train", "npy:path=bits.npy", *SHORT]
SHOW = ["order", "show"]
REFUSED = {
    # plugins
    "a plugin that raises another kind of exception": ["plugins", "list", "--plugin", "odd.py"],
    "a plugin that exits": ["plugins", "list", "--plugin", "exits.py"],
    "a plugin with a long message": ["plugins", "list", "--plugin", "colors.py"],
    # text in messages
    "a long value": ["evaluate", "bits", "--split", "x" * 5000],
    "a long command": ["x" * 5000],
    "a long dataset": ["train", "x" * 5000],
    "a long number": ["train", "toy", "--steps", "9x" * 2000],
    "a long path": ["evaluate", "/".join(["d"] * 3000)],
    "escape characters": ["plugins", "list", "--plugin", "\x1b[31m"],
    "delete": ["evaluate", "\x7f"],
    "C1 characters": ["sample", "bits", "--out", "\x9b31m.xyz"],
    # nothing given
    "no run": ["evaluate", ""],
    "white space": ["posterior", "\t"],
    "no plugin": ["plugins", "list", "--plugin", ""],
    "no data": ["evaluate", "bits", "--data", ""],
    "no dataset": ["train", ""],
    "no head": [*TRAIN, "--head", ""],
    "no folder": [*TRAIN, "--out", ""],
    "no recipe": ["train", "--recipe", ""],
    "no context": ["sample", "digits", "--context", ""],
    "no region": ["inpaint", "bits", "--evidence", ""],
    "no mask": ["inpaint", "bits", "--mask", ""],
    "no device": ["sample", "bits", "--device", ""],
    # shapes
    "an x": [*SHOW, "raster", "--shape", "x"],
    "half a shape": [*SHOW, "raster", "--shape", "4,x"],
    "a shape beyond int64": [*SHOW, "raster", "--shape", BEYOND],
    "a huge shape": [*SHOW, "raster", "--shape", HUGE],
    "many axes": [*SHOW, "snake", "--shape", ",".join(["2"] * 36)],
    "a huge curve": [*SHOW, "hilbert", "--shape", "1000000,1000000"],
    "an option named self": [*SHOW, "einops:pattern='h w -> (w h)',self=3", "--shape", "3,3"],
    # numbers
    "samples beyond int64": ["sample", "bits", "-n", "9223372036854775808"],
    "a trillion samples": ["sample", "bits", "-n", HUGE],
    "a trillion completions": ["inpaint", "bits", "--completions", HUGE],
    "completions beyond int64": ["inpaint", "bits", "--completions", BEYOND],
    "toy sequences beyond int64": ["train", "toy:fixed=9223372036854775807", *SHORT],
    "long toy sequences": ["train", f"toy:length={HUGE}", *SHORT],
    "dropout that is not a number": [*TRAIN, "--backbone", "mlp:dropout=nan"],
    "a trillion layers": [*TRAIN, "--backbone", f"transformer:layers={HUGE}"],
    "a trillion units": [*TRAIN, "--backbone", f"mlp:hidden={HUGE}"],
    "a huge kernel": [*TRAIN, "--backbone", "convnet:kernel=99999999999999"],
    # files
    "an endless table": ["train", "table:path=/dev/zero", *SHORT],
    "an endless array": ["train", "npy:path=/dev/zero", *SHORT],
    "an endless recipe": ["train", "--recipe", "/dev/zero"],
    "an endless mask": ["inpaint", "bits", "--mask", "/dev/zero"],
    "no file to download": ["train", "--recipe", "mnist-convnet"],
}
REFUSED |= {f"the device {device}": ["sample", "bits", "-n", "1", "--device", device] for device in DEVICES[4:]}
RIGHT = {
    "a folder named with an escape character": [*TRAIN, "--out", "a\x1bb"],
    "a folder named by undecodable bytes": [*TRAIN, "--out", "\udcff"],
    "a picture named by undecodable bytes": ["sample", "bits", "-n", "1", "--out", "\udcff.png"],
    "the standard error of one event": ["evaluate", "bits", "--events", "1"],
    "a large order": [*SHOW, "hilbert", "--shape", "65536,65536"],
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_command_line_is_refused(case, stage):
    outcome = stage.run(REFUSED[case])
    assert judge(outcome).faults == ()
    assert outcome.code == 2


@pytest.mark.parametrize("case", RIGHT)
def test_a_command_line_is_right(case, stage):
    assert judge(stage.run(RIGHT[case])).faults == ()


DAMAGED = [
    *[("bits/model.safetensors", damages.on_bytes(damages.flip), seed) for seed in (1, 2)],
    *[("stopped/training/state.safetensors", damages.on_bytes(damages.flip), seed) for seed in (1, 2)],
    ("bits/recipe.toml", damages.pipe, 1),
    ("bits.npy", damages.pipe, 1),
    ("digits/t10k-images-idx3-ubyte", damages.gzip_bomb, 1),
    ("digits/train-images-idx3-ubyte.gz", damages.on_bytes(damages.cut_end), 1),
    *[("digits/train-images-idx3-ubyte.gz", lies.idx_bomb, seed) for seed in (1, 2)],
    *[("data.npz", lies.zip_bomb, seed) for seed in (1, 2, 3)],
    *[("bits/recipe.toml", lies.toml_bomb, seed) for seed in range(8)],
]


@pytest.mark.parametrize(("file", "damage", "seed"), DAMAGED, ids=lambda value: getattr(value, "__name__", None))
def test_a_damaged_file(file, damage, seed, stage):
    target = next(target for target in TARGETS if target.file == file)
    _, verdict = try_damage(stage, target, damage, random.Random(seed), run_sound(stage, target))
    assert verdict.faults == ()
