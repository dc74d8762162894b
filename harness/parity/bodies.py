"""Rows as the body of a request, and what was predicted out of the body of an answer. Pure.

Nothing here imports numpy: the harness's own environment need not have it. The format of ``application/x-npy`` is
NumPy's own (NEP 1), of which version 1.0 with numbers, booleans and texts is all that predictions need.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import struct
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Final

from harness.parity.rows import Rows

CSV: Final = "text/csv"
JSON: Final = "application/json"
NPY: Final = "application/x-npy"
TYPES: Final = (CSV, JSON, NPY)
"""What AWS's default ``input_fn`` and ``output_fn`` of the scikit-learn image have a codec for."""

_MAGIC: Final = b"\x93NUMPY"
_NUMBERS: Final = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "u4": "I"}
_TEXT: Final = re.compile(r"[<|=]?U(\d+)")


def body(rows: Rows, content_type: str) -> bytes | None:
    """Rows as the body of a request; None if they cannot be that: texts as an array of numbers.

    ``text/csv`` is what stands in the file, to the letter. The others carry 64-bit floats.
    """
    if content_type == CSV:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows.cells)
        return text.getvalue().encode()
    numbers = rows.numbers
    if content_type == JSON:
        return json.dumps(rows.cells if numbers is None else numbers).encode()
    return None if numbers is None else _npy(numbers)


def values(answer: bytes, accept: str, like: Sequence[Any]) -> list[Any] | None:
    """What was predicted, one value for each row; None if the body cannot be read as that.

    Args:
        answer: the body.
        accept: what it was asked to be.
        like: what is expected. CSV does not tell texts from numbers, so its cells become what these are.
    """
    try:
        if accept == NPY:
            return _listed(_array(answer))
        if accept == JSON:
            return _listed(json.loads(answer))
        return _cells(answer.decode(), like)
    except (ValueError, SyntaxError, LookupError, TypeError, struct.error, csv.Error):
        return None


def parsed(answer: bytes) -> list[Any]:
    """What stands in an answer of no known form: the values of a list, else one; of what is no JSON, its lines'."""
    text = answer.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except ValueError:
        return [_json_or_text(line) for line in text.splitlines()]
    listed = _listed(value)
    return [value] if listed is None else listed


def _json_or_text(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line


def rounded(rows: Rows) -> Rows:
    """Rows as AWS's default ``input_fn`` rounds them: each number to the nearest 32-bit float."""
    cells = tuple(tuple(repr(_single(number)) for number in row) for row in rows.numbers or ())
    return Rows(cells, f"{rows.origin}, rounded to 32 bits") if cells else rows


def _single(number: float) -> float:
    try:
        (value,) = struct.unpack("<f", struct.pack("<f", number))
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
    return float(value)


def _npy(rows: list[list[float]]) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({len(rows)}, {len(rows[0])}), }}"
    padding = -(len(_MAGIC) + 4 + len(header) + 1) % 64
    head = (header + " " * padding + "\n").encode("latin-1")
    flat = [number for row in rows for number in row]
    return _MAGIC + b"\x01\x00" + struct.pack("<H", len(head)) + head + struct.pack(f"<{len(flat)}d", *flat)


def _array(content: bytes) -> Any:
    """The array of an ``.npy`` file as lists. Objects are refused: they would be unpickled."""
    if content[:6] != _MAGIC:
        raise ValueError("no .npy")
    wide = content[6] > 1
    (length,) = struct.unpack_from("<I" if wide else "<H", content, 8)
    start = (12 if wide else 10) + length
    header = ast.literal_eval(content[start - length : start].decode("utf-8").strip())
    shape, data = header["shape"], content[start:]
    flat = list(_elements(header["descr"], prod(shape), data))
    if header["fortran_order"] and len(shape) == 2:
        return [list(row) for row in zip(*_shaped(flat, shape[::-1]), strict=True)]
    return _shaped(flat, shape)


def _elements(kind: str, count: int, data: bytes) -> Iterator[Any]:
    text = _TEXT.fullmatch(kind)
    if text:
        size = 4 * int(text[1])
        for index in range(count):
            yield data[index * size : (index + 1) * size].decode("utf-32-le").rstrip("\0")
    elif kind == "|b1":
        yield from (bool(byte) for byte in data[:count])
    else:
        order = ">" if kind.startswith(">") else "<"
        yield from struct.unpack_from(f"{order}{count}{_NUMBERS[kind.lstrip('<>|=')]}", data)


def _shaped(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0]
    for size in shape[:0:-1]:
        flat = [flat[index : index + size] for index in range(0, len(flat), size)]
    return flat


def _listed(value: Any) -> list[Any] | None:
    """A list, the one list in a dictionary such as ``{"predictions": [...]}``, or the rows of one of columns."""
    if isinstance(value, dict) and value and all(isinstance(each, list) for each in value.values()):
        columns = list(value.values())
        if len(columns) == 1:
            return list(columns[0])
        if len(set(map(len, columns))) == 1:
            return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    return value if isinstance(value, list) else None


def _cells(text: str, like: Sequence[Any]) -> list[Any] | None:
    records = [record for record in csv.reader(io.StringIO(text), strict=True) if record]
    if len(records) != len(like):
        records = [[cell] for record in records for cell in record]  # one value for each row, in one line
    pairs = zip(records, like, strict=True)
    return [_typed(record, each) for record, each in pairs]


def _typed(record: list[str], like: Any) -> Any:
    if isinstance(like, list):
        return [_typed([cell], each) for cell, each in zip(record, like, strict=True)]
    (cell,) = record
    if isinstance(like, str):
        return cell
    if isinstance(like, bool):
        return {"True": True, "true": True, "False": False, "false": False}[cell]
    return float(cell)
