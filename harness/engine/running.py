"""Jobs and endpoints that processes of their own run: made, described, stopped, waited for, from any process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.engine.settings import EngineSettings
from harness.engine.store import ENDED, Document, Job, Store, kind_of
from harness.engine.supervisor import Attachment, lose, start
from harness.errors import ConfigurationError, RefusedError, ServiceError

if TYPE_CHECKING:
    from harness.engine.nursery import Nursery

_PAGE = 10
"""Summaries of a ``List…`` answer where the request does not say (AWS's API model)."""
_TIMES = ("CreationTime", "LastModifiedTime")
_FILTERS = frozenset(
    {"NameContains", "StatusEquals", "SortBy", "SortOrder", "MaxResults", "NextToken"}
    | {f"{name}{when}" for name in _TIMES for when in ("After", "Before")}
)
"""Members of a ``List…`` request that are acted on here."""


class Running:
    """What runs below one folder, and which of it this process is attached to."""

    def __init__(self, store: Store, settings: EngineSettings, nursery: Nursery | None = None) -> None:
        """Nothing starts yet.

        Args:
            store: where.
            settings: what this machine contributes.
            nursery: forks supervisors, for a caller that has threads.
        """
        self.store = store
        self.settings = settings
        self._nursery = nursery
        self._attached: dict[str, Attachment] = {}
        self._detached: dict[str, Attachment] = {}

    def create(
        self, operation: str, name: str, request: Document, description: Document, prepare: Callable[[Job], None]
    ) -> None:
        """Make a job and have it run.

        Args:
            operation: AWS's name of the request.
            name: of the job.
            request: what was asked.
            description: the first ``Describe…`` document.
            prepare: fills the folder before anything runs; if it fails, nothing of the job is left.

        Raises:
            ServiceError: ``ResourceInUse`` when the name is taken.
        """
        self.store.bury(lose)
        job, lock = self.store.create(name, operation, request, description)
        try:
            self.settings.write(job.path)
            prepare(job)
        except BaseException:
            self.store.discard(job, lock)
            raise
        self._attached[name] = start(job, lock, self._nursery)

    def find(self, kind: str, name: str) -> Document | None:
        """The description of a job of that kind, and true: one whose process was lost says so."""
        job = self.store.job(name)
        try:
            description = job.description
            if kind_of(description) != kind:
                return None
            if description[f"{kind}Status"] in ENDED or job.held():
                return description
            # Whoever takes the lock now finds a job that has just ended by itself as it is, and leaves it so.
            self.store.bury(lose)
            return job.description
        except FileNotFoundError:  # it never was, or its folder is being removed
            return None

    def stop(self, name: str, *, at_once: bool = False) -> bool:
        """Ask a job to stop, or have it ended without any grace; False if nobody runs it."""
        owner = self.store.job(name).owner()
        if owner is None:
            return False
        try:
            os.kill(owner, signal.SIGHUP if at_once else signal.SIGTERM)
        except ProcessLookupError:
            return False
        return True

    def wait(self, name: str, timeout: float | None = None) -> bool:
        """Return when the job has something new (True) or nobody runs it any more (False).

        A job that another process is attached to is looked at twice a second.
        """
        attachment = self._attached.get(name)
        if attachment is not None:
            return attachment.wait(timeout)
        return not self.store.job(name).wait_for_end(0.5 if timeout is None else min(0.5, timeout))

    def abandon(self, name: str) -> bool:
        """End a job that was made here, and return when nothing of it is left; False for one that was not."""
        attachment = self._attached.pop(name, None)
        if attachment is not None:
            attachment.abandon()
        return attachment is not None

    def detach(self, name: str) -> bool:
        """Let a job that was made here outlive this process; False for one that was not."""
        attachment = self._attached.pop(name, None)
        if attachment is not None:
            attachment.detach()
            self._detached[name] = attachment
        return attachment is not None

    def reap(self, name: str) -> None:
        """A job that was made here and detached has ended: have the system forget its process."""
        attachment = self._detached.pop(name, None)
        if attachment is not None:
            attachment.reap()

    def under_way(self) -> list[str]:
        """What was made here and still runs, by name: what ``close`` would end."""
        return [name for name in list(self._attached) if self.store.job(name).held()]

    def close(self) -> None:
        """End every job that was made here and has not been detached."""
        for name in list(self._attached):
            self.abandon(name)

    def list(self, kind: str, members: Sequence[str], filters: Mapping[str, Any]) -> Document:
        """A page of ``{"…Summaries": […], "NextToken": …}``.

        Args:
            kind: ``TrainingJob``, …, ``Endpoint``.
            members: what of a description stands in a summary.
            filters: the request.

        Raises:
            RefusedError: see ``matching``.
        """
        matches = matching(kind, filters)
        found = []
        for name in self.store.names():
            with suppress(ConfigurationError):  # a broken one keeps nobody from the others
                found.append(self.find(kind, name))
        chosen = sorted(filter(matches, filter(None, found)), key=_order(kind, filters))
        if filters.get("SortOrder", "Descending") == "Descending":
            chosen.reverse()
        first = int(filters.get("NextToken") or 0)
        last = first + int(filters.get("MaxResults") or _PAGE)
        page = [{name: each[name] for name in members if name in each} for each in chosen[first:last]]
        more = {"NextToken": str(last)} if last < len(chosen) else {}
        plural = f"{kind}Summaries" if kind != "Endpoint" else "Endpoints"
        return {plural: page, **more}


def not_found(operation: str) -> ServiceError:
    """AWS's answer for a job that there is not."""
    return ServiceError("ValidationException", "Requested resource not found.", operation)


def matching(kind: str, filters: Mapping[str, Any]) -> Callable[[Document], bool]:
    """What tells whether a description is one that a ``List…`` request asks for.

    Raises:
        RefusedError: a filter by something that nothing on this machine has.
    """
    unknown = sorted(filters.keys() - _FILTERS)
    if unknown:
        raise RefusedError(f"{', '.join(unknown)}: nothing on this machine is told apart by that; try --on remote")

    def matches(description: Document) -> bool:
        status = description.get(f"{kind}Status")
        return (
            filters.get("NameContains", "") in description[f"{kind}Name"]
            and filters.get("StatusEquals", status) == status
            and all(_lies_within(description, name, filters) for name in _TIMES)
        )

    return matches


def _lies_within(description: Document, name: str, filters: Mapping[str, Any]) -> bool:
    after, before = filters.get(f"{name}After"), filters.get(f"{name}Before")
    return (after is None or after <= description[name]) and (before is None or description[name] <= before)


def _order(kind: str, filters: Mapping[str, Any]) -> Callable[[Document], Any]:
    by = {"Name": f"{kind}Name", "Status": f"{kind}Status"}.get(filters.get("SortBy", ""), "CreationTime")
    return lambda description: (description[by], description[f"{kind}Name"])
