"""A channel as files: mounted or linked, never copied.

What AWS does with an S3 URI is done here with a ``file://`` URI: a folder is the prefix, a file is the one object, a
manifest names a prefix and what is to be taken from below it. What is in S3 is fetched first, into a folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from harness.engine.launcher import Launcher, Mount
from harness.errors import ConfigurationError, HarnessError
from harness.storage import Storage, is_s3, local_path
from harness.storage import files as files_below

TRANSFORM_INPUT = "TransformInput"
_LOOKED_AT = 1000
"""Files of a channel that are checked before the job starts; a channel may hold millions."""


def called(name: str) -> str:
    """What an error calls a channel, or the input of a transform, which is read like one and called as its option."""
    return "TransformInput (--input)" if name == TRANSFORM_INPUT else f"Channel '{name}'"


def problems(channel: Mapping[str, Any], what: str = "") -> Iterator[str]:
    """What is wrong with the files of a channel, as sentences; nothing if the job can start, or they are in S3.

    ``what`` is what it is called, if that is not a channel.
    """
    what = what or called(channel["ChannelName"])
    if is_s3(_source(channel)["S3Uri"]):
        return
    path = local_path(_source(channel)["S3Uri"])
    try:
        files = list(islice(files_below(path), _LOOKED_AT))
        if _source(channel)["S3DataType"] != "S3Prefix":
            files = _manifest(path)[1][:_LOOKED_AT]
        for file in files:
            if stat.S_ISDIR(file.stat().st_mode):
                yield f"{what}: {file}, of {path}, is a folder; a manifest names single files."
                return
            if not os.access(file, os.R_OK):
                yield f"{what}: {file} cannot be read by this user."
                return
    except FileNotFoundError as error:
        of = "" if error.filename == str(path) else f", of {path},"
        yield f"{what}: {error.filename}{of} does not exist."
    except OSError as error:
        yield f"{what}: {error.filename} cannot be read: {error.strerror}."
    else:
        if not files:
            yield f"{what}: {path} has no files."


def output_problems(name: str, uri: str) -> Iterator[str]:
    """What is wrong with the folder that an output goes to, which need not be there; nothing if that is in S3."""
    if is_s3(uri):
        return
    path = local_path(uri)
    there = next(each for each in (path, *path.parents) if each.exists())
    if not there.is_dir():
        yield f"{name}: {there} is a file, and the output is to be written to the folder {path}."
    elif not os.access(there, os.W_OK | os.X_OK):
        yield f"{name}: {there} cannot be written to by this user."


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
    channels: Sequence[Mapping[str, Any]],
    *,
    tree: Path,
    base_dir: str,
    host: int,
    hosts: int,
    views: Path | None = None,
) -> tuple[Mount, ...]:
    """Give one host its channels: mounts for the launcher, and folders of links where files are chosen one by one.

    Args:
        channels: ``InputDataConfig``.
        tree: the folder that holds the host's ``/opt/ml``.
        base_dir: where the host sees it.
        host: index of the host.
        hosts: how many there are.
        views: see ``provide_one``; each channel has its own below it.
    """
    mounts: list[Mount] = []
    for channel in channels:
        name = channel["ChannelName"]
        folder, seen = tree / "input" / "data" / name, f"{base_dir}/input/data/{name}"
        view = views and views / name
        mounts += provide_one(_source(channel), folder=folder, seen=seen, host=host, hosts=hosts, view=view)
    return tuple(mounts)


def provide_one(
    source: Mapping[str, Any],
    *,
    folder: Path,
    seen: str,
    host: int,
    hosts: int,
    shared: bool = False,
    view: Path | None = None,
) -> Iterator[Mount]:
    """Give one host what an ``S3DataSource`` names, in ``folder``, which the host knows as ``seen``.

    ``shared``: something else is to be found below ``seen`` too, so that it has to be a folder of its own.
    ``view``: for a host in which symbolic links lead nowhere, a folder beside its tree where files are put together.
    """
    path = local_path(source["S3Uri"]).resolve()
    sharded = source.get("S3DataDistributionType") == "ShardedByS3Key" and hosts > 1
    if source["S3DataType"] != "S3Prefix" or sharded or (view is not None and path.is_dir() and has_links(path)):
        root, files = chosen(source)
        names = {file.relative_to(root): file.resolve() for file in (files[host::hosts] if sharded else files)}
        if view is None:
            folder.mkdir(parents=True, exist_ok=True)
            give_names(names, folder, Path.symlink_to)
            return
        view.mkdir(parents=True)
        give_names(names, view, link_or_copy)
        path = view
    if not path.is_dir():
        yield Mount(path, f"{seen}/{path.name}")
    elif not shared:
        yield Mount(path, seen)
    else:
        for entry in path.iterdir():
            yield Mount(entry, f"{seen}/{entry.name}")


def originals(channels: Sequence[Mapping[str, Any]]) -> Iterator[Path]:
    """The files and folders of this machine that hold the data of channels."""
    for channel in channels:
        source = _source(channel)
        yield local_path(source["S3Uri"])
        if source["S3DataType"] != "S3Prefix":
            yield chosen(source)[0]


def views(launcher: Launcher, tree: Path) -> Path | None:
    """Where files are put together for a host that cannot follow links out of its tree; None for one that can."""
    return tree.with_name(f"{tree.name}.inputs") if launcher.image else None


def give_names(names: Mapping[Path, Path], folder: Path, link: Callable[[Path, Path], None]) -> None:
    """Give files other names in a folder.

    Args:
        names: new name, relative to ``folder`` -> file.
        folder: where.
        link: takes the new name and the file.
    """
    for name, file in names.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        link(place, file)


def link_or_copy(place: Path, file: Path) -> None:
    """A second name for the same bytes; a copy where the file system, or the file's owner, has none to give."""
    try:
        os.link(file, place)
    except OSError:
        import shutil

        shutil.copyfile(file, place)


def has_links(folder: Path) -> bool:
    """Whether there is a symbolic link anywhere in a folder. Costs a look at every name."""
    with os.scandir(folder) as entries:
        return any(
            entry.is_symlink() or (entry.is_dir(follow_symlinks=False) and has_links(Path(entry.path)))
            for entry in entries
        )


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
    """Prefix and files of a ManifestFile: ``[{"prefix": "file:///…/"}, "suffix", …]`` (AWS API, S3DataSource).

    The prefix is a URI and may have escapes. A suffix is appended to what it names, letter by letter, as to a key of
    S3: it has none, and a prefix need not be a whole folder's name.
    """
    import json

    try:
        first, *suffixes = json.loads(path.read_text("utf-8"))
        uri = str(first["prefix"])
        if any(".." in suffix.split("/") for suffix in suffixes):
            raise ValueError("a name leads out of the prefix by '..'")
        prefix = local_path(uri)
        files = [Path(f"{prefix}{'/' * uri.endswith('/')}{suffix}") for suffix in dict.fromkeys(suffixes)]
        root = prefix if prefix.is_dir() else prefix.parent
        if not all(file.is_relative_to(root) for file in files):
            raise ValueError(f"{uri} is a folder, so it has to end in '/'")
        return root, files
    except (AttributeError, ValueError, TypeError, KeyError, ConfigurationError) as error:
        raise ConfigurationError(
            f'{path} is not a manifest: [{{"prefix": "file:///folder/"}}, "name", …] is expected ({error})'
        ) from None
