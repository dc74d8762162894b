"""What local mode needs of this machine: the SDK, Docker, Compose and an image; or what is missing, and its remedy."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from harness.engine.environment import framework_version
from harness.errors import MissingCapability
from harness.images import build

INSTALL = "pip install 'sagemaker-harness[localmode]'"
_NO_COMPOSE = "https://docs.docker.com/compose/install/ has it"


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


def check(sdk: Sdk) -> None:
    """Find out whether the SDK will find a Docker engine and a Compose that it takes.

    Raises:
        MissingCapability: it will not.
    """
    if shutil.which("docker") is None:
        raise MissingCapability(
            "--on localmode needs the docker command, which is not on PATH: https://docs.docker.com/get-docker/ has "
            "it. `--on local` needs none."
        )
    engine = docker("version", "--format", "{{.Server.Version}}")
    if engine.returncode != 0:
        raise MissingCapability(_why_no_engine((engine.stderr or engine.stdout).strip()))
    _check_compose(sdk)


def _check_compose(sdk: Sdk) -> None:
    """SDK v2 2.257.7 looks for «v2» in what ``docker compose version`` says, v3 2.27.0 for a number from 2 on."""
    said = docker("compose", "version")
    text = said.stdout.strip() if said.returncode == 0 else ""
    number = re.search(r"version\s+v?(\d+)", text)
    good = "v2" in text if sdk.is_v2 else bool(number and int(number[1]) >= 2)
    if good or shutil.which("docker-compose"):
        return
    if text:
        raise MissingCapability(
            f"{sdk} does not take this Compose ({text}): it wants version 2, or docker-compose on PATH. {_NO_COMPOSE}."
        )
    raise MissingCapability(f"{sdk} needs Docker Compose, which is not installed: {_NO_COMPOSE}.")


def _why_no_engine(said: str) -> str:
    last = said.splitlines()[-1] if said else "it says nothing"
    if "permission denied" in said:
        return (
            f"This user may not use the Docker engine ({last}). `sudo usermod -aG docker $USER` and a new login help."
        )
    return (
        f"No Docker engine answers: {last} Start Docker Desktop, or `sudo systemctl start docker`. "
        "`--on local` needs none."
    )


def image_here(name: str) -> str:
    """The image to run for the one that a request names: that one if it is here, else the local one of its version.

    Raises:
        MissingCapability: neither is here.
    """
    if _has(name):
        return name
    version = framework_version(name)
    if version is None:
        raise MissingCapability(f"The image {name} is not on this machine: `docker pull {name}` fetches it.")
    if version not in build.versions():
        pull = f"`harness image pull --framework-version {version}` fetches it"
        raise MissingCapability(f"AWS's image {name} is not on this machine: {pull}.")
    local = build.tag(version)
    if not _has(local):
        raise MissingCapability(
            f"There is no image of scikit-learn {version} on this machine: `harness image build` makes one in a "
            "minute or two, `harness image pull` fetches AWS's."
        )
    return local


def _has(name: str) -> bool:
    return docker("image", "inspect", "--format", "{{.Id}}", name).returncode == 0


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the docker command, whose engine is the SDK's too; to its end."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, errors="replace", check=False)
