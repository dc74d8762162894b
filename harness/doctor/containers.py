"""What ``--on container`` and ``--on localmode`` need: a Docker engine, and the image in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config import Config
from harness.doctor.checks import Check, Status, failed, told
from harness.doctor.machine import LITTLE, TOO_LITTLE
from harness.engine.container_errors import unseen
from harness.engine.container_limits import machine, no_limits, no_quota
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
    from requests.exceptions import Timeout

    try:
        yield answering(client.api.version())
        info = client.api.info()
        yield giving(info)
        yield from room(Path(info["DockerRootDir"]))
        image = _image(client, config)
        yield image
        if image.status is Status.OK:
            yield from _tried(client, config)
        left = find_leftovers(client)
        yield leftovers([*left.containers.values(), *left.networks.values()])
    except Timeout:
        finding = f"the engine takes more than {_PATIENCE:g} s for an answer"
        yield Check(AREA, "answers", Status.MISSING, finding, "`docker info` shows how it is, and what it stores with")
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
    there = machine(info)
    finding = f"{there.cpus} CPUs and {there.memory / 1024**3:.1f} GiB for instances"
    unkept = {"InstanceType": no_limits(info), "VolumeSizeInGB": no_quota(info)}
    notes = [f"; {member} is not kept to: {reason}" for member, reason in unkept.items() if reason]
    return Check(AREA, "limits", Status.OK, "".join([finding, *notes]))


def room(folder: Path) -> Iterator[Check]:
    """Whether the engine has room, where its storage is on this machine."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < LITTLE:
        status = Status.MISSING if free < TOO_LITTLE else Status.WARN
        finding = f"{free >> 20:,} MiB free for the engine in {folder}: images and containers may not fit"
        remedy = "`docker system df` shows what takes the room, `docker system prune` frees some"
        yield Check(AREA, "disk", status, finding, remedy)


def _tried(client: DockerClient, config: Config) -> Iterator[Check]:
    """What keeps a container of the image from running a job; one is made for it, and never started."""
    import docker.errors
    from docker.types import Mount

    api, wanted = client.api, _wanted(config)
    image = resolve(client, wanted)
    project = Mount("/project", str(config.project_dir.absolute()), type="bind", read_only=True)
    try:
        made = api.create_container(image, ["true"], host_config=api.create_host_config(mounts=[project]))
    except docker.errors.APIError as error:
        yield told(AREA, "folders", unseen(explanation(error)) or explanation(error))
        return
    try:
        if framework_version(wanted) is None and not _has_train(client, image, made):
            finding = f"{image} has no `train`, which SageMaker starts a training image with"
            remedy = "`pip install sagemaker-training` in the image brings one; or leave image_uri out"
            yield Check(AREA, "train", Status.WARN, finding, remedy)
    finally:
        api.remove_container(made, force=True)


def _has_train(client: DockerClient, image: str, container: dict[str, Any]) -> bool:
    """Whether an image finds a ``train`` on its PATH, or has an entry point, which gets the word as an argument."""
    import docker.errors

    config = client.api.inspect_image(image)["Config"]
    if config.get("Entrypoint"):
        return True
    variables = dict(each.partition("=")[::2] for each in config.get("Env") or ())
    for folder in variables.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").split(":"):
        try:
            content, _ = client.api.get_archive(container, f"{folder}/train")
        except docker.errors.NotFound:
            continue
        for _ in content:  # to its end, which closes the connection
            pass
        return True
    return False


def _wanted(config: Config) -> str:
    # Containers of this machine need no region; what AWS would want of the configuration is `aws`' matter.
    return image_of(replace(config, on="container"), "training", config.instance_type or "")


def _image(client: DockerClient, config: Config) -> Check:
    name = "image"
    try:
        wanted = _wanted(config)
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
    tags = [build.plain(each) for image in client.api.images(NAME) for each in image["RepoTags"] or ()]
    return next((each for each in tags if each.startswith(f"{NAME}:{version}-") and each != tag(version)), None)


def leftovers(names: Sequence[str]) -> Check:
    """What to do about containers and networks of killed runs."""
    if not names:
        return Check(AREA, "leftovers", Status.OK, "no container or network without a job")
    shown = ", ".join(sorted(names)[:3]) + (", …" if len(names) > 3 else "")
    remedy = "the next container job removes them, and so does harness clean"
    return Check(AREA, "leftovers", Status.WARN, f"{len(names)} without a job: {shown}", remedy)
