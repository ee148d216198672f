"""Invalid arguments are reported in one line with exit code 2, and leave no files."""

import pytest

from .commands import PLUGIN, call, contents, refused

pytestmark = pytest.mark.usefixtures("without_shape_checks")

TRAIN = {
    "no dataset": ([], "either DATA or --recipe, got none"),
    "two datasets": (["toy", "--recipe", "toy-convnet"], "either DATA or --recipe, got both"),
    "unknown dataset": (["tyo"], "'tyo'; did you mean 'toy'?"),
    "a file that is not there": (["data/my table.csv"], "data/my table.csv to be a table: text (csv, "),
    "a file that is not read": (
        ["data/x.json"],
        ".npy, .npz, .zarr, .csv, .tsv, .csv.gz, .tsv.gz, .parquet, .pq, .xlsx), got 'data/x.json'",
    ),
    "unknown head": (["toy", "--head", "bernuli"], "'bernuli'; did you mean 'bernoulli'?"),
    "unknown ordering": (["toy", "--ordering", "rastr"], "'rastr'; did you mean 'raster'?"),
    "unknown backbone": (["toy", "--backbone", "convnte"], "'convnte'; did you mean 'convnet'?"),
    "a name like no other": (["toy", "--backbone", "nonsense"], "got 'nonsense'; the valid ones are "),
    "unknown recipe": (["--recipe", "toy-convent"], "'toy-convent'; did you mean 'toy-convnet'?"),
    "missing recipe file": (["--recipe", "no.toml"], "a recipe at no.toml, got no such file"),
    "unknown option of a part": (["toy", "--backbone", "convnet:chanels=3"], "'chanels'; did you mean 'channels'?"),
    "unknown option of a dataset": (["toy:lenth=9"], "'lenth'; did you mean 'length'?"),
    "option of another type": (["toy:length=three"], "toy's length to be integer, got 'three'"),
    "option out of range": (["toy", "--backbone", "convnet:channels=-3"], "convnet's channels to be positive, got -3"),
    "no value": (["toy:length="], "a part spec: name or name:key=value,key=value, got 'toy:length='"),
    "no name": ([":x"], "a part spec"),
    "missing option": (["npy"], "its option path, got 'npy'; write npy:path=..."),
    "parts that do not go together": (["toy", "--ordering", "einops:pattern='h w -> (w h)'"], "got (32,)"),
    "unknown setting": (["toy", "--set", "lerning_rate=3"], "'lerning_rate'; did you mean 'learning_rate'?"),
    "setting of another type": (["toy", "--set", "batch_size=x"], "the setting 'batch_size' to be integer, got 'x'"),
    "no setting": (["toy", "--set", "batch_size"], "--set KEY=VALUE, got 'batch_size'; write for example"),
    "setting out of range": (["toy", "--set", "ema=1"], "ema to be a decay from 0 up to (not including) 1, got 1.0"),
    "endless": (["toy", "--epochs", "inf"], "epochs to be a positive number, at most 1e+15, got inf"),
    "no time": (["toy", "--minutes", "-1"], "minutes to be a positive number, at most 1e+15, got -1.0"),
    "not a number": (
        ["toy", "--learning-rate", "nan"],
        "--learning-rate to be a positive number, at most 1e+15, got nan",
    ),
    "not even text of one": (["toy", "--learning-rate", "fast"], "--learning-rate to be a valid number, got 'fast'"),
    "no steps": (["toy", "--steps", "0"], "--steps to be greater than or equal to 1, got '0'; see tensorar train"),
    "nothing after an option": (["toy", "--steps"], "a value after --steps, got none"),
    "a value for a flag": (["toy", "--json=3"], "no value after --json"),
    "too much": (["toy", "mnist"], "nothing more after tensorar train, got 'mnist'"),
    "a seed beyond all": (["toy", "--seed", "99999999999999999999"], "got '99999999999999999999'"),
    "unknown device": (["toy", "--device", "warp"], "a device that this machine has (auto, cpu"),
    "unknown option": (["toy", "--hepl"], "an option of tensorar train, got '--hepl'; did you mean "),
    "no such plugin": (["toy", "--plugin", "nope.py"], "a Python file, got nope.py"),
    "a plugin that fails": (["toy", "--plugin", "broken.py"], "importable plugin, got NameError"),
    "a plugin without hooks": (["toy", "--plugin", "empty.py"], "it has no hooks"),
    "resuming nothing": (["--resume", "nowhere"], "a run folder (with a recipe.toml), got nowhere"),
}


