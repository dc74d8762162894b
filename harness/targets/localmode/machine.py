"""What local mode needs beside a Docker engine and an image: the SDK, the docker command, and Compose."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from harness.errors import MissingCapability

INSTALL = "pip install 'sagemaker-harness[localmode]'"
_PATIENCE = 30.0
"""Seconds that ``docker compose version`` may take; it asks no engine."""
_COMPOSE = "https://docs.docker.com/compose/install/ has it"


@dataclass(frozen=True)
class Sdk:
    """An installed SageMaker Python SDK."""

    distribution: str
    """``sagemaker`` (v2) or ``sagemaker-core`` (v3)."""
    version: str
    module: str
    """Where its ``LocalSession`` is."""

    @property
    def is_v2(self) -> bool:
        """Whether it is of the second generation."""
        return self.distribution == "sagemaker"

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


def installed_sdk() -> Sdk:
    """The SDK of this environment, found without importing it.

    Raises:
        MissingCapability: there is none that has a local mode.
    """
    version = _version("sagemaker")
    if version.startswith("2."):
        return Sdk("sagemaker", version, "sagemaker.local.local_session")
    core = _version("sagemaker-core")
    if core and not core.startswith("1."):
        return Sdk("sagemaker-core", core, "sagemaker.core.local.local_session")
    raise MissingCapability(f"--on localmode needs the SageMaker Python SDK, which is not installed: {INSTALL}")


def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def check_tools(sdk: Sdk) -> None:
    """Find out whether there is a ``docker`` command and a Compose that the SDK takes.

    SDK v2 2.257.7 looks for "v2" in what ``docker compose version`` says, v3 2.27.0 for a number from 2 on; both take
    any ``docker-compose``.

    Raises:
        MissingCapability: there is not; the message says what to do about it.
    """
    if shutil.which("docker") is None:
        raise MissingCapability(
            "--on localmode needs the docker command, which is not on PATH: https://docs.docker.com/get-docker/ has "
            "it. `--on local` needs none."
        )
    text = _compose_version()
    number = re.search(r"version\s+v?(\d+)", text)
    good = "v2" in text if sdk.is_v2 else bool(number and int(number[1]) >= 2)
    if good or shutil.which("docker-compose"):
        return
    if text:
        raise MissingCapability(
            f"{sdk} does not take this Compose ({text}): it wants version 2, or docker-compose on PATH. {_COMPOSE}."
        )
    raise MissingCapability(f"{sdk} needs Docker Compose, which is not installed: {_COMPOSE}.")


def _compose_version() -> str:
    """What ``docker compose version`` says; nothing if there is none.

    Raises:
        MissingCapability: it says nothing for long.
    """
    command = ["docker", "compose", "version"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        raise MissingCapability(
            f"`{' '.join(command)}` has not ended within {_PATIENCE:g} s: the docker command hangs, or a plug-in of it."
        ) from None
    return said.stdout.strip() if said.returncode == 0 else ""
