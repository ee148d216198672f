"""Part specs with valid and nasty options, from the registry of all installed parts."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from .values import DATASETS, HUGE, nasty

SMALL = ("1", "2", "3", "4", "8")
PATTERNS = (
    "'h w -> (w h)'",
    "'h w -> (h w)'",
    "'(a b) w -> (a w b)'",
    "'->'",
    "'a -> b'",
    "'... -> (...)'",
    "'h w'",
    "'( -> )'",
)
NAMES = (
    "self",
    "cls",
    "name",
    "event_shape",
    "shape",
    "class",
    "kwargs",
    "pattern",
    "x",
    "__init__",
    "dtype",
    "head",
    "model",
)


def part_spec(chance: random.Random, kind: str, *, odd: float) -> str:
    """The spec of some part of that kind, with some of its options."""
    from tensorar import default_registry
    from tensorar.parts.part import option_name

    if chance.random() < odd / 3:
        return nasty(chance)
    if kind == "dataset" and chance.random() > odd:
        return chance.choice(DATASETS)
    parts = default_registry().parts(kind)
    name = chance.choice(sorted(parts))
    part = parts[name].part
    annotations = {key: parameter.annotation for key, parameter in part.option_parameters().items()}
    keys = [key for key in sorted(annotations) if chance.random() < 1.5 / len(annotations)]
    options = [f"{option_name(key)}={_option(chance, key, annotations[key], odd)}" for key in keys]
    if chance.random() < odd / 3:
        options.append(f"{chance.choice(NAMES)}={chance.choice((nasty(chance), *SMALL))}")
    if part.free_option_type() is not None and not any(option.startswith("pattern=") for option in options):
        options.append(f"pattern={chance.choice(PATTERNS)}")
    return f"{name}:{','.join(options)}" if options else name


def _option(chance: random.Random, key: str, annotation: Any, odd: float) -> str:
    if chance.random() < odd:
        text = nasty(chance)
        return f'"{text}"' if chance.random() < 0.3 else text
    return chance.choice(_valid(key, annotation))


def _valid(key: str, annotation: Any) -> tuple[str, ...]:
    """Values of the annotated type, small ones mostly."""
    choices = get_args(annotation)
    if get_origin(annotation) is Literal:
        return tuple(str(choice).lower() for choice in choices)
    if get_origin(annotation) is tuple:
        return ("'2 2'", "'1 0'", "2", "'0 1 2'", "'1 1'")
    if choices:
        return tuple(text for choice in choices for text in _valid(key, choice))
    plain: dict[Any, tuple[str, ...]] = {
        bool: ("true", "false"),
        float: ("0.1", "0.5", "1", "0", "-1", "2", "nan", "inf", "1e-30", "1e30"),
        int: (*SMALL, "0", "-1", *HUGE),
        type(None): ("none",),
        Path: ("bits.npy",),
    }
    if getattr(annotation, "kind", None) == "ordering":
        return ("raster", "snake", "shuffled", "random:seed=3", "'raster:flip=0'", "annealed", "mixed:share=0.5")
    texts = {"path": ("bits.npy", "table.csv", "splits.npz", "digits"), "pattern": PATTERNS, "key": ("train", "data")}
    return plain.get(annotation, texts.get(key, ("a", "tab", ";", "'1 2'")))
