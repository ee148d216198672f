"""Run the command line: ``tensorar`` or ``python -m tensorar_cli``."""

import os
import sys

from tensorar_cli.app import app


def main() -> None:
    """Run the command that the arguments name."""
    try:
        app(prog_name="tensorar")
    except SystemExit as end:
        if os.environ.get("WORLD_SIZE", "1") != "1" and (end.code is None or isinstance(end.code, int)):
            _leave(end.code or 0)
        raise


def _leave(code: int) -> None:
    """End one of several processes at once, with all that was said.

    torch keeps the group of a network that was wrapped for them, and its threads, until C++ takes everything down; now
    and then that aborts ("terminate called without an active exception"), after all work is done.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
