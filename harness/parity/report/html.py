"""The report as one self-contained page: for eyes, without scripts, without any request to anywhere.

``page.html`` says what stands where, ``page.css`` how it looks; here is what they show. Everything in the document is
text of strangers: it is escaped by the template's engine, and pictures are shown as images, in which a browser runs no
script and loads nothing.
"""

from __future__ import annotations

import base64
import binascii
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final

from harness.errors import MissingCapability
from harness.parity.outcomes import alike
from harness.parity.report.marking import side_by_side, visible
from harness.parity.report.merging import counted, listed, merged, uncompared

Document = Mapping[str, Any]

_ABOUT_TARGETS: Final = {
    "local": "plain processes on this machine",
    "container": "the SageMaker image, in Docker",
    "localmode": "the SageMaker SDK’s own local mode",
    "remote": "AWS",
}
_GROUPS: Final = {
    "What the script sees": (
        *("environment", "arguments", "working-directory", "python-path", "opt-ml-tree", "config-files"),
        *("terminal", "user", "umask", "signals", "versions"),
    ),
    "What comes out": ("outcome", "model-archive", "output-archive", "model-predictions", "metrics"),
    "How the model serves": ("endpoint", "transform", "consistency"),
}
_OTHER_GROUP: Final = "More"
_KINDS: Final = {
    "unexplained": ("Unexplained", "Nobody knows yet why. Mend each one, or accept it in the configuration."),
    "stale-acceptance": ("Accepted, but gone", "The configuration accepts what no longer happens. Remove the entry."),
    "nondeterministic": (
        "Different from run to run",
        "Two runs on one and the same target differ, so that no target is to blame.",
    ),
    "accepted": ("Accepted", "The configuration accepts these, with a reason."),
    "known": ("Known", "Each of these has an explanation; none is a surprise."),
}
"""How findings are grouped, what asks for a decision first."""
_OPEN: Final = frozenset({"unexplained", "stale-acceptance", "nondeterministic"})
_STATES: Final = {"ran": "", "unavailable": "could not run here", "broke": "broke half way"}
_PICTURES: Final = frozenset({"image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp"})


def render(document: Document) -> str:
    """The page of a report document (see ``report.document``), as HTML.

    Raises:
        MissingCapability: the templating library is not installed.
    """
    page: str = _template().render(_view(document))
    return page


@cache
def _template() -> Any:
    """What stands where, compiled."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise MissingCapability(
            "--html needs Jinja2, which is not installed: pip install 'sagemaker-harness[report]'"
        ) from None
    environment = Environment(
        loader=PackageLoader("harness.parity.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _view(document: Document) -> dict[str, Any]:
    targets = [_target(each) for each in document["Targets"]]
    ran = [each for each in targets if each["State"] == "ran"]
    findings = [_beside(each) for each in merged(document["Findings"])]
    return {
        "job": document["Job"],
        "verdict": _verdict(document, findings, targets),
        "tally": _tally(document, findings, ran),
        "targets": targets,
        "groups": list(_groups(document, targets)),
        "uncompared": uncompared(document),
        "logs": list(_logs(targets)),
        "failing": next(iter(_endings(targets).values()), None) if document["Verdict"] == "agrees" else None,
        "reference": document.get("Reference"),
        "findings": [
            {
                "kind": kind,
                "title": title,
                "about": about,
                "open": kind in _OPEN,
                "entries": entries,
                "causes": list(_causes(entries)),
            }
            for kind, (title, about) in _KINDS.items()
            if (entries := [each for each in findings if each["Kind"] == kind])
        ],
        "metrics": _table(targets, "Metrics", partial(alike, tolerance=document["Job"]["Tolerance"])),
        "seconds": _times(targets),
        "versions": _table(targets, "Versions"),
        "files": [(archive, _files(targets, archive)) for archive in ("model", "output")],
        "pictures": _pictures(targets),
    }


def _target(target: Document) -> dict[str, Any]:
    defaults: dict[str, Any] = dict.fromkeys(
        ("Reason", "JobStatus", "ExitCode", "FailureReason", "LogTail", "Isolation"),
    )
    defaults |= {"Stopped": False, "Seconds": {}, "Metrics": {}, "Files": {}, "Pictures": [], "Versions": {}}
    about = target.get("Note") or _ABOUT_TARGETS.get(target["Name"], "")
    return {**defaults, **target, "about": about}


def _beside(finding: dict[str, Any]) -> dict[str, Any]:
    """A finding with its two sides marked where they differ."""
    expected, seen = side_by_side(finding["Expected"], finding["Seen"])
    return {**finding, "expected": expected, "seen": seen}


def _causes(findings: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Findings of one kind by why they are: whoever has understood one of a cause has understood all."""
    found: dict[object, list[dict[str, Any]]] = {}
    for number, each in enumerate(findings):
        found.setdefault(each["Why"] if each["Kind"] == "known" and each["Why"] else number, []).append(each)
    for entries in found.values():
        targets = dict.fromkeys(name for each in entries for name in each["targets"])
        one_advice = len({(each["Breaks"], each["Remedy"]) for each in entries}) == 1
        yield {"entries": entries, "on": listed(list(targets)), "one_advice": one_advice}


