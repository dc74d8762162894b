"""A comparison for a terminal: the matrix, then what is not explained, and how much is. Made from the document."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

Document = Mapping[str, Any]
Style = Callable[[str, str], str]
"""Text and the name of a cell's state -> the text, coloured perhaps."""

_MARKS = {"agrees": "ok", "known": "known", "accepted": "accepted", "differs": "DIFFERS", "not compared": "-"}
_COLUMN = 11
_FIRST = 26
_MOST = 12
"""Findings that are told one by one; the rest is in the other reports."""


def plain(text: str, state: str) -> str:
    """Without any colour."""
    return text


def render(document: Document, *, width: int = 80, style: Style = plain) -> str:
    """The whole report; of a clean run it fits a screen of 80 columns and 24 lines."""
    return "\n".join([*_matrix(document, width, style), *_findings(document, width), *_verdict(document, style)])


def _matrix(document: Document, width: int, style: Style) -> Iterator[str]:
    targets = document["Targets"]
    yield " " * _FIRST + "".join(f"{each['Name']:<{_COLUMN}}" for each in targets).rstrip()
    for aspect in document["Aspects"]:
        cells = [aspect["Cells"][each["Name"]] for each in targets]
        if all(cell["State"] == "not compared" for cell in cells):
            continue
        marks = (style(f"{_mark(cell):<{_COLUMN}}", cell["State"]) for cell in cells)
        yield f"{aspect['Title']:<{_FIRST}}{''.join(marks)}".rstrip()
    for each in targets:
        if each["State"] != "ran":
            yield textwrap.shorten(f"{each['Name']} {each['State']}: {each['Reason']}", 2 * width)
        elif each["Note"]:
            yield from textwrap.wrap(f"{each['Name']}: {each['Note']}", width)


def _mark(cell: Mapping[str, Any]) -> str:
    count = len(cell["Findings"])
    return _MARKS[cell["State"]] + (f" {count}" if count else "")


def _findings(document: Document, width: int) -> Iterator[str]:
    told = [each for each in document["Findings"] if each["Kind"] not in {"known", "accepted"}]
    if told:
        yield ""
    for finding in told[:_MOST]:
        yield f"{finding['Target']}  {finding['Aspect']}  {finding['Where']}  ({finding['Kind']})"
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
    wrapped = textwrap.wrap(text, width - 13, max_lines=4, placeholder=" …") or [""]
    return "\n".join([f"  {label:<9}  {wrapped[0]}", *(" " * 13 + line for line in wrapped[1:])])


def _verdict(document: Document, style: Style) -> Iterator[str]:
    counts = {kind: len(list(group)) for kind, group in groupby(sorted(each["Kind"] for each in document["Findings"]))}
    explained = [f"{counts[kind]} {kind}" for kind in ("known", "accepted") if counts.get(kind)]
    failing = [f"{count} {kind}" for kind, count in counts.items() if kind not in {"known", "accepted"}]
    ran = [each["Name"] for each in document["Targets"] if each["State"] == "ran"]
    if document["Verdict"] == "agrees":
        yield style(f"{_listed(ran)} agree{'s' if len(ran) == 1 else ''} with AWS's contract", "agrees")
    else:
        yield style(f"differs: {', '.join(failing)}", "differs")
    notes = [f"{', '.join(explained)}; --html FILE explains them"] if explained else []
    notes += [f"what comes out is held against {document['Reference']}"] if document["Reference"] else []
    if notes:
        yield "; ".join(notes)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else "nothing"]))
