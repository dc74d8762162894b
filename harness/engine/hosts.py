"""Run a job's hosts to their end: their lines into the log, every exit code, deadlines and stops in between.

One loop over file descriptors, whatever the launcher; it sleeps until something happens.
"""

from __future__ import annotations

import os
import re
import selectors
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

from harness.engine.launcher import HostSpec, Launcher, RunningHost
from harness.engine.store import Document, Vanished, now

LONGEST_LINE = 256 * 1024
"""Bytes after which a line without an end is broken: the size of a CloudWatch Logs event."""

_CHUNK = 256 * 1024


class Stop(Enum):
    """Why a job ended before its hosts did by themselves; the stronger ones stand below."""

    REQUESTED = "requested"
    DEADLINE = "deadline"
    ABANDONED = "abandoned"
    VANISHED = "vanished"


class Control(Protocol):
    """What reaches a job from outside while it runs."""

    @property
    def files(self) -> Sequence[int]:
        """File descriptors; one is readable when there is something to ``receive``."""

    def receive(self) -> Stop | None:
        """A stop that has arrived, if one has."""

    def notify(self) -> None:
        """Wake whoever follows the job: its log or its description has changed."""


class Companion(Protocol):
    """Something of ours that goes on beside the hosts, in a thread of its own, and reports to the loop."""

    def start(self) -> None:
        """The hosts have been started."""

    def fileno(self) -> int:
        """Readable when there is something to ``receive``."""

    def receive(self) -> bool:
        """Act on what has happened, in the loop's thread; True if the hosts are needed no longer."""

    def cancel(self) -> None:
        """A stop has begun."""


@dataclass(frozen=True)
class Ended:
    """How the hosts ended."""

    exit_codes: Mapping[str, int]
    """Host name -> 0–255, or ``-n`` if signal *n* ended it."""
    stop: Stop | None = None

    @property
    def failed(self) -> tuple[str, ...]:
        """The hosts that did not exit with 0."""
        return tuple(host for host, code in self.exit_codes.items() if code != 0)


class Stopped(Exception):
    """The job was stopped before its script ran."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended)
        self.ended = ended


class Log:
    """``log.txt``: whole lines of every host, each with its host's name, in the order in which they came."""

    def __init__(self, path: Path, *, on_line: Callable[[str, bytes], None] | None = None) -> None:
        self._file = path.open("ab")
        self._on_line = on_line
        self._partial: dict[str, bytes] = {}
        self._fresh = False

    def feed(self, host: str, data: bytes) -> None:
        """Take what a host has printed; the unfinished last line waits for its end."""
        *whole, rest = (self._partial.pop(host, b"") + data).split(b"\n")
        lines = [piece for line in whole for piece in _pieces(line)]
        *broken, rest = _pieces(rest)
        if rest:
            self._partial[host] = rest
        self._write(host, lines + broken)

    def end(self, host: str) -> None:
        """The host prints no more: write its unfinished line, if there is one."""
        rest = self._partial.pop(host, b"")
        if rest:
            self._write(host, [rest])

    def say(self, host: str, text: str) -> None:
        """Add a line of our own."""
        self._write(host, [text.encode()])

    def flush(self) -> bool:
        """Let readers see what was written; whether there was anything."""
        fresh, self._fresh = self._fresh, False
        if fresh:
            with self._naming_the_file():
                self._file.flush()
        return fresh

    def close(self) -> None:
        """Write what is left and close the file."""
        for host in list(self._partial):
            self.end(host)
        self._file.close()

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        """A full disk becomes a job's FailureReason, which should say which disk."""
        try:
            yield
        except OSError as error:
            error.filename = self._file.name
            raise

    def _write(self, host: str, lines: Iterable[bytes]) -> None:
        lines = list(lines)
        if not lines:
            return
        prefix = f"{host} | ".encode()
        with self._naming_the_file():
            self._file.write(b"".join(prefix + line + b"\n" for line in lines))
        self._fresh = True
        if self._on_line is not None:
            for line in lines:
                self._on_line(host, line)


def _pieces(line: bytes) -> list[bytes]:
    """A line, broken where it is too long; at least one piece."""
    return [line[start : start + LONGEST_LINE] for start in range(0, len(line), LONGEST_LINE)] or [b""]


class Metrics:
    """The last value of each metric that ``MetricDefinitions`` find in the log, as AWS reports it at the end."""

    def __init__(self, definitions: Sequence[Mapping[str, str]]) -> None:
        self.definitions = [(each["Name"], re.compile(each["Regex"])) for each in definitions]
        self._last: dict[str, tuple[float, datetime]] = {}

    def __call__(self, host: str, line: bytes) -> None:
        """Look for metrics in one line."""
        text = line.decode("utf-8", "replace")
        for name, pattern in self.definitions:
            for match in pattern.finditer(text):
                try:
                    self._last[name] = (float(match.group(1)), now())
                except (ValueError, IndexError):
                    continue

    def final(self) -> list[Document]:
        """``FinalMetricDataList`` of ``DescribeTrainingJob``."""
        return [
            {"MetricName": name, "Value": value, "Timestamp": moment} for name, (value, moment) in self._last.items()
        ]


