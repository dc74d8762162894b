"""One run of the SDK, as if it were a host: a process to start, whose lines are the log, and which can be killed."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.engine import image_serving
from harness.engine.container_errors import with_remedy
from harness.engine.hosts import Companion, Control, Ended, Log, Stop, run_hosts
from harness.engine.launcher import HostSpec, Launcher
from harness.engine.leftovers import labels
from harness.engine.ownership import Owner, give_back
from harness.engine.passing import into_container
from harness.engine.processes import ProcessLauncher
from harness.engine.settings import EngineSettings
from harness.engine.store import Document, Job, write_json
from harness.images.engine import engine
from harness.targets.localmode import containers, machine
from harness.targets.localmode.sdk import FAILED

HOST = "algo-1"
"""How the log calls it; the SDK adds a random ending."""
_MAIN = "from harness.targets.localmode.sdk import main; main()"
_REFUSAL = re.compile(r"(?:Cannot start service \S+: |Error response from daemon: )(.+)")
"""How Compose 1 and 2 pass on why the engine has not started a container."""
_WITHHELD = ("AWS_", "SAGEMAKER_", "HARNESS_", "COMPOSE_")
_NO_TELEMETRY = "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"


@dataclass(frozen=True)
class Run(Ended):
    """How a run of the SDK ended: the exit code is that of the container that ended worst.

    There is none where no container has ended by itself.
    """

    error: str | None = None
    """What the SDK itself failed with."""

    @property
    def is_the_sdks_failure(self) -> bool:
        """Whether the SDK failed where no container did."""
        return self.error is not None and self.stop is None and not self.failed


class SdkHost:
    """Runs the SDK's verbs for one job. ``folder`` is where it keeps its files."""

    def __init__(self, job: Job, control: Control, launcher: Launcher, log: Log) -> None:
        """Find the SDK.

        Args:
            job: the job.
            control: what reaches it from outside.
            launcher: the job's, which knows the image; the SDK itself is a plain process.
            log: the job's.

        Raises:
            MissingCapability: it is not here.
        """
        self.job, self.control, self.log = job, control, log
        self.image = str(launcher.image)
        self.settings = EngineSettings.read(job.path)
        self.sdk = machine.installed_sdk()
        self.folder = job.path.absolute() / "sdk"

    @property
    def facts(self) -> Document:
        """What runs the job."""
        return {"Sdk": str(self.sdk), "Image": self.image}

    def passed_environment(self) -> dict[str, str]:
        """The variables of this machine that the user has asked for by name."""
        return into_container(self.settings)

    def run(
        self,
        calls: Sequence[tuple[str, Mapping[str, Any]]],
        *,
        read_only: Sequence[str] = (),
        port: int | None = None,
        deadline: float | None = None,
        grace: float = 0,
        on_stop: Callable[[Stop], None] = lambda stop: None,
        companion: Companion | None = None,
    ) -> Run:
        """Have the SDK carry out its verbs, and return when it has, or has been killed.

        Args:
            calls: names of verbs of ``LocalSagemakerClient`` and their arguments.
            read_only: paths in containers that are not to be written to.
            port: of a model server on the loopback.
            deadline, grace, on_stop, companion: see ``run_hosts``.

        Raises:
            LaunchError: the process could not be started, or what it left is still root's.
            MissingCapability: the Docker engine is gone.
        """
        self.folder.mkdir()
        (self.folder / "config.yaml").write_text(_NO_TELEMETRY, "utf-8")
        local: Document = {"local_code": True, "container_root": str(self.folder)}
        wanted = {
            "read_only": list(read_only),
            "labels": labels(self.job),
            "network": f"sagemaker-local-{self.job.name}",
            # A server that cannot load its model is to say so at once; the SDK would ask it for two minutes.
            "commands": {"serve": " ".join(image_serving.command(self.image))},
        }
        task = {
            "module": self.sdk.module,
            "region": self.settings.region,
            "local": local if port is None else {**local, "serving_port": port},
            "compose": wanted,
            "calls": [list(call) for call in calls],
        }
        task_file = self.folder / "task.json"
        write_json(task_file, task)
        spec = HostSpec(
            name=HOST,
            # Found where it was found here, and not in the folder that somebody is in.
            command=(sys.executable, "-P", "-c", f"import sys; sys.path[:] = {sys.path!r}; {_MAIN}", str(task_file)),
            environment=self._environment(),
            cwd=str(self.folder),
            tree=self.folder,
            base_dir=str(self.folder),
        )
        with engine() as client:
            try:
                ended = run_hosts(
                    ProcessLauncher("none"),
                    [spec],
                    log=self.log,
                    control=self.control,
                    deadline=deadline,
                    grace=grace,
                    on_stop=on_stop,
                    companion=companion,
                )
                codes = containers.exit_codes(client, self.job)
            finally:
                containers.remove(client, self.job)
                give_back(client, self.image, [self.folder], Owner.current(), labels(self.job))
        self.log.flush()
        error = self._error() if ended.failed else None
        return Run({HOST: max(codes)} if codes else {}, ended.stop, error)

    def clear(self) -> None:
        """Remove the SDK's files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _error(self) -> str:
        lines = self.job.log.read_bytes()[-8192:].decode("utf-8", "replace").splitlines()
        return last_words(lines) or "the SDK ended without a word"

    def _environment(self) -> dict[str, str]:
        """This machine's, without anything by which the SDK would find credentials or settings of other jobs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD)}
        config = str(self.folder / "config.yaml")
        return {
            **kept,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": config,
            "SAGEMAKER_USER_CONFIG_OVERRIDE": config,
            "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
            "COMPOSE_ANSI": "never",
            "TMPDIR": str(self.folder),
        }


def last_words(lines: Sequence[str]) -> str | None:
    """Why the SDK failed, by the log: what the engine told Compose says more than that Compose failed."""
    refusals = [refusal[1] for line in lines if (refusal := _REFUSAL.search(line))]
    if refusals:
        return with_remedy(refusals[-1])
    return next((line.partition(FAILED)[2] for line in reversed(lines) if f"| {FAILED}" in line), None)


def opened(path: Path) -> Path:
    """A folder that is there, and empty if it was not."""
    path.mkdir(parents=True, exist_ok=True)
    return path
