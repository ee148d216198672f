"""Damaged and foreign files of a run: each is refused in one line that names the file, whatever the damage."""

import json
import random
import re
import struct
import tracemalloc

import pytest
import torch
from safetensors.torch import load, save

from tensorar import Run, RunError, TensorarError, TrainingSettings, read_recipe, recipe_toml, train
from tensorar.runs.metrics import MAX_LINE_BYTES
from tensorar.runs.tensors import checksum, read_tensors, write_tensors
from tests.training.helpers import new_run, registry

from .helpers import metrics_row


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = new_run(tmp_path_factory.mktemp("damage") / "run", steps=6, evaluate_every=2, minutes=60.0)
    with pytest.raises(KeyboardInterrupt):
        train(run, device="cpu", on_update=_stop)
    return run.folder


def _stop(update):
    if update.state.step == 5:
        raise KeyboardInterrupt


@pytest.fixture
def run(trained, tmp_path):
    """A copy of an interrupted run."""
    for path in trained.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(trained)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return tmp_path


def opened(folder):
    return Run.open(folder, registry=registry())


def resume(folder):
    train(opened(folder), resume=True, device="cpu")


def rewritten(path, change):
    """A file of tensors with a change and the right checksum."""
    tensors, metadata = read_tensors(path)
    change(tensors, metadata)
    write_tensors(path, tensors, metadata)


