"""Names of data: ``file://`` and ``s3://`` URIs, and what objects are called as files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from harness.errors import ConfigurationError


class NoData(ConfigurationError):
    """There is nothing at an ``s3://`` URI."""


class Object(NamedTuple):
    """One object as a LIST shows it."""

    key: str
    etag: str
    size: int
    modified: int
    """Seconds since 1970."""


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


def is_s3(uri: str) -> bool:
    """Whether a URI names something in S3."""
    return uri.startswith("s3://")


def split(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of an ``s3://`` URI; the key is taken literally, as S3 has it.

    Raises:
        ConfigurationError: it names no bucket.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not is_s3(uri) or not bucket:
        raise ConfigurationError(f"{uri} is not an s3:// URI: s3://bucket/key is expected")
    return bucket, key


def default_bucket(account: str, region: str) -> str:
    """The name of the bucket that the SageMaker SDK uses where none is configured."""
    return f"sagemaker-{region}-{account}"


def files(path: Path, above: tuple[tuple[int, int], ...] = ()) -> Iterator[Path]:
    """The files at or below a path, links followed; not into a folder that a link leads back to.

    Raises:
        OSError: the path is missing, or a folder cannot be read.
    """
    status = path.stat()
    if not stat.S_ISDIR(status.st_mode):
        yield path
        return
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from files(path / entry.name, (*above, here))
            else:
                yield path / entry.name


def names_below(uri: str, objects: Iterable[Object]) -> dict[str, Object]:
    """What the objects that begin with a prefix are called as files: relative to the prefix.

    Where the prefix is itself an object's key, relative to the folder that this one lies in. What AWS calls the
    file ``train_old/a`` of the prefix ``train`` is not documented; here it is ``_old/a``. Keys that end in a slash
    are the console's folders, and no files.

    Raises:
        ConfigurationError: a key cannot be a file's name, or two keys would have the same.
    """
    bucket, prefix = split(uri)
    found = [each for each in objects if not each.key.endswith("/")]
    whole = any(each.key == prefix for each in found)
    start = prefix.rpartition("/")[0] if whole else prefix
    names: dict[str, Object] = {}
    for each in found:
        name = each.key[len(start) :].lstrip("/")
        parts = name.split("/")
        if not name or "\0" in name or not {"", ".", ".."}.isdisjoint(parts):
            raise ConfigurationError(f"s3://{bucket}/{each.key} cannot become a file: '{name}' is no safe name.")
        if name in names:
            raise ConfigurationError(f"s3://{bucket}/{each.key} and {names[name].key} would both become '{name}'.")
        names[name] = each
    for name, each in names.items():
        for parent in Path(name).parents:
            if parent.as_posix() in names:
                raise ConfigurationError(
                    f"s3://{bucket}/{each.key} needs '{parent.as_posix()}' to be a folder, but that is an object too."
                )
    return names
