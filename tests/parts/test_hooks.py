"""Every hook is documented, takes no arguments and returns a list, whose parts are found."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import pytest

from tensorar import hookimpl
from tensorar.parts import hookspecs
from tensorar.parts.plugins import Plugins, PluginSource
from tensorar.parts.registry import Registry
from tensorar.parts.spec import KINDS

HOOKS = {name: f for name, f in vars(hookspecs).items() if name.startswith("tensorar_")}


def test_there_is_one_hook_for_each_kind_of_part():
    assert set(HOOKS) == {f"tensorar_{kind}s" for kind in KINDS}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_documented_and_returns_a_list(name):
    hook = HOOKS[name]
    assert len(inspect.getdoc(hook)) > 20
    assert not inspect.signature(hook).parameters
    assert str(inspect.signature(hook).return_annotation).startswith("list[")
    assert hasattr(hook, "tensorar_spec")


@pytest.mark.parametrize("kind", KINDS)
def test_the_parts_of_a_plugin_are_found(kind):
    part = SimpleNamespace(name="mine", description="A part.")

    def implementation():
        return [part]

    implementation.__name__ = f"tensorar_{kind}s"
    plugins = Plugins()
    plugins.register(
        SimpleNamespace(**{implementation.__name__: hookimpl(implementation)}), PluginSource("me", "d", "1")
    )
    registry = Registry(plugins)
    assert registry.find(kind, "mine").part is part
    assert registry.find(kind, "mine").description == "A part."
    assert all(registry.parts(other) == {} for other in KINDS if other != kind)
