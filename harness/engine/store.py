"""Jobs on disk: one folder each, readable by any process, owned by at most one.

    runs/<job>/request.json      what was asked, in AWS's shape
    runs/<job>/describe.json     what ``describe_…`` answers
    runs/<job>/log.txt           what the hosts printed
    runs/_active/<job>           locked by the process that runs the job, as long as it runs

A job whose status says that it runs while nobody holds its lock has lost its process (``kill -9``, a power cut):
whoever finds it first says so in its ``describe.json``. No job's name begins with ``_``, so such names are ours.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import ConfigurationError, ServiceError
from harness.folders import make_own

Document = dict[str, Any]

_RESERVE = 16 * 1024
"""Bytes by which a description may grow until its job has ended."""

_POLL = 0.02
"""Seconds between looks at a lock that another process holds: nothing tells of its release."""
ENDED = frozenset({"Completed", "Failed", "Stopped"})
LOST = (
    "InternalServerError: the process that ran this job ended before the job did (it was killed, or the machine "
    "stopped). Nothing was delivered; run the job again under a new name."
)


def now() -> datetime:
    """The time as AWS gives it: UTC, to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write beside and rename, so that a reader finds the old document or the new one, never half of one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(document, indent=2, default=_to_json, ensure_ascii=False) + "\n", "utf-8")
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Document:
    """The inverse of ``write_json``: members named ``…Time`` come back as ``datetime``.

    Raises:
        ConfigurationError: it has been cut short by a power cut, or somebody has edited it.
    """
    try:
        document = json.loads(path.read_text("utf-8"), object_hook=_from_json)
    except (ValueError, RecursionError) as error:
        raise _not_whole(path, str(error)) from error
    if not isinstance(document, dict):
        raise _not_whole(path, "it is no object of JSON")
    return document


def _not_whole(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"{path} is not as the harness has written it ({why}). Remove it.")


def _to_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    raise TypeError(f"{type(value).__name__} has no place in a document of AWS's")


def _from_json(members: Document) -> Document:
    for name, value in members.items():
        if name.endswith("Time") and isinstance(value, str):
            with suppress(ValueError):
                members[name] = datetime.fromisoformat(value)
    return members


def kind_of(description: Mapping[str, Any]) -> str:
    """What a ``Describe…`` document describes: ``TrainingJob``, ``Endpoint``, …; "" if it has no status.

    Of its names (a transform job has its model's as well) it is the one that a status goes with. Their order tells
    nothing: ours writes the job's own first, AWS's answer comes in the order of its model.
    """
    names = (member.removesuffix("Name") for member in description if member.endswith("Name"))
    return next((name for name in names if f"{name}Status" in description), "")


class Vanished(Exception):
    """The job's folder is not there any more. What there is now under its name is not the job's to write to."""


