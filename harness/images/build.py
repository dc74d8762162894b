"""The local image: what it is made from, the name that follows from it, and the making.

The name ends in a hash of everything that goes into the image, so that an image which exists is the right one.
Wheels and certificates are left out of it: they are ways to the packages that the pins name already.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from harness.errors import ConfigurationError
from harness.images import DEFAULT_VERSION, IMAGES, buildkit
from harness.images.engine import ImageError, explanation

if TYPE_CHECKING:
    import tarfile
    from importlib.resources.abc import Traversable

    from docker import DockerClient

NAME = "sagemaker-harness/sklearn"
LABEL = "sagemaker-harness.image"
"""What says that an image is ours, whatever it is called; its value is the framework version."""
_STAGE = f"{LABEL}=packages"
"""The same of a stage, by the Dockerfile."""
_TAIL = 15
"""Lines of a failed build's output that are shown."""


def versions() -> tuple[str, ...]:
    """The framework versions whose pins are here."""
    return tuple(version for version in IMAGES if _pins(version).is_file())


def tag(version: str) -> str:
    """The name of the local image of a framework version, whether it has been built or not.

    Raises:
        ConfigurationError: its pins are not here.
    """
    total = hashlib.sha256()
    for name, content in sorted(context(version).items()):
        total.update(f"{name} {len(content)}\n".encode() + content)
    return f"{NAME}:{version}-{total.hexdigest()[:12]}"


def plain(name: str) -> str:
    """An image's name as Docker has it; Podman puts a registry before it, or ``localhost`` for want of one."""
    return name.removeprefix("docker.io/").removeprefix("localhost/")


def command(version: str) -> str:
    """What somebody types to have the local image of a framework version built."""
    return "harness image build" + ("" if version == DEFAULT_VERSION else f" --framework-version {version}")


def context(version: str) -> dict[str, bytes]:
    """Every file that the image is made from, by its name in the build context.

    Raises:
        ConfigurationError: the pins of this version are not here.
    """
    if version not in versions():
        raise ConfigurationError(
            f"There are no pins of scikit-learn image {version} here, only of {', '.join(versions())}. "
            f"`harness image pull --framework-version {version}` fetches AWS's own."
        )
    home, package = files("harness.images") / "sklearn", files("harness")
    content = {
        "Dockerfile": (home / "Dockerfile").read_bytes() + _environment(version),
        "pins.txt": _pins(version).read_bytes(),
        "harness/__init__.py": (package / "__init__.py").read_bytes(),
    }
    for folder, inside in (
        (home / "commands", "commands"),
        (home / "sagemaker_sklearn_container", "sagemaker_sklearn_container"),
        (package / "server", "harness/server"),
    ):
        content |= {f"{inside}/{file.name}": file.read_bytes() for file in folder.iterdir() if file.is_file()}
    return content


