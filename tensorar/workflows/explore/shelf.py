"""The runs that are served, opened as they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from tensorar.errors import RunError
from tensorar.parts.registry import Registry
from tensorar.training.device import check_device
from tensorar.workflows.explore.explorer import Explorer
from tensorar.workflows.list_runs import run_folders
from tensorar.workflows.runs import open_run

# models in memory at once
LOADED = 4


class Shelf:
    """A run, or all runs in a folder three levels deep. The models of the last four that were asked for stay loaded.

    Raises ``RunError`` for a folder without runs, and for a single run that cannot be opened; ``TensorarError`` for a
    device that is not available.
    """

    def __init__(self, folder: str | Path, device: str = "auto", registry: Registry | None = None) -> None:
        check_device(device)
        self.folder, self.device, self.registry = Path(folder), device, registry
        found = list(run_folders(self.folder)) if self.folder.is_dir() else []
        if not found:
            got = "a folder without one" if self.folder.is_dir() else "no such folder"
            raise RunError(
                expected=f"a run, or a folder of runs, in {self.folder}", got=got, remedy="train one: tensorar train"
            )
        if found == [self.folder]:
            open_run(self.folder, registry)
        self.folders = found
        self._loaded: OrderedDict[int, Explorer] = OrderedDict()

    @property
    def names(self) -> list[str]:
        """The path of each run below the folder; of a single run, the name of its folder."""
        if self.folders == [self.folder]:
            return [self.folder.resolve().name]
        return [str(folder.relative_to(self.folder)) for folder in self.folders]

    def __len__(self) -> int:
        return len(self.folders)

    def explorer(self, number: int) -> Explorer:
        """The explorer of a run by its number. Raises ``TensorarError`` if it cannot be opened."""
        if number not in self._loaded:
            self._loaded[number] = Explorer(self.folders[number], self.device, self.registry)
            while len(self._loaded) > LOADED:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(number)
        return self._loaded[number]
