"""The application: registers the commands, none of which imports torch before it runs."""

from __future__ import annotations

import typer

from tensorar_cli.commands.check import check
from tensorar_cli.commands.classify import classify
from tensorar_cli.commands.compare import compare
from tensorar_cli.commands.compress import compress
from tensorar_cli.commands.decompress import decompress
from tensorar_cli.commands.demo import demo
from tensorar_cli.commands.evaluate import evaluate
from tensorar_cli.commands.forecast import forecast
from tensorar_cli.commands.impute import impute
from tensorar_cli.commands.inpaint import inpaint
from tensorar_cli.commands.new import new
from tensorar_cli.commands.order import show_order
from tensorar_cli.commands.plugins import list_parts, show_part
from tensorar_cli.commands.posterior import posterior
from tensorar_cli.commands.reproduce import reproduce
from tensorar_cli.commands.runs import list_runs
from tensorar_cli.commands.sample import sample
from tensorar_cli.commands.score import score
from tensorar_cli.commands.serve import serve
from tensorar_cli.commands.show import show
from tensorar_cli.commands.train import train
from tensorar_cli.errors import OneLineErrors

app = typer.Typer(
    cls=OneLineErrors,
    help="Exact autoregressive models of tensors of any shape. Start with: tensorar demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
order_app = typer.Typer(help="Inspect visiting orders.", no_args_is_help=True)
runs_app = typer.Typer(help="Look through trained runs.", no_args_is_help=True)
plugins_app = typer.Typer(help="List, inspect and check parts, and start new plugins.", no_args_is_help=True)


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"tensorar {version('tensorar')}")
        raise typer.Exit()


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    pass


@order_app.callback()
@runs_app.callback()
def _group() -> None:
    # with a callback, a group of one command remains a group
    pass


for command in (
    demo,
    train,
    reproduce,
    evaluate,
    compare,
    classify,
    sample,
    inpaint,
    posterior,
    forecast,
    score,
    impute,
    compress,
    decompress,
    show,
    serve,
):
    app.command()(command)
order_app.command("show")(show_order)
runs_app.command("list")(list_runs)
plugins_app.command("list")(list_parts)
plugins_app.command("show")(show_part)
plugins_app.command("check")(check)
plugins_app.command("new")(new)
app.add_typer(order_app, name="order")
app.add_typer(runs_app, name="runs")
app.add_typer(plugins_app, name="plugins")
