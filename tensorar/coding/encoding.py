"""Encode events: blocks of them as streams, with what the decoder must know beside them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Real
from torch import Tensor

from tensorar.coding.archive import Archive, checksum
from tensorar.coding.block import BlockCoder, Progress, block_coder
from tensorar.coding.header import BLOCKS, Block, CodedHeader, dtype_name, identity, values_checksum
from tensorar.coding.numerics import Numerics, reproducible_passes
from tensorar.coding.side import CONTEXTS, MISSING, pack_contexts, pack_missing
from tensorar.coding.streams import SymbolWriter
from tensorar.errors import NumericalError
from tensorar.evidence import Evidence
from tensorar.generation.batch_size import max_batch_size
from tensorar.generation.choosers import Chooser
from tensorar.generation.sample import choose_method
from tensorar.model import AutoregressiveModel
from tensorar.utils.shapes import flatten_events, rows_of
from tensorar.validation import check_context, check_evidence

MAX_BATCH = 256


@dataclass(frozen=True, eq=False)
class Encoded:
    """Coded events: the archive, its header, and ``nats``, the information content of all symbols."""

    archive: Archive
    header: CodedHeader
    nats: float


def encode_events(
    model: AutoregressiveModel,
    x: Real[Tensor, "n *event"] | Evidence,
    context: Float[Tensor, "n context"] | None = None,
    *,
    batch: int | None = None,
    progress: Progress | None = None,
) -> Encoded:
    """Events as an archive; see ``encode``, which returns its bytes."""
    numerics, evidence = Numerics.of(model), x if isinstance(x, Evidence) else _complete(x)
    standard, given = check_evidence(model, evidence), check_context(model, context, len(evidence))
    known = None if bool(evidence.mask.all()) else flatten_events(evidence.mask).cpu()
    coder = block_coder(model, batch or _batch_size(model, len(evidence)), len(evidence), progress)
    values = flatten_events(standard.value).cpu()
    contents, blocks, nats = [], [], 0.0
    with reproducible_passes(model, numerics.threads):
        for rows in torch.arange(len(evidence)).split(coder.batch) if len(evidence) else ():
            content, information = _write(coder, rows_of(given, rows), rows_of(known, rows), values[rows])
            contents.append(content)
            blocks.append(Block(len(content), checksum(content), values_checksum(values[rows])))
            nats += information
    header = CodedHeader(
        model=identity(model),
        numerics=numerics,
        dtype=dtype_name(evidence.value.dtype),
        event_shape=model.event_shape,
        events=len(evidence),
        batch=coder.batch,
        context=0 if given is None else given.shape[1],
        missing=known is not None,
        blocks=tuple(blocks),
    )
    members = {} if given is None else {CONTEXTS: pack_contexts(given)}
    members |= {} if known is None else {MISSING: pack_missing(known)}
    # the blocks come last: a file that is cut off has lost some of them only
    return Encoded(Archive(header.as_dict(), members | {BLOCKS: b"".join(contents)}), header, nats)


def _complete(x: Tensor) -> Evidence:
    return Evidence(torch.ones(x.shape, dtype=torch.bool, device=x.device), x)


def _batch_size(model: AutoregressiveModel, n: int) -> int:
    """A number of events that fits in memory, such that the last block is about as full as the others."""
    method = choose_method(model, "auto", adaptive=model.ordering.adaptive)
    most = max_batch_size(model, method, min(n, MAX_BATCH), Chooser())
    return max(1, -(-n // max(1, -(-n // most))))


def _write(coder: BlockCoder, context: Tensor | None, known: Tensor | None, values: Tensor) -> tuple[bytes, float]:
    """A block as bytes, and its information content in nats."""
    writer = SymbolWriter()
    try:
        coder.code(writer, len(values), context, known, values)
        return writer.content(), writer.nats
    except ValueError as error:
        if "not normalizable" not in str(error):
            raise
        raise NumericalError(
            expected=f"probabilities from {coder.model.backbone.name}",
            got="NaN or infinity",
            remedy="check the model's weights and contexts",
        ) from error
