"""What a job leaves behind, packed whole or not at all; and unpacking that stays inside its folder.

The contents of ``/opt/ml/model`` stand at the root of ``model.tar.gz``, those of ``/opt/ml/output/data`` at
the root of ``output.tar.gz``; what several hosts leave becomes one archive, and names must not clash (AWS
developer guide). With ``OutputDataConfig.CompressionType`` NONE the same files are stored as they are.

Symbolic links are refused: what AWS makes of one is not documented, so a model that needs one would be a
gamble. A hard link is stored as the file that it is.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from harness.errors import HarnessError
from harness.source import MODIFIED

if TYPE_CHECKING:
    from tarfile import TarInfo

_LEVEL: Final = 1
"""Of gzip. Measured on a forest of 55 MB: 0.47 s and 16.6 MB, where level 6 takes 1.1 s for 15.0 MB."""
_BUFFER: Final = 1 << 20
_BEYOND: Final = (ValueError, RecursionError, OverflowError)
"""What Python says to a member's name with NUL, to folders without end, and to a time beyond all calendars."""


class ArtifactError(HarnessError):
    """Artifacts cannot be packed or unpacked; the message names the file. Nothing is left half done."""


class _Entry(NamedTuple):
    """A file or folder that a host left."""

    name: str
    path: Path
    host: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


def get_ready() -> None:
    """Import now what packing and clearing up need, so that nobody waits for it later."""
    import gzip  # noqa: F401
    import shutil  # noqa: F401
    import tarfile  # noqa: F401


def pack_directories(folders: Mapping[str, Path], target: Path) -> bool:
    """Pack the contents of one folder per host into one gzip-compressed tar archive.

    The archive appears under its name only when it is complete and on the disk. Equal contents give equal
    bytes: sorted, owned by root, without times.

    Args:
        folders: host name -> its folder; one that does not exist counts as empty.
        target: the archive; its folder exists.

    Returns:
        False if there was nothing to pack; then there is no archive. So it is on AWS, where such a job is
        Completed and CreateModel then finds no model data (aws/sagemaker-python-sdk, issue 608).

    Raises:
        ArtifactError: hosts left the same file, something is neither file nor folder, or reading or writing
            failed.
    """
    entries = _merged(folders)
    if not entries:
        return False
    import gzip
    import tarfile

    with _beside(target) as partial, partial.open("wb") as file:
        with (
            gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for entry in entries:
                member = tarfile.TarInfo(entry.name)
                member.mode, member.mtime = stat.S_IMODE(entry.status.st_mode) & 0o777, MODIFIED
                if entry.is_folder:
                    member.type = tarfile.DIRTYPE
                    archive.addfile(member)
                else:
                    member.size = entry.status.st_size
                    with entry.path.open("rb") as content:
                        archive.addfile(member, content)
        file.flush()
        os.fsync(file.fileno())
    return True


def copy_directories(folders: Mapping[str, Path], target: Path) -> bool:
    """Copy the contents of one folder per host into the folder *target*: CompressionType NONE.

    Arguments, result and errors are those of :func:`pack_directories`; *target* must not exist.
    """
    entries = _merged(folders)
    if not entries:
        return False
    import shutil

    with _beside(target) as partial:
        partial.mkdir()
        for entry in entries:
            copy = partial / entry.name
            if entry.is_folder:
                copy.mkdir()
            else:
                shutil.copyfile(entry.path, copy)
                _sync(copy)
    return True


def unpack_archive(archive: Path, target: Path, *, max_size: int | None = None) -> None:
    """Unpack a gzip-compressed tar archive that nobody vouches for; nothing is ever written outside *target*.

    Args:
        archive: ``model.tar.gz``, ``sourcedir.tar.gz`` or the like.
        target: must not exist, or be an empty folder; appears complete or not at all.
        max_size: bytes that may be unpacked; None for no limit.

    Raises:
        ArtifactError: the archive is missing, not whole or not a gzip-compressed tar; it is too large;
            a member has an absolute name or ``..`` in it, is a device or FIFO, leads outside as a link, or
            would be written through a link; or writing failed.
    """
    import gzip
    import tarfile
    import zlib

    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArtifactError(f"'{archive}' cannot be unpacked to '{target}': that is not an empty folder.")
    if not hasattr(tarfile, "data_filter"):
        raise ArtifactError("Unpacking safely needs Python 3.11.4 or newer; update this Python.")
    try:
        content = archive.open("rb")
    except OSError as error:
        raise ArtifactError(f"'{archive}' cannot be read: {error.strerror}.") from error
    with content, _beside(target) as partial:
        partial.mkdir()
        try:
            with gzip.GzipFile(fileobj=content) as plain, tarfile.open(fileobj=plain, mode="r:") as members:
                members.extractall(partial, filter=_guard(archive, max_size))  # noqa: S202
                # The checksum stands behind the last member, where tarfile does not look.
                while plain.read(_BUFFER):
                    pass
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, *_BEYOND) as error:
            raise ArtifactError(f"'{archive}' is not a whole gzip-compressed tar archive: {error}.") from error


