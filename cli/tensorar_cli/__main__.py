"""Entry point of ``tensorar`` and ``python -m tensorar_cli``."""

import atexit
import gc
import os
import sys


def main() -> None:
    """Run the command line."""
    # the interpreter need not look for cycles among the objects of torch when it ends, which takes a third of a second
    atexit.register(gc.freeze)
    try:
        # Ctrl-C may come while it is imported
        from tensorar_cli.app import app

        app(prog_name="tensorar")
    except KeyboardInterrupt:
        sys.stderr.write("error: ended by Ctrl-C before the command began\n")
        sys.exit(130)
    except SystemExit as end:
        if os.environ.get("WORLD_SIZE", "1") != "1" and (end.code is None or isinstance(end.code, int)):
            _exit_now(end.code or 0)
        raise


def _exit_now(code: int) -> None:
    """End one of several processes at once, after flushing its output.

    torch keeps the process group of a distributed network and its threads until C++ destroys them at exit, which
    sometimes aborts ("terminate called without an active exception") after all work is done.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by the parent process
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