def _verdict(document: Document, findings: Sequence[Document], targets: Sequence[Document]) -> dict[str, Any]:
    script = document["Job"]["EntryPoint"]
    names = {state: listed([each["Name"] for each in targets if each["State"] == state]) for state in _STATES}
    undecided = [each for each in findings if each["Kind"] in _OPEN]
    if not names["ran"] and not undecided:
        state, title, text = "differs", "Nothing could be compared", "No target ran the job to its end."
    elif document["Verdict"] == "differs":
        state, title = "differs", _counted(len(undecided), "difference needs", "differences need") + " your decision"
        text = (
            f"What {script} saw or did is not what SageMaker promises, or not the same everywhere, and nobody said why."
        )
    elif failed := [each for each in targets if _ends_badly(each)]:
        state, title = (
            "differs",
            f"The job {_ending(failed[0])}" + (" on every target alike" if len(failed) > 1 else ""),
        )
        text = failed[0]["FailureReason"] or f"{script} was stopped after its deadline."
    else:
        state, title = "agrees", "Nothing unexpected" if findings else "Ready for SageMaker"
        text = f"{script} saw and did on {names['ran']} what SageMaker promises."
        if findings:
            explained = _counted(len(findings), "difference is", "differences are")
            text += f" {explained} known or accepted, and explained below."
        for titles, on, _ in uncompared(document):
            text += f" Not compared on {on}: {titles}."
    without = [f"{names[state]} {what}." for state, what in _STATES.items() if what and names[state]]
    return {"state": state, "title": title, "text": " ".join([text, *without]), "undecided": undecided}


def _tally(document: Document, findings: Sequence[Document], ran: Sequence[Document]) -> list[tuple[int, str]]:
    compared = sum(cell.get("Compared") or 0 for each in document["Aspects"] for cell in each["Cells"].values())
    kinds = [each["Kind"] for each in findings]
    return [
        (len(ran), "target ran" if len(ran) == 1 else "targets ran"),
        (compared, "values compared"),
        (sum(kind in _OPEN for kind in kinds), "to decide"),
        (kinds.count("accepted"), "accepted"),
        (kinds.count("known"), "known"),
    ]


def _ends_badly(target: Document) -> bool:
    return bool(target["State"] == "ran" and target["JobStatus"] not in ("Completed", None))


def _ending(target: Document) -> str:
    return "is stopped" if target["JobStatus"] == "Stopped" else "fails"


def _logs(targets: Sequence[Document]) -> Iterator[tuple[str, Document]]:
    """The end of what jobs printed that did not complete: whose it is, and one target of those that tell the same."""
    badly = [each for each in targets if _ends_badly(each) and each["LogTail"]]
    for text in dict.fromkeys(each["LogTail"] for each in badly):
        same = [each for each in badly if each["LogTail"] == text]
        yield listed([each["Name"] for each in same]), same[0]


