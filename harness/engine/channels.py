"""A channel as files: mounted or linked, never copied.

What AWS does with an S3 URI is done here with a ``file://`` URI: a folder is the prefix, a file is the one object, a
manifest names a prefix and what is to be taken from below it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from harness.engine.launcher import Mount
from harness.errors import ConfigurationError

_LOOKED_AT = 1000
"""Files of a channel that are checked before the job starts; a channel may hold millions."""


def local_path(uri: str) -> Path:
    """The path that a ``file://`` URI names.

    Raises:
        ConfigurationError: it is no ``file://`` URI, or names another machine.
    """
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        raise ConfigurationError(f"{uri} is not a file:// URI of this machine")
    return Path(unquote(parts.path))


def problems(channel: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the files of a channel, as sentences; nothing if the job can start."""
    name = channel["ChannelName"]
    path = local_path(_source(channel)["S3Uri"])
    if not path.exists():
        yield f"Channel '{name}': {path} does not exist."
    elif not os.access(path, os.R_OK):
        yield f"Channel '{name}': {path} cannot be read by this user."
    elif _source(channel)["S3DataType"] != "S3Prefix":
        for file in _manifest(path):
            if not file.exists():
                yield f"Channel '{name}': the manifest {path} names {file}, which does not exist."
                return
    else:
        files = list(islice(_files(path), _LOOKED_AT))
        if not files:
            yield f"Channel '{name}': {path} has no files."
        for file in files:
            if not os.access(file, os.R_OK):
                yield f"Channel '{name}': {file} cannot be read by this user."
                return


def provide(
    channels: Sequence[Mapping[str, Any]], *, tree: Path, base_dir: str, host: int, hosts: int
) -> tuple[Mount, ...]:
    """Give one host its channels: mounts for the launcher, and folders of links where files are chosen one by one.

    Args:
        channels: ``InputDataConfig``.
        tree: the folder that holds the host's ``/opt/ml``.
        base_dir: where the host sees it.
        host: index of the host.
        hosts: how many there are.
    """
    mounts = []
    for channel in channels:
        folder = tree / "input" / "data" / channel["ChannelName"]
        seen = f"{base_dir}/input/data/{channel['ChannelName']}"
        source = _source(channel)
        path = local_path(source["S3Uri"]).resolve()
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key" and hosts > 1
        if source["S3DataType"] == "S3Prefix" and not sharded:
            mounts.append(Mount(path, seen if path.is_dir() else f"{seen}/{path.name}"))
            continue
        root, files = _chosen(source["S3DataType"], path)
        for index, file in enumerate(files):
            if not sharded or index % hosts == host:
                link = folder / file.relative_to(root)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file)
        folder.mkdir(parents=True, exist_ok=True)
    return tuple(mounts)


def _source(channel: Mapping[str, Any]) -> Mapping[str, Any]:
    source: Mapping[str, Any] = channel["DataSource"]["S3DataSource"]
    return source


def _chosen(data_type: str, path: Path) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the files in S3's order of keys."""
    if data_type == "ManifestFile":
        files = _manifest(path)
        return Path(os.path.commonpath([file.parent for file in files])), files
    root = path if path.is_dir() else path.parent
    return root, sorted(_files(path))


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, _, names in os.walk(path, followlinks=True):
        for name in names:
            yield Path(folder, name)


def _manifest(path: Path) -> list[Path]:
    """The files of a ManifestFile: ``[{"prefix": "file:///…/"}, "suffix", …]`` (AWS API, S3DataSource)."""
    import json

    try:
        first, *suffixes = json.loads(path.read_text("utf-8"))
        prefix = str(first["prefix"])
        return [local_path(prefix + suffix) for suffix in suffixes]
    except (ValueError, TypeError, KeyError, ConfigurationError) as error:
        raise ConfigurationError(
            f'{path} is not a manifest: [{{"prefix": "file:///folder/"}}, "name", …] is expected ({error})'
        ) from None
