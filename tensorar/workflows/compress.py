"""Compress files of events with a run's model, and get them back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from tensorar.coding import Archive, Decoded, Encoded, decode_events, encode_events
from tensorar.errors import DataError, TensorarError
from tensorar.evidence import Evidence
from tensorar.parts.registry import Registry
from tensorar.runs.recipe import PARTS
from tensorar.runs.run import Run
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import open_file
from tensorar.workflows.events import given_contexts
from tensorar.workflows.other_compressors import OtherSize, other_sizes
from tensorar.workflows.runs import model_of, open_run
from tensorar.workflows.source_files import KINDS, REST, Source, read_source

WHAT = "a file that tensorar compress wrote"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Compressed:
    """A compressed file: its ``content``, the source, what was coded, and the CPU seconds of coding it.

    ``verified``: it was decoded to the very same values.
    """

    run: Run
    source: Source
    content: bytes
    encoded: Encoded
    seconds: float
    verified: bool

    @property
    def coded_bytes(self) -> int:
        """The size of the coded events."""
        return sum(block.size for block in self.encoded.header.blocks)

    @property
    def coded_bits_per_dim(self) -> float:
        """Bits per coefficient of the coded events."""
        return 8 * self.coded_bytes / self.source.events.numel()

    @property
    def bits_per_dim(self) -> float:
        """Bits per coefficient by the conditionals of the model, without the cost of whole-number probabilities."""
        return self.encoded.nats / math.log(2) / self.source.events.numel()

    def others(self) -> list[OtherSize]:
        """The sizes that other installed compressors reach on the same events, smallest first."""
        return other_sizes(self.source.events, self.run.axes)

    @property
    def weight_bytes(self) -> int:
        """The size of the run's weights, which the decoder needs, once for all files."""
        return self.run.model_path.stat().st_size

    @property
    def side_bytes(self) -> dict[str, int]:
        """What is needed besides the coded events: contexts, missing values, the form of the file, and the header."""
        members = self.encoded.archive.members
        side = {name.partition(".")[0]: len(content) for name, content in members.items() if name != "blocks.bin"}
        return side | {"header": len(self.content) - self.coded_bytes - sum(side.values())}


@dataclass(frozen=True, eq=False)
class Decompressed:
    """The events of a compressed file; ``lost`` blocks, by number from 0, with the reason."""

    run: Run
    source: Source
    lost: dict[int, str]

    def write(self, out: str | Path) -> None:
        """Write a file of the kind that was compressed, without the events that were lost."""
        _kind(self.source.form).write(self.run, self.source, Path(out))


def compress(
    run: Run | str | Path,
    data: str | Path,
    *,
    context: Sequence[str] | Tensor | None = None,
    verify: bool = True,
    device: str = "cpu",
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> Compressed:
    """Compress a file of events losslessly with the best model of a run: arrays, pictures or a table.

    ``context`` are contexts in cycles for a run with contexts, unless the file has them: the class column of a table,
    the folders of pictures. Unless ``verify`` is False the result is decoded, and compared, before it is returned.

    Raises ``TensorarError``; for a head over real numbers with what to do about it.
    """
    run = open_run(run, registry)
    source = read_source(run, data)
    contexts = _contexts(run, source, context, data)
    model = model_of(run, device)
    missing = source.events.is_floating_point() and bool(source.events.isnan().any())
    began = time.process_time()
    given = Evidence.observed(source.events) if missing else source.events
    found = encode_events(model, given, contexts, progress=_named("encoding", progress))
    seconds = time.process_time() - began
    recipe = {part: str(getattr(run.recipe, part)) for part in PARTS}
    members = ({REST: source.rest} if source.rest else {}) | found.archive.members
    archive = Archive(found.archive.header | {"source": source.form, "recipe": recipe}, members)
    content = archive.pack()
    if verify:
        decoded = decode_events(model, Archive.unpack(content), progress=_named("verifying", progress))
        _require_same(decoded, source.events)
    return Compressed(run, source, content, replace(found, archive=archive), seconds, verify)


def decompress(
    path: str | Path,
    run: Run | str | Path,
    out: str | Path,
    *,
    partial: bool = False,
    device: str = "cpu",
    progress: Progress | None = None,
    registry: Registry | None = None,
) -> Decompressed:
    """The events of a file that ``compress`` wrote, to be written to ``out`` (``Decompressed.write``).

    Raises ``TensorarError`` for another run, a file that was changed or cut off, a machine with other arithmetic, or an
    ``out`` of another kind. With ``partial`` the events of sound blocks are returned where others are damaged.
    """
    run = open_run(run, registry)
    archive = Archive.unpack(_content(path), str(path))
    form = archive.header.get("source")
    if not isinstance(form, dict) or form.get("kind") not in {kind.name for kind in KINDS}:
        raise DataError(
            expected=f"{path} to have the form of a file",
            got="bytes of tensorar.coding.encode",
            remedy="use tensorar.coding.decode",
        )
    _kind(form).check_out(form, Path(out))
    found = decode_events(model_of(run, device), archive, where=str(path), progress=_named("decoding", progress))
    if not partial or not bool(found.sound.any()):
        found.require_complete(str(path))
    rest = archive.members.get(REST, b"")
    sound = found.sound if found.lost else None
    return Decompressed(run, Source(found.events, found.contexts, form, rest, sound=sound), found.lost)


def _kind(form: dict[str, Any]) -> Any:
    return next(kind for kind in KINDS if kind.name == form["kind"])


def _contexts(run: Run, source: Source, context: Sequence[str] | Tensor | None, data: str | Path) -> Tensor | None:
    given = given_contexts(run, context, len(source.events))
    contexts = source.contexts if given is None else given
    if contexts is None and run.context_features:
        raise TensorarError(
            expected=f"`context` for {data}, since {run.folder} was trained with contexts",
            got="none",
            remedy="name a class, or its numbers, separated by commas; several are used in cycles",
        )
    return contexts


def _require_same(decoded: Decoded, events: Tensor) -> None:
    """Raise ``DataError`` unless the events came back."""
    decoded.require_complete("what was just encoded")
    same = (decoded.events == events) | (decoded.events.isnan() & events.isnan())
    if not same.all() or decoded.events.dtype != events.dtype:
        raise DataError(
            expected="the very same values from decoding",
            got="others",
            remedy="report it: a head or a stepper of the model is not deterministic; nothing was written",
        )


def _content(path: str | Path) -> bytes:
    with open_file(path, WHAT) as file:
        require_memory(2 * file.size, f"the file {path}", error=DataError)
        return file.data.read()


def _named(what: str, progress: Progress | None) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(what, done, total)
