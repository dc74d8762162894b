"""From options to a request: the configuration's, or a whole document of the user's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import requests, service_model, validation
from harness.config import Config
from harness.config.merge import location
from harness.errors import ConfigurationError, UsageError
from harness.storage import Progress
from harness.targets import Target, uploads
from harness.targets.uploads import Plan

_MAKE: dict[str, Callable[..., dict[str, Any]]] = {
    "TrainingJob": requests.create_training_job,
    "ProcessingJob": requests.create_processing_job,
}


@dataclass(frozen=True)
class Prepared:
    """A request, and what has to travel before it can."""

    kind: str
    request: dict[str, Any]
    travels: Plan = field(default_factory=Plan)

    def send(self, config: Config, target: Target) -> None:
        """Upload what is missing, once AWS's rules are known to be kept.

        Raises:
            RequestError: the request breaks one of them. Nothing was sent.
            HarnessError: see ``uploads.send``.
        """
        if config.on == "remote":
            check(config, self.kind, self.request)
            uploads.send(self.travels, target.storage, _progress)

    def fetch(self, target: Target, status: str) -> None:
        """Bring the outputs of a completed job to where the configuration wants them."""
        if status == "Completed" and self.travels.fetched:
            uploads.fetch(self.travels, target.storage)


def prepare(config: Config, kind: str, document: str | None) -> Prepared:
    """A job's request: ``document`` if given (a file, or ``-`` for stdin), else what the configuration makes.

    Raises:
        ConfigurationError: the document cannot be read, or the configuration does not make a request.
    """
    if document is not None:
        return Prepared(kind, read(document, f"Create{kind}"))
    name = job_name(config)
    travels = uploads.plan(config, kind, name)
    return Prepared(kind, _MAKE[kind](config, job_name=name, locations=travels.locations), travels)


def check(config: Config, kind: str, request: dict[str, Any]) -> None:
    """Hold a request against AWS's rules.

    Raises:
        RequestError: it breaks one of them.
    """
    model = service_model.load(config.project_dir / ".harness" / "cache")
    validation.check(f"Create{kind}", request, local=config.on != "remote", model=model)


def _progress(what: str) -> Progress:
    from harness.cli.uploading import Uploading

    return Uploading(what)


def job_name(config: Config) -> str:
    """The configured name, or one with the time in it."""
    return config.job_name or fresh_name(config)


def fresh_name(config: Config) -> str:
    """A name with the time in it, of which nobody else makes the same in this millisecond."""
    return requests.default_job_name(config.base_job_name, datetime.now(UTC), os.urandom(2).hex())


def model_data(target: Target, job: str | None, uri: str | None) -> str:
    """The URI of the model to serve: the one given, that of a training job, or that of the youngest completed one.

    Raises:
        UsageError: there is none.
    """
    if uri is not None:
        return location(uri, Path.cwd())
    if job is None:
        found = target.client.list_training_jobs(StatusEquals="Completed", MaxResults=1)["TrainingJobSummaries"]
        if not found:
            raise UsageError("There is no completed training job to take a model from; give --job or --model-data.")
        job = found[0]["TrainingJobName"]
    description = target.client.describe_training_job(TrainingJobName=job)
    try:
        return str(description["ModelArtifacts"]["S3ModelArtifacts"])
    except KeyError:
        status = description["TrainingJobStatus"]
        raise UsageError(f"Training job {job} ({status}) has no model; give another --job, or --model-data.") from None


def read(document: str, operation: str) -> dict[str, Any]:
    """A whole request of the user's, from a file or, as ``-``, from stdin.

    Raises:
        ConfigurationError: it cannot be read, or is no JSON object.
    """
    import json

    try:
        text = sys.stdin.read() if document == "-" else Path(document).read_text("utf-8")
        request = json.loads(text)
    except OSError as error:
        raise ConfigurationError(f"--request {document}: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigurationError(f"--request {document} is not JSON: {error}.") from None
    if not isinstance(request, dict):
        raise ConfigurationError(f"--request {document} is not a JSON object with the members of {operation}.")
    return request
