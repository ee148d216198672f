"""Digits of text that float64 does not hold: refused where values of a column would become equal, and only there."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from tensorar import DataError
from tensorar_plugins.datasets.decimals import loses_digits
from tensorar_plugins.datasets.npy import Npy
from tensorar_plugins.datasets.npz import Npz
from tensorar_plugins.datasets.table import Table
from tests.datasets.data_errors import check_error
from tests.datasets.user_files import all_events


def table(folder, columns):
    """A table of these columns of text, below a header."""
    rows = ["name"] * (len(columns) == 1) or [",".join("name" for _ in columns)]
    (folder / "a.csv").write_text("\n".join(rows + [",".join(row) for row in zip(*columns, strict=True)]) + "\n")
    return Table(path=str(folder / "a.csv"))


def values(data):
    return sorted(all_events(data).flatten().tolist())


# --- integers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["9007199254740993", "+9007199254740993", "-1234567890123456789"])
@pytest.mark.parametrize("written", ["{}", " {} ", '"{}"'])
def test_an_integer_that_float64_does_not_hold(text, written, tmp_path):
    data = table(tmp_path, [["1", "2", "3", "4"], ["5", "6", written.format(text), "7"]])
    check_error(
        lambda: data.train,
        f"an integer that float64 holds exactly in line 4, column 2 of {tmp_path}/a.csv, got '{text}'",
        "subtract a constant from the column, or drop it",
    )


@given(st.lists(st.integers(-(2**70), 2**70), min_size=3, max_size=9))
@example([2**53, 2**53 + 2, -(2**60)])
def test_integers_are_kept_or_refused(scratch, integers):
    data = table(scratch, [[str(i) for i in integers]])
    try:
        kept = values(data)
    except DataError as error:
        assert any(str(i) in error.got and int(float(i)) != i for i in integers)
    else:
        assert all(value in kept for value in map(float, integers))
        assert len(set(kept)) == len(set(integers))


@pytest.mark.parametrize(
    "cell", ["100000000000000000000", "602214076000000000000000", f"{2**70}", f"{1e22:.0f}", "1e300"]
)
def test_large_integers_that_are_rounded_or_exact(cell, tmp_path):
    assert values(table(tmp_path, [["1", "2", cell]])) == [1, 2, float(cell)]


# --- decimals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1700000000.12345678", "1700000000.12345679"),
        ("9007199254740992.5", "9007199254740992.4"),
        ("9007199254740992", "9007199254740993.0"),
        ("0.1", "0.100000000000000001"),
        ("1e-400", "0"),
        ("1e-99999999999999999999", "0.0"),
        ("4e-324", "5e-324"),
    ],
)
def test_decimals_that_become_equal(first, second, tmp_path):
    for cells, lines in (((first, "1", second, "2"), (2, 4)), (("1", "2", second, first), (5, 4))):
        data = table(tmp_path, [["1", "2", "3", "4"], cells])
        check_error(
            lambda data=data: data.train,
            f"numbers that float64 keeps apart in column 2 of {tmp_path}/a.csv",
            f"{first!r} in line {lines[0]}",
            f"{second!r} in line {lines[1]}",
            "subtract a constant",
        )


def test_zeros_in_other_white_space_are_zeros(tmp_path):
    assert values(table(tmp_path, [["\u00a00", "0.0", "\u20030e5"]])) == [0, 0, 0]


def test_equal_decimals_and_those_of_other_columns_are_no_concern(tmp_path):
    same = ["1700000000.12345678", "1700000000.123456780", "1700000000.12345678e0"]
    other = ["1700000000.12345679", "1", "2"]
    assert len(table(tmp_path, [same, other]).train) == 1


FORMATS = ["{!r}", "{:.17g}", "{:.18e}", "{:.25e}", "{:.20f}", "{:.3f}", "{:.15g}", "{:.16g}", "{:.0f}", "{:g}"]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=8),
    st.lists(st.sampled_from(FORMATS), min_size=1, max_size=3),
)
@example([0.1, 0.1, 1e-320], FORMATS)
@example([5e-324, 0.0, -0.0, 1.7976931348623157e308], ["{:.17g}", "{!r}"])
def test_what_was_printed_from_float64_is_read_back(scratch, numbers, formats):
    cells = [formats[i % len(formats)].format(number) for i, number in enumerate(numbers)]
    if all(math.isfinite(float(cell)) for cell in cells):
        assert not any(loses_digits(cell, float(cell)) for cell in cells)
        assert values(table(scratch, [cells])) == sorted(map(float, cells))


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=12), min_size=3, max_size=8))
@example([Decimal("1700000000.123456780000"), Decimal("1700000000.123456790000"), Decimal(0)])
def test_different_decimals_stay_different_or_are_refused(scratch, decimals):
    cells = [f"{number:f}" for number in decimals]
    try:
        kept = values(table(scratch, [cells]))
    except DataError:
        return
    distinct = {number for number, cell in zip(decimals, cells, strict=True) if loses_digits(cell, float(cell))}
    assert len({float(number) for number in distinct}) == len(distinct)
    assert set(kept) == {float(number) for number in decimals}


# --- arrays ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int64", "uint64", ">u8", ">i8"])
def test_large_integers_of_arrays_stay_exact(dtype, tmp_path):
    array = (2**53 + np.arange(6)).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", data=array)
    for data in (Npy(path=str(tmp_path / "a.npy")), Npz(path=str(tmp_path / "a.npz"))):
        assert data.train.dtype == torch.int64
        assert values(data) == array.tolist()


def test_uint64_up_to_the_largest_int64(tmp_path):
    np.save(tmp_path / "a.npy", np.array([0, 1, 2**63 - 1], np.uint64))
    assert values(Npy(path=str(tmp_path / "a.npy"))) == [0, 1, 2**63 - 1]
    np.save(tmp_path / "a.npy", np.array([0, 1, 2**63 + 5], np.uint64))
    check_error(lambda: Npy(path=str(tmp_path / "a.npy")).train, "a.npy, got 9223372036854775813", "subtract")


def test_booleans_of_other_bytes(tmp_path):
    np.save(tmp_path / "a.npy", np.array([0, 1, 7], np.uint8).view(bool))
    check_error(lambda: Npy(path=str(tmp_path / "a.npy")).train, "bool values up to 1", "got 7")
