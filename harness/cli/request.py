"""From options to a request: the configuration's, or a whole document of the user's."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import requests
from harness.config import Config
from harness.errors import ConfigurationError


def training_request(config: Config, document: str | None) -> dict[str, Any]:
    """The ``CreateTrainingJob`` request: ``document`` if given (a file, or ``-`` for stdin), else the configuration's.

    Raises:
        ConfigurationError: the document cannot be read, or the configuration does not make a request.
    """
    if document is not None:
        return _read(document)
    return requests.create_training_job(config, job_name=job_name(config))


def job_name(config: Config) -> str:
    """The configured name, or one with the time in it."""
    return config.job_name or requests.default_job_name(config.base_job_name, datetime.now(UTC))


def _read(document: str) -> dict[str, Any]:
    import json

    try:
        text = sys.stdin.read() if document == "-" else Path(document).read_text("utf-8")
        request = json.loads(text)
    except OSError as error:
        raise ConfigurationError(f"--request {document}: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigurationError(f"--request {document} is not JSON: {error}.") from None
    if not isinstance(request, dict):
        raise ConfigurationError(f"--request {document} is not a JSON object with the members of CreateTrainingJob.")
    return request
