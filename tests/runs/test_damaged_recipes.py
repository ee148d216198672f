"""Damaged recipes: found by their checksum, or refused in one line that names the field; read in little memory."""

import random
import tracemalloc
from dataclasses import replace

import pytest

from tensorar import RunError, TensorarError, TrainingSettings, read_recipe, recipe_toml

from .helpers import opened


def test_flipped_bits_are_found_or_harmless(interrupted):
    """No damage leads to another experiment, or to another error than those of the library."""
    path, draw = interrupted / "recipe.toml", random.Random(1)
    whole, (recipe, provenance) = path.read_bytes(), read_recipe(path)
    for _ in range(300):
        flipped = bytearray(whole)
        for _ in range(draw.choice([1, 1, 3])):
            flipped[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        try:
            run = opened(interrupted)
        except TensorarError as error:
            assert "\n" not in str(error) and str(error).isprintable()
        else:
            assert replace(run.recipe, name=recipe.name, description=recipe.description) == recipe
            assert run.provenance == provenance


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 0", "seed = 17"),
        ("learning_rate = 0.001", "learning_rate = 0.003"),
        ("batch_size = 16\n", ""),
        ('head = "bernoulli"', 'head = "poisson"'),
        ('dataset = "agreeing"', 'dataset = "agreeing:length=6"'),
        ('version = ""', 'version = "1"'),
    ],
)
def test_a_changed_value_is_found(interrupted, old, new):
    """A recipe that is valid, but another one, would train or score another model in silence."""
    text = (interrupted / "recipe.toml").read_text()
    assert old in text
    (interrupted / "recipe.toml").write_text(text.replace(old, new))
    with pytest.raises(RunError, match=r"in .*recipe\.toml to be as the run wrote them, got others"):
        opened(interrupted)


def test_a_recipe_without_its_checksum(interrupted):
    recipe, provenance = read_recipe(interrupted / "recipe.toml")
    del provenance["checksum"]
    (interrupted / "recipe.toml").write_text(recipe_toml(recipe, provenance))
    with pytest.raises(RunError, match="as the run wrote them, got no checksum; restore"):
        opened(interrupted)


def test_dates_in_a_recipe(interrupted):
    with (interrupted / "recipe.toml").open("a") as file:
        file.write("\n[provenance.head]\nlocation = 1979-05-27\n")
    with pytest.raises(RunError, match="as the run wrote them"):
        opened(interrupted)


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


def test_texts_and_comments_may_contain_dots_and_brackets(interrupted):
    text = (interrupted / "recipe.toml").read_text()
    words = "a.b.c.d.e.f.g.h.i.j.k [[[[[[[[[[ {{{{{{{{{{"
    changed = text.replace('description = ""', f'description = "{words} \\" \'" # {words}')
    assert changed != text
    (interrupted / "recipe.toml").write_text(changed)
    assert read_recipe(interrupted / "recipe.toml")[0].description == f"{words} \" '"


PROVENANCE = {
    "event_shape": [None, "4", ["4"], 4, [True], [-6], [0], [6.0], [1] * 61, [2**31, 2**31], [2**62]],
    "axes": ["width", ["Width"], [1], ["a b"], ["height", "width"], ["x"] * 61],
    "dtype": ["uint7", 8, ["uint8"], ""],
    "context_features": [True, -1, 0.5, "1", [1], 2**60],
    "plugins": [5, [1], {"dataset": 3}, {"dataset": {"plugin": 1, "distribution": "x", "version": "1"}}],
    "paths": ["x", {"dataset": "x"}, {"dataset": {"path": 5}}, {"datbset": {"path": "x"}}, {"name": {}}],
    "evnt_shape": [[6]],
}


@pytest.mark.parametrize("field", PROVENANCE)
def test_every_field_of_the_provenance_is_checked(interrupted, field):
    recipe, provenance = read_recipe(interrupted / "recipe.toml")
    for value in PROVENANCE[field]:
        changed = {key: old for key, old in provenance.items() if key != field}
        changed |= {} if value is None else {field: value}
        (interrupted / "recipe.toml").write_text(recipe_toml(recipe, changed))
        with pytest.raises(RunError, match=rf"{field}.*recipe\.toml|provenance.*recipe\.toml, got '{field}'"):
            opened(interrupted)


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
def test_every_setting_of_a_recipe_is_checked(interrupted, old, new, message):
    text = (interrupted / "recipe.toml").read_text()
    assert old in text
    (interrupted / "recipe.toml").write_text(text.replace(old, new))
    with pytest.raises(TensorarError, match=message):
        read_recipe(interrupted / "recipe.toml")


@pytest.mark.parametrize("name", ["steps", "batch_size", "epochs", "minutes", "learning_rate", "clip", "valid_events"])
def test_settings_have_an_upper_limit(name):
    with pytest.raises(TensorarError, match=f"{name} to be .*at most"):
        TrainingSettings(**{name: 10**19})
