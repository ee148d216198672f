"""The base checks of backbones, heads and models: they can be made, and take what they declare."""

from __future__ import annotations

from dataclasses import replace

import torch

from tensorar.backbone import Backbone
from tensorar.conditionals import all_conditionals
from tensorar.head import Head
from tensorar.order import Order
from tensorar.testing.generate.cases import Case
from tensorar.testing.generate.part_cases import GROWING_SHAPES, growing_cases
from tensorar.testing.generate.reference_parts import Die, FixedOrder
from tensorar.testing.generate.values import values_of
from tensorar.testing.kinds import Shape, takes, takes_raster
from tensorar.testing.part_under_test import PartUnderTest
from tensorar.testing.registration import check
from tensorar.testing.results import CheckFailed, describe_error

OTHER_SHAPES: tuple[Shape, ...] = ((5,), (4, 4), (1, 4), (4, 1), (1, 1, 5), (2, 3, 4), (2, 1, 2, 1, 2))


@check("backbone", name="takes_what_it_declares", base=True)
def backbone_takes_what_it_declares(part: PartUnderTest) -> None:
    """The backbone returns parameters for every shape it declares, and refuses others with a ``ShapeError``."""
    shapes = part.shapes or (*GROWING_SHAPES, *OTHER_SHAPES)
    for shape in shapes:
        declared = part.shapes is not None or _declared(part.part, shape)
        if takes_raster(part.part, shape) != declared:
            verb = "refused though declared" if declared else "taken though not declared"
            raise CheckFailed(f"shape {shape} is {verb} (event_ranks {part.part.event_ranks})")
    if not any(takes_raster(part.part, shape) for shape in shapes):
        raise CheckFailed("no shape is taken; name some in shapes=")
    taken = growing_cases(part, shapes=shapes)
    for case in [*taken, *(replace(case, head=Die(), context_features=2) for case in taken)]:
        _require_parameters(case)
    _require_orders_refused(part)


@check("head", name="takes_what_it_declares", base=True)
def head_takes_what_it_declares(part: PartUnderTest) -> None:
    """``encode`` returns ``feature_count`` features, ``distribution`` takes ``parameter_count`` parameters."""
    head: Head = part.instance
    values = values_of(head, (4, 3), 0)
    features = tuple(head.encode(values, torch.arange(3)).shape)
    if features != (4, 3, head.feature_count):
        raise CheckFailed(f"the features of (4, 3) values have shape {features}, feature_count is {head.feature_count}")
    parameters = torch.zeros(4, 3, head.parameter_count, dtype=torch.float64)
    nats = tuple(head.distribution(parameters, torch.arange(3)).log_prob(values).shape)
    if nats != (4, 3):
        raise CheckFailed(f"the likelihoods of (4, 3) values have shape {nats}")


@check("model", name="takes_what_it_declares", base=True)
def model_takes_what_it_declares(part: PartUnderTest) -> None:
    """A model of the simplest parts returns a likelihood and a sample of its event shape."""
    case = Case((2, 2), FixedOrder(steps=(0, 1, 2, 3)), model_class=part.part)
    model = case.model()
    nats = tuple(model.log_prob(case.events(3)).shape)
    if nats != (3,):
        raise CheckFailed(f"the likelihoods of 3 events have shape {nats}")
    samples = tuple(model.sample(3).shape)
    if samples != (3, 2, 2):
        raise CheckFailed(f"3 samples of (2, 2) have shape {samples}")


# --- helpers ---------------------------------------------------------------------------------------------------------


def _declared(part: type[Backbone], shape: Shape) -> bool:
    rank = sum(size > 1 for size in shape) if part.ignores_unit_axes else len(shape)
    return part.event_ranks is None or rank in part.event_ranks


def _require_parameters(case: Case) -> None:
    try:
        model = case.initial_model().eval()
        for batch in (1, 3):
            context = None if not case.context_features else torch.zeros(batch, case.context_features)
            features = model.features(model.standardize(case.events(batch).float()))
            got = tuple(all_conditionals(model.backbone, features, model.order, context).shape)
            expected = (batch, *case.event_shape, case.head.parameter_count)
            if got != expected:
                raise CheckFailed(f"expected parameters of shape {expected}, got {got} ({case.description})")
    except CheckFailed:
        raise
    except Exception as error:
        raise CheckFailed(f"a declared shape {describe_error(error)} ({case.description})") from error


def _require_orders_refused(part: PartUnderTest) -> None:
    """Require that a raster backbone refuses orders that differ from raster in more than flips."""
    if part.part.orders != "raster" or part.shapes is not None:
        return
    for shape in ((3,), (2, 2), (2, 3), (1, 2, 2)):
        zigzag = Order(torch.tensor([1, 0, *range(2, Order.raster(shape).visits.numel())]), shape)
        for orders in ((), (zigzag,)):
            if takes_raster(part.part, shape) and takes(part.part, shape, orders):
                raise CheckFailed(f"an order other than raster is taken though not declared (shape {shape})")
