"""The application: its commands, none of which imports torch before it runs."""

from __future__ import annotations

import typer

from tensorar_cli.commands.demo import demo
from tensorar_cli.commands.evaluate import evaluate
from tensorar_cli.commands.inpaint import inpaint
from tensorar_cli.commands.order import order_app
from tensorar_cli.commands.plugins import plugins_app
from tensorar_cli.commands.posterior import posterior
from tensorar_cli.commands.sample import sample
from tensorar_cli.commands.train import train
from tensorar_cli.errors import OneLineErrors

app = typer.Typer(
    cls=OneLineErrors,
    help="Exact autoregressive models of tensors of any shape. Start with: tensorar demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tensorar {version('tensorar')}")
        raise typer.Exit()


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    pass


for command in (demo, train, evaluate, sample, inpaint, posterior):
    app.command()(command)
app.add_typer(order_app, name="order")
app.add_typer(plugins_app, name="plugins")
