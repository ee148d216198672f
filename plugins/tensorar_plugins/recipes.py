"""Recipes."""

ALL: list = []
