"""The log of a job on AWS: every host's CloudWatch stream, read to its end as often as somebody asks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.errors import ServiceError
from harness.storage.aws_errors import code_of

_ALGO = re.compile(r"algo-\d+")


def log_group(kind: str, name: str) -> str:
    """Where AWS writes a job's or an endpoint's log (AWS developer guide: CloudWatch logs)."""
    return f"/aws/sagemaker/Endpoints/{name}" if kind == "Endpoint" else f"/aws/sagemaker/{kind}s"


def host_of(stream: str) -> str:
    """The host that a stream belongs to: ``algo-1`` has ``job/algo-1-1700000000``, ``i-0ab`` ``AllTraffic/i-0ab``."""
    last = stream.rpartition("/")[2]
    algo = _ALGO.match(last)
    return algo.group() if algo else last


class JobLog:
    """Reads a job's streams; each line once, in the order of its stream."""

    def __init__(self, client: Any, kind: str, name: str) -> None:
        """Nothing is read yet.

        Args:
            client: has the verbs of ``boto3.client("logs")`` and raises errors of the harness.
            kind: ``TrainingJob``, …, ``Endpoint``.
            name: of the job or endpoint.
        """
        self._client = client
        self._group = log_group(kind, name)
        self._prefix = {} if kind == "Endpoint" else {"logStreamNamePrefix": f"{name}/"}
        self._tokens: dict[str, str | None] = {}

    def read(self) -> Iterator[bytes]:
        """What has been printed since the last time: whole lines, each with its host's name.

        What was yielded before an error is not yielded again by the next call.

        Raises:
            HarnessError: AWS refused, or cannot be reached.
        """
        self._look_for_streams()  # each time: a host may come late, and may have no more than a line to say
        for stream in sorted(self._tokens):
            yield from self._read(stream)

    def _look_for_streams(self) -> None:
        more: dict[str, str] = {}
        while True:
            try:
                page = self._client.describe_log_streams(logGroupName=self._group, **self._prefix, **more)
            except ServiceError as error:
                if code_of(error) == "ResourceNotFoundException":  # nobody has printed anything
                    return
                raise
            for stream in page["logStreams"]:
                if not stream["logStreamName"].endswith("/data-log"):  # of batch transform: no host's output
                    self._tokens.setdefault(stream["logStreamName"], None)
            if "nextToken" not in page:
                return
            more = {"nextToken": page["nextToken"]}

    def _read(self, stream: str) -> Iterator[bytes]:
        prefix = f"{host_of(stream)} | ".encode()
        while True:
            token = self._tokens[stream]
            page = self._client.get_log_events(
                logGroupName=self._group,
                logStreamName=stream,
                startFromHead=True,
                **({"nextToken": token} if token else {}),
            )
            self._tokens[stream] = page["nextForwardToken"]
            lines = [line for event in page["events"] for line in event["message"].splitlines() or [""]]
            if lines:
                yield b"".join(prefix + line.encode("utf-8", "replace") + b"\n" for line in lines)
            if page["nextForwardToken"] == token or not page["events"]:
                return
