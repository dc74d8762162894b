"""``--on remote``: AWS through boto3, or whatever ``AWS_ENDPOINT_URL`` names."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.config import Config
from harness.engine.root import check_root
from harness.engine.store import write_json
from harness.errors import MissingCapability, ServiceError
from harness.folders import make_own
from harness.storage import Storage
from harness.storage.aws_errors import THROTTLED, Unreachable, code_of, translated
from harness.storage.session import client_config, open_session
from harness.targets import Document, Event, Output, Status
from harness.targets.cloudwatch import JobLog
from harness.targets.uploads import storage_of

_UNDER_WAY = frozenset({"InProgress", "Stopping", "Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
_CREATES = {
    "create_training_job": "TrainingJobName",
    "create_processing_job": "ProcessingJobName",
    "create_transform_job": "TransformJobName",
}


@dataclass(frozen=True)
class Pace:
    """How often AWS is asked, in seconds. Polls come quickly at first and where there is news, else more slowly."""

    first: float = 0.25
    slowest: float = 2.0
    growth: float = 1.5
    refused: float = 5.0
    """After AWS has throttled us, or cannot be reached."""
    give_up: float = 900.0
    """Without any answer."""
    settle: float = 1.0
    """For lines that arrive in CloudWatch after the job has ended: until so long nothing has come."""


_NEXT_DOOR = Pace(first=0.05, slowest=0.5, settle=0.0)
"""At a stand-in: to ask it costs nothing, and it has a job's last line before it says that the job has ended."""