# --- any damage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.safetensors", "training/state.safetensors"])
def test_every_flipped_bit_of_tensors_is_found(run, name):
    whole, draw = (run / name).read_bytes(), random.Random(0)
    for position in [*range(0, 8 * 64, 7), *(draw.randrange(8 * len(whole)) for _ in range(200))]:
        flipped = bytearray(whole)
        flipped[position // 8] ^= 1 << position % 8
        (run / name).write_bytes(flipped)
        with pytest.raises(RunError, match=rf"{name}.* got .*; the file is damaged"):
            read_tensors(run / name)


@pytest.mark.parametrize("name", ["recipe.toml", "metrics.jsonl"])
def test_flipped_bits_of_text_are_found_or_harmless(run, name):
    """No damage leads to another error than those of the library."""
    whole, draw = (run / name).read_bytes(), random.Random(1)
    for _ in range(300):
        flipped = bytearray(whole)
        for _ in range(draw.choice([1, 1, 3])):
            flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        (run / name).write_bytes(flipped)
        try:
            _ = opened(run).metrics(), opened(run).event_shape
        except TensorarError as error:
            assert "\n" not in str(error) and str(error).isprintable()


# --- tensors --------------------------------------------------------------------------------------------------------


def _weights(**changed):
    return lambda tensors, _: tensors.update({key: value(tensors[key]) for key, value in changed.items()})


WEIGHTS = {
    "int64": ("weight", lambda t: t.long(), r"backbone\.weight \(int64 instead of float32\)"),
    "complex64": ("weight", lambda t: t.to(torch.complex64), r"weight \(complex64 instead of float32\)"),
    "float64": ("weight", lambda t: t.double(), r"weight \(float64 instead of float32\)"),
    "transposed": ("weight", lambda t: t[..., None], r"others for backbone\.weight; restore"),
    "NaN": ("weight", lambda t: t.fill_(torch.nan), r"finite numbers in .*, got NaN or infinity in backbone\.weight"),
    "infinity": ("bias", lambda t: t.fill_(-torch.inf), r"got NaN or infinity in backbone\.bias; restore"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_foreign_weights(run, case):
    name, change, message = WEIGHTS[case]
    rewritten(run / "model.safetensors", _weights(**{f"backbone.{name}": change}))
    with pytest.raises(RunError, match=message):
        _ = opened(run).model
    rewritten(run / "training/state.safetensors", _weights(**{f"average/module.backbone.{name}": change}))
    with pytest.raises(RunError, match=message):
        _ = opened(run).last_model
    with pytest.raises(RunError, match=r"average/module\.backbone"):
        resume(run)


def test_missing_and_additional_weights(run):
    def change(tensors, _):
        tensors["backbone.\x1b[31mred"] = tensors.pop("backbone.bias")

    rewritten(run / "model.safetensors", change)
    with pytest.raises(RunError, match=r"others for backbone\.\\x1b\[31mred, backbone\.bias"):
        _ = opened(run).model


def test_a_file_without_a_checksum(run):
    path = run / "model.safetensors"
    path.write_bytes(save(load(path.read_bytes())))
    with pytest.raises(RunError, match="to have a checksum, got none"):
        _ = opened(run).model


def test_a_checksum_depends_on_names_dtypes_shapes_bytes_and_metadata():
    base = {"a": torch.arange(6.0), "b": torch.zeros(2, dtype=torch.bool), "c": torch.tensor(1.5), "d": torch.empty(0)}
    others = [
        {**base, "a": base["a"].view(2, 3)},
        {**base, "a": base["a"].view(torch.int32)},
        {**base, "a": -base["a"]},
        {"e" if key == "a" else key: value for key, value in base.items()},
        {**base, "a": base["c"], "c": base["a"]},
    ]
    sums = [checksum(tensors, {"x": "y"}) for tensors in (base, *others)] + [checksum(base, {"x": "z"})]
    assert len(set(sums)) == 7
    assert checksum(dict(reversed(base.items())), {"x": "y"}) == sums[0]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64])
def test_tensors_of_any_dtype_round_trip(tmp_path, dtype):
    tensors = {"x": torch.arange(4).to(dtype).view(2, 2).t(), "scalar": torch.tensor(1).to(dtype)}
    write_tensors(tmp_path / "x", tensors, {"key": "ü"})
    found, metadata = read_tensors(tmp_path / "x")
    assert metadata == {"key": "ü"}
    assert all(torch.equal(found[key], tensors[key]) and found[key].dtype == dtype for key in tensors)


HEADERS = {
    "larger than the file": (2**40, b"{}"),
    "largest": (2**64 - 1, b"{}"),
    "empty": (0, b""),
    "deep": (200_000, b"[" * 200_000),
    "deep objects": (600_000, b'{"a":' * 120_000),
    "cut": (100, b'{"a":'),
    "no object": (2, b"[]"),
    "negative offsets": (60, b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}'.ljust(60)),
    "a large shape": (80, b'{"a":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,0]}}'.ljust(80)),
    "a type of nobody": (60, b'{"a":{"dtype":"X9","shape":[],"data_offsets":[0,0]}}'.ljust(60)),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_claims_too_much(run, case):
    size, header = HEADERS[case]
    (run / "model.safetensors").write_bytes(struct.pack("<Q", size) + header)
    with pytest.raises(RunError, match=r"model\.safetensors to be a complete safetensors file, got"):
        _ = opened(run).model


def test_memory_for_tensors_is_checked_before_they_are_read(tmp_path):
    header = json.dumps(
        {"__metadata__": {"checksum": "x"}, "a": {"dtype": "U8", "shape": [2**44], "data_offsets": [0, 2**44]}}
    )
    with (tmp_path / "sparse").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header.encode())
        try:
            file.truncate(8 + len(header) + 2**44)
        except OSError:
            pytest.skip("the file system has no large sparse files")
    with pytest.raises(RunError, match=r"got the tensors of .*sparse, which would take 35\.2 TB"):
        read_tensors(tmp_path / "sparse")


# --- training states --------------------------------------------------------------------------------------------------


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
def test_foreign_training_states(run, case):
    change, message = STATES[case]
    rewritten(run / "training/state.safetensors", change)
    before = (run / "metrics.jsonl").read_bytes()
    with pytest.raises(RunError, match=message):
        resume(run)
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_state_beyond_the_recipes_plan(run):
    text = (run / "recipe.toml").read_text()
    (run / "recipe.toml").write_text(text.replace("steps = 6", "steps = 3"))
    with pytest.raises(RunError, match=r"the model and the training in .* to be as the run wrote them"):
        resume(run)
    without = [line for line in (run / "recipe.toml").read_text().splitlines() if not line.startswith("checksum")]
    (run / "recipe.toml").write_text("\n".join(without))
    with pytest.raises(RunError, match=r"a state of at most 3 steps, as the recipe plans, in .*, got 5"):
        resume(run)


@pytest.mark.parametrize("name", ["seed", "learning_rate", "batch_size", "head"])
def test_a_damaged_value_of_the_recipe_is_found(run, name):
    """A recipe that is valid, but another one, would train or score another model in silence."""
    path = run / "recipe.toml"
    text, count = re.subn(
        rf"^{name} = .*$", f"{name} = {repr('poisson') if name == 'head' else 17}", path.read_text(), flags=re.M
    )
    assert count == 1
    path.write_text(text)
    with pytest.raises(RunError, match="as the run wrote them"):
        opened(run)


def test_the_undamaged_state_resumes(run):
    resume(run)
    assert [row["step"] for row in opened(run).metrics()] == [2, 4, 6]


# --- metrics ----------------------------------------------------------------------------------------------------------

ROWS = {
    "no JSON": (b"{\n", "a JSON object in line 2 of .*, got "),
    "a number": (b"3\n", "a JSON object in line 2 of .*, got 3"),
    "deep": (b"[" * 2000 + b"\n", "line 2 of"),
    "not a step": (metrics_row(-1), "step in line 2 of .* to be an integer from 1"),
    "a boolean step": (metrics_row(True), "step in line 2 of .* got True"),
    "the same step": (metrics_row(2), "a step after 2 in line 2 of .*, got 2"),
    "NaN": (
        metrics_row(3, valid_nats=float("nan")),
        "valid_nats in line 2 of .* to be a finite number or null, got nan",
    ),
    "text": (metrics_row(3, train_nats="1"), "train_nats in line 2 of"),
    "a number for exact": (metrics_row(3, valid_exact=1), "valid_exact in line 2 of .* to be true or false, got 1"),
    "an unknown field": (metrics_row(3, loss=1.0), "a field of line 2 of .*, got 'loss'"),
    "long": (b"\0" * 100_000, "a JSON object in line 2 of"),
}


@pytest.mark.parametrize("case", ROWS)
def test_damaged_metrics(run, case):
    row, message = ROWS[case]
    line = row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n"
    whole = json.dumps(metrics_row(2)).encode() + b"\n" + line + json.dumps(metrics_row(4)).encode() + b"\n"
    (run / "metrics.jsonl").write_bytes(whole)
    with pytest.raises(RunError, match=message) as error:
        _ = opened(run).metrics()
    assert len(str(error.value)) < 700
    with pytest.raises(RunError, match=message):
        resume(run)
    assert (run / "metrics.jsonl").read_bytes() == whole


def test_metrics_without_end_take_little_memory(run):
    with (run / "metrics.jsonl").open("wb") as file:
        file.truncate(10**9)
    tracemalloc.start()
    with pytest.raises(RunError, match="a JSON object in line 1 of"):
        opened(run).metrics()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * MAX_LINE_BYTES


# --- recipes ----------------------------------------------------------------------------------------------------------

BOMBS = {
    "dotted keys": "x" + ".x" * 49_000 + " = 1",
    "spaced keys": "x" + " . x" * 24_000 + " = 1",
    "quoted keys": '"x"' + '."x"' * 24_000 + " = 1",
    "a dotted table": "[" + "x." * 49_000 + "x]",
    "a key in an inline table": "a = { x" + ".x" * 49_000 + " = 1 }",
    "a key after texts": "a = \"\\\"#'''\" # '''\nb = '''\n\"\"\"'''\nx" + ".x" * 40_000 + " = 1",
    "a key after four quotes": 'a = { b = """x"""", x' + ".x" * 49_000 + " = 1 }",
    "a key after four apostrophes": "a = { b = '''x'''', x" + ".x" * 49_000 + " = 1 }",
    "arrays": "a = " + "[" * 99_000,
    "inline tables": "a = " + "{a=" * 33_000,
    "more than any recipe": "# a comment\n" * 10_000,
    "endless texts": 'a = """' + '\\"""' * 24_000,
    "endless escapes": 'a = "' + '\\"' * 49_000,
    "a long word": "a" * 99_000,
}


@pytest.mark.parametrize("case", BOMBS)
def test_recipes_that_claim_much_take_little_memory(tmp_path, case):
    path = tmp_path / "recipe.toml"
    path.write_text(BOMBS[case])
    tracemalloc.start()
    with pytest.raises(RunError, match=r"recipe\.toml to be a TOML file, got"):
        read_recipe(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_texts_and_comments_may_contain_dots_and_brackets(run):
    text = (run / "recipe.toml").read_text()
    words = "a.b.c.d.e.f.g.h.i.j.k [[[[[[[[[[ {{{{{{{{{{"
    changed = text.replace('description = ""', f'description = "{words} \\" \'" # {words}')
    assert changed != text
    (run / "recipe.toml").write_text(changed)
    assert read_recipe(run / "recipe.toml")[0].description == f"{words} \" '"


PROVENANCE = {
    "event_shape": [None, "4", ["4"], 4, [True], [-6], [0], [6.0], [1] * 61, [2**31, 2**31], [2**62]],
    "context_features": [True, -1, 0.5, "1", [1], 2**60],
    "plugins": [5, [1], {"dataset": 3}, {"dataset": {"plugin": 1, "distribution": "x", "version": "1"}}],
    "paths": ["x", {"dataset": "x"}, {"dataset": {"path": 5}}],
    "evnt_shape": [[6]],
}


@pytest.mark.parametrize("field", PROVENANCE)
def test_every_field_of_the_provenance_is_checked(run, field):
    recipe, provenance = read_recipe(run / "recipe.toml")
    for value in PROVENANCE[field]:
        changed = {key: old for key, old in provenance.items() if key != field}
        changed |= {} if value is None else {field: value}
        (run / "recipe.toml").write_text(recipe_toml(recipe, changed))
        with pytest.raises(RunError, match=rf"{field}.*recipe\.toml|provenance.*recipe\.toml, got '{field}'"):
            opened(run)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps = 6", "steps = [6]", "the setting 'steps' in .* to be a number or a word, got"),
        ("steps = 6", "steps = 1979-05-27", "the setting 'steps' in"),
        ("steps = 6", f"steps = {10**18}", "steps to be .*at most"),
        ("steps = 6", "steps = 0x" + "f" * 5000, "an integer of more than 64 bits"),
        ("steps = 6", "steps = " + "9" * 5000, "to be a TOML file"),
        ("steps = 6", "epochs = 1e308", "epochs to be .*at most"),
        ("warmup = 3", "warmup = 9000000000000000000", "warmup to be .*at most"),
        ("learning_rate = 0.001", "learning_rate = nan", "learning_rate to be a positive number"),
        ("weight_decay = 0.0001", "weight_decay = inf", "weight_decay to be zero or more"),
        ("minutes = 60.0", "minutes = true", "'minutes' to be number"),
        ('name = "custom"', "name = 5", "name in .* to be text, got 5"),
        ('description = ""', "description = [1]", "description in .* to be text"),
        ('head = "bernoulli"', 'head = "bernoulli"\nneck = "x"', r"a part under \[parts\] in .*, got 'neck'"),
    ],
)
def test_every_setting_of_a_recipe_is_checked(run, old, new, message):
    text = (run / "recipe.toml").read_text()
    assert old in text
    (run / "recipe.toml").write_text(text.replace(old, new))
    with pytest.raises(TensorarError, match=message):
        read_recipe(run / "recipe.toml")


@pytest.mark.parametrize("name", ["steps", "batch_size", "epochs", "minutes", "learning_rate", "clip", "valid_events"])
def test_settings_have_an_upper_limit(name):
    with pytest.raises(TensorarError, match=f"{name} to be .*at most"):
        TrainingSettings(**{name: 10**19})
