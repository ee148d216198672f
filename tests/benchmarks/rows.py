"""The tables of published rows, from docs/results/*.json and the recipes."""

from __future__ import annotations

from itertools import groupby

from tensorar import Recipe, default_registry
from tensorar.runs.result import read_result

COLUMNS = ("row", "theirs", "ours", "training", "machine", "seed")


def recipes_of_rows() -> list[Recipe]:
    """All recipes with a row, those of a table together."""
    parts = default_registry().parts("recipe")
    recipes = [registered.part for registered in parts.values() if registered.part.row is not None]
    return sorted(recipes, key=lambda recipe: (recipe.row.group, recipe.row.machine, recipe.name))


def rows_of_results() -> str:
    """A table for each group of figures that can be compared, with what differs and why a row misses."""
    groups = groupby(recipes_of_rows(), key=lambda recipe: recipe.row.group)
    return "\n\n".join(table(group, list(members)) for group, members in groups)


def table(group: str, recipes: list[Recipe]) -> str:
    """The table of a group, and lines for what a table has no room for."""
    lines = [
        f"### {group[0].upper()}{group[1:]}, {recipes[0].row.unit}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
    ]
    remarks = [line for recipe in recipes for line in remarks_of(recipe)]
    return "\n".join([*lines, *map(row, recipes), "", *remarks])


def row(recipe: Recipe) -> str:
    """A row: the published figure, and the recorded one."""
    theirs = "" if recipe.row.theirs is None else f"{recipe.row.theirs:.{digits(recipe)}f}"
    return f"| `{recipe.name}` | {theirs} | {' | '.join(ours(recipe))} |"


def ours(recipe: Recipe) -> tuple[str, str, str, str]:
    """Figure, training time, machine and seed."""
    row = recipe.row
    if recipe.recorded is None:
        return "not trained yet", f"about {row.minutes:g} min", "a GPU" if row.machine == "gpu" else "a core", ""
    found = read_result(recipe.recorded)
    kind = "" if found["exact"] else " (estimate)"
    figure = f"{found['figure']:.{digits(recipe)}f} ± {found['standard_error']:.{digits(recipe)}f}{kind}"
    if found["mean_over_orders"] is not None:
        figure += f"; mean over orders {found['mean_over_orders']:.{digits(recipe)}f}"
    machine = found["machine"]
    words = machine.get("gpu") or f"{machine['threads']} of {machine['cores']} cores, {machine['processor']}"
    return figure, f"{found['seconds']:.0f} s", words, str(found["seed"])


def digits(recipe: Recipe) -> int:
    """The decimals of a figure in the unit of a row."""
    return {"nats": 2, "bits/dim": 3, "nats/dim": 4}[recipe.row.unit]


def remarks_of(recipe: Recipe) -> list[str]:
    """The source of a row, what differs from it, its baseline, and why it misses."""
    row = recipe.row
    words = [row.source] + ([row.note] if row.note else [])
    if recipe.recorded is not None:
        found = read_result(recipe.recorded)
        if row.baseline:
            words.append(f"One {row.baseline}: {found['baseline']:.2f}, theirs {row.baseline_theirs:g}.")
        if row.misses(found["figure"]):
            words.append(f"More than 1 % above: {row.reason}")
    return [f"- `{recipe.name}`: {' '.join(word if word.endswith('.') else word + '.' for word in words)}"]
