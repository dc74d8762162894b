"""The image's own model server, in a container: it reads the model and the code where SageMaker puts them."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, cast

from harness.engine.launcher import HostSpec, Launcher, LaunchError, RunningHost
from harness.engine.passing import into_container
from harness.engine.settings import EngineSettings
from harness.engine.toolkit import JobHost

if TYPE_CHECKING:
    from harness.engine.containers import ContainerHost

PORT = 8080
"""Where a container answers ``/ping`` and ``/invocations`` (AWS developer guide)."""


class ImageServing:
    """For one endpoint or transform job, in the place of ``serving.Serving``.

    It is the launcher of its host too, since only a container that has been started says where it can be reached.
    """

    def __init__(self, containers: Launcher, spec: HostSpec) -> None:
        self.spec, self.base_dir, self.image = spec, containers.base_dir, containers.image
        self.reason = containers.reason
        self._containers = containers
        self._host: ContainerHost | None = None

    @property
    def launcher(self) -> ImageServing:
        """What starts ``spec``."""
        return self

    @property
    def out_of_memory(self) -> AbstractSet[str]:
        """See ``Launcher``."""
        return self._containers.out_of_memory

    def start(self, spec: HostSpec) -> RunningHost:
        """See ``Launcher.start``."""
        self._host = cast("ContainerHost", self._containers.start(spec))
        return self._host

    def url(self) -> str:
        """``http://127.0.0.1:PORT``; the container's own address where it has no network.

        Raises:
            LaunchError: the container has not been started, or has ended.
        """
        if self._host is None:
            raise LaunchError(f"Host {self.spec.name} has not been started")
        address, port = self._host.address(PORT)
        return f"http://{address}:{port}"

    def stop(self) -> None:
        """Nothing: a container gets its SIGTERM from ``RunningHost.terminate``."""

    def close(self) -> None:
        """Nothing is held that its host does not release."""


def prepare(
    containers: Launcher,
    host: JobHost,
    model: Mapping[str, Any],
    *,
    settings: EngineSettings,
    variables: Mapping[str, str],
    port: int = 0,
) -> ImageServing:
    """Make the host that serves what lies in a tree; arguments as ``serving.prepare`` has them."""
    spec = HostSpec(
        name=host.name,
        command=command(str(containers.image)),
        environment={
            **into_container(settings),
            "AWS_REGION": settings.region,
            **variables,
        },
        cwd="",
        tree=host.tree,
        base_dir=host.base_dir,
        hosts=(host.name,),
        network=not model.get("EnableNetworkIsolation"),
        ports={PORT: port},
    )
    return ImageServing(containers, spec)


def command(image: str) -> tuple[str, ...]:
    """``serve``; the local image's is told to say at once what is wrong with a model."""
    from harness.images.build import NAME

    return ("serve", "--fail-fast") if image.startswith(f"{NAME}:") else ("serve",)
