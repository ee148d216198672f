"""Tables of mixed kinds: files in and out, the schema of their columns, and events of numbers."""

from tensorar.tables.cells import is_missing, numbers_of, write_numbers
from tensorar.tables.codec import (
    decode,
    decode_cells,
    encode,
    encode_cells,
    encode_levels,
    encode_target,
    target_levels,
)
from tensorar.tables.dates import date_readings
from tensorar.tables.forms import FileForm, TextTable
from tensorar.tables.inference import Wishes, describe_left_out, infer
from tensorar.tables.number_style import style_of
from tensorar.tables.periods import write_dates
from tensorar.tables.reading import DELIMITERS, read_table
from tensorar.tables.row_order import describe_series
from tensorar.tables.schema import Column, Schema
from tensorar.tables.text import WHAT
from tensorar.tables.unlearned import describe_unlearned
from tensorar.tables.writing import check_table_path, write_table

__all__ = [
    "DELIMITERS",
    "WHAT",
    "Column",
    "FileForm",
    "Schema",
    "TextTable",
    "Wishes",
    "check_table_path",
    "date_readings",
    "decode",
    "decode_cells",
    "describe_left_out",
    "describe_series",
    "describe_unlearned",
    "encode",
    "encode_cells",
    "encode_levels",
    "encode_target",
    "infer",
    "is_missing",
    "numbers_of",
    "read_table",
    "style_of",
    "target_levels",
    "write_dates",
    "write_numbers",
    "write_table",
]
