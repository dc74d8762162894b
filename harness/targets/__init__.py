"""The switch: a name becomes a SageMaker client, imported only when it is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from harness.config import Config
from harness.errors import MissingCapability
from harness.storage import Storage

Document = dict[str, Any]


class Output(NamedTuple):
    """Whole lines of a job's log, each with its host's name in front."""

    data: bytes


class Status(NamedTuple):
    """A job has entered a new (secondary) status."""

    name: str
    message: str


class Progress(NamedTuple):
    """How far a batch transform job is."""

    files: int
    """Of all files, those that are done, well or not."""
    of_files: int
    records: int
    """Answered by the model."""
    seconds: float
    """Since the first request."""


Event = Output | Status | Progress


class Target(Protocol):
    """A SageMaker client, and the ways in which following a job differs from one client to the next."""

    name: str
    client: Any
    """Has the verbs of ``boto3.client("sagemaker")``."""

    storage: Storage
    """Where the target's jobs read and write."""

    runtime: Any
    """Has the verbs of ``boto3.client("sagemaker-runtime")``."""

    def follow(self, kind: str, name: str) -> Iterator[Event]:
        """What a job prints and how it proceeds, live, until it has ended. ``kind``: ``TrainingJob`` and the like.

        An endpoint that was made here is followed until it is in service, and lives on; another one until it is gone.
        """

    def interrupt(self, kind: str, name: str) -> str:
        """The user has pressed Ctrl-C. Ends what dies with us, and says what became of the job."""

    def detach(self, kind: str, name: str) -> None:
        """Nobody here waits for the job any longer; it goes on."""

    def close(self) -> None:
        """Release what the client holds."""


_MODULES = {
    "local": "harness.targets.local",
    "container": "harness.targets.container",
    "localmode": "harness.targets.localmode",
    "remote": "harness.targets.remote",
}


def open_target(config: Config) -> Target:
    """The target that ``config.on`` names.

    Raises:
        MissingCapability: this machine, or this environment, lacks what the target needs.
    """
    if config.on not in _MODULES:
        raise MissingCapability(f"--on {config.on}: this version runs jobs on {', '.join(_MODULES)} alone.")
    module = import_module(_MODULES[config.on])
    target: Target = module.open_target(config)
    return target
