"""``tensorar order show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tensorar_cli import options
from tensorar_cli.export import check_extension
from tensorar_cli.output import Output
from tensorar_cli.parsing import parse_shape

# orders of larger events are drawn, but not printed
MAX_PRINTED_COEFFICIENTS = 400
# more panels would be too small to see, and take minutes
MAX_MASKS = 100


def show_order(
    ordering: Annotated[str, typer.Argument(help="An ordering: raster, snake, einops:pattern='h w -> (w h)', ...")],
    shape: Annotated[str, typer.Option(help="Event shape, as in 6,6 or 1,28,28.")],
    masks: Annotated[
        int, typer.Option(help="Number of steps, from the first, whose masks are drawn.", min=0, max=MAX_MASKS)
    ] = 6,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="The picture to write (.png). Default: in the current folder."
        ),
    ] = None,
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw the rank of every coefficient, and the masks of the first steps."""
    from tensorar import default_registry, plotting

    output, event_shape = Output(as_json=json), parse_shape(shape)
    name = f"order-{ordering.partition(':')[0]}-{'x'.join(map(str, event_shape)) or '0d'}.png"
    path = check_extension(out or Path(name))
    order = default_registry().create("ordering", ordering).order(event_shape)
    plotting.save(plotting.order_masks(order, list(range(min(masks, len(order))))), path)
    if order.rank.ndim <= 2 and len(order) <= MAX_PRINTED_COEFFICIENTS:
        output.print_lines(_grid(order.rank.reshape(-1, order.rank.shape[-1] if order.rank.ndim else 1).tolist()))
    view = order.raster_view
    note = " (raster up to flips and axis permutation)" if view else ""
    output.print(f"{ordering} on {event_shape}, drawn in {path}{note}")
    if json:
        values = {"ordering": ordering, "shape": list(event_shape), "visits": order.visits.tolist()}
        values |= {"rank": order.rank.tolist(), "raster_like": view is not None, "path": str(path)}
        output.print_json(values)


def _grid(rows: list[list[int]]) -> str:
    width = max(len(str(rank)) for row in rows for rank in row)
    return "\n".join(" ".join(f"{rank:>{width}}" for rank in row) for row in rows)
