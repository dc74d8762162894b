"""Local images that nothing asks for any more: their pins or the server in them have changed since."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.images.build import LABEL, NAME, plain, tag, versions
from harness.images.engine import explanation

if TYPE_CHECKING:
    from docker import DockerClient


class Pruned(NamedTuple):
    """What has become of outdated images."""

    removed: list[str]
    kept: dict[str, str]
    """Name -> why the engine would not remove it: as a rule because a container is made from it."""


def prune(client: DockerClient) -> Pruned:
    """Remove the local images, of every framework version, that are not those of this version of the harness."""
    found = [*client.api.images(NAME), *client.api.images(filters={"label": LABEL})]
    return remove(client, outdated(found, {tag(version) for version in versions()}))


def outdated(images: Iterable[Mapping[str, Any]], current: Collection[str]) -> list[str]:
    """The names of images that are not current, and the identifiers of those without a name; each once.

    Args:
        images: as the engine lists them.
        current: names.
    """
    nameless: tuple[list[str] | None, ...] = (None, [], ["<none>:<none>"])  # of Docker 25, of Podman, of older ones
    found = [[each["Id"]] if each["RepoTags"] in nameless else each["RepoTags"] for each in images]
    return [name for name in dict.fromkeys(chain.from_iterable(found)) if plain(name) not in current]


def remove(client: DockerClient, names: Iterable[str]) -> Pruned:
    """Remove images by name, as far as the engine lets them go; what they share with others stays."""
    import docker.errors

    pruned = Pruned([], {})
    for name in names:
        try:
            client.api.remove_image(name)
            pruned.removed.append(name)
        except docker.errors.NotFound:
            continue
        except docker.errors.APIError as error:
            pruned.kept[name] = explanation(error)
    return pruned
