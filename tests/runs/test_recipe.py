"""Recipes round-trip through TOML."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorar import (
    PartSpec,
    Recipe,
    Row,
    RunError,
    SpecError,
    TrainingSettings,
    default_registry,
    read_recipe,
    recipe_toml,
)
from tensorar.runs.recipe import PARTS

names = st.from_regex(r"[A-Za-z_][\w-]{0,8}", fullmatch=True)
keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
# a quoted value holds anything but both kinds of quotes
texts = st.text(st.characters(codec="utf-8", exclude_characters='"', exclude_categories=["Cc", "Cs"]), max_size=12)
values = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), texts)
specs = st.builds(PartSpec, names, st.dictionaries(keys, values, max_size=3))
positive = st.floats(1e-9, 1e9)
settings = st.builds(
    TrainingSettings,
    steps=st.none() | st.integers(1, 10**12),
    epochs=st.none() | positive,
    minutes=st.none() | positive,
    batch_size=st.integers(1, 10**6),
    learning_rate=positive,
    weight_decay=st.floats(0, 10),
    ema=st.floats(0, 1, exclude_max=True),
    precision=st.sampled_from(["float32", "bfloat16"]),
    seed=st.integers(0, 2**63 - 1),
)
lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40)
rows = st.builds(
    Row,
    group=lines,
    source=lines,
    theirs=st.none() | st.floats(-1e9, 1e9),
    unit=st.sampled_from(["nats", "bits/dim", "nats/dim"]),
    minutes=st.floats(0, 1e6),
    machine=st.sampled_from(["cpu", "gpu"]),
    orders=st.integers(0, 1000),
    exact=st.booleans(),
    folds=st.integers(0, 100),
    baseline=st.none() | st.just("gaussian"),
    note=lines,
)
recipes = st.builds(
    Recipe,
    dataset=specs,
    ordering=specs,
    head=specs,
    backbone=specs,
    training=settings,
    name=lines,
    description=lines,
    row=st.none() | rows,
    quick=st.dictionaries(st.sampled_from(["backbone", "steps"]), st.integers(0, 10)),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("recipes") / "recipe.toml"


@given(recipe=recipes, provenance=st.none() | st.just({"event_shape": [2, 3], "plugins": {}}))
def test_a_recipe_round_trips(recipe, provenance, path):
    path.write_bytes(recipe_toml(recipe, provenance).encode())
    assert read_recipe(path) == (recipe, provenance or {})


@pytest.mark.parametrize("name", default_registry().parts("recipe"))
def test_the_recipes_of_plugins_round_trip(name, path):
    recipe = default_registry().find("recipe", name).part
    path.write_bytes(recipe_toml(recipe).encode())
    assert read_recipe(path) == (recipe, {})


def test_the_file_is_readable_and_editable(path):
    parts = {part: PartSpec.parse(f"{part}:size=3") for part in PARTS}
    document = tomllib.loads(recipe_toml(Recipe(**parts, training=TrainingSettings(steps=5))))
    assert document["format"] == 3
    assert document["parts"] == {part: f"{part}:size=3" for part in PARTS}
    assert document["training"]["steps"] == 5
    assert "minutes" not in document["training"], "TOML has no null"
    shortest = "format = 3\n[parts]\n" + "\n".join(f'{part} = "x"' for part in PARTS)
    path.write_text(shortest)
    recipe, provenance = read_recipe(path)
    assert (recipe.training, recipe.name, provenance) == (TrainingSettings(), "custom", {})


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("format = 1", RunError, "to have format 3, got format 1"),
        ("format = 3", RunError, "the dataset under .* got none"),
        ("format = 3\nparts = 3", RunError, r"parts to be a table in .*, got 3; start it with \[parts\]"),
        ("format = 3\nprovenance = []", RunError, "provenance to be a table"),
        ("format = 3\n[parts]\ndataset = 3", RunError, "the dataset under .* got 3"),
        ("format = 3\nrow = 3", RunError, r"row to be a table in .*, got 3; start it with \[row\]"),
        ("format = 3\n[quick]\nsteps = []", RunError, "the setting 'steps' in .* to be a number or a word"),
        ("format = 3\nhead = 'x'", RunError, "a key of a recipe in .*, got 'head'"),
        ("format = 3\nformat = 3", RunError, "to be a TOML file"),
        ("\0", RunError, "to be a TOML file"),
    ],
)
def test_an_invalid_recipe_file(text, error, message, path):
    path.write_text(text)
    with pytest.raises(error, match=message):
        read_recipe(path)


def test_a_malformed_spec_is_reported_with_its_file(path):
    parts = "\n".join(f'{part} = "x"' for part in PARTS)
    path.write_text(f"format = 3\n[parts]\n{parts}".replace('head = "x"', 'head = "x:y"'))
    with pytest.raises(SpecError, match=r"got 'x:y' in .*recipe\.toml"):
        read_recipe(path)
    path.write_bytes(b"\xff")
    with pytest.raises(RunError, match="to be a TOML file"):
        read_recipe(path)
