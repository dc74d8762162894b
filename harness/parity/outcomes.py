"""What came out of a job, and how two of them differ. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from harness.contract.comparison import Difference, flattened
from harness.parity.findings import Aspect

_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")
_WHOLE = re.compile(r"[-+]?\d+")
_OPT_ML = re.compile(r"/[^\s'\":]*/hosts/algo-\d+(?=/)")
"""Where this machine has a host's ``/opt/ml``, in what the engine says of a file in it."""
_PICKLE = re.compile(r".+\.(joblib|pkl|pickle|sav|dill)(\.(gz|z|bz2|xz|lzma|lz4))?")
_PICKLES_BEGIN = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
_LONGEST = 200
"""Characters of a line that are told."""


@dataclass(frozen=True)
class File:
    """A file of an archive."""

    size: int
    """Bytes."""
    sha256: str
    text: str | None = field(default=None, repr=False)
    """What is in it, if it is a short text."""
    begins: bytes = field(default=b"", repr=False)
    """Its first bytes."""

    def is_pickle(self, name: str) -> bool:
        """Whether it is one, by a name or by its beginning: protocol 2 or newer (``pickletools``)."""
        return bool(_PICKLE.fullmatch(name)) or self.begins in _PICKLES_BEGIN


Files = Mapping[str, File]


@dataclass(frozen=True)
class Outcome:
    """How a training job ended, and what it left."""

    status: str
    """``Completed``, ``Failed`` or ``Stopped``."""
    exit_code: int | None
    """The script's own; None where it is not told."""
    failure_reason: str | None
    metrics: Mapping[str, float]
    """The last value of each of ``MetricDefinitions``."""
    model: Files
    """What is in ``model.tar.gz``."""
    output: Files
    """What is in ``output.tar.gz``."""
    name: str = ""
    """The job's own, which no two jobs have in common, and which makes no difference."""


@dataclass(frozen=True)
class Predictions:
    """What a model says to some rows, or why it says nothing."""

    values: Sequence[Any] | None = None
    """One for each row, numbers or texts or lists of them; None: there are none."""
    error: str | None = None
    again: Sequence[Any] | None = None
    """What it says when it is asked once more for the very same."""


@dataclass(frozen=True)
class Answer:
    """What a model server has said, at an endpoint or in a batch transform."""

    status: int
    """HTTP status; 0: it did not answer."""
    values: Sequence[Any] | None
    """What was predicted, one for each row; None if the body cannot be read as that."""
    text: str
    """The beginning of the body, or the reason why there is none."""


def close(expected: float, seen: float, tolerance: float) -> bool:
    """Whether two numbers agree: within ``tolerance`` of the larger one's size, or of 1 if both are smaller."""
    if math.isnan(expected) or math.isnan(seen):
        return math.isnan(expected) and math.isnan(seen)
    return math.isclose(expected, seen, rel_tol=tolerance, abs_tol=tolerance)


def alike(expected: object, seen: object, tolerance: float) -> bool:
    """Whether two JSON values agree: numbers nearly, everything else to the letter."""
    if isinstance(expected, bool) or isinstance(seen, bool):
        return expected is seen
    if isinstance(expected, int) and isinstance(seen, int):
        return expected == seen  # what counts or names something: no rounding makes another one of it
    if isinstance(expected, int | float) and isinstance(seen, int | float):
        return close(float(expected), float(seen), tolerance)
    if isinstance(expected, list | tuple) and isinstance(seen, list | tuple):
        return len(expected) == len(seen) and all(
            alike(one, other, tolerance) for one, other in zip(expected, seen, strict=True)
        )
    if isinstance(expected, Mapping) and isinstance(seen, Mapping):
        return expected.keys() == seen.keys() and all(alike(expected[key], seen[key], tolerance) for key in expected)
    return expected == seen


def compare(
    expected: Outcome, seen: Outcome, tolerance: float, *, models_by_predictions: bool = False
) -> Iterator[Difference]:
    """Every difference between two outcomes.

    Args:
        expected: of the reference.
        seen: of the other one.
        tolerance: how far numbers may be apart; see ``close``.
        models_by_predictions: pickled models are compared by what they predict, and not here by their bytes.
    """
    yield from _endings(expected, seen)
    yield from _archives(
        Aspect.MODEL_ARCHIVE, expected.model, seen.model, tolerance, skip_pickles=models_by_predictions
    )
    yield from _archives(Aspect.OUTPUT_ARCHIVE, expected.output, seen.output, tolerance)
    for name in sorted({*expected.metrics, *seen.metrics}):
        one, other = expected.metrics.get(name), seen.metrics.get(name)
        if one is None or other is None or not close(one, other, tolerance):
            yield Difference(Aspect.METRICS, name, _number(one), _number(other))


def compared(outcome: Outcome) -> dict[Aspect, int]:
    """How many places of each aspect there are to compare."""
    return {
        Aspect.OUTCOME: 3,
        Aspect.MODEL_ARCHIVE: len(outcome.model),
        Aspect.OUTPUT_ARCHIVE: len(outcome.output),
        Aspect.METRICS: len(outcome.metrics),
    }


def compare_predictions(expected: Predictions, seen: Predictions, tolerance: float) -> Iterator[Difference]:
    """The difference between what two models predict for the same rows, if there is one."""
    where = "predictions"
    if expected.values is None or seen.values is None:
        if expected.error != seen.error:
            one, other = (each.error or f"{len(each.values or ())} rows" for each in (expected, seen))
            yield Difference(Aspect.MODEL_PREDICTIONS, where, one, other)
        return
    yield from _rows(Aspect.MODEL_PREDICTIONS, where, expected.values, seen.values, tolerance)


