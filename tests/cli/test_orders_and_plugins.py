"""``tensorar order show`` and ``tensorar plugins``."""

import pytest

from tensorar import Registry, build, default_registry
from tensorar.parts.part import option_name
from tensorar.parts.plugins import Plugins
from tensorar.parts.spec import KINDS

from .commands import PLUGIN, call, done, refused, report

ORDERINGS = {
    "raster": (2, 3, 4),
    "snake": (5,),
    "spiral": (3, 4),
    "einops:pattern='h w -> (w h)'": (2, 3),
    "hilbert": (4, 4),
    "checkerboard": (3, 3),
    "random:seed=1": (),
}


STRIDED = '''
from dataclasses import dataclass
import torch
import tensorar

@dataclass(frozen=True, kw_only=True)
class Strided(tensorar.Ordering):
    """In strides.

    Options:
        stride: Distance between coefficients of the same pass,
            at least 1.
    """

    name = "strided"
    stride: int = 2

    def visits(self, event_shape):
        return (torch.arange(torch.Size(event_shape).numel()) % self.stride).argsort(stable=True)

@tensorar.hookimpl
def tensorar_orderings():
    return [Strided]
'''


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_an_order_is_drawn_and_reported(ordering, tmp_path):
    shape = ORDERINGS[ordering]
    result = report("order", "show", ordering, "--shape", ",".join(map(str, shape)) or "()", "--out", "order.png")
    order = build(shape, ordering, "bernoulli", "fvsbn").order
    assert result["visits"] == order.visits.tolist()
    assert result["rank"] == order.rank.tolist()
    assert result["raster_like"] == (order.raster_view is not None)
    assert (tmp_path / "order.png").stat().st_size > 1000


def test_ranks_are_printed_as_a_grid(tmp_path):
    shown = done("order", "show", "snake", "--shape", "2x3", "--masks", "0").stdout
    assert shown.splitlines()[:2] == ["0 1 2", "5 4 3"]
    assert (tmp_path / "order-snake-2x3.png").is_file()


def test_an_order_of_a_plugin_in_one_file():
    assert report("order", "show", "backwards", "--shape", "3", "--plugin", PLUGIN)["visits"] == [2, 1, 0]


@pytest.mark.parametrize("shape", ["a,b", "0,3", "-1", "2,,0", "1.5"])
def test_an_invalid_shape(shape):
    assert "--shape" in refused(call("order", "show", "raster", "--shape", shape))


def test_a_shape_that_the_ordering_refuses():
    assert "(2, 3, 4)" in refused(call("order", "show", "spiral", "--shape", "2,3,4"))


def test_all_parts_are_listed():
    listed = report("plugins", "list")
    names = {(part["kind"], part["name"]) for part in listed["parts"]}
    assert names == {(kind, name) for kind in KINDS for name in default_registry().parts(kind)}
    assert listed["failures"] == {}
    assert all(part["description"] and part["plugin"] for part in listed["parts"])


@pytest.mark.parametrize("kind", ["head", "heads"])
def test_one_kind_is_listed_with_one_part_per_line(kind):
    lines = done("plugins", "list", kind).stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["head", name] for name in default_registry().parts("head")]


def test_backbones_are_listed_with_their_capabilities():
    shown = done("plugins", "list", "backbone").stdout
    # the last row of a name is the one in the table of backbones
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in shown.splitlines()}
    assert "0-3 longer than 1 one conditional yes none" in rows["convnet"]
    assert "any any all, in parallel yes none" in rows["fvsbn"]
    assert "all, sequentially over coefficients" in rows["rnn"]
    found = {part["name"]: part["capabilities"] for part in report("plugins", "list", "backbone")["parts"]}
    assert set(found) == set(default_registry().parts("backbone"))
    assert found["fvsbn"]["any_order"] and found["fvsbn"]["axes"] is None
    assert found["rnn"]["sequential_over"] == "coefficients"


def test_parts_of_a_file_are_listed_with_it():
    listed = report("plugins", "list", "--plugin", PLUGIN)["parts"]
    assert {part["name"] for part in listed if str(PLUGIN) in part["plugin"]} == {
        "backwards",
        "coin",
        "stripes",
        "striped",
    }


def test_a_failing_plugin_is_reported_and_does_not_affect_others(monkeypatch):
    def failing(self):
        self.failures["broken"] = "ImportError: no module named brken"
        self.register_builtin()

    monkeypatch.setattr(Plugins, "register_builtin", Plugins.load_installed, raising=False)
    monkeypatch.setattr(Plugins, "load_installed", failing)
    shown = done("plugins", "list", "ordering").stdout
    assert "the plugin broken failed and was left out: ImportError: no module named brken" in shown
    assert "raster" in shown


def test_every_part_is_shown_with_its_options():
    registry: Registry = default_registry()
    for kind in KINDS:
        for name, found in registry.parts(kind).items():
            part = report("plugins", "show", name)["parts"][0]
            assert (part["kind"], part["name"]) == (kind, name)
            assert part["documentation"]
            if kind != "recipe":
                shown = {option["name"] for option in part["options"]} - {"any name"}
                assert shown == {option_name(name) for name in found.part.option_parameters()}


def test_options_are_shown_with_type_and_default():
    lines = [line.split() for line in done("plugins", "show", "mnist").stdout.splitlines()]
    assert ["binarize", "none", "|", "threshold", "|", "static", "|", "dynamic", "none"] in [line[:9] for line in lines]
    assert ["path", "path", "|", "none", "none"] in [line[:5] for line in lines]
    lines = [line.split() for line in done("plugins", "show", "table").stdout.splitlines()]
    assert ["path", "path", "required"] in [line[:3] for line in lines]


def test_every_option_is_shown_with_its_meaning(tmp_path):
    (tmp_path / "meaning.py").write_text(STRIDED)
    shown = done("plugins", "show", "strided", "--plugin", "meaning.py").stdout
    meaning = "Distance between coefficients of the same pass, at least 1."
    assert ["stride", "integer", "2", meaning] in [line.split(maxsplit=3) for line in shown.splitlines()]
    assert "Options:" not in shown, "the table replaces the section of the docstring"
    (option,) = report("plugins", "show", "strided", "--plugin", "meaning.py")["parts"][0]["options"]
    assert option == {"name": "stride", "type": "integer", "default": "2", "meaning": meaning}


def test_a_recipe_is_shown_as_toml():
    shown = done("plugins", "show", "toy-convnet").stdout
    assert 'backbone = "convnet"' in shown
    assert "[training]" in shown


def test_the_nearest_name_is_suggested_for_unknown_ones():
    assert "did you mean 'raster'?" in refused(call("plugins", "show", "rastr"))
    assert "did you mean 'head'?" in refused(call("plugins", "list", "haed"))


def test_the_masks_of_chosen_steps(tmp_path):
    shown = ["order", "show", "hilbert", "--shape", "16,16", "--out", "o.png"]
    done(*shown, "--steps", "10,100,200")
    chosen = (tmp_path / "o.png").read_bytes()
    done(*shown, "--masks", "3")
    assert (tmp_path / "o.png").read_bytes() != chosen


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--steps", "300"], "steps from 0 to 255, got step 300"),
        (["--steps", "1,x"], "--steps as integers"),
        (["--steps", ",".join(["1"] * 101)], "at most 100 --steps, got 101"),
        (["--steps", "1", "--out", "o.gif"], "a picture for --steps, got o.gif"),
    ],
)
def test_steps_that_cannot_be_drawn(arguments, complaint):
    assert complaint in refused(call("order", "show", "hilbert", "--shape", "16,16", *arguments))
