"""A channel as files: mounted or linked, never copied.

What AWS does with an S3 URI is done here with a ``file://`` URI: a folder is the prefix, a file is the one object, a
manifest names a prefix and what is to be taken from below it. What is in S3 is fetched first, into a folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from harness.engine.launcher import Mount
from harness.errors import ConfigurationError, HarnessError
from harness.storage import Storage, is_s3, local_path
from harness.storage import files as files_below

_LOOKED_AT = 1000
"""Files of a channel that are checked before the job starts; a channel may hold millions."""


def problems(channel: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the files of a channel, as sentences; nothing if the job can start, or they are in S3."""
    name = channel["ChannelName"]
    if is_s3(_source(channel)["S3Uri"]):
        return
    path = local_path(_source(channel)["S3Uri"])
    try:
        files = list(islice(files_below(path), _LOOKED_AT))
        if _source(channel)["S3DataType"] != "S3Prefix":
            files = _manifest(path)[1][:_LOOKED_AT]
        for file in files:
            file.stat()
            if not os.access(file, os.R_OK):
                yield f"Channel '{name}': {file} cannot be read by this user."
                return
    except FileNotFoundError as error:
        of = "" if error.filename == str(path) else f", of {path},"
        yield f"Channel '{name}': {error.filename}{of} does not exist."
    except OSError as error:
        yield f"Channel '{name}': {error.filename} cannot be read: {error.strerror}."
    else:
        if not files:
            yield f"Channel '{name}': {path} has no files."


def fetched(channels: Sequence[Mapping[str, Any]], storage: Storage) -> list[dict[str, Any]]:
    """The same channels, with all of their data on this machine.

    Raises:
        HarnessError: there is none, or it cannot be read; the message begins as AWS's does.
    """
    found = []
    for channel in channels:
        try:
            source = storage.localised(_source(channel))
        except HarnessError as error:
            raise HarnessError(f"Data download failed:{error}") from error
        found.append({**channel, "DataSource": {"S3DataSource": source}})
    return found


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
    mounts: list[Mount] = []
    for channel in channels:
        name = channel["ChannelName"]
        folder, seen = tree / "input" / "data" / name, f"{base_dir}/input/data/{name}"
        mounts += provide_one(_source(channel), folder=folder, seen=seen, host=host, hosts=hosts)
    return tuple(mounts)


def provide_one(
    source: Mapping[str, Any], *, folder: Path, seen: str, host: int, hosts: int, shared: bool = False
) -> Iterator[Mount]:
    """Give one host what an ``S3DataSource`` names, in ``folder``, which the host knows as ``seen``.

    ``shared``: something else is to be found below ``seen`` too, so that it has to be a folder of its own.
    """
    path = local_path(source["S3Uri"]).resolve()
    sharded = source.get("S3DataDistributionType") == "ShardedByS3Key" and hosts > 1
    if source["S3DataType"] == "S3Prefix" and not sharded:
        if not path.is_dir():
            yield Mount(path, f"{seen}/{path.name}")
        elif not shared:
            yield Mount(path, seen)
        else:
            for entry in path.iterdir():
                yield Mount(entry, f"{seen}/{entry.name}")
        return
    root, files = chosen(source)
    folder.mkdir(parents=True, exist_ok=True)
    for index, file in enumerate(files):
        if not sharded or index % hosts == host:
            link = folder / file.relative_to(root)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.resolve())


def _source(channel: Mapping[str, Any]) -> Mapping[str, Any]:
    source: Mapping[str, Any] = channel["DataSource"]["S3DataSource"]
    return source


def chosen(source: Mapping[str, Any]) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the files in S3's order of keys.

    Args:
        source: an ``S3DataSource``: a prefix (folder or file), or a manifest.
    """
    path = local_path(source["S3Uri"])
    if source["S3DataType"] == "ManifestFile":
        return _manifest(path)
    root = path if path.is_dir() else path.parent
    return root, sorted(files_below(path))


def _manifest(path: Path) -> tuple[Path, list[Path]]:
    """Prefix and files of a ManifestFile: ``[{"prefix": "file:///…/"}, "suffix", …]`` (AWS API, S3DataSource)."""
    import json

    try:
        first, *suffixes = json.loads(path.read_text("utf-8"))
        prefix = str(first["prefix"])
        if any(".." in suffix.split("/") for suffix in suffixes):
            raise ValueError("a name leads out of the prefix by '..'")
        return local_path(prefix), [local_path(prefix + suffix) for suffix in dict.fromkeys(suffixes)]
    except (AttributeError, ValueError, TypeError, KeyError, ConfigurationError) as error:
        raise ConfigurationError(
            f'{path} is not a manifest: [{{"prefix": "file:///folder/"}}, "name", …] is expected ({error})'
        ) from None
