"""The image's own toolkit, in a container: it installs, computes the contract, and tells how the script ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.contract.environment import Contract
from harness.contract.outcomes import Outcome
from harness.engine.container_entry import own_channels
from harness.engine.environment import platform_environment
from harness.engine.hosts import Ended, Log
from harness.engine.launcher import HostSpec, Mount
from harness.engine.passing import into_container
from harness.engine.settings import EngineSettings
from harness.engine.store import Document
from harness.engine.toolkit import JobHost, read_failure


class ImageToolkit:
    """For one job, in the place of ``toolkit.Toolkit``, which plays it: here it is real.

    Attributes:
        entrypoint: ``ContainerEntrypoint`` where the request has one; None: the image's own, which is given ``train``.
    """

    def __init__(self, request: Document, description: Document, settings: EngineSettings, image: str) -> None:
        self.request, self.description, self.settings, self.image = request, description, settings, image
        algorithm = request["AlgorithmSpecification"]
        self.entrypoint: tuple[str, ...] | None = tuple(algorithm.get("ContainerEntrypoint", ())) or None
        self.command = tuple(algorithm.get("ContainerArguments", ())) if self.entrypoint else ("train",)

    def install(self, host: JobHost, log: Log, run: Callable[[HostSpec], Ended]) -> None:
        """Nothing: the toolkit does it in each container."""

    def facts(self) -> Document:
        """What runs the script."""
        return {"Image": self.image}

    def channels(self, host: JobHost, mounts: Sequence[Mount]) -> tuple[Mount, ...]:
        """The channels of a host; those that SDK v3's drivers change as copies of its own."""
        return own_channels(host, mounts) if self.entrypoint else tuple(mounts)

    def ready(self, host: JobHost) -> Contract:
        """What the container's first process is given on top of the image's environment."""
        environment = {
            **into_container(self.settings),
            **platform_environment(self.description, self.settings.region),
            **self.request.get("Environment", {}),
        }
        return Contract(environment, argv=self.command[1:], command=self.command, cwd="", entry_kind=None)

    def outcome(self, host: JobHost, contract: Contract, exit_code: int) -> Outcome:
        """What the container exited with and has left."""
        return Outcome(exit_code % 256, read_failure(host), host.path(host.paths.success).exists())
