"""Training against serving: does a served model say what the model itself says?

The reference is the model in a process, asked for 64-bit rows as a training script has them. The same rows then go
through a real endpoint, in every content type and accept, all at once and one alone, and through batch transform by
every strategy. What AWS's default handlers are known to do to rows is explained, and proven before it is: that rounding
to 32 bits is the reason is believed when the model says the same to rows that were rounded before they were sent.
"""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from harness.config import Config
from harness.parity import sending
from harness.parity.asking import ONE_ROW, Unserved, endpoint
from harness.parity.bodies import CSV, JSON, NPY
from harness.parity.findings import Aspect, Finding, Kind
from harness.parity.judging import Served
from harness.parity.outcomes import Answer, Predictions, alike
from harness.parity.predicting import Predicting
from harness.parity.rows import Bodies, Rows
from harness.parity.trial import Bench

TRAINED: Final = "train"
"""The model that is served, among those that have been asked in a process."""
_TRANSFORM: Final = "transform, "
_TOLD: Final = 200
"""Characters of a value that are told."""
_DIGITS: Final = 10
"""Of a number that is told: the tolerance is a millionth, and what differs by less is no difference."""

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
    "remedy": "send application/json ([[1.0, 2.0]]) or application/x-npy, or read the body yourself: "
    "def input_fn(data, content_type): return numpy.loadtxt(data.splitlines(), delimiter=',', ndmin=2)",
}
_NO_CELL: Final = {
    "why": "AWS's default output_fn writes text/csv of lists and arrays alone, and the prediction is a dictionary",
    "breaks": "a request that accepts text/csv is answered with 500, and so is a batch transform whose accept it is",
    "remedy": "accept application/json, or define output_fn for text/csv",
}
_UNSTEADY: Final = {
    "why": "one and the same model, asked twice for the same rows, says two things: it is the script's doing, and no "
    "server's",
    "breaks": "no prediction can be reproduced, and whether servers say what the model says cannot be said",
    "remedy": "let predict_fn change nothing that it reads again, and give every random choice in it a seed",
}
_UNSERVED: Final = {
    "breaks": "no endpoint of this model comes into service, and no batch transform of it begins",
    "remedy": "`harness deploy` shows the model server's log",
}
_UNLIKE: Final = {
    "breaks": "what the model was measured by in training is not what its users get",
    "remedy": "compare input_fn and predict_fn with what the training script does to rows before it calls the model",
}
_UNLIKE_IN_BATCHES: Final = {
    **_UNLIKE,
    "remedy": f"{_UNLIKE['remedy']}; where the endpoint answers right, look for what the script does otherwise when "
    "SAGEMAKER_BATCH is set, and at transform.environment",
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


def check(bench: Bench, model_data: str, name: str, asked: Predicting | Bodies, tolerance: float) -> Served:
    """Serve a model, and hold what it says there against what it says itself; see ``visit.CheckServing``.

    Raises:
        Interrupted: Ctrl-C. Nothing is left on the target.
        HarnessError: the target refused a request.
    """
    if isinstance(asked, Bodies):
        return sending.check(bench, model_data, name, asked)
    target, config, predicting = bench.target, bench.config, asked
    began = time.monotonic()
    bench.tell("the model's endpoint is made and asked")
    try:
        with endpoint(target, config, name, model_data) as served:
            model, rows = predicting.result().models[TRAINED], predicting.result().rows
            if model.values is None or rows is None:  # there is nothing to hold answers against
                return Served(seconds={"endpoint": time.monotonic() - began})
            if unsteady := _unsteady(target.name, model, tolerance):
                return replace(unsteady, seconds={"endpoint": time.monotonic() - began})
            answers = dict(served.invoked(rows, model.values))
            to_rounded = served.rounded(rows, model.values)
            seconds = {"endpoint": time.monotonic() - began}
            began, transformed, uncompared = time.monotonic(), {}, {}
            if config.transform.content_type in {None, CSV}:
                bench.tell("the model's batch transforms are running")
                transformed = dict(served.transformed(rows, model.values, bench.place / "serving"))
                seconds["transform"] = time.monotonic() - began
            else:
                uncompared = {Aspect.TRANSFORM: f"transform.content_type is {config.transform.content_type}, no {CSV}"}
    except Unserved as error:
        seconds = {"endpoint": time.monotonic() - began}
        if predicting.result().models[TRAINED].values is None and "model_fn" not in handlers(config).names:
            return Served(seconds=seconds)  # nobody wants it to be served
        unserved = _finding(target.name, "endpoint", "in service", str(error), Kind.UNEXPLAINED, _UNSERVED)
        uncompared = dict.fromkeys((Aspect.ENDPOINT, Aspect.TRANSFORM), "the model could not be served")
        return Served(findings=(unserved,), compared=1, seconds=seconds, uncompared=uncompared)
    judge = Judge(target.name, handlers(config), rows, model.values, tolerance, to_rounded)
    findings = tuple(judge.findings(answers, transformed))
    return Served(
        answers, transformed, findings, len(answers) + len(transformed), seconds=seconds, uncompared=uncompared
    )


def _unsteady(target: str, model: Predictions, tolerance: float) -> Served | None:
    """What is said of a model that cannot be held to what it says; None of all others."""
    values, again = model.values, model.again
    if values is None or again is None or alike(list(values), list(again), tolerance):
        return None
    finding = _finding(
        target, "the same rows again", *_apart(values, again, tolerance), Kind.NONDETERMINISTIC, _UNSTEADY
    )
    why = "the model says something else each time that it is asked"
    return Served(findings=(finding,), compared=1, uncompared=dict.fromkeys((Aspect.ENDPOINT, Aspect.TRANSFORM), why))


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
    to_rounded: Sequence[Any] | None
    """What the served model says to rows that have been rounded to 32 bits before they were sent."""

    def findings(self, endpoint: Mapping[str, Answer], transform: Mapping[str, Answer]) -> Iterator[Finding]:
        """Everything that is not as the model itself has it; what is one matter is told once."""
        exact = endpoint.get(f"{NPY} -> {JSON}")
        by_rounding = self.to_rounded if exact is not None and self._right(exact, self.expected) else None
        answered = {where: answer for where, answer in endpoint.items() if answer.status == 200}
        told: set[tuple[str, str]] = set()
        for where, answer in {**endpoint, **{f"{_TRANSFORM}{way}": each for way, each in transform.items()}}.items():
            finding = (
                self._wrong(where, answer, by_rounding)
                if answer.status == 200
                else self._refused(where, answer, answered)
            )
            if finding is not None and (finding.where, finding.why or where) not in told:
                told.add((finding.where, finding.why or where))
                yield finding

    def _right(self, answer: Answer, expected: Sequence[Any]) -> bool:
        return answer.values is not None and alike(list(expected), answer.values, self.tolerance)

    def _wrong(self, where: str, answer: Answer, by_rounding: Sequence[Any] | None) -> Finding | None:
        """No error. What cannot be read as a value for each row is held against other targets only."""
        some = slice(1 if ONE_ROW in where else None)
        if answer.values is None or self._right(answer, self.expected[some]):
            return None
        if self.handlers.writes_itself and not _of_one_kind(self.expected[0], answer.values):
            return None
        apart = _apart(self.expected[some], answer.values, self.tolerance)
        sent = where.partition(" -> ")[0]
        rounds = not self.handlers.reads_itself and not sent.startswith(NPY)
        if rounds and by_rounding is not None and self._right(answer, by_rounding[some]):
            return _finding(self.target, sent, *apart, Kind.KNOWN, _ROUNDED)
        return _finding(self.target, where, *apart, Kind.UNEXPLAINED, _unlike(where))

    def _refused(self, where: str, answer: Answer, answered: Mapping[str, Answer]) -> Finding | None:
        seen = answer.text if where.startswith(_TRANSFORM) else f"{answer.status or 'no answer'}: {answer.text}"
        sent = where.partition(" -> ")[0]
        content_type = CSV if where.startswith(_TRANSFORM) else sent.partition(",")[0]
        alone = ONE_ROW in where or where.endswith("SingleRecord")
        flat = content_type == CSV and (alone or len(self.rows.cells[0]) == 1)
        if flat and not self.handlers.reads_itself:
            return _finding(self.target, sent, _shown(self.expected[0]), seen, Kind.KNOWN, _FLAT)
        in_csv = where.startswith(_TRANSFORM) or where.endswith(f"-> {CSV}")
        objects = any(each.endswith(f"-> {JSON}") and said.text.startswith("{") for each, said in answered.items())
        if in_csv and objects and not self.handlers.writes_itself:
            return _finding(self.target, f"-> {CSV}", _shown(self.expected[0]), seen, Kind.KNOWN, _NO_CELL)
        # A script that reads or writes bodies itself need not know every type, only take all that it takes at all.
        taken = {each.partition(" -> ")[0] for each in answered}
        in_batches_alone = where.startswith(_TRANSFORM) and f"{CSV} -> {CSV}" in answered
        if self.handlers.reads_itself and (content_type not in taken if alone else taken and not in_batches_alone):
            return None
        if self.handlers.writes_itself and content_type in taken and not alone and not in_batches_alone:
            return None
        return _finding(self.target, where, _shown(self.expected[0]), seen, Kind.UNEXPLAINED, _unlike(where))


def _of_one_kind(expected: Any, seen: Sequence[Any]) -> bool:
    """Whether a script's own answer holds what it predicts, and not what it makes of that: a name, a record."""
    return {_kind(expected)} == set(map(_kind, seen))


def _kind(value: Any) -> type:
    return next((each for each in (str, list, dict) if isinstance(value, each)), float)


def _unlike(where: str) -> Mapping[str, str]:
    return _UNLIKE_IN_BATCHES if where.startswith(_TRANSFORM) else _UNLIKE


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
    """A value as it is told; of a number no more digits than matter, so that targets that agree are told as one."""
    return json.dumps(_rounded(value), default=str)[:_TOLD]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return {key: _rounded(each) for key, each in value.items()} if isinstance(value, dict) else value
