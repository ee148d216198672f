"""Lines of text as rows: comments, the delimiter and headers that are too short are found."""

from __future__ import annotations

import io
import re
from collections import Counter
from itertools import islice

from tensorar.tables.header import is_header

SAMPLE_LINES = 100
COMMENT = "#"
NAMED_DELIMITER = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
# cells that are separated by blanks
WORDS = re.compile(r'"[^"]*"|\S+')
# where several cut all lines alike, a comma is the decimal sign
DELIMITERS_BY_PRECEDENCE = ("\t", ";", "|", ",")


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends: of files, not the separators of Unicode within cells."""
    return list(io.StringIO(text, newline=""))


def split_lines(lines: list[str], separator: str) -> list[list[str]]:
    """The cells of the rows in some lines, without empty lines; of lines that are no table, a row without cells."""
    import csv

    if len(separator) > 1:
        return [[cell.strip('"') for cell in WORDS.findall(line)] for line in lines if line.strip()]
    try:
        rows = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    except csv.Error:
        return [[]]
    return [[cell.strip() for cell in row] for row in rows if row]


def without_named_delimiter(lines: list[str]) -> tuple[list[str], str | None]:
    """The lines without a first one such as ``sep=;``, which Excel reads, and the delimiter that it names."""
    named = NAMED_DELIMITER.fullmatch(lines[0].strip()) if lines else None
    return (lines, None) if named is None else (lines[1:], named[1])


def without_blanks(lines: list[str], separator: str) -> list[str]:
    """The lines of a table of several columns, those of blanks only emptied; quoted blanks and delimiters stay."""
    (first,) = split_lines(lines[:1], separator) or [[]]
    if len(first) < 2:
        return lines
    blanks = " \r\n" if separator == "\t" else None
    quoted = within_quotes(lines)
    return [line if inside or line.strip(blanks) else "\n" for line, inside in zip(lines, quoted, strict=True)]


def marked_lines(lines: list[str]) -> list[int]:
    """Which lines begin with #, other than within a quoted cell."""
    quoted = within_quotes(lines, comments=True)
    return [i for i, line in enumerate(lines) if not quoted[i] and _is_marked(line)]


def within_quotes(lines: list[str], *, comments: bool = False) -> list[bool]:
    """Which lines begin within a quoted cell of an earlier one; quotes in ``comments`` count for nothing."""
    found, quoted = [], False
    for line in lines:
        found.append(quoted)
        if quoted or not (comments and _is_marked(line)):
            quoted ^= line.count('"') % 2 == 1
    return found


def _is_marked(line: str) -> bool:
    return line.lstrip().startswith(COMMENT)


def first_rows(lines: list[str], marked: list[int]) -> list[str]:
    """The first lines that are neither empty nor marked as comments."""
    comments = set(marked)
    rows = (line for i, line in enumerate(lines) if i not in comments and line.strip())
    return list(islice(rows, SAMPLE_LINES))


def without_comments(lines: list[str], marked: list[int], separator: str) -> tuple[list[str], int]:
    """The lines without those that are comments, and how many there were.

    A row may begin with #, as a color does: it has as many cells as the first one, and no blank after the sign. Names
    of columns may, too, before a first row of numbers.
    """
    comments = set(marked)
    first = next(i for i, line in enumerate(lines) if i not in comments and line.strip())
    (top,) = split_lines([lines[first]], separator) or [[]]

    def is_row(i: int) -> bool:
        blank = lines[i].lstrip().removeprefix(COMMENT)[:1].isspace()
        return (
            i > first
            and not blank
            and len(top) > 1
            and [len(top)] == list(map(len, split_lines([lines[i]], separator)))
        )

    comments = {i for i in marked if not is_row(i)}
    kept = [line for i, line in enumerate(lines) if i >= first and i not in comments]
    names = [lines[i].lstrip().removeprefix(COMMENT).lstrip() for i in sorted(comments) if i < first][-1:]
    found = split_lines(names, separator)
    if found and len(found[0]) == len(top) > 1 and is_header(found[0]) and not is_header(top):
        return [*names, *kept], len(comments) - 1
    return kept, len(comments)


def find_delimiter(lines: list[str], usual: str | None = None) -> str:
    """The delimiter that cuts the most lines into the same number of cells, of several the usual one."""
    import csv

    def score(delimiter: str) -> float:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        width, count = widths.most_common(1)[0]
        return count / sum(widths.values()) if width > 1 else 0.0

    try:
        first = (usual,) if usual and len(usual) == 1 else ()
        best: str = max((*first, *DELIMITERS_BY_PRECEDENCE), key=score)
        if score(best) > 0:
            return best
    except csv.Error:
        return ","
    top, *others = [len(WORDS.findall(line)) for line in lines]
    width = others[0] if others else top
    by_blanks = min(top, width) > 1 and len(set(others)) <= 1 and width - top in (0, 1)
    return r"\s+" if by_blanks else ","


def with_whole_header(lines: list[str], separator: str) -> list[str]:
    """The lines with a cell for each column in the first, where all others have one more.

    R leaves out the name of the column of the names of the rows; others end rows, but not the header, with a delimiter.
    """
    first, *rows = split_lines(lines[:SAMPLE_LINES], separator)
    # the last row may go on in the next line
    rows = rows[: SAMPLE_LINES - 2]
    if not rows or any(len(row) != len(first) + 1 for row in rows) or not is_header(first):
        return lines
    header, blank = lines[0].rstrip("\r\n"), separator if len(separator) == 1 else " "
    whole = f"{header}{blank}" if not any(row[-1] for row in rows) else f'""{blank}{header}'
    return [whole + "\n", *lines[1:]]
