"""A comparison for a terminal: the matrix, then what is not explained, and how much is. Made from the document."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, groupby
from typing import Any

from harness.parity.report.marking import visible
from harness.parity.report.merging import counted, listed, merged, reason_of, uncompared

Document = Mapping[str, Any]
Style = Callable[[str, str], str]
"""Text and the name of a cell's state -> the text, coloured perhaps."""

_MARKS = {"agrees": "ok", "known": "known", "accepted": "accepted", "differs": "DIFFERS", "not compared": "-"}
_COLUMN = 13
_FIRST = 26
_LIBRARY = re.compile(r'\|\s+File "[^"]*/(?:(?:site|dist)-packages|lib/python3[^/"]*)/')
"""A line of the log that begins a frame of a library in a traceback."""
_FRAME = re.compile(r'\|\s+File "')
_INSIDE = "|     "
"""How the lines of a frame go on, behind the host's name."""
_TAIL = 12
"""Lines of the log that are shown."""
_LONGEST = 400
"""Characters of a line of the log."""
_MOST = 12
"""Findings that are told one by one; the rest is in the other reports."""


def plain(text: str, state: str) -> str:
    """Without any colour."""
    return text


def render(document: Document, *, width: int = 80, style: Style = plain) -> str:
    """The whole report; of a clean run it fits a screen of 80 columns and 24 lines."""
    parts = (_matrix(document, width, style), _findings(document, width), _log(document), _verdict(document, style))
    return "\n".join(chain.from_iterable(parts))


def _matrix(document: Document, width: int, style: Style) -> Iterator[str]:
    targets = document["Targets"]
    yield " " * _FIRST + "".join(f"{each['Name']:<{_COLUMN}}" for each in targets).rstrip()
    for aspect in document["Aspects"]:
        cells = [aspect["Cells"][each["Name"]] for each in targets]
        if all(cell["State"] == "not compared" and not reason_of(cell) for cell in cells):
            continue
        marks = (_mark(cell, document) for cell in cells)
        if aspect["Name"] == "outcome":
            marks = (_ending(*each) for each in zip(targets, cells, marks, strict=True))
        shown = "".join(style(f"{mark:<{_COLUMN}}", state) for mark, state in marks)
        yield f"{aspect['Title']:<{_FIRST}}{shown}".rstrip()
    for each in targets:
        if each["State"] != "ran":
            yield from textwrap.wrap(f"{each['Name']} {each['State']}: {each['Reason']}", width)
        elif each["Note"]:
            yield from textwrap.wrap(f"{each['Name']}: {each['Note']}", width)
    for titles, on, reason in uncompared(document):
        yield from textwrap.wrap(f"not compared on {on}: {titles}: {reason}", width)


def _mark(cell: Document, document: Document) -> tuple[str, str]:
    """What a cell says, and the state that it is coloured by."""
    if reason_of(cell):
        return cell["State"], cell["State"]
    count = len(counted(cell, document))
    return _MARKS[cell["State"]] + (f" {count}" if count else ""), cell["State"]


def _ending(target: Document, cell: Document, mark: tuple[str, str]) -> tuple[str, str]:
    """That targets agree in a failure is no reason to be glad."""
    bad = _ends_badly(target) and cell["State"] != "differs"
    return (target["JobStatus"], "differs") if bad else mark


def _ends_badly(target: Document) -> bool:
    return bool(target["State"] == "ran" and target["JobStatus"] != "Completed")


def _log(document: Document) -> Iterator[str]:
    """Why the job did not complete, and the end of what it printed; the first such target says enough."""
    target = next((each for each in document["Targets"] if _ends_badly(each)), None)
    if target is not None:
        yield ""
        reason = " ".join((target["FailureReason"] or "").split())[:_LONGEST]
        yield f"{target['Name']}  {target['JobStatus']}" + (f": {reason}" if reason else "")
        if target.get("LogTail"):
            yield "The last lines of the job's log:"
            yield from (f"  {line[:_LONGEST]}" for line in list(_without_libraries(target["LogTail"]))[-_TAIL:])
        yield ""


def _without_libraries(text: str) -> Iterator[str]:
    """A log's lines, less the frames of libraries in its tracebacks: the script's own are what somebody can mend."""
    library = False
    for line in text.splitlines():
        if _FRAME.search(line):
            before, library = library, bool(_LIBRARY.search(line))
            if library and not before:
                yield f"{line.partition('|')[0]}|   …"
        elif _INSIDE not in line:
            library = False
        if not library:
            yield line


def _findings(document: Document, width: int) -> Iterator[str]:
    told = [each for each in merged(document["Findings"]) if each["Kind"] not in {"known", "accepted"}]
    if told:
        yield ""
    for finding in told[:_MOST]:
        where = visible(finding["Where"]).replace("\n", r"\n")
        yield f"{finding['on']}  {finding['Aspect']}  {where}  ({finding['Kind']})"
        for label, key in (("expected", "Expected"), ("seen", "Seen"), ("why", "Why"), ("breaks", "Breaks")):
            if finding[key] is not None or key in {"Expected", "Seen"}:
                yield _line(label, "nothing" if finding[key] is None else finding[key], width)
        if finding["Remedy"]:
            yield _line("remedy", finding["Remedy"], width)
    if len(told) > _MOST:
        yield f"… and {len(told) - _MOST} more; --json and --html have them all"
    if told:
        yield ""


def _line(label: str, text: str, width: int) -> str:
    wrapped = [visible(line) for line in textwrap.wrap(text, width - 13, max_lines=4, placeholder=" …")] or [""]
    return "\n".join([f"  {label:<9}  {wrapped[0]}", *(" " * 13 + line for line in wrapped[1:])])


def _verdict(document: Document, style: Style) -> Iterator[str]:
    kinds = sorted(each["Kind"] for each in merged(document["Findings"]))
    counts = {kind: len(list(group)) for kind, group in groupby(kinds)}
    explained = [f"{counts[kind]} {kind}" for kind in ("known", "accepted") if counts.get(kind)]
    failing = [f"{count} {kind}" for kind, count in counts.items() if kind not in {"known", "accepted"}]
    ran = [each["Name"] for each in document["Targets"] if each["State"] == "ran"]
    agreeing = f"{listed(ran) or 'nothing'} agree{'s' if len(ran) == 1 else ''}"
    failing_alike = f"{agreeing}: the job does not complete on any" if len(ran) > 1 else "the job does not complete"
    if document["Verdict"] != "agrees":
        yield style(f"differs: {', '.join(failing)}", "differs")
        yield "what is all right: --accept ASPECT WHERE TARGET REASON, or accept in [tool.harness.parity]"
    elif any(_ends_badly(each) for each in document["Targets"]):
        yield style(failing_alike, "differs")
    else:
        limit = ", as far as was compared" if uncompared(document) else ""
        yield style(f"{agreeing} with AWS's contract{limit}", "agrees")
    notes = [f"{', '.join(explained)}; --html FILE explains them"] if explained else []
    notes += [f"what comes out is held against {document['Reference']}"] if document["Reference"] else []
    if notes:
        yield "; ".join(notes)
