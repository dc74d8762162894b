"""The user's code as a job gets it: which files, the archive they travel in, and a copy laid out for a run.

What travels is what the SageMaker Python SDK sends (SDK v2, read): the children of ``source_dir`` at the
root, each dependency under its base name, symbolic links followed; without ``source_dir`` the entry file
alone. Less what git ignores, what ``.sagemakerignore`` names, in gitignore's syntax, virtual environments, and what
the harness itself has put there: where a repository's root is the source, each job would else carry all those before
it, and a passport be part of what it vouches for. An empty folder does not travel.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, NamedTuple

from harness import credentials
from harness.errors import ConfigurationError
from harness.left_out import file_is, folder_is, ignored_by_git, is_repository

IGNORE_FILE: Final = ".sagemakerignore"
ALWAYS_LEFT_OUT: Final = frozenset({".git", "__pycache__", ".venv", ".harness"})
MAX_SIZE: Final = 2 * 10**9
"""Bytes. Code that weighs as much as this is data, and data belongs into a channel."""
MODIFIED: Final = 315532800
"""Every file's time, 1980-01-01: the bytes repeat, and a wheel, being a zip, knows no earlier day."""

_CHUNK: Final = 1 << 20
"""Bytes that are copied at a time."""


class SourceFile(NamedTuple):
    """One file that travels."""

    name: str
    """Inside the archive, with ``/``; relative."""
    path: Path
    """On this machine, links not yet followed."""
    size: int
    """Bytes."""
    mode: int
    """0o755 if its owner may execute it, else 0o644."""


class LeftOut(NamedTuple):
    """A file, or a whole folder, that does not travel."""

    name: str
    """As that of a file that does; a folder's ends with ``/``."""
    why: str
    """In a few words: ``ignored by git``."""


