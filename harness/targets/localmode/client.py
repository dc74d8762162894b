"""The verbs of ``boto3.client("sagemaker")``, answered by the SDK's local mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.engine.client import EngineClient, stores
from harness.engine.image import resolve
from harness.engine.leftovers import remove_leftovers
from harness.engine.settings import EngineSettings
from harness.engine.store import Document
from harness.errors import RefusedError
from harness.images.engine import engine
from harness.targets.localmode import machine, refusals
from harness.targets.localmode.supervision import LocalModeRunning


class LocalModeClient(EngineClient):
    """As ``EngineClient``: the same checks, folders and descriptions. Further checks come first, and others run it."""

    def __init__(self, root: Path, settings: EngineSettings) -> None:
        super().__init__(root, settings)
        self._root = root
        self.jobs, self.endpoints = (LocalModeRunning(store, settings) for store in stores(root))

    def create_training_job(self, **request: Any) -> Document:
        """See ``EngineClient``.

        Raises:
            RefusedError: local mode cannot honour the request.
            MissingCapability: the SDK, Docker, Compose or the image is missing.
        """
        image = request.get("AlgorithmSpecification", {}).get("TrainingImage", "")
        return self._run(super().create_training_job, request, refusals.training, image)

    def create_processing_job(self, **request: Any) -> Document:
        """See ``create_training_job``."""
        image = request.get("AppSpecification", {}).get("ImageUri", "")
        return self._run(super().create_processing_job, request, refusals.processing, image)

    def create_model(self, **request: Any) -> Document:
        """See ``EngineClient``."""
        _refuse(refusals.model(request))
        return super().create_model(**request)

    def create_transform_job(self, **request: Any) -> Document:
        """See ``create_training_job``."""
        is_v2 = machine.installed_sdk().is_v2
        image = self._image(request.get("ModelName", ""))
        return self._run(
            super().create_transform_job, request, lambda asked: refusals.transform(asked, is_v2=is_v2), image
        )

    def create_endpoint(self, **request: Any) -> Document:
        """See ``create_training_job``."""
        config = self.describe_endpoint_config(EndpointConfigName=request.get("EndpointConfigName", ""))
        image = self._image(config["ProductionVariants"][0]["ModelName"])
        return self._run(super().create_endpoint, request, lambda asked: iter(()), image)

    def _image(self, model: str) -> str:
        described = self.describe_model(ModelName=model)
        primary = described.get("PrimaryContainer") or described["Containers"][0]
        return str(primary.get("Image", ""))

    def _run(self, create: Any, request: Document, refuse: Any, image: str) -> Document:
        try:
            refused = [*refuse(request), *refusals.paths(self._root.absolute())]
        except (KeyError, TypeError, AttributeError):
            refused = []  # it is not of AWS's form, which is said below with every detail
        _refuse(iter(refused))
        machine.check_tools(machine.installed_sdk())
        with engine() as docker:
            remove_leftovers(docker)
            resolve(docker, image)
        made: Document = create(**request)
        return made


def _refuse(problems: Iterator[str]) -> None:
    found = list(problems)
    if found:
        raise RefusedError(found[0] if len(found) == 1 else "\n  ".join(["localmode cannot run this:", *found]))
