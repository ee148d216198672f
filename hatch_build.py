"""Puts docs/results into wheels, where ``tensorar reproduce --list`` reads them.

Editable installs read the checkout: a second folder of the package would hide it from type checkers.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Results(BuildHookInterface):
    """Recorded results beside the recipes they are of."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder, unless the install is editable."""
        if version == "standard":
            build_data["force_include"]["docs/results"] = "tensorar_plugins/recipes/results"