class Verbs:
    """A boto3 client whose errors are the harness's, and whose answers are AWS's documents alone."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._client, name)

        def call(**request: Any) -> Document:
            with translated():
                answer: Document = verb(**request)
            answer.pop("ResponseMetadata", None)
            return answer

        return call


class JobVerbs(Verbs):
    """``boto3.client("sagemaker")``, which leaves each job's request in the job's run folder."""

    def __init__(self, client: Any, runs_dir: Path) -> None:
        super().__init__(client)
        self._runs_dir = runs_dir

    def __getattr__(self, name: str) -> Any:
        call = super().__getattr__(name)
        if name not in _CREATES:
            return call

        def create(**request: Any) -> Document:
            folder = self._runs_dir / request[_CREATES[name]]
            if (folder / "describe.json").exists():
                raise ServiceError(
                    "ResourceInUse",
                    f"{folder} is another job's run folder",
                    "".join(part.title() for part in name.split("_")),
                    remedy="Choose another --job-name, or leave it out for a new one.",
                )
            check_root(self._runs_dir, writing=True)  # before there is a job to pay for
            answer: Document = call(**request)
            make_own(self._runs_dir)
            folder.mkdir(exist_ok=True)
            write_json(folder / "request.json", request)
            return answer

        return create


class RemoteTarget:
    """boto3's clients, and jobs followed by their descriptions and CloudWatch logs."""

    name = "remote"

    def __init__(
        self,
        session: Any,
        runs_dir: Path,
        storage: Storage,
        *,
        pace: Pace | None = None,
        wait: Callable[[float], object] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is asked before the first verb.

        Args:
            session: a ``boto3.Session``.
            runs_dir: folder of run folders.
            storage: reads artifacts.
            pace: how often AWS is asked; None: as suits the endpoint.
            wait: returns after so many seconds.
            now: the time, with its zone.
        """
        self._session = session
        self._runs_dir = runs_dir
        self.storage = storage
        self._given_pace = pace
        self._wait = wait or threading.Event().wait
        self._now = now

    @cached_property
    def client(self) -> Any:
        """Has the verbs of ``boto3.client("sagemaker")``."""
        return JobVerbs(self._sagemaker, self._runs_dir)

    @cached_property
    def runtime(self) -> Any:
        """Has the verbs of ``boto3.client("sagemaker-runtime")``."""
        # The container's own limit is 60 seconds; asking twice could be paid for twice.
        return Verbs(self._client("sagemaker-runtime", read_timeout=70))

    @cached_property
    def _sagemaker(self) -> Any:
        return self._client("sagemaker")

    @cached_property
    def _pace(self) -> Pace:
        return self._given_pace or (_NEXT_DOOR if _is_next_door(self._sagemaker.meta.endpoint_url) else Pace())

    @cached_property
    def _logs(self) -> Any:
        return Verbs(self._client("logs"))

    def _client(self, service: str, **settings: Any) -> Any:
        with translated():
            return self._session.client(service, config=client_config(**settings))

    def account(self) -> str:
        """The account that the credentials belong to."""
        answer = Verbs(self._client("sts")).get_caller_identity()
        return str(answer["Account"])

    def follow(self, kind: str, name: str) -> Iterator[Event]:
        """See ``Target.follow``. Throttling and lost connections are waited out; afterwards nothing is missing.

        When a job has ended, its run folder is the same as a local job's.
        """
        log, told = JobLog(self._logs, kind, name), _Told()
        pause, silent = self._pace.first, 0.0
        with _Copy(self._runs_dir / name / "log.txt" if kind != "Endpoint" else None) as copy:
            while True:
                try:
                    # Described before the log is read: what was printed before the end is then read as well.
                    description = self._describe(kind, name)
                    yield from told.news(kind, description)
                    before = copy.size
                    for data in log.read():
                        copy.write(data)
                        yield Output(data)
                    silent = 0.0
                except (ServiceError, Unreachable) as error:
                    if isinstance(error, ServiceError) and code_of(error) not in THROTTLED:
                        raise
                    silent += self._pace.refused
                    if silent > self._pace.give_up:
                        raise MissingCapability(f"{error.message} {self.interrupt(kind, name)}") from error
                    yield Status("Waiting", error.message)
                    self._wait(self._pace.refused)
                    continue
                if description[f"{kind}Status"] not in _UNDER_WAY:
                    break
                pause = self._pace.first if copy.size > before else min(pause * self._pace.growth, self._pace.slowest)
                self._wait(pause)
            yield from self._late_lines(log, copy, kind, description)
        if kind != "Endpoint":
            self._keep(kind, name, description)

    def interrupt(self, kind: str, name: str) -> str:
        """See ``Target.interrupt``. Nothing on AWS is stopped."""
        again = f"{name} goes on. Follow it again: harness runs follow {name} --on remote."
        if kind == "Endpoint":
            return f"{again} End it: harness delete-endpoint --endpoint-name {name} --on remote."
        return f"{again} Stop it: harness runs stop {name} --on remote."

    def detach(self, kind: str, name: str) -> None:
        """Let a job go on without us, which it does anyhow."""

    def close(self) -> None:
        """See ``Target.close``."""

    def _describe(self, kind: str, name: str) -> Document:
        verb = getattr(self.client, f"describe_{kind.replace('Job', '_job').lower()}")
        answer: Document = verb(**{f"{kind}Name": name})
        return answer

    def _late_lines(self, log: JobLog, copy: _Copy, kind: str, description: Document) -> Iterator[Output]:
        """CloudWatch has what a host printed last a moment after the job's end."""
        ended = description.get(f"{kind.removesuffix('Job')}EndTime") or description["LastModifiedTime"]
        quiet = (self._now() - ended).total_seconds() > 10 * self._pace.settle
        while not quiet:
            self._wait(self._pace.settle)
            quiet = True
            with suppress(ServiceError, Unreachable):
                for data in log.read():
                    quiet = False
                    copy.write(data)
                    yield Output(data)

    def _keep(self, kind: str, name: str, description: Document) -> None:
        """Complete the run folder: artifacts first, so that a description is of something whole."""
        folder = self._runs_dir / name
        make_own(self._runs_dir)
        folder.mkdir(exist_ok=True)
        where = _left_in(name, description) if kind == "TrainingJob" else None
        if where is not None:
            plain = description["OutputDataConfig"].get("CompressionType") == "NONE"
            for part in ("model", "output") if "ModelArtifacts" in description else ("output",):
                if plain:
                    self.storage.copy(f"{where}/{part}/", folder / "output" / part)
                elif part == "model" or self.storage.exists(f"{where}/output.tar.gz"):
                    self.storage.download(f"{where}/{part}.tar.gz", folder / "output" / f"{part}.tar.gz")
        write_json(folder / "describe.json", description)


def _left_in(name: str, description: Document) -> str | None:
    """URI of the folder of what a training job has left; None if there is none. Not every job leaves a model there."""
    if "ModelArtifacts" in description:
        model: str = description["ModelArtifacts"]["S3ModelArtifacts"]
        return model.rstrip("/").rpartition("/")[0]
    output = description.get("OutputDataConfig", {}).get("S3OutputPath")
    kept = description["TrainingJobStatus"] in {"Completed", "Stopped"}
    return f"{output.rstrip('/')}/{name}/output" if output and kept else None


def _is_next_door(endpoint: str) -> bool:
    """Whether a stand-in answers there: AWS, also at the end of a tunnel, speaks no plain HTTP."""
    url = urlsplit(endpoint)
    return url.scheme == "http" and url.hostname in {"127.0.0.1", "::1", "localhost"}


class _Told:
    """Which of a job's statuses have been told."""

    def __init__(self) -> None:
        self._transitions = 0
        self._status: str | None = None

    def news(self, kind: str, description: Mapping[str, Any]) -> Iterator[Status]:
        """The statuses since the last time."""
        transitions = description.get("SecondaryStatusTransitions")
        if transitions is not None:
            for each in transitions[self._transitions :]:
                yield Status(each["Status"], each.get("StatusMessage", ""))
            self._transitions = len(transitions)
            return
        status = description[f"{kind}Status"]
        if status != self._status:
            self._status = status
            yield Status(status, description.get("FailureReason", ""))


class _Copy:
    """``log.txt`` of a run folder, written as the log is read; from the start, as every following starts there."""

    def __init__(self, path: Path | None) -> None:
        self.size = 0
        self._path = path
        self._file: Any = None

    def __enter__(self) -> _Copy:
        if self._path is not None:
            make_own(self._path.parent.parent)
            self._path.parent.mkdir(exist_ok=True)
            self._file = self._path.open("wb")
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, data: bytes) -> None:
        """Take whole lines."""
        self.size += len(data)
        if self._file is not None:
            self._file.write(data)


def open_target(config: Config) -> RemoteTarget:
    """AWS with the standard chain of credentials and regions.

    Raises:
        MissingCapability: boto3 is not installed, or there are no credentials.
        ConfigurationError: there is no such profile, or no region.
    """
    session = open_session(config.region, config.profile)
    with translated():
        credentials = session.get_credentials()
    if credentials is None:
        raise MissingCapability(
            "There are no AWS credentials. Run `aws configure` or `aws sso login`, set profile, or export "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Without an account: harness standin -- COMMAND…"
        )
    return RemoteTarget(session, config.runs_dir, storage_of(config))