class Job:
    """One job's folder. Cheap: nothing is read before it is asked for."""

    def __init__(self, path: Path, is_there: Callable[[], bool] = lambda: True) -> None:
        """``is_there``: for the owner, whether the folder is still the job's."""
        self.path = path
        self.name = path.name
        self._is_there = is_there

    @property
    def log(self) -> Path:
        """What the hosts printed."""
        return self.path / "log.txt"

    @property
    def active(self) -> Path:
        """The file whose lock says that somebody runs this job."""
        return self.path.parent / "_active" / self.name

    @property
    def request(self) -> Document:
        """The request that made this job."""
        return read_json(self.path / "request.json")

    @property
    def description(self) -> Document:
        """The job's ``describe_…`` document as it stands on disk."""
        path = self.path / "describe.json"
        document = read_json(path)
        if not kind_of(document):
            raise _not_whole(path, "it has no status")
        return document

    @property
    def kind(self) -> str:
        """``TrainingJob``, ``ProcessingJob``, ``TransformJob`` or ``Endpoint``."""
        return kind_of(self.description)

    @property
    def status(self) -> str:
        """AWS's word for how the job stands: ``InProgress``, ``Stopping``, ``Completed``, ``Failed``, ``Stopped``."""
        description = self.description
        return str(description[f"{kind_of(description)}Status"])

    def wait_for_end(self, timeout: float | None = None) -> bool:
        """Return when nobody runs the job (True), or after ``timeout`` seconds (False)."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.held():
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        return True

    def check_there(self) -> None:
        """Before the owner writes to the folder.

        Raises:
            Vanished: there is none, or another job's.
        """
        if not self._is_there():
            raise Vanished

    def update(self, **members: Any) -> Document:
        """Set members of the description (None leaves one out) and return it. Only the owner may.

        Raises:
            Vanished: see ``check_there``.
        """
        self.check_there()
        document = {**self.description, **members, "LastModifiedTime": now()}
        document = {name: value for name, value in document.items() if value is not None}
        path = self.path / "describe.json"
        try:
            write_json(path, document)
        except OSError:
            if not self.reserve.exists():
                raise
            self.reserve.unlink()
            write_json(path, document)
        return document

    @property
    def reserve(self) -> Path:
        """Room on the disk that nothing else can take: a job that fails because the disk is full must get to say so."""
        return self.path / ".reserve"

    def held(self) -> bool:
        """Whether somebody runs this job, or is about to."""
        return self._look() is not None

    def owner(self) -> int | None:
        """The process that runs this job; None if nobody does, or nobody yet."""
        return int(self._look() or 0) or None

    def _look(self) -> bytes | None:
        """What the owner has written into its lock: empty until it has taken the job over; None without an owner."""
        try:
            lock = os.open(self.active, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            return None if _is_free(lock) else os.read(lock, 32)
        finally:
            os.close(lock)


class Store:
    """All jobs below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def job(self, name: str) -> Job:
        """The job of that name, whether it exists or not."""
        return Job(self.root / name)

    def names(self) -> Iterator[str]:
        """Every job's name, in no order."""
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in self.root.iterdir():
                if not entry.name.startswith(("_", ".")) and (entry / "describe.json").is_file():
                    yield entry.name

    def active(self) -> Iterator[Job]:
        """Every job that somebody runs, in no order."""
        with suppress(FileNotFoundError):
            for entry in (self.root / "_active").iterdir():
                if not entry.name.startswith(".") and self.job(entry.name).held():
                    yield self.job(entry.name)

    def create(self, name: str, operation: str, request: Document, description: Document) -> tuple[Job, int]:
        """Make a job's folder, and lock the job for whoever inherits the returned file descriptor.

        Raises:
            ServiceError: ``ResourceInUse`` when the name is taken; the other job is left as it was.
            ConfigurationError: the folder cannot be written.
        """
        job = self.job(name)
        try:
            # Endpoints lie among the run folders, in a folder of their own.
            make_own(self.root.parent if self.root.name.startswith("_") else self.root)
            job.active.parent.mkdir(parents=True, exist_ok=True)
            with self._alone():
                return job, _make(job, request, description)
        except FileExistsError:
            raise ServiceError(
                "ResourceInUse",
                f"Job name must be unique within an AWS account and region, and a job with this name already "
                f"exists: {job.path}. Choose another name, or leave it out to have one made",
                operation,
            ) from None
        except OSError as error:
            raise ConfigurationError(
                f"The run folder {job.path} cannot be made: {error.strerror}. Set runs_dir to a folder that can be "
                "written, on a disk with room."
            ) from error

    def adopt(self, lock: int) -> None:
        """Write down that this process, which inherited the lock, is the one that runs the job."""
        os.pwrite(lock, str(os.getpid()).encode(), 0)

    def has(self, job: Job, lock: int) -> bool:
        """Whether a job's folder is there, and the job in it is the one that this lock was made for."""
        try:
            return os.path.samestat(os.fstat(lock), job.active.stat()) and (job.path / "describe.json").exists()
        except (FileNotFoundError, NotADirectoryError):
            return False

    def discard(self, job: Job, lock: int) -> None:
        """The job could not be made: leave nothing of it."""
        import shutil

        with self._alone():
            shutil.rmtree(job.path)
            job.active.unlink()
        os.close(lock)

    def release(self, job: Job, lock: int) -> None:
        """The owner is done with the job. One that could not say how it ended counts as lost."""
        with suppress(FileNotFoundError), self._alone():  # somebody may have removed it all meanwhile
            if job.status in ENDED and self.has(job, lock):
                job.reserve.unlink(missing_ok=True)
                job.active.unlink()
        os.close(lock)

    def bury(self, mark: Callable[[Job], None]) -> list[str]:
        """Have each job whose process is gone marked, and what it left half done removed; return their names.

        What this user may not write is left to its owner.
        """
        buried = []
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError), self._alone():
            for entry in (self.root / "_active").iterdir():
                if entry.name.startswith("."):
                    continue
                job = self.job(entry.name)
                # A full disk: the next one may have more luck. Broken documents: who wants to see the job is told.
                with suppress(OSError, ConfigurationError):
                    if not job.held():
                        if _bury(job, mark):
                            buried.append(job.name)
                        entry.unlink()
        return buried

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else makes or buries a job meanwhile; milliseconds."""
        lock = os.open(self.root / "_active" / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _is_free(lock: int) -> bool:
    """Whether nobody owns a lock. Shared, so that those who look do not take each other for the owner."""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make(job: Job, request: Document, description: Document) -> int:
    """The job's folder and its lock, both or neither.

    The lock comes first: where this is killed half-way, it leads whoever buries to the folder.

    Raises:
        FileExistsError: the name is taken.
    """
    if os.path.lexists(job.path):
        raise FileExistsError(job.path)
    # The name is free, so whatever lies there belongs to a job whose folder has been removed.
    job.active.unlink(missing_ok=True)
    lock = os.open(job.active, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        job.path.mkdir()
        try:
            job.log.touch()
            write_json(job.path / "request.json", request)
            write_json(job.path / "describe.json", description)
            job.reserve.write_bytes(bytes((job.path / "describe.json").stat().st_size + _RESERVE))
        except BaseException:
            import shutil

            shutil.rmtree(job.path)
            raise
    except BaseException:
        job.active.unlink(missing_ok=True)
        os.close(lock)
        raise
    return lock


def _bury(job: Job, mark: Callable[[Job], None]) -> bool:
    """Tidy up after a job that nobody runs any more; whether it had not ended by itself."""
    import shutil

    if not (job.path / "describe.json").is_file():
        if job.path.is_dir():
            _remove_unborn(job.path)
        return False
    for folder in ("", "hosts/*/input/config/", "hosts/*/config/"):  # wherever `write_json` may have been killed
        for half in job.path.glob(f"{folder}.*.json.*"):
            half.unlink(missing_ok=True)
    job.reserve.unlink(missing_ok=True)
    if job.status in ENDED:
        if job.status == "Completed":
            shutil.rmtree(job.path / "hosts", ignore_errors=True)
        return False
    shutil.rmtree(job.path / "output", ignore_errors=True)  # whole or not, it was never announced
    mark(job)
    return True


def _remove_unborn(folder: Path) -> None:
    """A folder whose maker was killed before the job was written down holds nothing of anybody's."""
    for name in ("request.json", "log.txt"):
        (folder / name).unlink(missing_ok=True)
    for entry in folder.glob(".*.json.*"):
        entry.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()
