"""Training against serving: does a served model say what the model itself says?

The reference is the model in a process, asked for 64-bit rows as a training script has them. The same rows then go
through a real endpoint, in every content type and accept, all at once and one alone, and through batch transform by
every strategy. What AWS's default handlers are known to do to rows is explained, and proven before it is: that rounding
to 32 bits is the reason is believed when the model says the same to rows that have been rounded.
"""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from harness.config import Config
from harness.parity import bodies
from harness.parity.asking import ONE_ROW, Asking
from harness.parity.bodies import CSV
from harness.parity.findings import Aspect, Finding, Kind
from harness.parity.judging import Served
from harness.parity.outcomes import Answer, alike
from harness.parity.rows import Rows

_TOLD: Final = 200
"""Characters of a value that are told."""

_ROUNDED: Final = {
    "why": "AWS's default input_fn rounds text/csv and application/json to 32-bit floats; the model says exactly this "
    "to rows that are rounded so",
    "breaks": "a row near a threshold gets another prediction from the endpoint than it had in training",
    "remedy": "send application/x-npy, which keeps 64 bits, or read the body yourself: "
    "def input_fn(data, content_type): return numpy.loadtxt(data.splitlines(), delimiter=',', ndmin=2)",
}
_FLAT: Final = {
    "why": "AWS's default input_fn makes a one-dimensional array of CSV with one row (or one column), and a model "
    "wants two dimensions",
    "breaks": "every real-time request of a single row as text/csv is answered with 500, and so is every record of a "
    "batch transform with SingleRecord",
    "remedy": "send application/json ([[1.0, 2.0]]) or application/x-npy, or define input_fn and end it with "
    "return numpy.atleast_2d(rows)",
}
_UNSERVED: Final = {
    "breaks": "the model answers in a process, but cannot be served",
    "remedy": "`harness deploy` shows the model server's log",
}
_UNLIKE: Final = {
    "breaks": "what the model was measured by in training is not what its users get",
    "remedy": "compare input_fn and predict_fn with what the training script does to rows before it calls the model",
}


@dataclass(frozen=True)
class Handlers:
    """Which functions the serving script has of its own; AWS's defaults stand for the others."""

    names: frozenset[str]

    @property
    def reads_itself(self) -> bool:
        """Whether it reads request bodies itself."""
        return bool(self.names & {"input_fn", "transform_fn"})

    @property
    def writes_itself(self) -> bool:
        """Whether it writes answers itself."""
        return bool(self.names & {"output_fn", "transform_fn"})


def check(asking: Asking, place: Path, predict: Callable[[Rows], Sequence[Any] | None]) -> Served:
    """Serve a model, and hold what it says there against what it says itself.

    Args:
        asking: where, which model, which rows; ``like`` is what the model says to them in a process of its own.
        place: a folder for inputs and outputs of batch transform; made if it is not there.
        predict: asks the model in a process again, for other rows; None if it has no answer. Called only when an
            answer differs.

    Returns:
        Every answer, the findings about them, and how many were compared.

    Raises:
        Interrupted: Ctrl-C. Nothing is left on the target.
        HarnessError: the target refused a request.
    """
    began = time.monotonic()
    endpoint = asking.endpoint()
    seconds = {"endpoint": time.monotonic() - began}
    if isinstance(endpoint, str):
        unserved = _finding(asking.target.name, "endpoint", "in service", endpoint, Kind.UNEXPLAINED, _UNSERVED)
        return Served(findings=(unserved,), compared=1, seconds=seconds)
    began = time.monotonic()
    transform: dict[str, Answer] = {}
    if asking.config.transform.content_type in {None, CSV}:
        transform = asking.transform(place)
        seconds["transform"] = time.monotonic() - began
    judge = Judge(
        asking.target.name, handlers(asking.config), asking.rows, asking.like, asking.config.parity.tolerance, predict
    )
    findings = tuple(judge.findings(endpoint, transform))
    return Served(endpoint, transform, findings, len(endpoint) + len(transform), seconds)


