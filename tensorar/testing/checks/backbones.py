"""What a network must be beside causal: it takes what it declares, answers alike, hears its context and learns."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from tensorar.backbone import Backbone
from tensorar.conditionals import all_conditionals
from tensorar.order import Order
from tensorar.testing.check import CheckFailed, for_all, told
from tensorar.testing.checks.comparison import inputs, require_same
from tensorar.testing.generate.cases import GROWING, Case, Shape, Subject, backbone_cases, growing_cases
from tensorar.testing.generate.reference_parts import Die
from tensorar.testing.kinds import takes, takes_raster
from tensorar.testing.oracles import parameters_of


def takes_what_it_declares(subject: Subject) -> None:
    """Every shape that it says it takes is answered for; the others are refused with a ``ShapeError`` beforehand."""
    part = subject.part
    shapes = subject.shapes or (*GROWING, (5,), (4, 4), (1, 4), (4, 1), (1, 1, 5), (2, 3, 4), (2, 1, 2, 1, 2))
    for shape in shapes:
        declared = subject.shapes is not None or _declared(part, shape)
        if takes_raster(part, shape) != declared:
            verb = "refused though declared" if declared else "taken though not declared"
            raise CheckFailed(f"shape {shape} is {verb} (event_ranks {part.event_ranks})")
    taken = growing_cases(subject, shapes=shapes)
    if not taken:
        raise CheckFailed("no shape is taken; name some in shapes=")
    for case in [*taken, *(replace(case, head=Die(), context_features=2) for case in taken)]:
        _require_answer(case)
    _require_orders_refused(subject)


def finite(subject: Subject) -> None:
    """Parameters are finite numbers, with the weights that training starts from and with random ones."""

    def test(case: Case) -> None:
        for model in (case.as_built().double().eval(), case.mild_model()):
            if not parameters_of(model, case.events(3), case.contexts(3)).isfinite().all():
                raise CheckFailed("some parameters are not finite")

    for_all(backbone_cases(subject), test, examples=subject.profile.examples)


def same_alone_and_in_a_batch(subject: Subject) -> None:
    """What one example gives does not depend on the others in its batch."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(4), case.contexts(4)
        together = parameters_of(model, x, context)
        for row in range(4):
            alone = parameters_of(model, x[row : row + 1], None if context is None else context[row : row + 1])
            require_same(alone, together[row : row + 1], f"example {row} of 4 differs alone and in its batch")

    for_all(backbone_cases(subject), test, examples=subject.profile.examples)


