"""What ``--on container`` and ``--on localmode`` need: a Docker engine, and the image in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.config import Config
from harness.doctor.checks import Check, Status, failed
from harness.engine.container_limits import machine, no_quota
from harness.engine.environment import framework_version
from harness.engine.image import resolve
from harness.engine.leftovers import find_leftovers
from harness.errors import HarnessError, MissingCapability
from harness.images import build
from harness.images.build import NAME, tag
from harness.images.engine import engine, explanation
from harness.requests.common import image_of

if TYPE_CHECKING:
    from docker import DockerClient

AREA = "containers"
_PATIENCE = 10.0
"""Seconds for each answer of the engine; one that takes longer is no use to a job."""


def look(config: Config) -> Iterator[Check]:
    """Ask the engine, if there is one."""
    try:
        with engine(_PATIENCE) as client:
            yield from _ask(client, config)
    except MissingCapability as error:
        yield failed(AREA, "engine", error)


def _ask(client: DockerClient, config: Config) -> Iterator[Check]:
    import docker.errors

    try:
        yield answering(client.api.version())
        yield giving(client.api.info())
        yield _image(client, config)
        left = find_leftovers(client)
        yield leftovers([*left.containers.values(), *left.networks.values()])
    except (docker.errors.DockerException, OSError) as error:  # requests' errors are OSErrors
        yield Check(AREA, "answers", Status.MISSING, f"the engine answers with an error: {explanation(error)}")


def answering(version: dict[str, Any]) -> Check:
    """An engine that has answered with its ``/version`` document."""
    components = [each.get("Name", "") for each in version.get("Components", ())]
    name = next((each for each in components if "Podman" in each), "Docker")
    finding = f"{name} {version['Version']}, {version['Os']}/{version['Arch']}"
    return Check(AREA, "engine", Status.OK, finding)


def giving(info: dict[str, Any]) -> Check:
    """What instances can be given of the engine's machine, by its ``/info`` document."""
    there, unkept = machine(info), no_quota(info)
    finding = f"{there.cpus} CPUs and {there.memory / 1024**3:.1f} GiB for instances"
    volume = f"; VolumeSizeInGB is not kept to: {unkept}" if unkept else ""
    return Check(AREA, "limits", Status.OK, finding + volume)


def _image(client: DockerClient, config: Config) -> Check:
    name = "image"
    try:
        # Containers of this machine need no region; what AWS would want of the configuration is `aws`' matter.
        wanted = image_of(replace(config, on="container"), "training", config.instance_type or "")
        return holding(resolve(client, wanted), wanted)
    except MissingCapability as error:
        older = _older(client, framework_version(config.image_uri or "") or config.framework_version)
        if older and not config.image_uri:
            remedy = build.command(config.framework_version)
            return Check(AREA, name, Status.MISSING, f"{older} is made from other pins", remedy)
        return failed(AREA, name, error)
    except HarnessError as error:
        return failed(AREA, name, error)


def holding(found: str, wanted: str) -> Check:
    """An image that is there, and how sure its contents are."""
    version = framework_version(wanted)
    if version is None:
        return Check(AREA, "image", Status.OK, f"{found}; what it holds is not known")
    if found == wanted:
        finding = f"{found}; AWS may have rebuilt it since its pins were noted"
    else:
        finding = f"{found}, made from AWS's pins"
    return Check(AREA, "image", Status.OK, finding)


def _older(client: DockerClient, version: str) -> str | None:
    """A local image of this version that was made from other pins than those which are here now."""
    tags = [each for image in client.api.images(NAME) for each in image["RepoTags"] or ()]
    return next((each for each in tags if each.startswith(f"{NAME}:{version}-") and each != tag(version)), None)


def leftovers(names: Sequence[str]) -> Check:
    """What to do about containers and networks of killed runs."""
    if not names:
        return Check(AREA, "leftovers", Status.OK, "no container or network without a job")
    shown = ", ".join(sorted(names)[:3]) + (", …" if len(names) > 3 else "")
    remedy = "the next container job removes them, and so does harness clean"
    return Check(AREA, "leftovers", Status.WARN, f"{len(names)} without a job: {shown}", remedy)
