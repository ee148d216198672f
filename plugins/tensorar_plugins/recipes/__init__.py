"""Recipes: experiments of the lecture and of papers, one command each, as TOML files in this folder."""

from pathlib import Path

from tensorar import Recipe, read_recipes

ALL: list[Recipe] = read_recipes(Path(__file__).parent)
