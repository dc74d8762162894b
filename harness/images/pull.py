"""AWS's own image, out of the registry of its account: which asks for any AWS account, and for nothing in it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import MissingCapability
from harness.images import image_uri
from harness.images.engine import ImageError, explanation
from harness.storage.session import open_session

if TYPE_CHECKING:
    from docker import DockerClient

PLATFORM = "linux/amd64"
"""What AWS's scikit-learn images are built for."""


class Login(NamedTuple):
    """A user of the registry, for twelve hours."""

    username: str
    password: str


def login(region: str, profile: str | None = None) -> Login:
    """Ask ECR for a login that AWS's own registries accept.

    Raises:
        MissingCapability: there are no credentials, or they do not allow ``ecr:GetAuthorizationToken``.
    """
    session = open_session(region, profile)
    import botocore.exceptions

    try:
        (data,) = session.client("ecr").get_authorization_token()["authorizationData"]
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise MissingCapability(
            f"ECR in {region} gives no login: {error}. AWS's images ask for credentials of any account that allow "
            "ecr:GetAuthorizationToken; `harness image build` needs none."
        ) from None
    return Login(*base64.b64decode(data["authorizationToken"]).decode().split(":", 1))


def pull(
    client: DockerClient,
    version: str,
    *,
    region: str,
    profile: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> str:
    """Fetch AWS's image of a framework version; its name, which is its URI.

    Raises:
        ConfigurationError: AWS has no such image in this region.
        MissingCapability: see ``login``.
        ImageError: the registry refused, or the engine could not take the image.
    """
    import docker.errors

    name = image_uri(version, region)
    repository, _, wanted = name.rpartition(":")
    user, failed = login(region, profile), ""
    try:
        lines: Iterator[dict[str, Any]] = client.api.pull(
            repository, wanted, stream=True, decode=True, auth_config=user._asdict(), platform=PLATFORM
        )
        for document in lines:  # to their end, which closes the connection
            failed = failed or str(document.get("error", ""))
            progress(" ".join(str(document[key]) for key in ("id", "status", "progress") if key in document))
    except docker.errors.APIError as error:
        failed = explanation(error)
    if failed:
        raise ImageError(
            f"{name} cannot be pulled: {failed}. `harness image build` makes an image from the same pins, without AWS."
        )
    return name
