"""Bytes <-> arrays per content type, as AWS's default ``input_fn`` and ``output_fn`` do it.

The single-model path of the scikit-learn image: the codecs of sagemaker-containers 2.8.6.post2, and float32
for the two text types (sagemaker-scikit-learn-container, ``serving``). The surprises are AWS's and are
meant to be here: one CSV row is 1-D, everything textual is rounded to float32, and a type is compared
exactly, case and blanks included.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np

CSV = "text/csv"
JSON = "application/json"
NPY = "application/x-npy"
# The types whose body reaches input_fn as text.
TEXT_TYPES = frozenset({CSV, JSON})
SUPPORTED = (JSON, CSV, NPY)

_NUMERIC = b"0123456789.+-eE,\n"


class UnsupportedFormatError(Exception):
    """No default codec has this content type or accept."""

    def __init__(self, media_type: str) -> None:
        super().__init__(f"no default codec for {media_type!r}; there is one for {', '.join(SUPPORTED)}")
        self.media_type = media_type


def decode(content: Any, content_type: str) -> Any:
    """The array that AWS's default ``input_fn`` makes of a request body.

    ``content`` is str for CSV and JSON, bytes for NPY. Text becomes float32: CSV of several rows and
    columns is (rows, columns), one row or one column is 1-D, one cell is 0-d; JSON keeps its nesting. NPY
    keeps dtype and shape, and, as on AWS, unpickles object arrays.

    Raises:
        UnsupportedFormatError: for any other content type.
        ValueError, TypeError, csv.Error: for a body that is not what its type says.
    """
    return decode_exactly(content, content_type)[0]


def decode_exactly(
    content: Any, content_type: str, before_unpickling: Callable[[], object] = lambda: None
) -> tuple[Any, Any]:
    """What :func:`decode` returns, and the same values before they were rounded to float32.

    ``before_unpickling`` is called before anything is unpickled, which can run any code, and may raise.
    """
    if content_type == CSV:
        exact = _cells(content)
    elif content_type == JSON:
        exact = np.array(json.loads(content))
    elif content_type == NPY:
        array = _loaded(content, before_unpickling)
        return array, array
    else:
        raise UnsupportedFormatError(content_type)
    with np.errstate(over="ignore"):
        return exact.astype(np.float32), exact


def encode(prediction: Any, accept: str) -> str | bytes:
    """The body that AWS's default ``output_fn`` makes of a prediction: str for JSON and CSV, bytes for NPY.

    In CSV a 1-D prediction is one value per line, a 2-D one a row per line.

    Raises:
        UnsupportedFormatError: for any other accept.
        TypeError: for CSV of a scalar, a dict or None, and for JSON of what JSON has no form for.
    """
    if accept == JSON:
        return json.dumps(prediction, default=_listed)
    if accept == CSV:
        return _csv_text(prediction)
    if accept == NPY:
        buffer = io.BytesIO()
        np.save(buffer, prediction)
        return buffer.getvalue()
    raise UnsupportedFormatError(accept)


def _loaded(content: bytes, before_unpickling: Callable[[], object]) -> Any:
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(array, np.ndarray):  # and not an archive of arrays, each loaded when it is asked for
            return array
    except ValueError:  # it holds objects, or is no array at all
        pass
    before_unpickling()
    return np.load(io.BytesIO(content), allow_pickle=True)


def _cells(text: str) -> Any:
    array = _numbers(text)
    return _parsed(text) if array is None else array.squeeze()


def _numbers(text: str) -> Any:
    """A body of nothing but numbers, three times as fast as by :func:`_parsed`; None for any other."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if "" in lines or not lines or max(map(len, lines)) > csv.field_size_limit():
        return None
    if not text.isascii() or text.encode().translate(None, _NUMERIC):
        return None
    try:
        return np.loadtxt(lines, delimiter=",", ndmin=2)
    except ValueError:  # said in the words of the other
        return None


def _parsed(text: str) -> Any:
    rows = list(csv.reader(io.StringIO(text), strict=True))
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        raise ValueError(f"rows of {' and '.join(map(str, widths))} columns in one CSV body")
    # By way of float64, as AWS does: rounding twice differs from rounding once in the last bit.
    return np.array(rows).squeeze().astype(np.float64)


def _csv_text(prediction: Any) -> str:
    array = np.array(prediction)
    rows = array.reshape(-1, 1) if array.ndim == 1 else array
    if rows.ndim == 2 and (rows.dtype.kind in "biuU" or rows.dtype == np.float64):
        rows = rows.tolist()  # reads the same as NumPy's scalars do, in half the time
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", strict=True).writerows(rows)
    return stream.getvalue()


def _listed(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
