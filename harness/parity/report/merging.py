"""One way of counting for every report: what is said alike of several targets is one finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def merged(findings: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings of a document that say the same of several targets, as one that has ``ids`` and ``targets``.

    ``on`` has the targets in words.
    """
    found: dict[str, dict[str, Any]] = {}
    for finding in findings:
        same = {name: value for name, value in finding.items() if name not in {"Id", "Target"}}
        entry = found.setdefault(repr(sorted(same.items())), {**same, "ids": [], "targets": []})
        entry["ids"].append(finding["Id"])
        entry["targets"].append(finding["Target"])
    for entry in found.values():
        entry["on"] = listed(list(dict.fromkeys(entry["targets"]))).replace("*", "any target")
    return list(found.values())


def uncompared(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What could not be compared though it should have been: aspects and targets in words, and why."""
    found: dict[str, dict[str, list[str]]] = {}
    for aspect in document["Aspects"]:
        for name, cell in aspect["Cells"].items():
            if reason := reason_of(cell):
                found.setdefault(reason, {}).setdefault(aspect["Title"], []).append(name)
    return [
        (listed(list(titles)), listed(list(dict.fromkeys(name for names in titles.values() for name in names))), reason)
        for reason, titles in found.items()
    ]


def reason_of(cell: Mapping[str, Any]) -> str | None:
    """Why a cell was not compared, if that is not simply for want of another target."""
    return cell.get("Reason") if cell["State"] == "not compared" else None


def counted(cell: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """The findings of a cell that make its state: what is known is not counted beside what nobody has explained."""
    states = {
        each["Id"]: each["Kind"] if each["Kind"] in {"known", "accepted"} else "differs"
        for each in document["Findings"]
    }
    return [id_ for id_ in cell["Findings"] if states.get(id_, cell["State"]) == cell["State"]]


def listed(names: Sequence[str]) -> str:
    """Names in words: ``local, container and remote``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
