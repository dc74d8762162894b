"""What jobs print, brought to CloudWatch Logs while they run: groups and streams as AWS names them.

One thread looks at the log files of all running jobs; nothing is read twice, and what was printed before a job ended
is there before anybody is told that it has ended.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from harness.engine.store import Document, Job, kind_of
from harness.standin.metrics import Metric, finder

_POLL = 0.1
"""Seconds between looks at a running job's log."""
_CHUNK = 4 << 20


@dataclass(frozen=True)
class Event:
    """One line of a host."""

    timestamp: int
    """Milliseconds since 1970: when the stand-in saw it."""
    message: str


class Sink(Protocol):
    """Where events go."""

    def put(self, region: str, group: str, stream: str, events: Iterable[Event]) -> None:
        """Append events to a stream, which is made if it is not there."""

    def measure(self, region: str, job: str, metrics: Iterable[Metric], timestamp: int) -> None:
        """Note metrics of a training job; ``timestamp`` as an event's."""


@dataclass(frozen=True)
class _Followed:
    """An open log, which can be read to its end even when its folder is gone. Read under its lock alone."""

    job: Job
    log: BinaryIO
    region: str
    group: str
    stream: Callable[[str], str]
    metrics: Callable[[Iterable[str]], Iterable[Metric]]
    lock: threading.Lock = field(default_factory=threading.Lock)


class Follower:
    """Follows any number of jobs in a thread of its own."""

    def __init__(self, sink: Sink, reap: Callable[[Job], None]) -> None:
        """The thread starts with the first job.

        Args:
            sink: takes the events.
            reap: told of each job that has ended, in the follower's thread.
        """
        self._sink, self._reap = sink, reap
        self._followed: dict[Path, _Followed] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)

    def follow(self, job: Job, region: str) -> None:
        """Bring everything that a job prints to a region's logs until the job has ended."""
        group, stream = streams(job.description, int(time.time() * 1000))
        followed = _Followed(job, job.log.open("rb"), region, group, stream, finder(job.request))
        with self._changed:
            self._followed[job.path] = followed
            if not self._thread.is_alive():
                self._thread.start()
            self._changed.notify()

    def catch_up(self, job: Job) -> None:
        """Return when all that a job has printed so far is in its stream."""
        followed = self._followed.get(job.path)
        if followed is not None:
            self._pass_on(followed)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        for followed in self._followed.values():
            followed.log.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._followed:
                    self._changed.wait_for(lambda: self._followed or self._closed)
                if self._closed:
                    return
            for path, followed in list(self._followed.items()):
                running = followed.job.held()
                self._pass_on(followed)
                if not running:
                    with self._changed, followed.lock:
                        del self._followed[path]
                        followed.log.close()
                    self._reap(followed.job)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, _POLL)

    def _pass_on(self, followed: _Followed) -> None:
        with followed.lock:
            while not followed.log.closed and (lines := _whole_lines(followed.log)):
                moment = int(time.time() * 1000)
                for host, events in _by_host(lines, moment).items():
                    self._sink.put(followed.region, followed.group, followed.stream(host), events)
                    found = followed.metrics(event.message for event in events)
                    self._sink.measure(followed.region, followed.job.name, found, moment)


def streams(description: Document, started: int) -> tuple[str, Callable[[str], str]]:
    """The log group of a job or endpoint, and each host's stream (AWS developer guide, CloudWatch Logs).

    Args:
        description: what ``Describe…`` answers.
        started: milliseconds since 1970.
    """
    kind = kind_of(description)
    name = description[f"{kind}Name"]
    instance = f"i-{started:017x}"
    if kind == "Endpoint":
        variant = description["ProductionVariants"][0]["VariantName"]
        return f"/aws/sagemaker/Endpoints/{name}", lambda host: f"{variant}/{instance}"
    if kind == "TransformJob":
        return "/aws/sagemaker/TransformJobs", lambda host: f"{name}/{instance}-{started // 1000}"
    return f"/aws/sagemaker/{kind}s", lambda host: f"{name}/{host}-{started // 1000}"


def _whole_lines(log: BinaryIO) -> bytes:
    """The next lines that are there to their end; the rest is left for the next time."""
    data = log.read(_CHUNK)
    end = data.rfind(b"\n") + 1
    log.seek(end - len(data), os.SEEK_CUR)
    return data[:end]


def _by_host(lines: bytes, timestamp: int) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for line in lines.split(b"\n")[:-1]:
        host, _, text = line.partition(b" | ")
        found[host.decode()].append(Event(timestamp, text.decode("utf-8", "replace")))
    return found
