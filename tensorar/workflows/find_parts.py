"""Finding parts by name alone, or in a single-file plugin."""

from __future__ import annotations

from pathlib import Path

from tensorar.errors import SpecError, TensorarError
from tensorar.parts.part import Kind
from tensorar.parts.registry import RegisteredPart, Registry
from tensorar.parts.spec import KINDS, nearest


def find_parts(registry: Registry, name: str) -> list[tuple[Kind, RegisteredPart]]:
    """The parts with that name, of any kind. Raises ``SpecError`` when there are none."""
    everything = [(kind, part, registered) for kind in KINDS for part, registered in registry.parts(kind).items()]
    found: list[tuple[Kind, RegisteredPart]] = [(kind, part) for kind, known, part in everything if known == name]
    if not found:
        raise SpecError(
            expected="the name of a part", got=repr(name), remedy=nearest(name, [known for _, known, _ in everything])
        )
    return found


def parts_in_file(registry: Registry, path: str | Path) -> list[RegisteredPart]:
    """The orderings, heads, backbones and datasets of a single-file plugin, which is loaded.

    Raises ``PluginError`` when the file cannot be loaded, ``TensorarError`` when it has none.
    """
    registry.load_file(path)
    file = str(Path(path).resolve())
    everything = [registered for kind in KINDS for registered in registry.parts(kind).values()]
    parts = [part for part in everything if part.source.distribution == file and isinstance(part.part, type)]
    if not parts:
        raise TensorarError(
            expected=f"an ordering, head, backbone or dataset in {path}",
            got=registry.plugins.failures.get(Path(path).stem, "none"),
            remedy="return it from a hook such as tensorar_heads",
        )
    return parts