def run_hosts(
    launcher: Launcher,
    specs: Sequence[HostSpec],
    *,
    log: Log,
    control: Control,
    on_stop: Callable[[Stop], None] = lambda stop: None,
    companion: Companion | None = None,
    meanwhile: Callable[[], object] = lambda: None,
    deadline: float | None = None,
    grace: float = 120.0,
) -> Ended:
    """Start every host, and return when all have ended.

    Args:
        launcher: starts them.
        specs: the hosts.
        log: takes what they print.
        control: brings stops from outside, is notified of fresh lines.
        on_stop: told when a stop begins.
        companion: runs beside the hosts, and may end them when it is done.
        meanwhile: called once, as soon as the hosts run: a moment's work that would otherwise have to wait for them.
        deadline: moment of ``time.monotonic()`` after which the job is stopped.
        grace: seconds between a stop and the kill (AWS: 120).

    Raises:
        LaunchError: a host could not be started. None is left running.
        Vanished: the hosts were ended because the job's folder has gone.
    """
    with ExitStack() as stack:
        hosts = []
        for spec in specs:
            host = launcher.start(spec)
            stack.callback(host.close)
            hosts.append(host)
        meanwhile()
        return _Loop(hosts, log, control, on_stop, companion, deadline, grace).run()


class _Loop:
    def __init__(
        self,
        hosts: Sequence[RunningHost],
        log: Log,
        control: Control,
        on_stop: Callable[[Stop], None],
        companion: Companion | None,
        deadline: float | None,
        grace: float,
    ) -> None:
        self.hosts, self.log, self.control, self.on_stop = hosts, log, control, on_stop
        self.companion = companion
        self.deadline, self.grace = deadline, grace
        self.kill_at: float | None = None
        self.stop: Stop | None = None
        self.exit_codes: dict[str, int] = {}
        self.selector = selectors.DefaultSelector()

    def run(self) -> Ended:
        with self.selector:
            for file in self.control.files:
                self.selector.register(file, selectors.EVENT_READ, self._receive)
            for host in self.hosts:
                os.set_blocking(host.output, False)
                self.selector.register(host.output, selectors.EVENT_READ, lambda host=host: self._read(host))
                self.selector.register(host.exited, selectors.EVENT_READ, lambda host=host: self._exit(host))
            if self.companion is not None:
                self.selector.register(self.companion, selectors.EVENT_READ, self._hear_companion)
                self.companion.start()
            while len(self.exit_codes) < len(self.hosts):
                for key, _ in self.selector.select(self._patience()):
                    key.data()
                self._keep_time()
                if self.log.flush():
                    self.control.notify()
        self.log.flush()
        self.control.notify()
        if self.stop is Stop.VANISHED:
            raise Vanished
        order = {host.name: self.exit_codes[host.name] for host in self.hosts}
        return Ended(order, self.stop)

    def _patience(self) -> float | None:
        moments = [moment for moment in (self.kill_at, self.deadline) if moment is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _keep_time(self) -> None:
        moment = time.monotonic()
        if self.deadline is not None and moment >= self.deadline:
            self.deadline = None
            self._begin_stop(Stop.DEADLINE)
        if self.kill_at is not None and moment >= self.kill_at:
            self.kill_at = None
            for host in self.hosts:
                host.kill()

    def _receive(self) -> None:
        before = set(self.control.files)
        stop = self.control.receive()
        for file in before - set(self.control.files):
            self.selector.unregister(file)
        if stop is not None:
            self._begin_stop(stop)

    def _hear_companion(self) -> None:
        assert self.companion is not None
        if self.companion.receive():
            for host in self.hosts:
                host.kill()

    def _begin_stop(self, stop: Stop) -> None:
        if self.companion is not None:
            self.companion.cancel()
        if stop in {Stop.ABANDONED, Stop.VANISHED}:  # nobody waits for the result any more
            self.stop = stop
            self.kill_at = time.monotonic()
        elif self.stop is None:
            self.stop = stop
            self.kill_at = time.monotonic() + self.grace
            for host in self.hosts:
                host.terminate()
            self.on_stop(stop)

    def _read(self, host: RunningHost) -> bool:
        """Take what is there; False at the end."""
        try:
            data = os.read(host.output, _CHUNK)
        except BlockingIOError:
            return False
        if data:
            self.log.feed(host.name, data)
            return True
        self.selector.unregister(host.output)
        self.log.end(host.name)
        return False

    def _exit(self, host: RunningHost) -> None:
        self.selector.unregister(host.exited)
        self.exit_codes[host.name] = host.exit_code()
        # What the command wrote before it ended is in the pipe; whoever still holds the other end is not waited for.
        if host.output in self.selector.get_map():
            while self._read(host):
                pass
            if host.output in self.selector.get_map():
                self.selector.unregister(host.output)
                self.log.end(host.name)