def write_context(version: str, folder: Path) -> None:
    """Leave in a folder what any builder of images can build from.

    Raises:
        ConfigurationError: the pins are not here, or the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty; name a new folder for the build context")
    for name, content in context(version).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    for name in ("wheels", "certificates"):
        (folder / name).mkdir()


def build(
    client: DockerClient,
    version: str,
    *,
    wheels: Path | None = None,
    ca_bundle: Path | None = None,
    keep_stage: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> str:
    """Build the local image unless it exists; its name.

    Args:
        client: the engine, whose own builder does it, every engine with Docker's API having one; or its BuildKit, if
            ``DOCKER_BUILDKIT`` asks for that.
        version: the framework version.
        wheels: folder of wheels that the packages come from, instead of the package index.
        ca_bundle: certificates by which the package index is trusted during the build.
        keep_stage: leave what the engine's own builder has installed the packages in: a gigabyte, by which the next
            build from the same pins takes seconds. A build that fails leaves it in any case.
        progress: takes the builder's lines.

    Raises:
        ConfigurationError: the pins are not here, or a wheel that they name is not among the wheels.
        ImageError: the build failed; its last lines are in the message.
        MissingCapability: there is nothing that BuildKit could be asked with.
    """
    import tempfile

    name, by_buildkit = tag(version), buildkit.asked_for(os.environ)
    if exists(client, name):
        return name
    with tempfile.TemporaryFile() as archive:
        _pack(archive, context(version), wheels, ca_bundle)
        archive.seek(0)
        arguments, labels = {"PYTHON": str(IMAGES[version].python)}, {LABEL: version}
        if by_buildkit:
            lines = buildkit.build(archive, name, arguments, labels)
        else:
            lines = client.api.build(
                fileobj=archive,
                custom_context=True,
                encoding=None,
                tag=name,
                buildargs=arguments,
                labels=labels,
                rm=True,
                forcerm=True,
                decode=True,
            )
        _follow(lines, version, progress)
    if not exists(client, name):  # a builder of buildx may be another machine
        raise ImageError(f"{name} was built, but not into this engine. `docker buildx use default` builds there.")
    if not (keep_stage or by_buildkit):
        _remove_stages(client)
    return name


def _remove_stages(client: DockerClient) -> None:
    import docker.errors

    for image in client.api.images(filters={"label": _STAGE, "dangling": True}):
        with suppress(docker.errors.APIError):  # another build is at it, and removes it
            client.api.remove_image(image["Id"])


def exists(client: DockerClient, name: str) -> bool:
    """Whether the engine has an image."""
    import docker.errors

    try:
        client.api.inspect_image(name)
    except docker.errors.NotFound:
        return False
    return True


def _pins(version: str) -> Traversable:
    return files("harness.images") / "sklearn" / f"{version}.txt"


def _environment(version: str) -> bytes:
    """Images before 1.9-0 have two variables otherwise (sagemaker-scikit-learn-container, Dockerfiles)."""
    if version == "1.9-0":
        return b""
    return f"ENV SAGEMAKER_SKLEARN_VERSION={version} PYTHONIOENCODING=UTF-8\n".encode()


def _pack(archive: IO[bytes], content: Mapping[str, bytes], wheels: Path | None, certificates: Path | None) -> None:
    import tarfile

    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("wheels", "certificates"):
            tar.addfile(_entry(f"{folder}/", 0o755, type=tarfile.DIRTYPE))
        for name, data in sorted(content.items()):
            tar.addfile(_entry(name, 0o644, size=len(data)), io.BytesIO(data))
        for name, file in _handed_in(wheels, certificates):
            with file.open("rb") as opened:
                tar.addfile(_entry(name, 0o644, size=file.stat().st_size), opened)


def _handed_in(wheels: Path | None, certificates: Path | None) -> Iterator[tuple[str, Path]]:
    if certificates:
        yield "certificates/bundle.pem", certificates
    if wheels:
        found = sorted(wheels.glob("*.whl"))
        if not found:
            raise ConfigurationError(f"{wheels} has no wheels; `pip wheel --requirement PINS --wheel-dir` makes them")
        for file in found:
            yield f"wheels/{file.name}", file


def _entry(name: str, mode: int, **members: Any) -> tarfile.TarInfo:
    import tarfile

    entry = tarfile.TarInfo(name)
    entry.mode = mode
    for member, value in members.items():
        setattr(entry, member, value)
    return entry


def _follow(lines: Iterable[dict[str, Any]], version: str, progress: Callable[[str], None]) -> None:
    """Take a builder's output to its end."""
    import docker.errors

    said: list[str] = []
    failed = ""
    try:
        for document in lines:  # to their end, which closes the connection
            failed = failed or str(document.get("error", ""))
            for line in str(document.get("stream", document.get("status", ""))).splitlines():
                if line.strip():
                    said = [*said[-_TAIL:], line]
                    progress(line)
    except docker.errors.APIError as error:
        failed = explanation(error)
    if failed:
        raise ImageError(_failure(version, failed, said))


def _failure(version: str, reason: str, said: list[str]) -> str:
    base = f"python:{IMAGES[version].python}-slim-bookworm"
    remedy = ""
    if base.partition(":")[2] in reason or "registry" in reason:
        remedy = f"\n`docker pull {base}` has to work first."
    elif any("CERTIFICATE_VERIFY_FAILED" in line for line in said):
        remedy = "\nThe package index is not trusted in the build: --ca-bundle FILE names the certificates it needs."
    elif any("no space left" in line.lower() for line in (reason, *said)):
        remedy = "\n`docker system df` shows what takes the room, `docker system prune` frees some."
    elif any("No matching distribution" in line for line in said):
        remedy = "\n--wheels DIR hands in packages where the index cannot be reached from a container."
    return (
        "\n".join([f"The image of {version} cannot be built: {reason.strip()}", *(f"  {line}" for line in said)])
        + remedy
    )