@pytest.mark.parametrize("case", TRAIN)
def test_training(case, tmp_path):
    (tmp_path / "broken.py").write_text("broken\n")
    (tmp_path / "empty.py").write_text("")
    before = contents(tmp_path)
    arguments, message = TRAIN[case]
    out = [] if "--resume" in arguments else ["--out", "out"]
    assert message in refused(call("train", *out, *arguments))
    assert contents(tmp_path) == before


LOOK = {
    "evaluate --split tset": "--split to be one of train, valid, test, got 'tset'; did you mean 'test'?",
    "evaluate --events 0": "--events to be greater than or equal to 1, got '0'",
    "evaluate --device warp": "a device that this machine has (auto, cpu",
    "evaluate --data toy": "got (10000, 32)",
    "evaluate --data npy:path=other.npy": "events of shape (batch, 4, 4), got (10, 3)",
    "evaluate --estimate --data npy:path=other.npy": "events of shape (batch, 4, 4), got (10, 3)",
    "sample --out x.jpg": "--out to end in .png or .npy or .csv or .wav, got 'x.jpg'; use that extension",
    "sample --out /dev/full": "got '/dev/full'",
    "sample -n many": "--number / -n to be a valid integer, got 'many'",
    "inpaint --evidence middle": "a region (top|bottom|left|right|front|back|first|last half|third|quarter, center box",
    "inpaint --evidence random_3": "a region",
    "inpaint --completions 0": "--completions / -n to be greater than or equal to 1",
    "inpaint --out x.jpg": "--out to end in .png or .npy or .csv, got 'x.jpg'",
    "inpaint --image x.npy": "--image to end in .png",
    "posterior --example 99": "--example below 6, the number of test events, got 99",
    "posterior --example -1": "--example to be greater than or equal to 0, got '-1'",
    "posterior --steps 16": "--steps from 0 to 15, got 16; choose other steps",
    "posterior --steps 1,,2": "got '1,,2'",
    "posterior --steps x": "got 'x'",
    "posterior --out x.npy": "--out to end in .png or .gif, got 'x.npy'",
}


@pytest.mark.parametrize("typed", LOOK)
def test_invalid_options_of_commands_on_a_run(typed, bits_run, tmp_path):
    import numpy as np

    np.save("other.npy", np.zeros((100, 3), dtype=np.uint8))
    before = contents(tmp_path)
    command, *options = typed.split(" ")
    assert LOOK[typed] in refused(call(command, bits_run, *options))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("fraction", ["3", "-0.1", "nan", "much"])
def test_an_invalid_fraction(bits_run, fraction):
    message = refused(call("inpaint", bits_run, "--evidence", f"random {fraction}"))
    assert f"a fraction from 0 to 1 after 'random', got 'random {fraction}'" in message


@pytest.mark.parametrize("command", ["evaluate", "sample", "inpaint", "posterior"])
def test_a_missing_run(command, tmp_path):
    assert f"RUN after tensorar {command}, got none; see tensorar {command} --help" in refused(call(command))
    assert "a run folder (with a recipe.toml), got nowhere" in refused(call(command, "nowhere"))
    assert list(tmp_path.iterdir()) == []


def test_unknown_commands():
    assert "'evalute'; did you mean 'evaluate'? see tensorar --help" in refused(call("evalute"))
    assert "a command of tensorar order, got 'draw'; see tensorar order --help" in refused(call("order", "draw"))
    assert "--shape after tensorar order show, got none" in refused(call("order", "show", "raster"))


def test_two_parts_of_one_name(tmp_path):
    (tmp_path / "again.py").write_text(PLUGIN.read_text())
    message = refused(call("train", "stripes", "--plugin", PLUGIN, "--plugin", "again.py"))
    assert "one dataset named 'stripes', got two, from plugin" in message


def test_an_internal_error_is_one_line_or_a_traceback_on_request(monkeypatch):
    def failing(*arguments, **options):
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr("tensorar.workflows.train", failing)
    result = call("train", "toy")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: internal error, ZeroDivisionError: one two; set TENSORAR_TRACEBACK=1")
    assert result.stderr.count("\n") == 1
    monkeypatch.setenv("TENSORAR_TRACEBACK", "1")
    assert isinstance(call("train", "toy").exception, ZeroDivisionError)