def _endings(targets: Sequence[Document]) -> dict[str, str]:
    """How the jobs end that do not complete, by target, in a word or two."""
    badly = [each for each in targets if _ends_badly(each)]
    alike = " alike" if len(badly) > 1 else ""
    return {each["Name"]: f"{_ending(each).removeprefix('is ')}{alike}" for each in badly}


def _with_endings(row: Document, targets: Sequence[Document]) -> Document:
    """The row of how the job ends: that targets agree in a failure is no reason to be glad, and not shown as one."""
    words = _endings(targets)
    cells = {
        name: {**cell, "Word": words[name]} if name in words and cell["State"] != "differs" else cell
        for name, cell in row["Cells"].items()
    }
    return {**row, "Cells": cells}


def _with_counts(row: Document, document: Document) -> Document:
    """The row with those findings alone in its cells that make their state."""
    cells = {name: {**cell, "Findings": counted(cell, document)} for name, cell in row["Cells"].items()}
    return {**row, "Cells": cells}


def _groups(document: Document, targets: Sequence[Document]) -> Iterator[tuple[str, list[Document]]]:
    known = {name for names in _GROUPS.values() for name in names}
    by_name = {each["Name"]: _with_counts(each, document) for each in document["Aspects"]}
    if "outcome" in by_name:
        by_name["outcome"] = _with_endings(by_name["outcome"], targets)
    others = tuple(name for name in by_name if name not in known)
    for title, names in {**_GROUPS, _OTHER_GROUP: others}.items():
        if rows := [by_name[name] for name in names if name in by_name]:
            yield title, rows


def _table(
    targets: Sequence[Document], member: str, same: Callable[[Any, Any], bool] = operator.eq
) -> list[dict[str, Any]]:
    """A mapping that each target has, as rows over all targets; a row knows whether its values are the same."""
    names = dict.fromkeys(name for each in targets for name in each[member])
    rows = [{"name": name, "values": [each[member].get(name) for each in targets]} for name in names]
    for row in rows:
        there = [value for value in row["values"] if value is not None]
        row["differs"] = any(not same(there[0], value) for value in there[1:])
    return rows


def _times(targets: Sequence[Document]) -> list[dict[str, Any]]:
    rows = _table(targets, "Seconds")
    longest = max((value for row in rows for value in row["values"] if value), default=0) or 1
    for row in rows:
        row["shares"] = [100 * (value or 0) / longest for value in row["values"]]
    return rows


def _files(targets: Sequence[Document], archive: str) -> list[dict[str, Any]]:
    listings = [{file["Name"]: file for file in each["Files"].get(archive, ())} for each in targets]
    names = sorted({name for listing in listings for name in listing})
    return [{"name": name, "values": [listing.get(name) for listing in listings]} for name in names]


def _pictures(targets: Sequence[Document]) -> list[dict[str, Any]]:
    names = dict.fromkeys(picture["Name"] for each in targets for picture in each["Pictures"])
    return [{"name": name, "shown": list(_shown(targets, name))} for name in names]


def _shown(targets: Sequence[Document], name: str) -> Iterator[dict[str, Any]]:
    first: dict[str, str] = {}
    for target in targets:
        for picture in target["Pictures"]:
            if picture["Name"] == name:
                content = picture["Base64"]
                same = first.setdefault(content, target["Name"])
                yield {
                    "target": target["Name"],
                    "source": _source(picture["MediaType"], content),
                    "same_as": same if same != target["Name"] else None,
                }


def _source(media_type: str, content: str) -> str | None:
    """A ``data:`` URI; None for what is no picture, or not in Base64."""
    if media_type not in _PICTURES:
        return None
    try:
        decoded = base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error):
        return None
    return f"data:{media_type};base64,{base64.b64encode(decoded).decode()}"


def _counted(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"
