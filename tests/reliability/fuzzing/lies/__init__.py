"""Files whose format is right and whose claims are not, by format."""

from __future__ import annotations

from ..damages import Damage, gzip_bomb
from .arrays import npy_header, zip_bomb, zip_claims
from .tables import cells, idx_bomb, idx_header
from .tensors import cast_tensors, header_of_tensors, state_fields
from .texts import json_document, json_rows, toml_bomb, toml_values

LIES: dict[str, tuple[Damage, ...]] = {
    "safetensors": (header_of_tensors, header_of_tensors, cast_tensors, cast_tensors, state_fields),
    "npy": (npy_header,),
    "npz": (zip_claims, zip_claims, zip_bomb, gzip_bomb),
    "idx": (idx_header, idx_header, idx_bomb, gzip_bomb),
    "csv": (cells, cells),
    "toml": (toml_values, toml_values, toml_values, toml_bomb),
    "json": (json_document,),
    "jsonl": (json_rows,),
    "tar": (),
    "py": (),
}
