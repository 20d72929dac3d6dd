"""Tables in text files, read so that no row can slip sideways.

By itself pandas takes a row longer than the header for one whose first cell is its name, and fills up one that was cut.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["read_text_table"]

_DELIMITERS = ",;\t"
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_text_table(
    path: str | Path, *, delimiter: str | None = None, comments: bool = False, blank_rows: bool = False, **options: Any
) -> pd.DataFrame:
    """Read a table with a header, after every row was found to have as many cells as it.

    Parameters
    ----------
    path : str or Path
        A text file in UTF-8, UTF-16 or, failing both, the Western European code page 1252.
    delimiter : str, optional
        What stands between cells; left out, the most frequent of comma, semicolon and tab in the header.
    comments : bool
        Whether lines that start with # are left out. A # inside a line is part of its cell.
    blank_rows : bool
        Whether a blank line after the header is a row of empty cells, where every line stands for a stretch of time.
    **options
        Passed on to `pandas.read_csv`.

    Returns
    -------
    DataFrame
        Other blank lines are left out.

    Raises
    ------
    ValueError
        For a row of another length than the header, a name that heads two columns, quotes that are not closed, a line
        of cells that starts with # among the rows, or what is no text; the text names file and line.
    """
    name = Path(path).name
    # Lines end as tables have it; str.splitlines would also cut cells at rarer signs, such as U+2028.
    lines = list(io.StringIO(_decode(Path(path).read_bytes(), name), newline=""))
    if comments:
        # Empty instead of taken out, so that the numbers of the lines stay.
        first = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
        lines = ["\n" if line.startswith("#") else line for line in lines[:first]] + lines[first:]
    header = next((line for line in lines if line.strip()), "")
    delimiter = delimiter or max(_DELIMITERS, key=header.count)
    rows = _check_rows(lines, delimiter, name, comments=comments, blank_rows=blank_rows)
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    text.seek(0)
    return pd.read_csv(text, sep=delimiter, index_col=False, **options)


def _decode(content: bytes, name: str) -> str:
    encoding = next((found for mark, found in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    if encoding is None and b"\x00" in content[:4096]:
        # UTF-16 without a mark: in ordinary text every other byte is 0.
        first, second = (content[start:4096:2].count(0) / max(1, len(content[start:4096:2])) for start in (0, 1))
        encoding = "utf-16-be" if first > 0.5 > 5 * second else "utf-16-le" if second > 0.5 > 5 * first else None
        if encoding is None:
            msg = f"{name} is no text file: it holds bytes that are 0. Export the table as CSV."
            raise ValueError(msg)
    try:
        return content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is None:
            return content.decode("cp1252", errors="replace")
        msg = f"{name} begins as {encoding} and goes on otherwise, at byte {error.start}. Export it anew in UTF-8."
        raise ValueError(msg) from None


def _check_rows(lines: list[str], delimiter: str, name: str, *, comments: bool, blank_rows: bool) -> list[list[str]]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                if len(row) <= 1:
                    if blank_rows and rows:
                        rows.append([""] * len(rows[0]))
                    continue
            elif comments and rows and row[0].startswith("#"):
                _refuse_row_of_comment(row, rows[0], reader.line_num, name)
                continue
            rows.append(row)
            _check_length(row, rows[0], reader.line_num, name)
    except csv.Error as error:
        msg = f"{name}, line {reader.line_num}: {error}. Close the quotes, or double those inside a cell."
        raise ValueError(msg) from None
    if not rows:
        msg = f"{name} holds no table: there is no header."
        raise ValueError(msg)
    header = [cell.strip() for cell in rows[0]]
    twice = next((cell for cell in header if cell and header.count(cell) > 1), None)
    if twice:
        msg = f"{name}: two columns are named '{twice}'; rename or drop one."
        raise ValueError(msg)
    return rows


def _check_length(row: list[str], header: list[str], line: int, name: str) -> None:
    if len(row) != len(header):
        extra = row[len(header) :]
        reason = "an unquoted delimiter in a cell, or one too many" if any(extra) else "a delimiter at its end"
        reason = reason if extra else "it may be cut off"
        msg = (
            f"{name}, line {line} has {len(row)} cells, the header {len(header)}: {reason}. It begins with "
            f"{', '.join(map(repr, row[:3]))}; correct it."
        )
        raise ValueError(msg)


def _refuse_row_of_comment(row: list[str], header: list[str], line: int, name: str) -> None:
    if len(row) == len(header) > 1:
        msg = (
            f"{name}, line {line} starts with # and has as many cells as the header: {row[0]!r}. Drop it, or take the "
            "# out of the name."
        )
        raise ValueError(msg)
