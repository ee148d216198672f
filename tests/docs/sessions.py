"""Run the commands of a page in a brief form."""

from __future__ import annotations

import re
import shlex

from tests.cli.commands import call


def commands(text, fence="bash"):
    """The commands of tensorar in the blocks of a page, in their order."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for language, block in blocks if language == fence for line in block.splitlines()]
    return [line for line in lines if line.startswith("tensorar ")]


def run_briefly(lines, shorter):
    """Run commands of a page with what stands in ``shorter`` replaced, all of which must occur."""
    assert all(any(said in line for line in lines) for said in shorter)
    for line in lines:
        for said, instead in shorter.items():
            line = line.replace(said, instead)
        result = call(*shlex.split(line, comments=True)[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
