"""Recipes: experiments of the lecture and of papers, one command each, as TOML files in this folder."""

from pathlib import Path

from tensorar import Recipe, read_recipes

FOLDER = Path(__file__).parent
# a wheel has the recorded results beside the recipes, a checkout among the pages
_PACKAGED, _IN_CHECKOUT = FOLDER / "results", FOLDER.parents[2] / "docs" / "results"

ALL: list[Recipe] = read_recipes(FOLDER, _PACKAGED if _PACKAGED.is_dir() else _IN_CHECKOUT)
