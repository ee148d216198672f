"""Events as bytes and back: the lossless code of a model."""

from __future__ import annotations

from jaxtyping import Float, Real
from torch import Tensor

from tensorar.coding.archive import Archive
from tensorar.coding.block import Progress
from tensorar.coding.decoding import decode_events
from tensorar.coding.encoding import encode_events
from tensorar.evidence import Evidence
from tensorar.model import AutoregressiveModel


def encode(
    model: AutoregressiveModel,
    x: Real[Tensor, "n *event"] | Evidence,
    context: Float[Tensor, "n context"] | None = None,
    *,
    batch: int | None = None,
    progress: Progress | None = None,
) -> bytes:
    """Events as bytes, of about as many bits as ``-log2 p(x)``; ``decode`` gives the very same values back.

    ``batch`` is the number of events of a block (default: at most 256, as fit in memory): blocks are coded one by one,
    each at the cost of sampling so many events, and damage to one leaves the others. Contexts are part of the bytes. An
    ensemble codes in its first order, a model of all orders in the one that its likelihoods are reported for. Of an
    ``Evidence``, what is not known comes back as NaN. ``progress(steps_done, steps)`` is called on the way.

    Raises ``SpecError`` for a head over real numbers, ``ShapeError`` and ``SupportError`` as ``model.log_prob``,
    ``NumericalError`` if the network outputs NaN, ``TensorarError`` if constriction is not installed.
    """
    return encode_events(model, x, context, batch=batch, progress=progress).archive.pack()


def decode(model: AutoregressiveModel, data: bytes, *, progress: Progress | None = None) -> Real[Tensor, "n *event"]:
    """The events that ``encode`` was given, in their dtype.

    Sets the number of threads to the encoder's meanwhile. Raises ``RunError`` for another model, dtype or device, and
    ``DataError`` for data that were changed or cut off, naming the damaged blocks, and for a machine whose arithmetic
    differs from the encoder's: other values are never returned.
    """
    found = decode_events(model, Archive.unpack(data), progress=progress)
    found.require_complete()
    return found.events
