"""What every kind of job needs where its hosts are containers: an engine, an image, an instance's hardware."""

from __future__ import annotations

from harness.engine import serving
from harness.engine.containers import ContainerLauncher, open_launcher
from harness.engine.image import resolve
from harness.engine.settings import EngineSettings
from harness.engine.store import Job, read_json
from harness.images.engine import engine


def check(image: str) -> None:
    """Find out whether a container of an image can be started.

    Raises:
        MissingCapability: there is no engine, or it has no such image.
    """
    with engine() as client:
        resolve(client, image)


def launcher(job: Job, settings: EngineSettings) -> ContainerLauncher:
    """The launcher of a job, whatever its kind.

    Raises:
        MissingCapability: see ``check``.
    """
    image, instance_type = _wanted(job)
    return open_launcher(job, image, instance_type if settings.instance_limits else None)


def _wanted(job: Job) -> tuple[str, str | None]:
    """The image and the instance type that a request names."""
    request = job.request
    match job.kind:
        case "TrainingJob":
            resources = request["ResourceConfig"]
            groups = resources.get("InstanceGroups") or [{}]
            image = request["AlgorithmSpecification"]["TrainingImage"]
            return image, resources.get("InstanceType") or groups[0].get("InstanceType")
        case "ProcessingJob":
            cluster = request["ProcessingResources"]["ClusterConfig"]
            return request["AppSpecification"]["ImageUri"], cluster["InstanceType"]
        case "TransformJob":
            return _model_image(job), request["TransformResources"]["InstanceType"]
        case _:
            config = read_json(job.path / "endpoint-config.json")
            return _model_image(job), config["ProductionVariants"][0].get("InstanceType")


def _model_image(job: Job) -> str:
    return serving.image(read_json(job.path / "model.json"))
