"""How things look: results on stdout, progress and complaints on stderr, one JSON document instead where asked for."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO
from urllib.parse import unquote, urlsplit

import click

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness import targets

_HELD = 256 * 1024
"""Bytes of a log that are shown when they explain a failure: the last ones."""
_TO_THE_END_OF_THE_LINE = "\x1b[K"


def colour(stream: TextIO) -> bool:
    """Whether to colour what goes to a stream: a terminal, and nobody has set NO_COLOR (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def styled(text: str, stream: TextIO, **style: Any) -> str:
    """Text in a style where the stream takes it."""
    return click.style(text, **style) if colour(stream) else text


def printable(text: str, keep: str = "\n\t") -> str:
    """Text of strangers (a literal of a script, a name in an archive) without power over the terminal that shows it."""
    return "".join(
        each if each.isprintable() or each in keep else each.encode("unicode_escape").decode() for each in text
    )


def complain(error: HarnessError, *, as_json: bool) -> None:
    """Say what went wrong: on stderr for people, as a document on stdout for programs."""
    if as_json:
        print_error(error)
    click.echo(f"{styled('harness:', sys.stderr, fg='red', bold=True)} {printable(error.message)}", err=True)


def print_error(error: HarnessError) -> None:
    """What went wrong as a document on stdout."""
    print_json({"Error": {"Type": type(error).__name__, "Message": error.message, "ExitCode": error.exit_code}})


def print_json(document: object) -> None:
    """One JSON document on stdout; times in ISO 8601, and numbers that JSON has not (a loss may be NaN) as text.

    They are spelt as AWS's JSON protocols spell them: ``NaN``, ``Infinity``, ``-Infinity`` (Smithy, awsJson1_1).
    """
    import json

    def spelt(value: object) -> object:
        if isinstance(value, Mapping):
            return {name: spelt(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [spelt(each) for each in value]
        return json.dumps(value) if isinstance(value, float) and not math.isfinite(value) else value

    def other(value: object) -> str:
        if isinstance(value, datetime):
            return value.isoformat(timespec="milliseconds")
        raise TypeError(type(value).__name__)

    text = json.dumps(spelt(document), indent=2, default=other, ensure_ascii=False, allow_nan=False)
    # Half a surrogate pair, which no stream takes: `\ud800` in JSON as well.
    click.echo(text.encode("utf-8", "backslashreplace").decode())


class Progress:
    """``jobs.Reporter`` for people: the log as it comes; statuses where a terminal shows them."""

    def __init__(self, *, as_json: bool) -> None:
        self._stream = sys.stderr if as_json else sys.stdout
        self._terminal = sys.stderr.isatty()
        self._on_line = False

    def submitted(self, kind: str, name: str) -> None:
        """The job's name is needed to follow or stop it from elsewhere."""
        self._say(name, "submitted")

    def output(self, data: bytes) -> None:
        """The log goes out as it is: what a script prints may be in any encoding."""
        self._stream.flush()
        self._stream.buffer.write(data)
        self._stream.buffer.flush()

    def status(self, name: str, message: str) -> None:
        """A status is progress and of no use in a pipe, but for the one that explains why nothing happens."""
        if name == "Stopping":
            click.echo(f"{name}: {message}", err=True)
        else:
            self._say(name, message)

    def progress(self, progress: targets.Progress) -> None:
        """How far a job is, on a line that is written over."""
        if self._terminal:
            rate = progress.records / progress.seconds if progress.seconds else 0
            text = f"{progress.files} of {progress.of_files} files, {progress.records:,} records, {rate:,.0f}/s"
            self._on_line = True  # before it is so: Ctrl-C may come at once
            click.echo(f"\r{text}{_TO_THE_END_OF_THE_LINE}", nl=False, err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *of: object) -> None:
        """Whatever is said next, why it ended perhaps, begins a line."""
        if self._on_line:
            click.echo("", err=True)
            self._on_line = False

    def end(self, *, failed: bool) -> None:
        """The job has ended."""
        self.__exit__()

    def _say(self, name: str, message: str) -> None:
        if self._terminal:
            click.echo(styled(f"{name}: {message}", sys.stderr, dim=True), err=True)


class Quiet(Progress):
    """For what serves a model: its log tells of requests, so it is shown only if it may tell of a failure."""

    def __init__(self) -> None:
        super().__init__(as_json=True)
        self._held = b""

    def output(self, data: bytes) -> None:
        """Keep it."""
        self._held = (self._held + data)[-_HELD:]

    def end(self, *, failed: bool) -> None:
        """Show the log on stderr if the job has failed."""
        super().end(failed=failed)
        if failed:
            super().output(self._held)


def show(kind: str, description: Mapping[str, Any], *, as_json: bool, copies: Mapping[str, Path]) -> None:
    """What came out of a job, or how an endpoint stands.

    Args:
        kind: ``TrainingJob``, …
        description: the ``Describe…`` document.
        as_json: show it as it is.
        copies: URI of a result -> the folder of this machine that holds it too.
    """
    if as_json:
        print_json(description)
        return
    name, status = description[f"{kind}Name"], description[f"{kind}Status"]
    good = status in {"Completed", "InService"}
    mark = styled(status, sys.stdout, fg="green" if good else "red", bold=True)
    end = description.get(f"{kind.removesuffix('Job')}EndTime") or description["LastModifiedTime"]
    click.echo(f"\n{name}  {mark}  {(end - description['CreationTime']).total_seconds():.1f} s")
    show_rows(list(_with_copies(_RESULTS[kind](description), copies)))
    reason = description.get("Harness", {}).get("WithoutPrivateOptMl")
    if reason is not None:
        click.echo(f"\nNo private /opt/ml: {reason}. SM_* named the run folder instead.", err=True)


def _with_copies(rows: Iterable[tuple[str, str]], copies: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    for name, text in rows:
        yield name, text
        if copy := copies.get(text):
            yield "copied to", readable(copy.absolute().as_uri())


def _training_results(description: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = _metrics(description)
    model = description.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if model:
        rows.append(("model", readable(model)))
        output = Path(local(model) or "-").with_name("output.tar.gz")
        if output.exists():
            rows.append(("output", readable(output.as_uri())))
    elif description["TrainingJobStatus"] == "Completed":
        rows.append(("model", "none: the script wrote nothing to SM_MODEL_DIR"))
    return rows


def _metrics(description: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [(each["MetricName"], f"{each['Value']:g}") for each in description.get("FinalMetricDataList", ())]
    if description["TrainingJobStatus"] == "Completed":
        found = {name for name, _ in rows}
        definitions = description.get("AlgorithmSpecification", {}).get("MetricDefinitions", ())
        rows += [(each["Name"], _why_none(each["Regex"])) for each in definitions if each["Name"] not in found]
    return rows


def _why_none(regex: str) -> str:
    import re

    with suppress(re.error):  # AWS takes those of other dialects
        if not re.compile(regex).groups:
            return f"none: {regex} has no group: put (…) around the number"
    return f"none: no line of the log has a number for {regex}"


def _processing_results(description: Mapping[str, Any]) -> list[tuple[str, str]]:
    done = description["ProcessingJobStatus"] == "Completed"
    outputs = [
        (each["OutputName"], each["S3Output"])
        for each in description.get("ProcessingOutputConfig", {}).get("Outputs", ())
    ]
    # A job that does not end well delivers nothing but what it has delivered all along.
    rows = [(name, readable(to["S3Uri"])) for name, to in outputs if done or to["S3UploadMode"] == "Continuous"]
    message = description.get("ExitMessage")
    return [*rows, ("exit message", message)] if message else rows


def _transform_results(description: Mapping[str, Any]) -> list[tuple[str, str]]:
    failed = description["TransformJobStatus"] == "Failed"  # and its reason says how many files, and which
    uri = description["TransformOutput"]["S3OutputPath"]
    folder = local(uri)
    rows = [] if failed and folder and not Path(folder).exists() else [("output", readable(uri))]
    tally = description.get("Harness", {}).get("Progress")
    if tally and not failed:
        rows.insert(0, ("files", f"{tally['files']} of {tally['of_files']}"))
        rows.insert(1, ("records", f"{tally['records']:,}"))
    return rows


def _endpoint_results(description: Mapping[str, Any]) -> list[tuple[str, str]]:
    url = description.get("EndpointUrl")
    return [("url", url)] if url else []


_RESULTS = {
    "TrainingJob": _training_results,
    "ProcessingJob": _processing_results,
    "TransformJob": _transform_results,
    "Endpoint": _endpoint_results,
}


def show_rows(rows: list[tuple[str, str]]) -> None:
    """Two columns."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        click.echo(f"  {name:<{width}}  {value}")


def local(uri: str) -> str | None:
    """The path of a ``file://`` URI; None for another."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" else None


def readable(uri: str) -> str:
    """A URI as people would type it: a path of this machine relative to here where that is shorter."""
    path = local(uri)
    if path is None:
        return uri
    relative = os.path.relpath(path)
    return relative if len(relative) < len(path) else path
