"""Entry point of ``tensorar`` and ``python -m tensorar_cli``."""

import os
import sys

from tensorar_cli.app import app


def main() -> None:
    """Run the command line."""
    try:
        app(prog_name="tensorar")
    except SystemExit as end:
        if os.environ.get("WORLD_SIZE", "1") != "1" and (end.code is None or isinstance(end.code, int)):
            _exit_now(end.code or 0)
        raise


def _exit_now(code: int) -> None:
    """End one of several processes at once, after flushing its output.

    torch keeps the process group of a distributed network and its threads until C++ destroys them at exit, which
    sometimes aborts ("terminate called without an active exception") after all work is done.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
