"""A model as a small table in HTML, for notebooks: its parts, parameters and orders."""

from __future__ import annotations

from html import escape
from typing import Any

from tensorar.backbone import Backbone
from tensorar.factorization import Factorization
from tensorar.ordering import Ordering
from tensorar.parts.part import Part, option_name

MAX_CHARACTERS = 120


def model_table(model: Factorization) -> str:
    """The parts with the options that differ from their defaults, the number of parameters, and the order drawn."""
    cells = "".join(f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in _facts(model).items())
    return f"<table>{cells}</table>{model.orders[0]._repr_html_()}"


def _facts(model: Factorization) -> dict[str, str]:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    passes = "all conditionals in one pass" if model.is_causal else "any conditional from any evidence"
    return {
        "event": str(model.event_shape),
        "ordering": _in_words(model.ordering),
        "head": _in_words(model.head),
        "backbone": f"{_network(model.backbone).name}: {passes}",
        "parameters": f"{parameters:,}",
        "orders": _orders(model.ordering, len(model.orders)),
    }


def _orders(ordering: Ordering, count: int) -> str:
    if ordering.ensemble:
        return f"a mixture of {count}; drawn is the first"
    if ordering.adaptive:
        return "chosen step by step for each event; drawn is the one in which known coefficients are taken in"
    return "one" if ordering.fixed else "any; drawn is the one of likelihoods and samples"


def _network(backbone: Backbone) -> Backbone:
    """The network itself, within its adapters."""
    inner = getattr(backbone, "network", None)
    return _network(inner) if isinstance(inner, Backbone) else backbone


def _value(value: Any) -> str:
    parts = [value] if isinstance(value, Part) else value
    if isinstance(parts, list | tuple) and parts and all(isinstance(part, Part) for part in parts):
        return "; ".join(map(_in_words, parts))
    return str(value)


def _in_words(part: Part) -> str:
    """The name of an ordering or a head, and its options that differ from their defaults, cut to a line."""
    options = type(part).option_parameters()
    values = {name: (getattr(part, name, o.default), o.default) for name, o in options.items()}
    changed = [f"{option_name(name)}={_value(v)}" for name, (v, default) in values.items() if str(v) != str(default)]
    text = part.name + (f": {', '.join(changed)}" if changed else "")
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"
