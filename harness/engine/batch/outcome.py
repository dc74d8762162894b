"""What a batch transform tells: how far it is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Status: TypeAlias = Literal["Completed", "Failed", "Stopped"]
Fault: TypeAlias = Literal["ClientError", "AlgorithmError"]
"""Whose it is, as AWS puts it: the data's and the request's, or the model's."""

_FAILURE_REASON_LENGTH = 1024


@dataclass(frozen=True)
class Tally:
    """How far a job is."""

    files: int
    """Of all files, those that are done, well or not."""
    of_files: int
    records: int
    """Answered by the model. A file that is streamed counts as one."""
    bytes_in: int
    bytes_out: int
    seconds: float

    @property
    def records_per_second(self) -> float:
        """The mean since the job began."""
        return self.records / self.seconds if self.seconds > 0 else 0.0


class Progress(Protocol):
    """Told how far the job is, in the thread that runs it: after each response and each file, and while it waits."""

    def update(self, tally: Tally) -> None:
        """Show it, or not; the caller does not look at the time."""


class NoProgress:
    """Progress that nobody looks at."""

    def update(self, tally: Tally) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class FileFailure:
    """Why a file has no output."""

    name: str
    reason: str
    """Names the record or the range of records."""
    fault: Fault


@dataclass(frozen=True)
class TransformOutcome:
    """How a job ended."""

    status: Status
    failures: tuple[FileFailure, ...]
    tally: Tally

    @property
    def failure_reason(self) -> str | None:
        """``FailureReason`` of ``DescribeTransformJob``, at most 1,024 characters; None unless ``Failed``."""
        if self.status != "Failed":
            return None
        fault = self.failures[0].fault
        each = "; ".join(f"{failure.name}: {failure.reason}" for failure in self.failures)
        text = f"{fault}: {len(self.failures)} of {self.tally.of_files} files failed and have no output. {each}"
        return text if len(text) <= _FAILURE_REASON_LENGTH else text[: _FAILURE_REASON_LENGTH - 1] + "…"
