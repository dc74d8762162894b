"""What the server is asked to do, from the variables that SageMaker sets in a serving container."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass


class Refused(Exception):
    """The server cannot honour what it is asked for. The message says what, and what to do about it."""


@dataclass(frozen=True)
class Settings:
    """Everything the server needs to know. Times are in seconds.

    ``lists_as_json`` follows Flask 2.2 and newer (image 1.9-0), which serialises a list that a handler
    returns; Flask 1.1.1 (all images before it) answers 500. ``connections_fd`` is a list of the machine's
    connections, by which it is told whose objects may be unpickled; without it, anybody's are, as on AWS.
    """

    module_name: str
    code_dir: str = "/opt/ml/code"
    model_dir: str = "/opt/ml/model"
    default_accept: str = "application/json"
    workers: int = 1
    timeout: int = 60
    log_level: int = logging.INFO
    lists_as_json: bool = False
    fail_fast: bool = False
    worker_class: str = "gevent"
    graceful_timeout: int = 30
    read_timeout: float = 60.0
    connections_fd: int | None = None


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the variables that sagemaker-containers 2.8.6.post2 reads, with its defaults.

    Raises:
        Refused: for a multi-model container, without ``SAGEMAKER_PROGRAM``, and for numbers that are none.
    """
    if environment.get("SAGEMAKER_MULTI_MODEL"):
        raise Refused(
            "SAGEMAKER_MULTI_MODEL is set: multi-model endpoints run on another server (multi-model-server), "
            "which this one is not. Unset it to serve one model, or deploy to AWS."
        )
    program = environment.get("SAGEMAKER_PROGRAM")
    if not program:
        raise Refused("SAGEMAKER_PROGRAM is not set. Name the script that defines model_fn: inference.py")
    base = environment.get("SAGEMAKER_BASE_DIR", "/opt/ml")
    return Settings(
        module_name=module_name(program),
        code_dir=os.path.join(base, "code"),  # noqa: PTH118
        model_dir=os.path.join(base, "model"),  # noqa: PTH118
        default_accept=environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "application/json"),
        workers=_positive(environment, "SAGEMAKER_MODEL_SERVER_WORKERS", os.cpu_count() or 1),
        timeout=_positive(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT", 60),
        log_level=_positive(environment, "SAGEMAKER_CONTAINER_LOG_LEVEL", logging.INFO),
    )


def module_name(program: str) -> str:
    """The module that a script name stands for: ``inference.py`` is ``inference``."""
    return program[: -len(".py")] if program.endswith(".py") else program


def _positive(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise Refused(f"{name} is {text!r}. It must be a whole number from 1 up.")
    return number