class SourceManifest(NamedTuple):
    """Everything that travels, ordered by name."""

    entry_point: str
    """As the job names it: relative to the root of what travels."""
    files: tuple[SourceFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    """Ordered by name, too."""

    @property
    def size(self) -> int:
        """Bytes, unpacked."""
        return sum(file.size for file in self.files)


def manifest(
    source_dir: Path | None,
    *,
    entry_point: str,
    dependencies: Sequence[Path] = (),
    allow_secrets: Collection[str] = (),
    max_size: int = MAX_SIZE,
) -> SourceManifest:
    """List what travels. Reads the start of every file, writes nothing.

    Args:
        source_dir: None sends the file *entry_point* alone, under its base name.
        entry_point: relative to *source_dir*, or a path to a file where there is none.
        dependencies: files and folders to put beside, each under its base name.
        allow_secrets: archive names of files that may travel although they look like credentials.
        max_size: bytes; as much as this, or more, is refused.

    Raises:
        ConfigurationError: the folder, the entry point or a dependency is missing or outside; two files would
            have the same name; something cannot be read or is neither file nor folder; a file holds a
            credential; or it is all too large.
    """
    if source_dir is None:
        entry = Path(entry_point)
        if entry.is_dir():
            raise ConfigurationError(f"entry_point '{entry_point}' is a folder; name the file to run.")
        found = list(_named(entry, "entry_point"))
        entry_point = entry.name
    else:
        if not source_dir.is_dir():
            what = "is not a folder" if source_dir.exists() else "is not there"
            raise ConfigurationError(f"source_dir '{source_dir}' {what}. Set it to the folder of {entry_point}.")
        found = list(_folder(source_dir))
        _check_entry_point(entry_point, source_dir, found)
    for dependency in dependencies:
        found += _named(dependency, "dependency")

    found.sort(key=lambda each: each.name)
    files = tuple(each for each in found if isinstance(each, SourceFile))
    _check_clashes(files)
    _check_size(files, max_size)
    _check_secrets(files, allow_secrets)
    return SourceManifest(entry_point, files, tuple(each for each in found if isinstance(each, LeftOut)))


def pack(manifest: SourceManifest, target: BinaryIO) -> None:
    """Write ``sourcedir.tar.gz`` to *target*. Equal files give equal bytes: sorted, without owners or times.

    Raises:
        OSError: a file has changed or gone since it was listed, or *target* cannot be written.
    """
    import gzip
    import tarfile

    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=target, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for file in manifest.files:
            member = tarfile.TarInfo(file.name)
            member.mode, member.mtime = file.mode, MODIFIED
            with file.path.open("rb") as content:
                member.size = os.fstat(content.fileno()).st_size
                archive.addfile(member, content)


def content_hash(manifest: SourceManifest) -> str:
    """SHA-256 of names, modes and bytes, in hexadecimal; the same whichever zlib would pack them."""
    import hashlib

    total = hashlib.sha256()
    for file in manifest.files:
        with file.path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").digest()
        name = os.fsencode(file.name)
        total.update(b"%d %o " % (len(name), file.mode) + name + digest)
    return total.hexdigest()


def stage(manifest: SourceManifest, target: Path) -> None:
    """Lay out under *target* what unpacking the archive would give. Copies: the script may write to its code.

    Args:
        manifest: what to lay out.
        target: an empty folder, or one that does not exist yet.

    Raises:
        OSError: a file has gone since it was listed, or the copy cannot be written.
    """
    for file, copy in _places(manifest, target):
        try:
            _copy(file, copy)
        except OSError as error:
            error.filename = error.filename or copy
            raise


def link(manifest: SourceManifest, target: Path) -> None:
    """Lay out under *target* what travels, to be listed or copied again: its files are the user's own.

    Nobody who could write to them may be given them. What cannot be linked, being on another disk or somebody else's,
    is copied.

    Args:
        manifest: what to lay out.
        target: an empty folder, or one that does not exist yet.

    Raises:
        OSError: see `stage`.
    """
    for file, copy in _places(manifest, target):
        try:
            # A link to a symbolic link is one itself, and would point elsewhere from there.
            os.link(file.path.resolve() if file.path.is_symlink() else file.path, copy)
        except OSError:
            _copy(file, copy)


def _places(manifest: SourceManifest, target: Path) -> Iterator[tuple[SourceFile, str]]:
    """Every file and where it belongs, in a folder that is there."""
    target.mkdir(parents=True, exist_ok=True)
    made = {""}
    for file in manifest.files:
        folder = file.name.rpartition("/")[0]
        if folder not in made:
            (target / folder).mkdir(parents=True, exist_ok=True)
            made.add(folder)
        yield file, f"{target}/{file.name}"


def _copy(file: SourceFile, target: str) -> None:
    """Copy a file, its mode and the one time that all have: in no more system calls than that takes."""
    given = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, file.mode)
        try:
            most = min(file.size + 1, _CHUNK)
            while data := os.read(given, most):
                _write(made, data)
                if len(data) < most:
                    break
            os.fchmod(made, file.mode)
            os.utime(made, (MODIFIED, MODIFIED))
        finally:
            os.close(made)
    finally:
        os.close(given)


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _named(path: Path, label: str) -> Iterator[SourceFile | LeftOut]:
    """A file or folder under its base name."""
    name = Path(os.path.abspath(path)).name  # noqa: PTH100 - resolve() would follow a link to another name
    if path.is_dir():
        for each in _folder(path):
            yield each._replace(name=f"{name}/{each.name}")
    elif path.exists():
        yield _file(name, path)
    else:
        raise ConfigurationError(f"{label} '{path}' is not there (looked in {Path.cwd()}).")


def _folder(root: Path) -> Iterator[SourceFile | LeftOut]:
    """The files of *root*, and what of it is left out, names relative to it."""
    by_git = set(ignored_by_git(root))
    spec = None
    if (root / IGNORE_FILE).is_file():
        from pathspec import GitIgnoreSpec

        try:
            spec = GitIgnoreSpec.from_lines((root / IGNORE_FILE).read_text(encoding="utf-8").splitlines())
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"'{root / IGNORE_FILE}' cannot be used: {error}") from error

    def named(name: str, child: str) -> str | None:
        if child in ALWAYS_LEFT_OUT:
            return "never sent"
        if name.rstrip("/") in by_git:
            return "ignored by git"
        return f"named in {IGNORE_FILE}" if spec and spec.match_file(name) else None

    def walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[SourceFile | LeftOut]:
        status = folder.stat()
        here = (status.st_dev, status.st_ino)
        if here in above:
            raise ConfigurationError(
                f"'{folder}' is a symbolic link to a folder that it lies in, so the source has no end. "
                f"Remove the link or name it in {root / IGNORE_FILE}."
            )
        try:
            children = list(folder.iterdir())
        except OSError as error:
            raise _unreadable(folder, error) from None
        if prefix and is_repository(folder):  # a submodule's, say, into which the one around it does not look
            with suppress(ConfigurationError):  # if git cannot say, all of it travels
                by_git.update(prefix + name for name in ignored_by_git(folder))
        for child in children:
            is_folder = child.is_dir()
            name = prefix + child.name + ("/" if is_folder else "")
            why = named(name, child.name)
            if why is None:
                file = None if is_folder else _file(name, child)
                why = folder_is(child) if file is None else file_is(child)
            if why is not None:
                yield LeftOut(name, why)
            elif file is None:
                yield from walk(child, name, (*above, here))
            else:
                yield file

    return walk(root, "", ())