def compare_answers(
    aspect: Aspect, expected: Mapping[str, Answer], seen: Mapping[str, Answer], tolerance: float
) -> Iterator[Difference]:
    """Every difference between what two model servers answered to the same requests.

    Args:
        aspect: ``ENDPOINT`` or ``TRANSFORM``.
        expected: what was asked (``text/csv -> application/json``, ``SingleRecord``, …) -> the reference's answer.
        seen: the other one's.
        tolerance: see ``close``.
    """
    for where in sorted({*expected, *seen}):
        one, other = expected.get(where), seen.get(where)
        if one is None or other is None or one.status != other.status:
            yield Difference(aspect, where, _told(one), _told(other))
        elif one.values is not None and other.values is not None:
            yield from _rows(aspect, where, one.values, other.values, tolerance)
        elif one.status == 200 and one.text != other.text:
            yield Difference(aspect, where, one.text, other.text)


def _endings(expected: Outcome, seen: Outcome) -> Iterator[Difference]:
    for where, one, other in (
        ("TrainingJobStatus", expected.status, seen.status),
        ("ExitCode", _number(expected.exit_code), _number(seen.exit_code)),
        ("FailureReason", _heading(expected), _heading(seen)),
    ):
        untold = where == "ExitCode" and None in {one, other}
        if one != other and not untold:
            yield Difference(Aspect.OUTCOME, where, one, other)


def _heading(outcome: Outcome) -> str | None:
    """The first two lines of a failure text: what follows them names the interpreter (toolkit 4.8.0, run)."""
    if outcome.failure_reason is None:
        return None
    told = _OPT_ML.sub("/opt/ml", "\n".join(outcome.failure_reason.splitlines()[:2]))
    return told.replace(outcome.name, "JOB") if outcome.name else told


def _archives(
    aspect: Aspect, expected: Files, seen: Files, tolerance: float, *, skip_pickles: bool = False
) -> Iterator[Difference]:
    for name in sorted({*expected, *seen}):
        one, other = expected.get(name), seen.get(name)
        if one is None or other is None:
            yield Difference(aspect, name, _size(one), _size(other))
        elif one.sha256 != other.sha256 and not (skip_pickles and one.is_pickle(name) and other.is_pickle(name)):
            yield from _contents(aspect, name, one, other, tolerance)


def _contents(aspect: Aspect, name: str, expected: File, seen: File, tolerance: float) -> Iterator[Difference]:
    if expected.text is None or seen.text is None:
        yield Difference(aspect, name, _digest(expected), _digest(seen))
        return
    try:
        ours, theirs = (flattened(json.loads(text)) for text in (expected.text, seen.text))
    except (ValueError, RecursionError):  # no JSON, or nested deeper than anybody reads it
        for number, (one, other) in enumerate(zip_longest(expected.text.split("\n"), seen.text.split("\n")), 1):
            if not _texts_alike(one, other, tolerance):
                where = f"{name}: line {number}"
                yield Difference(aspect, where, one and one[:_LONGEST], other and other[:_LONGEST])
                return  # one line shows what the matter is
        return
    for place in sorted({*ours, *theirs}):
        if not _texts_alike(ours.get(place), theirs.get(place), tolerance):
            where = f"{name}: {place}" if place else name  # a document that is a single value has no places
            yield Difference(aspect, where, ours.get(place), theirs.get(place))


def _texts_alike(expected: str | None, seen: str | None, tolerance: float) -> bool:
    """Whether two texts agree, the numbers in them nearly."""
    if expected is None or seen is None or expected == seen:
        return expected == seen
    ours, theirs = _NUMBER.split(expected), _NUMBER.split(seen)
    if len(ours) != len(theirs) or ours[::2] != theirs[::2]:
        return False
    return all(_numbers_alike(one, other, tolerance) for one, other in zip(ours[1::2], theirs[1::2], strict=True))


def _numbers_alike(expected: str, seen: str, tolerance: float) -> bool:
    if _WHOLE.fullmatch(expected) and _WHOLE.fullmatch(seen):
        return expected == seen
    return close(float(expected), float(seen), tolerance)


def _rows(
    aspect: Aspect, where: str, expected: Sequence[Any], seen: Sequence[Any], tolerance: float
) -> Iterator[Difference]:
    if len(expected) != len(seen):
        yield Difference(aspect, where, f"{len(expected)} rows", f"{len(seen)} rows")
        return
    pairs = enumerate(zip(expected, seen, strict=True), 1)
    apart = [(number, one, other) for number, (one, other) in pairs if not alike(one, other, tolerance)]
    if apart:
        number, one, other = apart[0]
        of = f"{len(apart)} of {len(expected)} rows differ, the first is row {number}: "
        yield Difference(aspect, where, f"{of}{_value(one)}", f"{_value(other)}")


def _told(answer: Answer | None) -> str | None:
    return None if answer is None else f"{answer.status or 'no answer'}: {answer.text[:_LONGEST]}"


def _value(value: object) -> str:
    return json.dumps(value)[:_LONGEST]


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.10g}"


def _size(file: File | None) -> str | None:
    return None if file is None else f"{file.size:,} bytes"


def _digest(file: File) -> str:
    return f"{file.size:,} bytes, SHA-256 {file.sha256[:12]}…"
