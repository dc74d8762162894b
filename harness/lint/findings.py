"""What a rule says, and what a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from harness.lint.subject import Subject


class Severity(StrEnum):
    """What becomes of the job."""

    ERROR = "error"
    """It fails on SageMaker."""
    WARNING = "warning"
    """It runs there, and does something else than here."""
    NOTE = "note"
    """Nothing, as it is configured now; another value, or an argument given by hand, would make a difference."""


class Spot(NamedTuple):
    """Where: a file of the source, and a place in it."""

    path: str
    """As the job names it: relative to the source, with ``/``."""
    line: int = 1
    column: int = 1
    """In characters, from 1."""


class Found(NamedTuple):
    """One thing that a rule has found."""

    spot: Spot
    severity: Severity
    message: str
    """One line: what will happen."""
    remedy: str
    """One line: what to do instead."""


class Finding(NamedTuple):
    """One thing that is found, and the rule that says so."""

    path: str
    line: int
    column: int
    rule: str
    """The rule's id: ``HRN101``."""
    severity: Severity
    message: str
    remedy: str


class Rule(NamedTuple):
    """One way in which a script behaves differently on SageMaker."""

    id: str
    """Never changes its meaning, is never used again."""
    name: str
    """In a few words, with hyphens."""
    summary: str
    """One line, for lists of rules."""
    why: str
    """What really happens on SageMaker, and how that is known."""
    check: Callable[[Subject], Iterable[Found]]
