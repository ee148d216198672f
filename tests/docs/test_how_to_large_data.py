"""docs/how-to/large-data.md: its files are written and its commands run, with the arrays kept in their files."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tensorar import Run, default_registry
from tensorar.events import StoredEvents
from tensorar_plugins.datasets import npy
from tests.cli.commands import done

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "large-data.md").read_text()
PARTS = re.findall(r"\(`(\w+\.py)`\):\n\n```python\n(.*?)```|```bash\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_commands_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(npy, "MAX_BYTES_IN_MEMORY", 0)
    default_registry.cache_clear()
    shown = []
    for name, code, commands in PARTS:
        if name:
            (tmp_path / name).write_text(code)
            exec(code, {"__name__": name})
        lines = [shlex.split(line)[1:] for line in commands.splitlines()]
        shown += [done(*line, "--device", "cpu").stdout for line in lines]
    assert len(shown) == 4
    assert all("cost: " in text for text in shown if "training" in text)
    assert isinstance(Run.open("runs/frames").dataset.train, StoredEvents)
    assert len(Run.open("runs/shards").dataset.train) == 480
