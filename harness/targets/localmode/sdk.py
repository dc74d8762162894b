"""The process that runs the SDK's local mode: its verbs, one after the other, as a file says. Nothing else imports it.

What it prints is the job's log. It ends with 0 when the verbs have returned and nothing is being served any more; else
with 1, and the last line says why.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TextIO, cast

from harness.engine.store import read_json
from harness.targets.localmode.compose import adjusted, containers

_COLOUR = r"(?:\x1b\[\d*m)?"
_COLOURED = re.compile(rf"^{_COLOUR}")
FAILED = "harness: "
"""What the last line begins with."""


def main() -> None:
    """Run the task that the file named by the first argument holds."""
    task = read_json(Path(sys.argv[1]))
    lines = _Lines(sys.stdout)
    sys.stdout = cast(TextIO, lines)  # all that is written to it is text
    try:
        session = _session(task, lines)
        for verb, arguments in task["calls"]:
            getattr(session.sagemaker_client, verb)(**arguments)
    except BaseException as error:
        # The thread that serves would be waited for.
        _give_up(error)


def _session(task: dict[str, Any], lines: _Lines) -> Any:
    import boto3

    logging.disable(logging.WARNING)  # what it thinks of this machine is of no use in a job's log
    local_session = import_module(task["module"])
    session = local_session.LocalSession(boto3.Session(region_name=task["region"]))
    own = (session.config or {}).get("local", {})
    session.config = {"local": {**own, **task["local"]}}
    session.sagemaker_runtime_client = _checking(local_session.LocalSagemakerRuntimeClient)(session.config)
    _adjust_compose_files(local_session._SageMakerContainer, task["compose"], lines)
    threading.excepthook = lambda raised: _give_up(raised.exc_value)
    return session


def _adjust_compose_files(container: Any, wanted: dict[str, Any], lines: _Lines) -> None:
    """Have each Compose file adjusted between being written and being used.

    There is no way into it from outside: a volume's text is split at its colons, so that ``:ro`` breaks the SDK.
    """
    import yaml  # type: ignore[import-untyped,unused-ignore]

    compose = container._compose

    def adjust_and_compose(self: Any, detached: bool = False) -> Any:
        file = Path(self.container_root) / "docker-compose.yaml"
        document = yaml.safe_load(file.read_text("utf-8"))
        lines.strip(containers(document))
        file.write_text(yaml.safe_dump(adjusted(document, **wanted)), "utf-8")
        return compose(self, detached)

    container._compose = adjust_and_compose


def _checking(client: Any) -> Any:
    """The SDK's runtime client, but an answer with a status that is not 200 is an error, as it is on AWS."""

    class Checking(client):  # type: ignore[misc]
        def invoke_endpoint(self, *arguments: Any, **named: Any) -> Any:
            threading.excepthook = lambda raised: None  # it answers; its end is now the SDK's own doing
            response = super().invoke_endpoint(*arguments, **named)
            body = response["Body"]
            if body.status != 200:
                raise RuntimeError(f"the model answered with status {body.status}: {body.read()[:512]!r}")
            return response

    return Checking


def _give_up(error: BaseException | None) -> NoReturn:
    sys.stdout.write(f"{FAILED}{type(error).__name__}: {error}\n")
    sys.stdout.flush()
    os._exit(1)


@dataclass
class _Lines:
    """Standard output without what Compose and a pseudo-terminal add to a container's lines."""

    file: TextIO
    _prefix: re.Pattern[str] | None = field(default=None, init=False)

    def strip(self, names: dict[str, str]) -> None:
        """Know containers by the names of their services and their own."""
        known = "|".join(map(re.escape, {*names, *names.values()}))
        self._prefix = re.compile(rf"^{_COLOUR}(?:{known})(?:[-_]\d+)?\s*\|{_COLOUR} ?")

    def write(self, text: str) -> int:
        """Whole lines, as the SDK writes them."""
        if self._prefix is not None:
            text, found = self._prefix.subn("", text)
            if not found:
                text = _COLOURED.sub("", text)
            elif text.endswith("\r\n"):
                text = text[:-2] + "\n"
        self.file.write(text)
        self.file.flush()
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """Colours are of no use in a log."""
        return False
