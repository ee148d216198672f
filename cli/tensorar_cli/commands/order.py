"""``tensorar order show``: the order of an ordering, or the one a model takes for an event."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorar_cli import options
from tensorar_cli.export import ANIMATIONS, PICTURES, check_extension
from tensorar_cli.output import Output
from tensorar_cli.parsing import parse_shape, parse_steps

if TYPE_CHECKING:
    from tensorar import Order

# orders of larger events are drawn, but not printed
MAX_PRINTED_COEFFICIENTS = 400
# more panels would be too small to see, and take minutes
MAX_MASKS = 100
# how many from the first step on, or which ones
Masks = int | list[int]


def show_order(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="ORDERING|RUN",
            help="An ordering (raster, snake, einops:pattern='h w -> (w h)', ...), or with --example a run folder.",
        ),
    ],
    shape: Annotated[str | None, typer.Option(help="Event shape, as in 6,6 or 1,28,28.")] = None,
    example: Annotated[
        int | None, typer.Option(help="Show the order that a run's model takes for this event of its dataset.", min=0)
    ] = None,
    split: options.Split = "test",
    ordering: Annotated[
        str | None,
        typer.Option(help="Spec of another ordering, for a run trained on random orders. Default: the run's own."),
    ] = None,
    masks: Annotated[
        int, typer.Option(help="Number of steps, from the first, whose masks are drawn.", min=0, max=MAX_MASKS)
    ] = 6,
    steps: Annotated[
        str | None, typer.Option(help="The steps whose masks are drawn, as in 10,100,300, instead of the first ones.")
    ] = None,
    out: Annotated[
        Path | None,
        options.out(
            "The picture (.png) or animation (.gif) to write. Default: a picture in the current or run folder."
        ),
    ] = None,
    device: options.Device = "auto",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Draw the rank of every coefficient and the masks of the first steps: of an ordering, or for an event of a run."""
    from tensorar import TensorarError

    output, drawn = Output(as_json=json), _masks(masks, steps, out)
    if example is not None and shape is None:
        _show_taken(output, Path(subject), example, split, ordering, drawn, out, device)
    elif example is None and shape is not None and ordering is None:
        _show_ordering(output, subject, parse_shape(shape), drawn, out)
    else:
        options = {"--example": example, "--shape": shape, "--ordering": ordering}
        raise TensorarError(
            expected="--example (and --ordering) with a run folder, or --shape after tensorar order show",
            got=" and ".join(name for name, value in options.items() if value is not None) or "none",
            remedy="see tensorar order show --help",
        )


def _masks(masks: int, steps: str | None, out: Path | None) -> Masks:
    """The number of masks, or their steps. Raises ``TensorarError`` for too many, and for steps of an animation."""
    from tensorar import TensorarError

    chosen = parse_steps(steps)
    if chosen is None:
        return masks
    animated = out is not None and out.suffix in ANIMATIONS
    if len(chosen) > MAX_MASKS or animated:
        raise TensorarError(
            expected="a picture for --steps" if animated else f"at most {MAX_MASKS} --steps",
            got=str(out) if animated else str(len(chosen)),
            remedy="leave --steps out: an animation has all of them" if animated else "leave some out",
        )
    return chosen


def _show_ordering(output: Output, ordering: str, event_shape: tuple[int, ...], masks: Masks, out: Path | None) -> None:
    from tensorar import default_registry

    name = f"order-{ordering.partition(':')[0]}-{'x'.join(map(str, event_shape)) or '0d'}.png"
    path = check_extension(out or Path(name), PICTURES + ANIMATIONS)
    order = default_registry().create("ordering", ordering).order(event_shape)
    _draw(output, order, path, masks)
    view = order.raster_view
    note = " (raster up to flips and axis permutation)" if view else ""
    output.print(f"{ordering} on {event_shape}, drawn in {path}{note}")
    values = {"ordering": ordering, "shape": list(event_shape), "raster_like": view is not None}
    output.print_json({**values, **_order_as_dict(order), "path": str(path)})


def _show_taken(
    output: Output,
    run: Path,
    example: int,
    split: str,
    ordering: str | None,
    masks: Masks,
    out: Path | None,
    device: str,
) -> None:
    from tensorar import workflows

    path = check_extension(out or run / f"order-{example}.png", PICTURES + ANIMATIONS)
    taken = workflows.order_taken(run, example, split=split, ordering=ordering, device=device)
    _draw(output, taken.order, path, masks, first=taken.known, axes=taken.run.axes)
    evidence = f", the {taken.known} given first" if taken.known else ""
    output.print(f"{taken.ordering} on event {example} of {split}{evidence}, drawn in {path}")
    values = {"ordering": taken.ordering, "split": split, "example": example, "known": taken.known}
    output.print_json({**values, **_order_as_dict(taken.order), "path": str(path)})


def _draw(
    output: Output, order: Order, path: Path, masks: Masks, *, first: int = 0, axes: tuple[str, ...] | None = None
) -> None:
    """Write the picture or the animation, and print the ranks of a small event."""
    from tensorar import plotting

    if path.suffix in ANIMATIONS:
        plotting.save_order_animation(order, path, first=first, axes=axes)
    else:
        steps = list(range(first, min(first + masks, len(order)))) if isinstance(masks, int) else masks
        plotting.save(plotting.order_masks(order, steps, axes=axes), path)
    if order.rank.ndim <= 2 and len(order) <= MAX_PRINTED_COEFFICIENTS:
        output.print_lines(_grid(order.rank.reshape(-1, order.rank.shape[-1] if order.rank.ndim else 1).tolist()))


def _order_as_dict(order: Order) -> dict[str, Any]:
    return {"visits": order.visits.tolist(), "rank": order.rank.tolist()}


def _grid(rows: list[list[int]]) -> str:
    width = max(len(str(rank)) for row in rows for rank in row)
    return "\n".join(" ".join(f"{rank:>{width}}" for rank in row) for row in rows)