def _file(name: str, path: Path) -> SourceFile:
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(
            f"'{path}' is neither a file nor a folder and cannot travel in an archive. "
            f"Remove it or name it in {IGNORE_FILE}."
        )
    return SourceFile(name, path, status.st_size, 0o755 if status.st_mode & stat.S_IXUSR else 0o644)


def _unreadable(path: Path, error: OSError) -> ConfigurationError:
    if path.is_symlink() and not path.exists():
        what = f"is a symbolic link to '{path.readlink()}', which is not there"
    else:
        what = f"cannot be read: {error.strerror}"
    return ConfigurationError(f"'{path}' {what}. Repair it, remove it, or name it in {IGNORE_FILE}.")


def _check_entry_point(entry_point: str, source_dir: Path, found: Sequence[SourceFile | LeftOut]) -> None:
    where = f"entry_point '{entry_point}'"
    normal = os.path.normpath(entry_point)
    if PurePosixPath(entry_point).is_absolute() or PurePosixPath(normal).parts[:1] == ("..",):
        raise ConfigurationError(
            f"{where} lies outside source_dir '{source_dir}', and only what lies inside reaches the job. "
            "Give its path relative to source_dir."
        )
    names = [each.name for each in found if isinstance(each, SourceFile)]
    if normal in names:
        return
    if (source_dir / normal).is_dir():
        raise ConfigurationError(f"{where} is a folder of source_dir '{source_dir}'; name the file to run.")
    for each in found:
        if not isinstance(each, LeftOut) or not (source_dir / normal).exists():
            continue
        if f"{normal}/".startswith(f"{each.name.rstrip('/')}/"):
            raise ConfigurationError(
                f"{where} is in source_dir '{source_dir}', but left out: '{each.name}' is {each.why}."
            )
    import difflib

    nearest = difflib.get_close_matches(normal, names, n=1, cutoff=0.5)
    there = f"Did you mean '{nearest[0]}'?" if nearest else f"It holds {_some(names)}."
    raise ConfigurationError(f"{where} is not in source_dir '{source_dir}'. {there}")


def _some(names: Sequence[str], most: int = 5) -> str:
    shown = [f"'{name}'" for name in sorted(names)[:most]]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "") if shown else "nothing"


def _check_clashes(files: Sequence[SourceFile]) -> None:
    seen: dict[str, SourceFile] = {}
    for file in files:
        taken = file.name
        while taken:
            if taken in seen:
                raise ConfigurationError(
                    f"'{seen[taken].path}' and '{file.path}' would both become '{taken}' beside the script. "
                    "Rename one, or leave it out."
                )
            taken = taken.rpartition("/")[0]  # a folder that it lies in
        seen[file.name] = file


def _check_size(files: Sequence[SourceFile], max_size: int) -> None:
    total = sum(file.size for file in files)
    if total >= max_size:
        largest = sorted(files, key=lambda file: -file.size)[:3]
        listed = ", ".join(f"{file.name} ({file.size / 1e6:,.0f} MB)" for file in largest)
        raise ConfigurationError(
            f"The code weighs {total / 1e6:,.0f} MB; the limit is {max_size / 1e6:,.0f}. Largest: {listed}. "
            f"Give data as a channel, and name in {IGNORE_FILE} what the script does not need."
        )


def _check_secrets(files: Sequence[SourceFile], allowed: Collection[str]) -> None:
    for file in files:
        try:
            found = credentials.found_in(file.path)
        except OSError as error:
            raise _unreadable(file.path, error) from None
        if found and file.name not in allowed:
            raise ConfigurationError(
                f"'{file.path}' holds {found}, and would travel with the source. Name it in {IGNORE_FILE} "
                f"to leave it out, or add '{file.name}' to allow_secrets if the job needs it."
            )
