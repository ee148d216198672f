"""A page of one file that walks along the steps of an event in a browser, without a server."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from tensorar.errors import TensorarError
from tensorar.plotting.posterior import PosteriorStep, coordinates, predicted_of, shared_limits
from tensorar.plotting.predictive import Predicted, log_limits, support_limits
from tensorar.plotting.style import to_numpy
from tensorar.plotting.view import View, view_of
from tensorar.plotting.wording import Wording
from tensorar.utils.files import write_atomically
from tensorar.utils.reading import escaped
from tensorar.utils.words import counted

MAX_STEPS = 1000
MAX_BYTES = 2**25
# a step holds a mask and values of the whole event
MAX_HELD = 2**24
PROBABILITY_DIGITS, VALUE_DIGITS = 4, 7


def page_steps(n: int) -> int:
    """The number of ``n`` steps that a page has by default: all, up to 1000, fewer for large events.

    >>> page_steps(784), page_steps(3072), page_steps(10**6)
    (784, 1000, 60)
    """
    return min(n, MAX_STEPS, max(60, MAX_HELD // n))


def save_walk_page(steps: Sequence[PosteriorStep], path: Path | str, title: str) -> int:
    """Write the page of some steps of one event, atomically; returns its size in bytes.

    It needs no network and loads nothing else. Raises ``ShapeError`` if there are no steps, ``TensorarError`` for a
    page above 32 MB, ``RunError`` if the file cannot be written.
    """
    content = walk_page(steps, title).encode()
    if len(content) > MAX_BYTES:
        raise TensorarError(
            expected=f"a page of at most {MAX_BYTES >> 20} MB",
            got=f"{len(content) >> 20} MB for {counted(len(steps), 'step')}",
            remedy="choose fewer steps with `steps`",
        )
    write_atomically(Path(path), content)
    return len(content)


def walk_page(steps: Sequence[PosteriorStep], title: str) -> str:
    """The page as text: the template with the title, the numbers, the style and the script in it."""
    ordered = sorted(steps, key=lambda step: int(step.mask.sum()))
    numbers = _numbers(ordered)
    shape = " x ".join(map(str, ordered[0].mask.shape)) or "a single number"
    parts = {
        "title": html.escape(escaped(title)),
        "order": html.escape(f"{counted(len(ordered), 'step')} of {numbers['length']}; event of shape {shape}"),
        "style": _own("page.css"),
        "script": _own("page.js"),
        # no text may end the element that it is in
        "data": re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", json.dumps(numbers, separators=(",", ":"))),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _own("page.html"))


def _own(name: str) -> str:
    return files("tensorar.plotting").joinpath("walk", name).read_text("utf-8").rstrip("\n")


def _numbers(steps: Sequence[PosteriorStep]) -> dict[str, Any]:
    """What the script draws; values are shared by all steps, and so are equal supports."""
    limits, predicted = shared_limits(steps), [predicted_of(step) for step in steps]
    shape, axes = tuple(steps[0].mask.shape), steps[0].axes
    view, mask = view_of(shape, axes=axes), view_of(shape, axes=axes, color=False)
    values, known_at = _values(steps)
    supports: dict[tuple[float, ...], int] = {}
    return {
        "length": math.prod(shape),
        "curve": view.kind in ("curve", "number"),
        "view": _view(view),
        "mask": _view(mask),
        "values": _rounded(values, VALUE_DIGITS),
        "knownAt": known_at.tolist(),
        "limits": list(limits),
        "scale": f"values so far, from {limits[0]:g} (black) to {limits[1]:g} (white)"
        if view.kind in ("image", "rgb", "slices")
        else "values so far",
        "probabilityLimits": list(log_limits(predicted)),
        "supportLimits": list(support_limits(predicted)),
        "table": _table(steps[0].wording, values),
        "steps": [_step(*both, view, supports) for both in zip(steps, predicted, strict=True)],
        # filled by the line before
        "supports": [list(support) for support in supports],
    }


def _table(wording: Wording | None, values: np.ndarray) -> dict[str, Any] | None:
    """The names of columns, and the values as the table writes them (None: never known)."""
    if wording is None:
        return None
    texts = [None if math.isnan(x) else wording.write(i, [x])[0] for i, x in enumerate(values.tolist())]
    return {"names": list(wording.names), "texts": texts}


def _view(view: View) -> dict[str, Any]:
    depth = view.cells.shape[2] if view.cells.ndim == 3 else 1
    return {
        "rows": view.height,
        "columns": view.width,
        "depth": depth,
        "aspect": view.cell_aspect,
        "cells": view.cells.ravel().tolist(),
    }


def _values(steps: Sequence[PosteriorStep]) -> tuple[np.ndarray, np.ndarray]:
    """The value of each coefficient (NaN: never known), and the number of the first step that knows it."""
    size = steps[0].mask.numel()
    values, known_at = np.full(size, np.nan), np.full(size, len(steps))
    for k in reversed(range(len(steps))):
        known = steps[k].mask.cpu().numpy().ravel()
        values[known], known_at[known] = to_numpy(steps[k].values).ravel()[known], k
    return values, known_at


def _step(
    step: PosteriorStep, predicted: Predicted, view: View, supports: dict[tuple[float, ...], int]
) -> dict[str, Any]:
    support = tuple(_rounded(predicted.support, VALUE_DIGITS))
    found = {
        "known": int(step.mask.sum()),
        "coefficient": step.coefficient,
        "place": coordinates(step, view),
        "support": supports.setdefault(support, len(supports)),
        "probabilities": _rounded(predicted.probabilities, PROBABILITY_DIGITS),
        "truth": step.truth,
        "density": step.density,
    }
    found |= {} if step.wording is None else _written(step, step.wording, predicted)
    return found if predicted.exact is None else found | {"exact": _rounded(predicted.exact, PROBABILITY_DIGITS)}


def _written(step: PosteriorStep, wording: Wording, predicted: Predicted) -> dict[str, Any]:
    """The texts of a column's values, and the limits of its own axes."""
    return {
        "texts": predicted.texts,
        "marked": predicted.marked(),
        "truthText": None if step.truth is None else wording.write(step.coefficient, [step.truth])[0],
        "supportLimits": list(support_limits([predicted])),
        "probabilityLimits": list(log_limits([predicted])),
    }


def _rounded(numbers: np.ndarray, digits: int) -> list[Any]:
    """Numbers as JSON has them: of few digits, whole ones without a point, None for those that are not finite."""
    rounded = [float(f"{x:.{digits}g}") if math.isfinite(x) else None for x in numbers.tolist()]
    return [int(x) if x is not None and x.is_integer() and abs(x) < 1e15 else x for x in rounded]
