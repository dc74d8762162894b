"""BuildKit, for those who ask for it as they ask the docker command: ``DOCKER_BUILDKIT=1``.

The docker package cannot talk to it, so the docker command does; it finds the engine in the same way.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import IO

from harness.errors import MissingCapability

_REMEDY = "DOCKER_BUILDKIT=0 has the engine's own builder do it."


def asked_for(environment: Mapping[str, str]) -> bool:
    """Whether ``DOCKER_BUILDKIT`` is true, as the docker command reads it."""
    return environment.get("DOCKER_BUILDKIT", "").lower() in {"1", "t", "true"}


def build(
    archive: IO[bytes], name: str, arguments: Mapping[str, str], labels: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """Build an image; what it says, in the form of the engine's own builder: ``stream``, and ``error`` if it fails.

    Args:
        archive: the build context, as a tar file that is read from where it stands.
        name: what the image will be called.
        arguments: build arguments.
        labels: of the image.

    Raises:
        MissingCapability: there is no docker command, or it has no BuildKit.
    """
    docker = shutil.which("docker")
    if docker is None:
        raise MissingCapability(f"BuildKit is asked for, and there is no docker command to ask it with. {_REMEDY}")
    command = [docker, "build", "--progress", "plain", "--tag", name]
    for option, values in (("--build-arg", arguments), ("--label", labels)):
        command += [word for key, value in values.items() for word in (option, f"{key}={value}")]
    lacking, last = False, ""
    with subprocess.Popen(
        [*command, "-"], stdin=archive, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                lacking = lacking or "buildx component is missing" in line
                last = line.strip() or last
                yield {"stream": line}
        except BaseException:
            process.terminate()
            raise
    if lacking:
        raise MissingCapability(f"BuildKit is asked for, and {docker} has no buildx to ask it with. {_REMEDY}")
    if process.returncode:
        yield {"error": last or f"docker build ended with exit code {process.returncode}"}
