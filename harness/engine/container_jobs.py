"""What every kind of job needs where its hosts are containers: an engine, an image, an instance's hardware."""

from __future__ import annotations

from typing import NamedTuple

from harness.engine import serving
from harness.engine.containers import ContainerLauncher, open_launcher
from harness.engine.image import resolve
from harness.engine.settings import EngineSettings
from harness.engine.store import Job, read_json
from harness.errors import RefusedError
from harness.images.engine import engine, is_rootless


def check(image: str, *, isolated_server: bool = False) -> None:
    """Find out whether a container of an image can be started.

    Args:
        image: as the request names it.
        isolated_server: whether it is to serve a model without network.

    Raises:
        MissingCapability: there is no engine, or it has no such image.
        RefusedError: the engine keeps the server to itself.
    """
    with engine() as client:
        resolve(client, image)
        if isolated_server and is_rootless(client.api.info()):
            raise RefusedError(
                "EnableNetworkIsolation: the networks of a rootless engine are its own, and a model server without "
                "a port of this machine could not be asked anything. Leave it out, or try --on local"
            )


def launcher(job: Job, settings: EngineSettings) -> ContainerLauncher:
    """The launcher of a job, whatever its kind. What of its instances is not kept to is noted in the description.

    Raises:
        MissingCapability: see ``check``.
    """
    wanted = _wanted(job)
    if not settings.instance_limits:
        return open_launcher(job, wanted.image)
    made = open_launcher(job, wanted.image, wanted.instance_type, gibibytes=wanted.gibibytes)
    if made.unkept:
        notes = {member: f"not kept to: {reason}" for member, reason in made.unkept.items()}
        job.update(Harness={**job.description.get("Harness", {}), **notes})
    return made


class _Wanted(NamedTuple):
    """What a request asks for."""

    image: str
    instance_type: str | None
    gibibytes: int | None = None
    """``VolumeSizeInGB``."""


def _wanted(job: Job) -> _Wanted:
    request = job.request
    match job.kind:
        case "TrainingJob":
            resources = request["ResourceConfig"]
            groups = resources.get("InstanceGroups") or [{}]
            instance_type = resources.get("InstanceType") or groups[0].get("InstanceType")
            image = request["AlgorithmSpecification"]["TrainingImage"]
            return _Wanted(image, instance_type, resources.get("VolumeSizeInGB"))
        case "ProcessingJob":
            cluster = request["ProcessingResources"]["ClusterConfig"]
            image = request["AppSpecification"]["ImageUri"]
            return _Wanted(image, cluster["InstanceType"], cluster.get("VolumeSizeInGB"))
        case "TransformJob":
            return _Wanted(_model_image(job), request["TransformResources"]["InstanceType"])
        case _:
            config = read_json(job.path / "endpoint-config.json")
            return _Wanted(_model_image(job), config["ProductionVariants"][0].get("InstanceType"))


def _model_image(job: Job) -> str:
    return serving.image(read_json(job.path / "model.json"))
