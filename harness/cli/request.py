"""From options to a request: the configuration's, or a whole document of the user's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import requests
from harness.config import Config
from harness.config.merge import location
from harness.errors import ConfigurationError, UsageError
from harness.targets import Target


def document_or(document: str | None, operation: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A request: ``document`` if given (a file, or ``-`` for stdin), else what ``make`` makes of the configuration.

    Raises:
        ConfigurationError: the document cannot be read, or the configuration does not make a request.
    """
    return make() if document is None else _read(document, operation)


def job_name(config: Config) -> str:
    """The configured name, or one with the time in it."""
    return config.job_name or fresh_name(config)


def fresh_name(config: Config) -> str:
    """A name with the time in it."""
    return requests.default_job_name(config.base_job_name, datetime.now(UTC))


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


def _read(document: str, operation: str) -> dict[str, Any]:
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
