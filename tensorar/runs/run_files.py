"""The files of a run folder: where they are, the lock of who writes them, and the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorar.runs.folder import RECIPE_FILE, STATE_FILE, existing_folder, new_folder
from tensorar.runs.metrics import append_metrics, read_metrics, truncate_metrics
from tensorar.utils.processes import is_main_process


class RunFiles:
    """The files of a run in ``folder``; ``numbered``: whether a new run takes the first of NAME, NAME-2, ... ."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbered = self._held = False

    @property
    def recipe_path(self) -> Path:
        """The recipe, with the run's provenance."""
        return self.folder / RECIPE_FILE

    @property
    def model_path(self) -> Path:
        """The weights of the best validation."""
        return self.folder / "model.safetensors"

    @property
    def state_path(self) -> Path:
        """The training state, from which training resumes."""
        return self.folder / STATE_FILE

    @property
    def metrics_path(self) -> Path:
        """The metrics: one JSON object per line."""
        return self.folder / "metrics.jsonl"

    @contextmanager
    def writing(self, *, new: bool) -> Iterator[None]:
        """Lock the folder, and make it for a ``new`` run; only the main process does, and only it may write.

        Raises ``RunError`` when another process trains in the folder, or when a new run's folder contains one.
        """
        if self._held or not is_main_process():
            yield
            return
        held = new_folder(self.folder, numbered=self.numbered) if new else existing_folder(self.folder)
        with held as self.folder:
            self._held = True
            try:
                yield
            finally:
                self._held = False

    # --- metrics ----------------------------------------------------------------------------------------------------

    def metrics(self) -> list[dict[str, Any]]:
        """All metrics so far; a last line that a crash cut off is left out."""
        return read_metrics(self.metrics_path)

    def add_metrics(self, row: dict[str, Any]) -> None:
        """Append a row of metrics."""
        append_metrics(self.metrics_path, row)

    def drop_metrics_after(self, step: int) -> None:
        """Remove the metrics after the step from which training resumes."""
        truncate_metrics(self.metrics_path, step)