def handlers(config: Config) -> Handlers:
    """What the serving script defines at its top level, read without running it."""
    deploy = config.deploy
    folder, program = deploy.source_dir or config.source_dir, deploy.entry_point or config.entry_point or ""
    try:
        tree = ast.parse(((folder or Path()) / program).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return Handlers(frozenset())
    return Handlers(frozenset(name for statement in tree.body for name in _bound(statement)))


def _bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in statement.names)
    elif isinstance(statement, ast.Assign):
        yield from (each.id for each in statement.targets if isinstance(each, ast.Name))


@dataclass(frozen=True)
class Judge:
    """Answers held against what the model itself says."""

    target: str
    handlers: Handlers
    rows: Rows
    expected: Sequence[Any]
    tolerance: float
    predict: Callable[[Rows], Sequence[Any] | None]

    def findings(self, endpoint: Mapping[str, Answer], transform: Mapping[str, Answer]) -> Iterator[Finding]:
        """Everything that is not as the model itself has it; what is one matter is told once."""
        told: set[tuple[str, str]] = set()
        answers = {**endpoint, **{f"transform, {way}": answer for way, answer in transform.items()}}
        reads = any(answer.status == 200 for answer in endpoint.values())
        for where, answer in answers.items():
            finding = self._finding(where, answer, reads=reads)
            if finding is not None and (finding.where, finding.why or where) not in told:
                told.add((finding.where, finding.why or where))
                yield finding

    def _finding(self, where: str, answer: Answer, *, reads: bool) -> Finding | None:
        alone = ONE_ROW in where
        expected = self.expected[:1] if alone else self.expected
        if answer.status != 200:
            return self._refused(where, answer, expected, reads=reads)
        if answer.values is None or alike(list(expected), answer.values, self.tolerance):
            return None
        sent = where.partition(" -> ")[0]
        if not self.handlers.reads_itself and not sent.startswith(bodies.NPY):
            as_rounded = self._rounded
            if as_rounded is not None and alike(
                list(as_rounded[:1] if alone else as_rounded), answer.values, self.tolerance
            ):
                return _finding(
                    self.target, sent, *_apart(expected, answer.values, self.tolerance), Kind.KNOWN, _ROUNDED
                )
        return _finding(self.target, where, *_apart(expected, answer.values, self.tolerance), Kind.UNEXPLAINED, _UNLIKE)

    def _refused(self, where: str, answer: Answer, expected: Sequence[Any], *, reads: bool) -> Finding | None:
        seen = f"{answer.status or 'no answer'}: {answer.text}"
        one_by_one = ONE_ROW in where or where.endswith("SingleRecord")
        flat = one_by_one or len(self.rows.cells[0]) == 1
        if not self.handlers.reads_itself:
            if flat and where.startswith((CSV, "transform")):
                return _finding(self.target, where.partition(" -> ")[0], _shown(expected[0]), seen, Kind.KNOWN, _FLAT)
        elif reads and not one_by_one:
            return None  # a script that reads bodies itself need not know every type
        if self.handlers.writes_itself and reads and not one_by_one:
            return None
        return _finding(self.target, where, _shown(expected[0]), seen, Kind.UNEXPLAINED, _UNLIKE)

    @cached_property
    def _rounded(self) -> Sequence[Any] | None:
        """What the model itself says to rows that have been rounded to 32 bits."""
        return self.predict(bodies.rounded(self.rows))


def _finding(target: str, where: str, expected: str, seen: str, kind: Kind, said: Mapping[str, str]) -> Finding:
    return Finding(Aspect.CONSISTENCY, target, where, expected, seen, kind, **said)


def _apart(expected: Sequence[Any], seen: Sequence[Any], tolerance: float) -> tuple[str, str]:
    """The first row in which two predictions differ, and how many do."""
    if len(expected) != len(seen):
        return f"{len(expected)} rows", f"{len(seen)} rows"
    pairs = list(zip(expected, seen, strict=True))
    apart = [number for number, (one, other) in enumerate(pairs) if not alike(one, other, tolerance)]
    one, other = pairs[apart[0]]
    row = f"row {apart[0] + 1}: "
    others = f" ({len(apart)} of {len(expected)} rows differ)" if len(apart) > 1 else ""
    return row + _shown(one), row + _shown(other) + others


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)[:_TOLD]
