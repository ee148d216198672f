"""Datasets."""

ALL: list = []
