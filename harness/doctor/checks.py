"""A check, and what checks say together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from harness.errors import HarnessError


class Status(StrEnum):
    """How a thing stands."""

    OK = "ok"
    WARN = "warn"
    """Jobs run, but not all of them, or not as they would on AWS."""
    MISSING = "missing"
    """No job runs without it."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    area: str
    """``machine``, ``local``, ``containers``, ``localmode``, ``aws`` or ``standin``."""
    name: str
    status: Status
    finding: str
    """What there is, and what it means."""
    remedy: str = ""
    """What mends it, as a rule a command."""


NEEDS: Mapping[str, tuple[str, ...]] = {
    "local": ("machine", "local"),
    "container": ("machine", "containers"),
    "localmode": ("machine", "containers", "localmode"),
    "remote": ("machine", "aws"),
}
"""Target -> the areas in which nothing may be missing."""


@dataclass(frozen=True)
class Diagnosis:
    """All checks, in the order in which they are shown."""

    checks: tuple[Check, ...]

    def lacks(self, target: str) -> tuple[Check, ...]:
        """What keeps a target from running; empty if it can run."""
        return tuple(each for each in self.checks if each.area in NEEDS[target] and each.status is Status.MISSING)

    def can_run(self, target: str) -> bool:
        """Whether a target has all that it needs."""
        return not self.lacks(target)


_REMEDY = re.compile(r"; (?=`)|\. (?=[A-Z`]|http)|: (?=pip |set )")
"""Where a message of the harness goes over from what is wrong to what to do about it."""


def told(area: str, name: str, message: str, status: Status = Status.MISSING) -> Check:
    """A check from a message that says what is wrong and then what to do about it."""
    finding, remedy = (*_REMEDY.split(message, maxsplit=1), "")[:2]
    return Check(area, name, status, finding, remedy)


def failed(area: str, name: str, error: HarnessError) -> Check:
    """A check from the error that a run would end with."""
    return told(area, name, error.message)
