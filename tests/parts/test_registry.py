"""The registry: parts of all plugins by name, each from one plugin, and helpful errors."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from tensorar import Ordering, PluginError, Registry, SpecError, default_registry, hookimpl
from tensorar.parts.plugins import Plugins, PluginSource
from tensorar.parts.spec import KINDS


class Backwards(Ordering):
    """From the end."""

    name = "backwards"

    def visits(self, event_shape):
        return torch.arange(torch.Size(event_shape).numel()).flip(0)


def plugin(**hooks):
    """A plugin with these parts: ``plugin(tensorar_orderings=[Backwards])``."""

    def hook(name, parts):
        def implementation():
            return parts

        implementation.__name__ = name
        return hookimpl(implementation)

    return SimpleNamespace(**{name: staticmethod(hook(name, parts)).__func__ for name, parts in hooks.items()})


def registry(**plugins):
    """A registry of these plugins only."""
    loaded = Plugins()
    for name, module in plugins.items():
        loaded.register(module, PluginSource(name, f"dist-{name}", "1.0"))
    return Registry(loaded)


def test_a_part_is_found_with_its_source():
    found = registry(mine=plugin(tensorar_orderings=[Backwards])).find("ordering", "backwards")
    assert found.part is Backwards
    assert str(found.source) == "mine (dist-mine 1.0)"


def test_two_plugins_with_one_part_name_are_both_named():
    both = registry(mine=plugin(tensorar_orderings=[Backwards]), yours=plugin(tensorar_orderings=[Backwards]))
    with pytest.raises(PluginError, match=r"one ordering named 'backwards'") as error:
        both.find("ordering", "backwards")
    assert "mine (dist-mine 1.0)" in str(error.value)
    assert "yours (dist-yours 1.0)" in str(error.value)
    assert "\n" not in str(error.value)


def test_one_name_may_serve_parts_of_different_kinds():
    class AlsoBackwards(Ordering):
        name = "backwards"

    both = registry(mine=plugin(tensorar_orderings=[Backwards]), yours=plugin(tensorar_heads=[AlsoBackwards]))
    assert both.find("ordering", "backwards").part is Backwards
    assert both.find("head", "backwards").part is AlsoBackwards


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_name_is_reported_with_all_valid_ones(kind):
    with pytest.raises(SpecError, match=f"the name of a known {kind}, got 'no-such'") as error:
        default_registry().find(kind, "no-such")
    for name in default_registry().parts(kind):
        assert name in error.value.remedy


@pytest.mark.parametrize(
    ("kind", "typed", "meant"),
    [("ordering", "rastr", "raster"), ("head", "Bernouli", "bernoulli"), ("backbone", "conv_net", "convnet")],
)
def test_the_nearest_name_is_suggested(kind, typed, meant):
    with pytest.raises(SpecError, match=f"did you mean '{meant}'"):
        default_registry().create(kind, typed)


def test_a_plugin_that_raises_is_left_out_and_reported():
    def broken():
        raise RuntimeError("no\nGPU")

    broken.__name__ = "tensorar_orderings"
    some = registry(
        bad=SimpleNamespace(tensorar_orderings=hookimpl(broken)), good=plugin(tensorar_orderings=[Backwards])
    )
    assert list(some.parts("ordering")) == ["backwards"]
    assert some.plugins.failures == {"bad": "tensorar_orderings: RuntimeError: no GPU"}
    with pytest.raises(SpecError, match="plugin bad failed: tensorar_orderings: RuntimeError: no GPU") as error:
        some.find("ordering", "no-such")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("returned", [[object()], None, [Backwards, 3]])
def test_a_hook_that_returns_something_else_is_reported(returned):
    some = registry(bad=plugin(tensorar_orderings=returned), good=plugin(tensorar_orderings=[]))
    some.parts("ordering")
    assert list(some.plugins.failures) == ["bad"]


def test_the_built_in_parts_come_first():
    owners = [registered.source.plugin for registered in default_registry().parts("ordering").values()]
    assert owners == sorted(owners, key=lambda owner: owner != "builtin")
    assert owners[0] == "builtin"
    assert default_registry() is default_registry()


def test_nothing_installed_failed_to_load():
    for kind in KINDS:
        assert default_registry().parts(kind)
    assert default_registry().plugins.failures == {}
