"""Decode events, block by block: what does not come back as it was encoded is found and named."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Real
from torch import Tensor

from tensorar.coding.archive import RESTORE, Archive, checksum
from tensorar.coding.block import BlockCoder, Progress, block_coder
from tensorar.coding.header import BLOCKS, DTYPES, Block, CodedHeader, identity, values_checksum
from tensorar.coding.numerics import Numerics, reproducible_passes
from tensorar.coding.side import CONTEXTS, MISSING, unpack_contexts, unpack_missing
from tensorar.coding.streams import SymbolReader
from tensorar.errors import DataError, RunError
from tensorar.model import AutoregressiveModel
from tensorar.utils.memory import require_memory
from tensorar.utils.shapes import rows_of

MAX_NAMED_BLOCKS = 8
CUT_OFF, CHANGED = "cut off", "changed since it was written"


@dataclass(frozen=True, eq=False)
class Decoded:
    """Decoded events ``(n, *event)``, which of them are ``sound``, and why the others are ``lost``, by block."""

    events: Real[Tensor, "n *event"]
    contexts: Float[Tensor, "n context"] | None
    sound: Bool[Tensor, " n"]
    lost: dict[int, str]

    def require_complete(self, where: str = "the data") -> None:
        """Raise ``DataError`` that names the blocks that were lost, if any."""
        if not self.lost:
            return
        numbers, reasons = list(self.lost), list(dict.fromkeys(self.lost.values()))
        named = ", ".join(str(k + 1) for k in numbers[:MAX_NAMED_BLOCKS]) + ", ..." * (len(numbers) > MAX_NAMED_BLOCKS)
        damaged = set(reasons) <= {CUT_OFF, CHANGED}
        raise DataError(
            expected=f"all blocks of {where} to give the values that were encoded",
            got=f"other results in block{'s' * (len(numbers) > 1)} {named} ({'; '.join(reasons)}; "
            f"{int(self.sound.sum())} of {len(self.sound)} events are sound)",
            remedy=RESTORE if damaged else "decode with the software, and on a machine, of the encoder",
        )


def decode_events(
    model: AutoregressiveModel, archive: Archive, *, where: str = "the data", progress: Progress | None = None
) -> Decoded:
    """The events in an archive, and which of them were lost. Raises ``RunError`` for another model, ``DataError``."""
    header = CodedHeader.from_dict(archive.header, where)
    _require_model(model, header, where)
    shape = (header.events, *header.event_shape)
    require_memory(header.bytes_of_events, f"{header.events} events in {where}", error=DataError)
    contexts, known = _side_information(archive, header, where)
    coder, blocks = block_coder(model, header.batch, header.events, progress), _contents(archive, header)
    standard = torch.zeros(header.events, len(model.order), dtype=model.dtype)
    sound, lost = torch.zeros(header.events, dtype=torch.bool), {}
    with reproducible_passes(model, header.numerics.threads):
        for number, (block, content) in enumerate(blocks):
            rows = torch.arange(number * header.batch, min((number + 1) * header.batch, header.events))
            found = _read(coder, block, content, len(rows), rows_of(contexts, rows), rows_of(known, rows))
            if isinstance(found, str):
                lost[number] = found or _other_arithmetic(model, header)
            else:
                standard[rows], sound[rows] = found, True
    values = model.restore(standard.to(model.device).reshape(shape)).cpu().to(DTYPES[header.dtype])
    events = values if known is None else torch.where(known.reshape(shape), values, torch.nan)
    return Decoded(events, contexts, sound, lost)


def _require_model(model: AutoregressiveModel, header: CodedHeader, where: str) -> None:
    """Raise ``RunError`` unless the events were encoded with this model, in its dtype and on its kind of device."""
    here, own = identity(model), Numerics.of(model)
    if header.numerics.dtype != own.dtype:
        raise RunError(
            expected=f"a model in {header.numerics.dtype}, with which {where} was encoded",
            got=own.dtype,
            remedy="convert the model",
        )
    differing = [name for name, value in here.items() if header.model.get(name) != value]
    if differing or tuple(header.event_shape) != model.event_shape:
        raise RunError(
            expected=f"the model with which {where} was encoded",
            got=f"one with other {', '.join(differing) or 'events'}",
            remedy="pass the run that it was encoded with",
        )
    if header.numerics.device.split()[0] != own.device.split()[0]:
        raise RunError(
            expected=f"the device {header.numerics.device}, on which {where} was encoded",
            got=own.device,
            remedy="decode on that device",
        )


def _side_information(
    archive: Archive, header: CodedHeader, where: str
) -> tuple[Float[Tensor, "n context"] | None, Bool[Tensor, "n coefficients"] | None]:
    """Contexts, and what is known. Raises ``DataError``."""
    wanted = [name for name, there in ((CONTEXTS, header.context), (MISSING, header.missing)) if there]
    for name in wanted:
        if name not in archive.members:
            raise DataError(expected=f"a member {name} in {where}", got="none", remedy=RESTORE)
    n, coefficients = header.events, header.coefficients
    contexts = unpack_contexts(archive.members[CONTEXTS], n, header.context) if header.context else None
    return contexts, unpack_missing(archive.members[MISSING], (n, coefficients)) if header.missing else None


def _contents(archive: Archive, header: CodedHeader) -> list[tuple[Block, bytes]]:
    """The bytes of each block, as far as they are there."""
    everything, start, found = archive.members.get(BLOCKS, b""), 0, []
    for block in header.blocks:
        found.append((block, everything[start : start + block.size]))
        start += block.size
    return found


def _read(
    coder: BlockCoder, block: Block, content: bytes, count: int, context: Tensor | None, known: Tensor | None
) -> Float[Tensor, "count coefficients"] | str:
    """The standard values of a block; or why there are none, empty if the bytes are as they were written."""
    if len(content) != block.size:
        return CUT_OFF
    if checksum(content) != block.content:
        return CHANGED
    # a stream that was written with other probabilities may be no stream at all
    with suppress(ValueError, AssertionError, OverflowError):
        decoded = coder.code(SymbolReader(content), count, context, known, None)
        found = decoded if known is None else torch.where(known, decoded, 0.0)
        if values_checksum(found) == block.values:
            return found
    return ""


def _other_arithmetic(model: AutoregressiveModel, header: CodedHeader) -> str:
    """Why a sound block gives other values: the arithmetic differs."""
    differing = header.numerics.differences(Numerics.of(model))
    return f"other arithmetic than the encoder's: {differing or 'another machine'}"
