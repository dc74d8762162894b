"""A comparison as annotations of a GitHub workflow run (GitHub's documentation, «Workflow commands»)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.parity.report.merging import uncompared

_LEVELS = {"known": "notice", "accepted": "notice"}


def render(document: Mapping[str, Any]) -> str:
    """A line for each finding: an error for what fails the comparison, else a notice; a warning for absent targets.

    What could not be compared is a notice as well.
    """
    return "\n".join(_lines(document))


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    for target in document["Targets"]:
        if target["State"] != "ran":
            title = f"parity: {target['Name']} {target['State']}"
            yield _command("warning", title, str(target["Reason"]))
    for titles, on, reason in uncompared(document):
        yield _command("notice", f"parity: not compared on {on}", f"{titles}: {reason}.")
    file = _file(document["Job"])
    for finding in document["Findings"]:
        title = f"parity: {finding['Aspect']} on {finding['Target']}"
        told = [f"{finding['Where']}: expected {_value(finding['Expected'])}, seen {_value(finding['Seen'])}."]
        told += [f"{label}: {finding[key]}." for label, key in _EXPLAINED if finding[key]]
        if finding["Accepted"]:
            told.append(f"Accepted: {finding['Accepted']['Reason']}.")
        yield _command(_LEVELS.get(finding["Kind"], "error"), title, "\n".join(told), file)


_EXPLAINED = (("Why", "Why"), ("What it can break", "Breaks"), ("What to do", "Remedy"))


def _file(job: Mapping[str, Any]) -> str | None:
    if not job["EntryPoint"]:
        return None
    return f"{job['SourceDir']}/{job['EntryPoint']}" if job["SourceDir"] else str(job["EntryPoint"])


def _value(value: str | None) -> str:
    return "nothing" if value is None else f"«{value}»"


def _command(level: str, title: str, message: str, file: str | None = None) -> str:
    where = f"file={_property(file)}," if file else ""
    return f"::{level} {where}title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
