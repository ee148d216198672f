"""``tensorar order show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.output import Output

order_app = typer.Typer(help="Look at visiting orders.", no_args_is_help=True)


@order_app.callback()
def _orders() -> None:
    pass


@order_app.command("show")
def show(
    ordering: Annotated[str, typer.Argument(help="An ordering: raster, snake, einops:pattern='h w -> (w h)', ...")],
    shape: Annotated[str, typer.Option(help="The event's shape, as in 6,6 or 1,28,28.")],
    masks: Annotated[int, typer.Option(help="The masks of how many first steps to draw.", min=0)] = 6,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The picture to write (.png); by default in this folder."),
    ] = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw the rank of every coefficient and the masks of the first steps."""
    from tensorar import default_registry, plotting
    from tensorar_cli.export import check_ending

    output, event_shape = Output(as_json=json), parse_shape(shape)
    name = f"order-{ordering.partition(':')[0]}-{'x'.join(map(str, event_shape)) or '0d'}.png"
    path = check_ending(out or Path(name))
    order = default_registry().create("ordering", ordering).order(event_shape)
    plotting.save(plotting.order_masks(order, list(range(min(masks, len(order))))), path)
    if order.rank.ndim <= 2 and len(order) <= 400:
        output.say(_in_words(order.rank.reshape(-1, order.rank.shape[-1] if order.rank.ndim else 1).tolist()))
    view = order.raster_view
    output.say(f"{ordering} on {event_shape}: drawn in {path}" + (" (raster up to flips and axes)" if view else ""))
    output.result(
        {"ordering": ordering, "shape": list(event_shape), "visits": order.visits.tolist(), "rank": order.rank.tolist()}
        | {"raster_like": view is not None, "path": str(path)}
    )


def parse_shape(text: str) -> tuple[int, ...]:
    """A shape as it is written in ``--shape``. Raises ``TensorarError``."""
    from tensorar import TensorarError

    words = text.replace("x", ",").strip("() ").split(",")
    try:
        shape = tuple(int(word) for word in words if word.strip())
    except ValueError:
        shape = (0,)
    if any(size < 1 for size in shape):
        raise TensorarError(
            expected="--shape with sizes from 1 on", got=repr(text), remedy="write them with commas, as in 1,28,28"
        )
    return shape


def _in_words(rows: list[list[int]]) -> str:
    width = max(len(str(rank)) for row in rows for rank in row)
    return "\n".join(" ".join(f"{rank:>{width}}" for rank in row) for row in rows)
