"""The header of coded events: with which model and settings they were coded, and what each block is."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar.coding.archive import checksum, damaged_header
from tensorar.coding.numerics import MAX_THREADS, Numerics
from tensorar.model import AutoregressiveModel
from tensorar.parts.part import Part
from tensorar.runs.tensors import checksum as checksum_of_tensors

BLOCKS = "blocks.bin"
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
)}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """The length of a block in bytes, and checksums of these and of the values of its events."""

    size: int
    content: str
    values: str


@dataclass(frozen=True)
class CodedHeader:
    """What the decoder needs to know: ``model`` identifies it, ``dtype`` is that of the events.

    ``batch`` is the number of events of a block, the last of which may have fewer; ``context`` the length of contexts,
    ``missing`` whether some values were not observed.
    """

    model: dict[str, str]
    numerics: Numerics
    dtype: str
    event_shape: tuple[int, ...]
    events: int
    batch: int
    context: int
    missing: bool
    blocks: tuple[Block, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self) | {"blocks": [list(vars(block).values()) for block in self.blocks]}

    @classmethod
    def from_dict(cls, document: dict[str, Any], where: str) -> CodedHeader:
        """The header in a document, which may hold more. Raises ``DataError`` for one that contradicts itself."""
        try:
            own = {field.name: document[field.name] for field in dataclasses.fields(cls)}
            numerics, blocks = Numerics(**own["numerics"]), tuple(Block(*block) for block in own["blocks"])
            header = cls(**own | {"numerics": numerics, "blocks": blocks, "event_shape": tuple(own["event_shape"])})
            sound = header._is_sound()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise damaged_header(where) from error
        if not sound:
            raise damaged_header(where)
        return header

    def _is_sound(self) -> bool:
        counts = (self.events, *self.event_shape, self.context, *(block.size for block in self.blocks))
        natural = all(type(count) is int and count >= 0 for count in (*counts, self.batch, self.numerics.threads))
        return (
            natural
            and self.batch > 0
            and 1 <= self.numerics.threads <= MAX_THREADS
            and len(self.blocks) == -(-self.events // self.batch)
            and all(block.size % 4 == 0 for block in self.blocks)
            and self.dtype in DTYPES
            and all(isinstance(text, str) for text in self.model.values())
        )

    @property
    def coefficients(self) -> int:
        """The number of coefficients of an event."""
        return math.prod(self.event_shape)

    @property
    def bytes_of_events(self) -> int:
        """The memory that events and contexts take, and the buffers of decoding."""
        return 16 * (self.events + self.batch) * (self.coefficients + self.context)


def identity(model: AutoregressiveModel) -> dict[str, str]:
    """What identifies a model: checksums of its weights and its order, and its head, ordering and backbone by name."""
    tensors = {f"head.{name}": tensor for name, tensor in model.head.data_state().items()}
    tensors |= {f"backbone.{name}": tensor for name, tensor in model.backbone.state_dict().items()}
    adaptive = model.ordering.adaptive
    return {
        "weights": _checksum(tensors),
        "head": _options(model.head),
        "ordering": _options(model.ordering),
        "order": "adaptive" if adaptive else _checksum({"visits": model.order.visits}),
        "backbone": model.backbone.name,
    }


def _checksum(tensors: dict[str, Tensor]) -> str:
    return checksum_of_tensors({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, {})


def _options(part: Part) -> str:
    return repr(part) if dataclasses.is_dataclass(part) else part.name


def dtype_name(dtype: torch.dtype) -> str:
    """The name of a dtype, as in ``DTYPES``."""
    return str(dtype).removeprefix("torch.")


def values_checksum(standard: Float[Tensor, "n coefficients"]) -> str:
    """A checksum of whole numbers."""
    return checksum(standard.long().contiguous().numpy().astype("<i8").tobytes())
