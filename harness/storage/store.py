"""``file://`` and ``s3://``: data named by a URI as files of this machine, and files put where a URI says.

What is read from S3 is kept below the cache folder and is not read again until it changes: one LIST tells.

    objects/<hash>   one version of one object: bucket, key, ETag, size
    views/<hash>     what one prefix held at one moment: a folder of second names (hard links) for objects

Both appear under their names only when they are whole, so that processes need not know of each other.
Nothing of boto3 is imported before the first ``s3://`` URI.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from harness.errors import ConfigurationError, HarnessError, ServiceError
from harness.folders import make_own
from harness.storage.aws_errors import NOT_FOUND, code_of
from harness.storage.s3 import S3, SMALL, is_same
from harness.storage.session import CONNECTIONS
from harness.storage.uris import NoData, Object, files, is_s3, local_path, names_below, split

_T = TypeVar("_T")


class Uploaded(NamedTuple):
    """What an upload came to."""

    files: int
    """All files there are."""
    sent: int
    """Those that were not there already."""
    size: int
    """Bytes of those that were sent."""


class Progress(Protocol):
    """Who is told how far a transfer is. ``NoProgress`` is the null version. Called from several threads."""

    def begin(self, files: int, size: int) -> None:
        """So many files and bytes have to be looked at."""

    def advance(self, name: str, size: int, *, sent: bool) -> None:
        """A file is done: sent, or found to be there."""

    def end(self) -> None:
        """Nothing more comes."""


class NoProgress:
    """Tells nobody."""

    def begin(self, files: int, size: int) -> None:
        """Nothing."""

    def advance(self, name: str, size: int, *, sent: bool) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Storage:
    """What a URI names, as files. Settings alone; a client is made when the first ``s3://`` URI comes."""

    cache: Path = Path(".harness/cache/s3")
    """Folder of what has been read from S3."""
    s3: S3 = field(default_factory=S3)
    """How S3 is reached."""

    # -- reading ------------------------------------------------------------------------------------------------

    def local(self, uri: str) -> Path:
        """What a URI names, as a folder or a file that is only to be read from.

        Args:
            uri: ``file://``: that path; ``s3://``: every object whose key begins with it (AWS: S3Prefix).

        Raises:
            NoData: there is no such object.
            ConfigurationError: a key cannot be a file's name.
            HarnessError: S3 could not be read; see `aws_errors.translated`.
        """
        if not is_s3(uri):
            return local_path(uri)
        bucket, key = split(uri)
        names = names_below(uri, self.s3.objects(uri))
        if not names:
            raise self._no_data(uri)
        folder = self._view(bucket, names)
        only = next(iter(names.items()))
        return folder / only[0] if len(names) == 1 and only[1].key == key else folder

    def local_object(self, uri: str) -> Path:
        """The one object, or file, of exactly that URI; errors as for `local`."""
        if not is_s3(uri):
            return local_path(uri)
        bucket, key = split(uri)
        found = [each for each in self.s3.objects(uri) if each.key == key]
        if not found:
            raise self._no_data(uri)
        return self._view(bucket, names_below(uri, found)) / key.rpartition("/")[2]

    def local_manifest(self, uri: str) -> Path:
        """The objects that a ManifestFile names, in one folder; errors as for `local`.

        ``[{"prefix": "s3://bucket/folder/"}, "name", …]`` (AWS API, S3DataSource).
        """
        import json

        try:
            first, *suffixes = json.loads(self.local_object(uri).read_text("utf-8"))
            prefix = str(first["prefix"])
            bucket, start = split(prefix)
            keys = {start + str(suffix) for suffix in suffixes}
        except (AttributeError, ValueError, TypeError, KeyError, ConfigurationError) as error:
            if isinstance(error, NoData):
                raise
            raise ConfigurationError(
                f'{uri} is not a manifest: [{{"prefix": "s3://bucket/folder/"}}, "name", …] is expected ({error})'
            ) from None
        found = [each for each in self.s3.objects(prefix) if each.key in keys]
        missing = keys - {each.key for each in found}
        if missing:
            raise self._no_data(f"s3://{bucket}/{min(missing)}")
        return self._view(bucket, names_below(prefix, found))

    def exists(self, uri: str) -> bool:
        """Whether there is a file, or an object, of exactly that URI.

        Raises:
            HarnessError: S3 could not be asked; see `aws_errors.translated`.
        """
        if not is_s3(uri):
            return local_path(uri).is_file()
        _, key = split(uri)
        try:
            return any(each.key == key for each in self.s3.objects(uri))
        except ServiceError as error:
            if code_of(error) in NOT_FOUND:
                return False
            raise

    def localised(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """An ``S3DataSource`` of S3 as one of this machine's; another one as it is. Errors as for `local`."""
        uri, manifest = source["S3Uri"], source["S3DataType"] == "ManifestFile"
        if not is_s3(uri):
            return dict(source)
        path = self.local_manifest(uri) if manifest else self.local(uri)
        return {**source, "S3DataType": "S3Prefix", "S3Uri": path.absolute().as_uri()}

    def copy(self, uri: str, folder: Path) -> None:
        """Write what an ``s3://`` prefix holds into a folder of the caller's own, which may be empty afterwards.

        Raises:
            HarnessError: it could not be read or written.
        """
        import shutil

        bucket, _ = split(uri)
        names = names_below(f"{uri.rstrip('/')}/", self.s3.objects(f"{uri.rstrip('/')}/"))
        self._parallel(lambda name: self._object(bucket, names[name]), names)
        folder.mkdir(parents=True, exist_ok=True)
        for name, each in names.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with _beside(target) as partial:
                shutil.copyfile(self._object(bucket, each), partial)

    def download(self, uri: str, path: Path) -> Path:
        """Copy one object, or file, to ``path``: whole or not at all.

        Raises:
            NoData: there is no such object.
            HarnessError: it could not be read or written.
        """
        import shutil

        path.parent.mkdir(parents=True, exist_ok=True)
        if not is_s3(uri):
            with _beside(path) as partial:
                shutil.copyfile(local_path(uri), partial)
            return path
        bucket, key = split(uri)
        with _beside(path) as partial:
            try:
                self.s3.read(bucket, key, partial)
            except ServiceError as error:
                raise (self._no_data(uri) if code_of(error) in NOT_FOUND else error) from error
        return path

    # -- writing ------------------------------------------------------------------------------------------------

    def upload(self, path: Path, uri: str, progress: Progress | None = None) -> Uploaded:
        """Put a file, or a folder's files, where an ``s3://`` URI says; what is there already is not sent again.

        Args:
            path: a folder: its files get the keys ``<uri>/<relative name>``. A file: ``uri`` is its key, or its
                folder if it ends in a slash.
            uri: ``s3://…``.
            progress: is told.

        Raises:
            ConfigurationError: a file cannot be read, or changes meanwhile.
            HarnessError: S3 refused it; see `aws_errors.translated`.
        """
        progress = progress or NoProgress()
        bucket, key = split(uri)
        try:
            chosen = _keys(path, key)
            sizes = {name: each.stat().st_size for name, each in chosen.items()}
            if not chosen:
                return Uploaded(0, 0, 0)
            shared = os.path.commonprefix([*chosen])  # noqa: RUF071 - prefixes of S3 are characters, not folders
            there = {each.key: each for each in self.s3.objects(f"s3://{bucket}/{shared}")}
            progress.begin(len(chosen), sum(sizes.values()))

            def is_there(name: str) -> bool:
                known = sizes[name] <= SMALL and is_same(chosen[name], there.get(name))
                if known:
                    progress.advance(name, sizes[name], sent=False)
                return known

            def put(name: str) -> int | None:
                sent = self.s3.put(chosen[name], bucket, name, there.get(name))
                progress.advance(name, sizes[name], sent=sent is not None)
                return sent

            missing = [name for name in sorted(chosen) if not is_there(name)]
            sent = [size for size in self._parallel(put, missing) if size is not None]
        except OSError as error:
            raise ConfigurationError(f"{error.filename or path} cannot be uploaded: {error.strerror}.") from error
        finally:
            progress.end()
        return Uploaded(len(chosen), len(sent), sum(sent))

    def mirror(self, folder: Path, uri: str) -> Uploaded:
        """Make an ``s3://`` prefix hold what a folder holds, and nothing else; errors as for `upload`."""
        done = self.upload(folder, uri)
        bucket, key = split(uri)
        prefix = f"{key.rstrip('/')}/"
        kept = _keys(folder, key)
        self.s3.delete(
            bucket, [each.key for each in self.s3.objects(f"s3://{bucket}/{prefix}") if each.key not in kept]
        )
        return done

    # -- below the surface --------------------------------------------------------------------------------------

    def _no_data(self, uri: str) -> NoData:
        bucket, _ = split(uri)
        return NoData(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            f"exists in the selected region ({self.s3.region or 'the default one'}), that objects exist under that S3 "
            f'prefix, and that you have "s3:ListBucket" permissions on bucket "{bucket}".'
        )

    def _view(self, bucket: str, names: Mapping[str, Object]) -> Path:
        """A folder with these files, made anew only if something of it has changed."""
        view = self.cache / "views" / _digest(bucket, *(f"{name}\0{each}" for name, each in sorted(names.items())))
        if view.is_dir() and all(_is_whole(view / name, each) for name, each in names.items()):
            return view
        self._parallel(lambda name: self._object(bucket, names[name]), names)
        with _beside(view) as partial:
            for name, each in names.items():
                file = partial / name
                file.parent.mkdir(parents=True, exist_ok=True)
                _link(self._object(bucket, each), file)
            if view.is_dir():
                import shutil

                # Somebody wrote to it, or another process has just made the same.
                if all(_is_whole(view / name, each) for name, each in names.items()):
                    shutil.rmtree(partial)
                    return view
                shutil.rmtree(view, ignore_errors=True)
        return view

    def _object(self, bucket: str, wanted: Object) -> Path:
        """One version of one object, read if it is not in the cache."""
        file = self.cache / "objects" / _digest(bucket, str(wanted))
        if not _is_whole(file, wanted):
            make_own(self.cache.parent)
            with _beside(file) as partial:
                self.s3.read(bucket, wanted.key, partial, wanted)
                os.utime(partial, (wanted.modified, wanted.modified))
                partial.chmod(0o444)
        return file

    def _parallel(self, call: Callable[[str], _T], names: Iterable[str]) -> list[_T]:
        """Results in order. No thread is left when it returns: the engine forks."""
        from concurrent.futures import ThreadPoolExecutor

        self.s3.connect()
        names = tuple(names)
        pool = ThreadPoolExecutor(min(CONNECTIONS, len(names) or 1), "storage")
        try:
            return [*pool.map(call, names)]
        finally:
            pool.shutdown(cancel_futures=True)


def _keys(path: Path, key: str) -> dict[str, Path]:
    """What a file, or each file of a folder, is called in a bucket."""
    if not path.is_dir():
        return {key + path.name if key.endswith("/") or not key else key: path}
    prefix = f"{key.rstrip('/')}/" if key else ""
    return {prefix + each.relative_to(path).as_posix(): each for each in files(path)}


def _digest(*parts: str) -> str:
    import hashlib

    return hashlib.sha256("\0\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _is_whole(file: Path, wanted: Object) -> bool:
    """Whether a file of the cache is as it was left there."""
    with suppress(OSError):
        status = file.stat()
        return status.st_size == wanted.size and int(status.st_mtime) == wanted.modified
    return False


def _link(source: Path, target: Path) -> None:
    import shutil

    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A path of this thread's own next to ``target``, renamed to it at the end, or removed."""
    import shutil
    import threading

    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name[:200]}.{os.getpid()}.{threading.get_ident()}")
    try:
        yield partial
        if partial.exists():
            with suppress(OSError):  # another process has just put the same there
                partial.replace(target)
            if not target.exists():
                raise HarnessError(f"{target} could not be written.")
    except OSError as error:
        raise HarnessError(f"{target} could not be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True) if partial.is_dir() else partial.unlink(missing_ok=True)
