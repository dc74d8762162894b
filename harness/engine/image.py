"""Which of the engine's images a request means: AWS's own if it has been pulled, else the local one of its version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.engine.environment import framework_version
from harness.errors import MissingCapability
from harness.images.build import command, exists, tag, versions
from harness.images.engine import explanation

if TYPE_CHECKING:
    from docker import DockerClient


def resolve(client: DockerClient, wanted: str) -> str:
    """The name of an image that the engine has and this machine can run.

    Args:
        client: the engine.
        wanted: as a request names it: the URI of AWS's image, or any other image.

    Raises:
        MissingCapability: there is none, or it is for other processors; says what makes or fetches one.
    """
    version = framework_version(wanted)
    local = tag(version) if version in versions() else None
    for name in (wanted, local):
        if name and exists(client, name):
            _check_architecture(client, name)
            return name
    if local:
        raise MissingCapability(
            f"The image of scikit-learn {version} is not here. `{command(str(version))}` makes it in a minute or two, "
            f"once ({local}); `harness image pull --framework-version {version}` fetches AWS's own."
        )
    if version:
        raise MissingCapability(f"{wanted} is not here. `harness image pull --framework-version {version}` fetches it.")
    raise MissingCapability(f"The Docker engine has no image {wanted}. `docker pull {wanted}` fetches it.")


def _check_architecture(client: DockerClient, name: str) -> None:
    """An image for other processors is good only where the engine emulates them, which trying shows."""
    import docker.errors

    ours, its = client.api.version()["Arch"], client.api.inspect_image(name)["Architecture"]
    if ours == its:
        return
    probe = client.api.create_container(name, entrypoint=["true"], network_disabled=True)
    try:
        client.api.start(probe)
        runs = client.api.wait(probe)["StatusCode"] == 0
        reason = ""
    except docker.errors.APIError as error:
        runs, reason = False, f" ({explanation(error)})"
    finally:
        client.api.remove_container(probe, force=True)
    if not runs:
        raise MissingCapability(
            f"{name} is for {its} processors; this engine's are {ours}, and it cannot emulate others{reason}. "
            f"`docker run --privileged --rm tonistiigi/binfmt --install {its}` teaches it; "
            "`harness image build` makes an image for this machine."
        )
