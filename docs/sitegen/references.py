"""References to names of tensorar by the module that defines them, where they are documented as public names."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from docs.sitegen.generated import MODULES


@cache
def public_names() -> dict[str, str]:
    """The documented name of every public object, by the module and name of its definition."""
    found: dict[str, str] = {}
    for module in MODULES:
        package = importlib.import_module(module)
        for name in package.__all__:
            value = getattr(package, name)
            found.setdefault(f"{value.__module__}.{name}", f"{module}.{name}")
    return found


def resolve(app: Any, env: Any, node: Any, content: Any) -> Any:
    """The reference to the public name; the text alone for what exists without being public; None for anything else."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith("tensorar."):
        return None
    if name := public_names().get(target):
        return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)
    return content if _exists(target) else None


def _exists(target: str) -> bool:
    module, _, name = target.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False