def _merged(folders: Mapping[str, Path]) -> list[_Entry]:
    """What all hosts left, by name; a folder that several hosts have counts once."""
    merged: dict[str, _Entry] = {}
    for host, folder in folders.items():
        if folder.is_symlink():  # which here might lead to another folder than the host saw there, or to none
            raise ArtifactError(f"'{folder}' {_what(folder, folder.lstat().st_mode)}")
        for entry in _entries(folder, host) if folder.exists() else ():
            other = merged.setdefault(entry.name, entry)
            if other is not entry and not (other.is_folder and entry.is_folder):
                raise ArtifactError(
                    f"{other.host} and {host} both left '{entry.name}', and all they leave is one archive. "
                    "Let one host write it, or put SM_CURRENT_HOST into the name."
                )
    return [merged[name] for name in sorted(merged)]


def _entries(folder: Path, host: str, prefix: str = "") -> Iterator[_Entry]:
    try:
        children = list(folder.iterdir())
        for child in children:
            entry = _Entry(prefix + child.name, child, host, child.lstat())
            if not (entry.is_folder or stat.S_ISREG(entry.status.st_mode)):
                raise ArtifactError(f"'{entry.name}' ({child}) {_what(child, entry.status.st_mode)}")
            yield entry
            if entry.is_folder:
                yield from _entries(child, host, entry.name + "/")
    except OSError as error:
        raise ArtifactError(f"'{folder}' cannot be read: {error.strerror}.") from error


def _what(path: Path, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return f"is a symbolic link to '{path.readlink()}'; let the script copy the file there instead."
    kind = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}.get(stat.S_IFMT(mode), "a device")
    return f"is {kind}, which no archive can keep; let the script remove it before it ends."


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A path next to *target*, renamed to it at the end, or removed with all that is in it.

    A killed run leaves it behind; its name is always the same, so the next one replaces it.
    """
    import shutil

    partial = target.with_name(f".{target.name}.partial")

    def remove() -> None:
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink(missing_ok=True)

    try:
        remove()
        yield partial
        partial.replace(target)
        _sync(target.parent)
    except OSError as error:
        remove()
        raise ArtifactError(f"'{target}' could not be written: {_reason(error)}") from error
    except BaseException:
        remove()
        raise


def _reason(error: OSError) -> str:
    what = error.strerror or str(error)
    where = f" ('{error.filename}')" if error.filename else ""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return f"{what}{where}." + (" Make room on its disk and run the job again." if full else "")


def _sync(path: Path) -> None:
    """Bring a file's bytes, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _guard(archive: Path, max_size: int | None) -> Callable[[TarInfo, str], TarInfo]:
    """A filter for tarfile: its data filter (PEP 706), and what that one lets through or repairs in silence.

    Links are held to what can be judged without resolving them, because older data filters could be deceived
    about where a chain of links leads (CVE-2025-4517): a link's own folder is a real one, ``..`` stands only
    at the start of its text, and nothing is written through a link.
    """
    import tarfile

    links: set[PurePosixPath] = set()
    files: set[PurePosixPath] = set()
    unpacked = 0

    def refuse(member: TarInfo, reason: str) -> ArtifactError:
        return ArtifactError(f"'{archive}' was not unpacked: its member '{member.name}' {reason}.")

    def check(member: TarInfo, destination: str) -> TarInfo:
        nonlocal unpacked
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts:
            raise refuse(member, "would lie outside the folder")
        if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            raise refuse(member, "is neither file, folder nor link")
        if not links.isdisjoint((name, *name.parents)):
            raise refuse(member, "would be written through a link")
        if member.issym():
            text = PurePosixPath(member.linkname)
            up = sum(1 for part in text.parts if part == "..")
            if text.is_absolute() or ".." in text.parts[up:] or up > len(name.parts) - 1:
                raise refuse(member, f"is a link to '{member.linkname}', which may lead outside the folder")
            links.add(name)
        elif member.islnk() and PurePosixPath(member.linkname) not in files:
            raise refuse(member, f"is a link to '{member.linkname}', which is no file of the archive")
        if member.isreg() or member.islnk():
            files.add(name)
        unpacked += member.size
        if max_size is not None and unpacked > max_size:
            raise refuse(member, f"makes it larger than {max_size:,} bytes unpacked")
        try:
            return tarfile.data_filter(member, destination)
        except tarfile.FilterError as error:
            raise refuse(member, f"is not safe: {error}") from error

    return check
