"""Run the command line: ``tensorar`` or ``python -m tensorar_cli``."""

from tensorar_cli.app import app


def main() -> None:
    """Run the command that the arguments name."""
    app(prog_name="tensorar")


if __name__ == "__main__":
    main()
