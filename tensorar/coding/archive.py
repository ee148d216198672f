"""The file of coded events: a tar archive of a JSON header with a checksum, and members of bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import Any

from tensorar.errors import DataError

HEADER = "header.json"
CHECKSUM = "checksum"
FORMAT, FORMAT_VERSION = "tensorar compressed events", 4
MAX_MEMBERS = 16
RECORD = 512
RESTORE = "get the file again, or another copy of it"


@dataclass(frozen=True)
class Archive:
    """A header (JSON values), and members of bytes by name."""

    header: dict[str, Any]
    members: dict[str, bytes] = field(default_factory=dict)

    def pack(self) -> bytes:
        """The content of the file."""
        document = {"format": FORMAT, "format_version": FORMAT_VERSION, **self.header}
        document[CHECKSUM] = checksum(_canonical(document))
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, content in {HEADER: json.dumps(document).encode(), **self.members}.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o644
                tar.addfile(info, io.BytesIO(content))
            end = tar.offset
        # tarfile fills up to 10 kB; two empty records end an archive
        return buffer.getvalue()[:end] + bytes(2 * RECORD)

    @classmethod
    def unpack(cls, content: bytes, where: str = "the data") -> Archive:
        """The header and what is there of the members: one that was cut off is shorter.

        Raises ``DataError`` for a file of another kind, and for a header that was changed.
        """
        members = _members(content)
        if HEADER not in members:
            raise DataError(
                expected=f"{where} to be a file that tensorar compress wrote",
                got="a file of another kind, or one cut off at its beginning",
                remedy="check the path",
            )
        try:
            header = json.loads(members.pop(HEADER))
            given = header.pop(CHECKSUM)
            known = (header["format"], header["format_version"]) == (FORMAT, FORMAT_VERSION)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise damaged_header(where) from error
        if given != checksum(_canonical(header)):
            raise damaged_header(where)
        if not known:
            raise DataError(
                expected=f"version {FORMAT_VERSION} of {FORMAT} in {where}",
                got=str(header["format_version"])[:20],
                remedy="install the version of tensorar that wrote it",
            )
        return cls(header, members)


def _members(content: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            while len(found) < MAX_MEMBERS and (info := tar.next()) is not None:
                found.setdefault(info.name, content[info.offset_data : info.offset_data + info.size])
    except (tarfile.TarError, ValueError, OverflowError, OSError):
        # what was read before the damage may do
        pass
    return found


def damaged_header(where: str) -> DataError:
    """The error for a header that is not as it was written."""
    return DataError(expected=f"the header of {where} as it was written", got="another one", remedy=RESTORE)


def checksum(content: bytes) -> str:
    """A short checksum of bytes (BLAKE2, 64 bits)."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
