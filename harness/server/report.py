"""The server's log: traps, each kind once, and failures with the user's own last frame first."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
from collections.abc import Callable

from harness.server.traps import Trap

# What everything in the log is named after, and what a log line that ends the server starts with.
LOGGER = "harness.server"
FAILED = "harness.server failed: "

_FORMAT = "%(asctime)s %(name)-12s %(levelname)-8s %(message)s"  # sagemaker-containers 2.8.6.post2


def configure(level: int) -> None:
    """Log to stderr from ``level`` up, the user's own loggers included, as AWS's server does."""
    logging.basicConfig(format=_FORMAT, level=level)


def once() -> Callable[[], bool]:
    """A question that is answered with True once, among all processes that are forked from this one."""
    reading, writing = os.pipe()
    os.write(writing, b"+")
    os.close(writing)
    return lambda: os.read(reading, 1) != b""


class Reporter:
    """Writes to the log of one worker. Remembers which traps it has explained."""

    def __init__(self, code_dir: str) -> None:
        self._code_dir = code_dir
        self._log = logging.getLogger(LOGGER)
        self._explained: set[str] = set()

    def trap(self, trap: Trap) -> None:
        """Explain a trap, the first time that this worker meets its kind."""
        if trap.kind not in self._explained:
            self._explained.add(trap.kind)
            self._log.warning("%s: %s", trap.kind, trap.message)

    def failure(self, what: str, error: BaseException) -> None:
        """Log what failed, then the traceback of the user's error (``__cause__``, if there is one)."""
        cause = error.__cause__ or error
        self._log.error("%s\n%s", what, describe(cause, self._code_dir))

    def failure_again(self, what: str, error: BaseException) -> None:
        """Log what failed as it has before, without the traceback that the log has already."""
        self._log.error("%s: %s", what, " ".join(str(error).split()))


def describe(error: BaseException, code_dir: str) -> str:
    """The user's own last frame on the first line, then the traceback, without the server's frames at its
    top."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _of_the_server(frame.filename)]
    own = [frame for frame in frames if frame.filename.startswith(code_dir)]
    last = (own or frames)[-1:]
    first = [f"  at {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}\n" for frame in last]
    told = ["Traceback (most recent call last):\n", *traceback.format_list(frames)] if frames else []
    return "".join([*first, *told, *traceback.format_exception_only(type(error), error)]).rstrip("\n")


def flush_prints() -> None:
    """Let the user's prints reach the log line by line, as with ``PYTHONUNBUFFERED`` in AWS's image."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)


def _of_the_server(filename: str) -> bool:
    return filename.startswith((__file__.rsplit("report", 1)[0], "<frozen importlib", importlib.__file__))
