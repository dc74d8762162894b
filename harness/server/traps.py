"""Where AWS's default behaviour surprises: what happened, and what to write so that it does not.

Pure: from a request's parts to a :class:`Trap` or None. Who says it, and how often, is decided in ``report``.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.server import codecs, peers

_ROWS = {
    codecs.CSV: 'np.loadtxt(io.StringIO(data), delimiter=",", ndmin=2)',
    codecs.JSON: "np.array(json.loads(data), ndmin=2)",
}
_SAMPLE = 256


@dataclass(frozen=True)
class Trap:
    """One surprise. ``kind`` names it for good: a worker explains each kind once."""

    kind: str
    message: str


def decoded(content_type: str, array: Any, exact: Any) -> list[Trap]:
    """What may surprise in a body that the default ``input_fn`` understood."""
    found = [_flat(content_type, array), _rounded(content_type, array, exact)]
    return [trap for trap in found if trap]


def undecoded(content_type: str, content: Any, error: Exception) -> Trap | None:
    """Why the default ``input_fn`` failed on a body."""
    if isinstance(error, codecs.UnsupportedFormatError):
        return _unsupported_type(content_type)
    if isinstance(error, peers.NotOwnError):
        return Trap(
            "objects-of-a-stranger",
            f"the {content_type} body has to be unpickled, which runs whatever code is in it. AWS's default "
            "input_fn does so for anybody; here, where all users of the machine can reach the port, for the server's "
            "own user alone, and anybody else gets a 500. Send an array of numbers or text, or, if you trust them all, "
            "write input_fn: return np.load(io.BytesIO(data), allow_pickle=True)",
        )
    if content_type == codecs.CSV:
        return _csv(content, error)
    if content_type == codecs.JSON and content.lstrip().startswith("{"):
        return Trap(
            "json-object",
            "the body is a JSON object; the default input_fn takes nested lists only, so this is a 500. "
            'Write input_fn: return np.array(json.loads(data)["instances"], ndmin=2)',
        )
    return None


def unencoded(accept: str, prediction: Any, error: Exception) -> Trap | None:
    """Why the default ``output_fn`` failed on a prediction."""
    if isinstance(error, codecs.UnsupportedFormatError):
        reason = (
            "lists and q-values are not parsed"
            if "," in accept or ";q=" in accept
            else f"the default output_fn has {', '.join(codecs.SUPPORTED)}, compared exactly"
        )
        return Trap(
            "unsupported-accept",
            f"Accept is {accept!r}: {reason}. AWS answers 500 here, not 406. Send one of them, set "
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT for requests without Accept, or write "
            "output_fn(prediction, accept)",
        )
    if accept == codecs.CSV and isinstance(error, TypeError):
        return Trap(
            "csv-scalar",
            f"the prediction is {type(prediction).__name__}, which has no rows for text/csv, so this is "
            "a 500. "
            "Return a 1-D or 2-D array from predict_fn, or write output_fn",
        )
    return None


def returned(result: Any, lists_as_json: bool) -> Trap | None:
    """What may surprise in the value that ``output_fn`` or ``transform_fn`` returned."""
    if isinstance(result, (str, bytes)):
        return Trap(
            "html-body",
            "output_fn or transform_fn returned bare text, which is sent as text/html; charset=utf-8. "
            "Return (body, accept) to name its type",
        )
    if isinstance(result, list) and lists_as_json:
        return Trap(
            "list-body",
            "output_fn or transform_fn returned a list: image 1.9-0 sends it as JSON, every image before it "
            "answers 500. Return (json.dumps(result), accept) and it works on all of them",
        )
    return None


def unsendable(result: Any) -> Trap:
    """Why what a handler returned cannot be a response."""
    return Trap(
        "unsendable-body",
        f"output_fn or transform_fn returned {type(result).__name__}, which is no response, so this is "
        "a 500. "
        "Return (body, accept) with body as str or bytes",
    )


def _flat(content_type: str, array: Any) -> Trap | None:
    if content_type not in _ROWS or array.ndim > 1 or array.size == 0:
        return None
    return Trap(
        f"one-dimensional-{content_type}",
        f"a {content_type} body arrived as an array of shape {array.shape}, not (rows, columns): the "
        "default input_fn "
        "drops the dimension when there is one row or one column, and scikit-learn then refuses it. "
        f"Write input_fn: return {_ROWS[content_type]}",
    )


def _rounded(content_type: str, array: Any, exact: Any) -> Trap | None:
    if content_type not in _ROWS or exact.dtype.kind not in "fiu":
        return None
    # Digits count, not bits: 5.1 is not exact in float32 either, but it reads back as 5.1.
    changed = np.ravel(array)[:_SAMPLE] != np.ravel(exact)[:_SAMPLE]
    for position in np.flatnonzero(changed):
        sent, arrived = np.ravel(exact)[position], np.ravel(array)[position]
        if not np.isnan(sent) and float(str(arrived)) != float(sent):
            return Trap(
                "float32",
                f"{sent} arrived as {arrived}: the default input_fn rounds {content_type} to float32, "
                "about seven "
                f"digits. Write input_fn to keep float64: return {_ROWS[content_type]}",
            )
    return None


def _unsupported_type(content_type: str) -> Trap:
    base = content_type.split(";")[0].strip().lower()
    if base in codecs.SUPPORTED:
        return Trap(
            "inexact-content-type",
            f"Content-Type is {content_type!r}: types are compared exactly, so a charset, a blank or "
            "another case "
            f"makes it unsupported, and AWS answers 500, not 415. Send {base!r}, or write input_fn; "
            "data is bytes there",
        )
    return Trap(
        "unsupported-content-type",
        f"Content-Type is {content_type!r}, which the default input_fn does not know. AWS answers 500 "
        "here, not 415. "
        f"Send one of {', '.join(codecs.SUPPORTED)}, or write input_fn(data, content_type); data is "
        "bytes there",
    )


def _csv(text: str, error: Exception) -> Trap:
    lines = list(itertools.islice(text.splitlines(), 2))
    if lines and not _numeric(lines[0]) and (len(lines) < 2 or _numeric(lines[1])):
        return Trap(
            "csv-header",
            f"the first line of the text/csv body is not numbers: {lines[0][:60]!r}. The default "
            "input_fn knows no "
            "header, so this is a 500. Send rows only, or write input_fn: return "
            "np.loadtxt(io.StringIO(data), "
            'delimiter=",", ndmin=2, skiprows=1)',
        )
    return Trap(
        "csv-cells",
        f"the text/csv body is not a table of numbers ({error}). The default input_fn takes no text, "
        "empty cell, "
        "trailing comma or blank line, so this is a 500. Write input_fn: return "
        "pd.read_csv(io.StringIO(data), header=None)",
    )


def _numeric(line: str) -> bool:
    try:
        [float(cell.strip().strip('"')) for cell in line.split(",")]
    except ValueError:
        return False
    return True