def deterministic_in_eval(subject: Subject) -> None:
    """In evaluation mode the same comes twice, whatever was asked in between; dropout is off."""

    def test(case: Case) -> None:
        model, x, context = case.model(), case.events(3), case.contexts(3)
        first = parameters_of(model, x, context)
        parameters_of(model, case.events(3, offset=2), case.contexts(3, offset=2))
        require_same(parameters_of(model, x, context), first, "the same events give something else when asked again")

    for_all(backbone_cases(subject), test, examples=max(4, subject.profile.examples // 2))


def leaves_everything_unchanged(subject: Subject) -> None:
    """A forward pass changes neither what it is given nor a parameter or buffer of the network."""

    def test(case: Case) -> None:
        for training in (False, True):
            model = case.model().train(training)
            given = inputs(case, model)
            kept, state = [copy.deepcopy(value) for value in given], copy.deepcopy(model.backbone.state_dict())
            model.backbone(*given)
            _require_inputs_kept(model.backbone, given, kept)
            # running statistics may go on in training, parameters may not
            names = {name for name, _ in model.backbone.named_parameters()} if training else state.keys()
            for name, value in model.backbone.state_dict().items():
                if name in names and not torch.equal(value, state[name]):
                    raise CheckFailed(f"a forward pass changed {name}")

    for_all(backbone_cases(subject), test, examples=max(4, subject.profile.examples // 2))


def listens_to_its_context(subject: Subject) -> None:
    """The conditional of every coefficient, the first too, depends on the context of its example and on no other."""

    def test(case: Case) -> None:
        model, x, context = case.mild_model(), case.events(2), case.contexts(2)
        assert context is not None
        other = torch.stack([context[0], context[1] + 1])
        before, after = (parameters_of(model, x, given) for given in (context, other))
        require_same(after[:1], before[:1], "the conditionals of example 0 changed with the context of example 1")
        deaf = (after[1] == before[1]).all(-1)
        if deaf.any():
            index = tuple(int(i) for i in torch.unravel_index(deaf.nonzero()[0, 0], case.event_shape))
            raise CheckFailed(f"the conditional of coefficient {index} does not depend on the context")

    for_all(backbone_cases(subject, contexts=(2,)), test, examples=subject.profile.examples)


def every_parameter_learns(subject: Subject) -> None:
    """Each parameter gets a gradient in some shape: none is left out of the computation."""
    idle: set[str] = set()
    learnt: set[str] = set()
    shapes = ((4,), (1, 6), (3, 3), (2, 3, 2), (2, 2, 1, 2))
    for case in growing_cases(subject, shapes=shapes, head=Die(), context_features=2):
        for seed in range(2):
            model = replace(case, seed=seed).mild_model()
            model.log_prob(case.events(4), case.contexts(4)).sum().backward()
            for name, parameter in model.backbone.named_parameters():
                moved = parameter.grad is not None and bool(parameter.grad.ne(0).any())
                (learnt if moved else idle).add(name)
    if idle - learnt:
        raise CheckFailed(f"no gradient ever reaches {', '.join(sorted(idle - learnt))}")


def starts_anywhere(subject: Subject) -> None:
    """``init_output_bias`` takes the parameters of every coefficient, and leaves the network finite."""

    def test(case: Case) -> None:
        model = case.as_built().double().eval()
        shape = model.backbone.signature.event_shape
        model.backbone.init_output_bias(
            torch.linspace(-1, 1, 3).double()[: case.head.parameter_count].expand(*shape, -1)
        )
        if not parameters_of(model, case.events(2), case.contexts(2)).isfinite().all():
            raise CheckFailed("some parameters are not finite after init_output_bias")

    for_all(backbone_cases(subject), test, examples=max(4, subject.profile.examples // 2))


# --- what the checks share -------------------------------------------------------------------------------------------


def _declared(part: type[Backbone], shape: Shape) -> bool:
    rank = sum(size > 1 for size in shape) if part.ignores_unit_axes else len(shape)
    return part.event_ranks is None or rank in part.event_ranks


def _require_answer(case: Case) -> None:
    try:
        model = case.as_built()
        for batch in (1, 3):
            context = None if not case.context_features else torch.zeros(batch, case.context_features)
            features = model.features(case.events(batch).float())
            got = tuple(all_conditionals(model.backbone, features, model.order, context).shape)
            wanted = (batch, *case.event_shape, case.head.parameter_count)
            if got != wanted:
                raise CheckFailed(f"parameters of shape {wanted} are wanted, {got} came ({case.words})")
    except CheckFailed:
        raise
    except Exception as error:
        raise CheckFailed(f"a shape that is taken {told(error)} ({case.words})") from error


def _require_orders_refused(subject: Subject) -> None:
    """Orders that differ from raster in more than flips, where it takes no others."""
    if subject.part.orders != "raster" or subject.shapes is not None:
        return
    for shape in ((3,), (2, 2), (2, 3), (1, 2, 2)):
        zigzag = Order(torch.tensor([1, 0, *range(2, Order.raster(shape).visits.numel())]), shape)
        for orders in ((), (zigzag,)):
            if takes_raster(subject.part, shape) and takes(subject.part, shape, orders):
                raise CheckFailed(f"another order than raster is taken though not declared (shape {shape})")


def _require_inputs_kept(backbone: Backbone, given: Sequence[object], kept: Sequence[object]) -> None:
    names = ("features", "order", "context") if len(given) == 3 else ("features", "mask", "query", "context")
    for name, value, was in zip(names, given, kept, strict=True):
        same = torch.equal(value, was) if isinstance(value, Tensor) and isinstance(was, Tensor) else value == was
        if not same:
            raise CheckFailed(f"a forward pass of {backbone.name!r} changed the {name} it was given")
