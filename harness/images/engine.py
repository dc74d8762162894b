"""The Docker engine that this machine's ``docker`` command would talk to, or why there is none.

Any engine with Docker's API will do: rootless Docker and Podman, by ``DOCKER_HOST`` or by a context.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.credentials import without_secrets
from harness.errors import HarnessError, MissingCapability
from harness.images import contexts

if TYPE_CHECKING:
    from docker import DockerClient

INSTALL = "pip install 'sagemaker-harness[container]'"


PATIENCE = 120.0
"""Seconds that one answer of the engine may take."""


@contextmanager
def engine(timeout: float = PATIENCE) -> Iterator[DockerClient]:
    """The engine, for as long as the block runs; see ``connect``.

    Raises:
        MissingCapability: see ``connect``.
    """
    client = connect(timeout)
    try:
        yield client
    finally:
        client.close()


def connect(timeout: float = PATIENCE) -> DockerClient:
    """A client of the engine, which has answered.

    Args:
        timeout: seconds that one answer may take.

    Raises:
        MissingCapability: the ``docker`` package is not installed, no engine answers, or this user may not ask it.
    """
    try:
        import docker
    except ImportError:
        raise MissingCapability(f"Containers need the docker package, which is not installed: {INSTALL}") from None
    where = ""
    try:
        where, settings = _endpoint()
        _knock(where, timeout)
        return docker.DockerClient(version="auto", timeout=timeout, **settings)
    except (docker.errors.DockerException, OSError, ValueError) as error:
        why = without_secrets(_why_not(error, where, timeout), {"DOCKER_HOST": where})
        raise MissingCapability(why) from None


def _endpoint() -> tuple[str, dict[str, Any]]:
    """Where the engine is, and how to reach it: ``DOCKER_HOST``, else the context, as the docker command has it."""
    from docker.utils import kwargs_from_env

    if host := os.environ.get("DOCKER_HOST"):
        host = host.strip() or contexts.DEFAULT  # what is blank keeps the docker command from contexts all the same
        host = host if "://" in host else f"tcp://{host}"
        return host, kwargs_from_env({**os.environ, "DOCKER_HOST": host})
    return contexts.endpoint(os.environ)


def _knock(where: str, timeout: float) -> None:
    """Find out whether anybody listens: where nobody does, the docker package leaves a socket open, to be collected."""
    from docker.utils import parse_host

    scheme, _, path = parse_host(where).partition("://")
    if scheme == "http+unix":
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(timeout)
            knocking.connect(path)


def _why_not(error: BaseException, where: str, timeout: float) -> str:
    at = f" at {where}" if where else ""
    for cause in _causes(error):
        if isinstance(cause, PermissionError):
            return (
                f"This user may not use the Docker engine{at}. `sudo usermod -aG docker $USER` and a new login allow "
                "it, and so does rootless Docker."
            )
        if isinstance(cause, FileNotFoundError | ConnectionRefusedError):
            return (
                f"No Docker engine answers{at}. Start Docker Desktop, or `sudo systemctl start docker`; "
                "`docker context ls` shows where else one may be. `--on local` needs none."
            )
        if isinstance(cause, TimeoutError):
            return f"The Docker engine{at} has not answered for {timeout:g} s. `docker info` shows when it does again."
    return (
        f"The Docker engine{at} cannot be used: {error}. `docker context ls` shows where else one may be; it has to "
        "see the folders of this machine."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what led to it: requests and urllib3 keep it among their arguments."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [*each.args, each.__cause__, each.__context__]
        elif isinstance(each, tuple):
            waiting += each


def is_rootless(info: Mapping[str, Any]) -> bool:
    """Whether an engine runs without the rights of root: its root is the user, and its networks are its own.

    Args:
        info: the engine's ``/info`` document. Docker has it among the security options, Podman has a member for it.
    """
    return bool(info.get("Rootless")) or "name=rootless" in (info.get("SecurityOptions") or ())


def explanation(error: Any) -> str:
    """What an engine said when it refused something, in one line."""
    return " ".join(str(getattr(error, "explanation", None) or error).split())


class ImageError(HarnessError):
    """An image could not be built or pulled."""
