"""What was found: differences with their explanations, what the configuration accepts, and the verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase


class Aspect(StrEnum):
    """What is compared, in the order in which it is shown."""

    ENVIRONMENT = "environment"
    ARGUMENTS = "arguments"
    WORKING_DIRECTORY = "working-directory"
    PYTHON_PATH = "python-path"
    OPT_ML_TREE = "opt-ml-tree"
    CONFIG_FILES = "config-files"
    TERMINAL = "terminal"
    USER = "user"
    UMASK = "umask"
    SIGNALS = "signals"
    VERSIONS = "versions"
    OUTCOME = "outcome"
    MODEL_ARCHIVE = "model-archive"
    OUTPUT_ARCHIVE = "output-archive"
    MODEL_PREDICTIONS = "model-predictions"
    METRICS = "metrics"
    ENDPOINT = "endpoint"
    TRANSFORM = "transform"
    CONSISTENCY = "consistency"


TITLES = {
    Aspect.ENVIRONMENT: "Environment variables",
    Aspect.ARGUMENTS: "Arguments",
    Aspect.WORKING_DIRECTORY: "Working directory",
    Aspect.PYTHON_PATH: "Python's path",
    Aspect.OPT_ML_TREE: "Files below /opt/ml",
    Aspect.CONFIG_FILES: "Configuration files",
    Aspect.TERMINAL: "Terminal",
    Aspect.USER: "User",
    Aspect.UMASK: "File mode mask",
    Aspect.SIGNALS: "Signals and processes",
    Aspect.VERSIONS: "Library versions",
    Aspect.OUTCOME: "How the job ends",
    Aspect.MODEL_ARCHIVE: "model.tar.gz",
    Aspect.OUTPUT_ARCHIVE: "output.tar.gz",
    Aspect.MODEL_PREDICTIONS: "The model's predictions",
    Aspect.METRICS: "Metrics",
    Aspect.ENDPOINT: "Endpoint",
    Aspect.TRANSFORM: "Batch transform",
    Aspect.CONSISTENCY: "Training against serving",
}


class Kind(StrEnum):
    """What a finding means to whoever asks whether targets agree."""

    KNOWN = "known"
    """A divergence that is understood: it is there on every job, and what it can break is written down."""
    ACCEPTED = "accepted"
    """The configuration says, with a reason, that it is all right."""
    UNEXPLAINED = "unexplained"
    NONDETERMINISTIC = "nondeterministic"
    """Two runs on one target differ as well: the job's doing, no target's."""
    STALE_ACCEPTANCE = "stale-acceptance"
    """The configuration accepts what is no longer there."""

    @property
    def fails(self) -> bool:
        """Whether such a finding makes the verdict «differs»."""
        return self in {Kind.UNEXPLAINED, Kind.NONDETERMINISTIC, Kind.STALE_ACCEPTANCE}


@dataclass(frozen=True)
class Finding:
    """One difference, and all that is known about it."""

    aspect: Aspect
    target: str
    where: str
    """A variable's name, a path, a metric, …: what acceptances name."""
    expected: str | None
    """What AWS's contract or the reference target has; None: nothing is expected there."""
    seen: str | None
    kind: Kind = Kind.UNEXPLAINED
    why: str | None = None
    breaks: str | None = None
    remedy: str | None = None
    accepted: str | None = None
    """The reason given in the configuration."""


@dataclass(frozen=True)
class Acceptance:
    """An entry of ``accept``: which findings are all right, and why. ``where`` and ``target`` are shell patterns."""

    aspect: str
    reason: str
    where: str = "*"
    target: str = "*"

    def covers(self, finding: Finding) -> bool:
        """Whether it speaks of this finding."""
        return (
            finding.aspect == self.aspect
            and _matches(finding.where, self.where)
            and _matches(finding.target, self.target)
        )


def accept(findings: Iterable[Finding], acceptances: Sequence[Acceptance], ran: Sequence[str]) -> list[Finding]:
    """The findings with what is accepted marked as such, and one more for each acceptance that none needs.

    Args:
        findings: of this run.
        acceptances: the configuration's.
        ran: targets that have been compared. An acceptance for others cannot be judged, and is left alone.
    """
    judged, used = [], set()
    for finding in findings:
        covering = [number for number, each in enumerate(acceptances) if each.covers(finding)]
        used.update(covering)
        if covering and finding.kind.fails:
            finding = replace(finding, kind=Kind.ACCEPTED, accepted=acceptances[covering[0]].reason)
        judged.append(finding)
    stale = [each for number, each in enumerate(acceptances) if number not in used and _judgeable(each, ran)]
    return [*judged, *map(_stale, stale)]


def agrees(findings: Iterable[Finding]) -> bool:
    """The verdict."""
    return not any(finding.kind.fails for finding in findings)


def _judgeable(acceptance: Acceptance, ran: Sequence[str]) -> bool:
    return any(_matches(target, acceptance.target) for target in ran)


def _matches(text: str, pattern: str) -> bool:
    """As the shell would; a ``where`` that holds brackets itself may be given as it is."""
    return text == pattern or fnmatchcase(text, pattern)


def _stale(acceptance: Acceptance) -> Finding:
    return Finding(
        aspect=Aspect(acceptance.aspect),
        target=acceptance.target,
        where=acceptance.where,
        expected="a difference to accept",
        seen=None,
        kind=Kind.STALE_ACCEPTANCE,
        why=f"the configuration accepts it («{acceptance.reason}»), but it is no longer there",
        breaks="an acceptance that nothing needs hides the next difference of that name",
        remedy="remove the entry from accept in [tool.harness.parity]",
    )
