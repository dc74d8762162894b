"""The Compose file that the SDK writes, adjusted to what a target owes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def adjusted(
    document: Mapping[str, Any],
    *,
    read_only: Collection[str],
    labels: Mapping[str, str],
    network: str,
    commands: Mapping[str, str],
) -> dict[str, Any]:
    """The same services, tidier.

    Args:
        document: as the SDK (v2 2.257.7, v3 2.27.0) writes it.
        read_only: paths in containers that are not to be written to.
        labels: for containers and the network.
        network: name for the network; the SDK's own is the same for every job.
        commands: a command of the SDK's -> what is to be run in its place.

    Returns:
        A document in which ports are published on the loopback alone, and in which Compose finds no variables to
        replace: a ``$`` in an environment variable's value is meant.
    """
    services = {
        name: {
            **service,
            "volumes": [_volume(each, read_only) for each in service.get("volumes", ())],
            **({"ports": [f"127.0.0.1:{each}" for each in service["ports"]]} if "ports" in service else {}),
            **({"command": commands[service["command"]]} if service.get("command") in commands else {}),
            "labels": dict(labels),
        }
        for name, service in document["services"].items()
    }
    networks = {name: {**of, "name": network, "labels": dict(labels)} for name, of in document["networks"].items()}
    escaped: dict[str, Any] = _escaped({**document, "services": services, "networks": networks})
    return escaped


def containers(document: Mapping[str, Any]) -> dict[str, str]:
    """Service -> the name of its container: the beginning of each line that Compose prints for it."""
    return {name: service["container_name"] for name, service in document["services"].items()}


def _volume(volume: str, read_only: Collection[str]) -> str:
    return f"{volume}:ro" if volume.rpartition(":")[2] in read_only else volume


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return value.replace("$", "$$")
        case Mapping():
            return {key: _escaped(each) for key, each in value.items()}
        case list():
            return [_escaped(each) for each in value]
        case _:
            return value
