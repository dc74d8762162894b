"""What every test stands on: no credentials, no real network, and nothing left behind."""

from __future__ import annotations

import fcntl
import gc
import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from harness.cli import main

for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGQUIT, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        # So it is for what a script starts in its background, or with nohup; tests here send them, and mean it.
        signal.signal(number, usual)

for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):  # they alone double the start of every command
    os.environ.pop(name, None)
sys.dont_write_bytecode = False

settings.register_profile("harness", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("harness")

NOWHERE = "http://127.0.0.1:9"
"""An address where nobody answers: what forgets to name its endpoint fails at once."""

_INSTEAD = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_ENDPOINT_URL": NOWHERE,
    "XDG_CONFIG_HOME": os.devnull,  # nobody's config.yaml of the SDK
    "XDG_CONFIG_DIRS": os.devnull,
}
"""What tests have in the place of the settings of whoever runs them."""

PATIENCE = 60
"""Seconds for a process that ends to be gone, on a busy machine."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is wrong is mostly told by the fast ones already: they come first, in whatever order they have.

    Of these, the engine's hosts: they are forked from this very process, which costs more the more it has imported.
    """

    def turn(item: pytest.Item) -> tuple[bool, bool]:
        return item.get_closest_marker("slow") is not None, "place" not in getattr(item, "fixturenames", ())

    items.sort(key=turn)


def pytest_collection_finish() -> None:
    """Eight thousand tests are no garbage: nobody need look through them for some again, here or in what is forked."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _no_credentials_for_what_is_shared() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        _forget_the_caller(patch)
        yield


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget_the_caller(monkeypatch)  # again: what is shared may have set some


def _forget_the_caller(patch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "HARNESS_", "SAGEMAKER_", "SM_")) and name not in {"AWS_CA_BUNDLE", *_INSTEAD}:
            patch.delenv(name)
    for name, text in _INSTEAD.items():
        if os.environ.get(name) != text:
            patch.setenv(name, text)


@pytest.fixture(autouse=True, scope="session")
def _read_the_files_of_botocore_once() -> Iterator[None]:
    """Every new session lists hundreds of folders and reads a megabyte of JSON; within a process they are the same."""
    from botocore import loaders, session

    once = cache(loaders.create_loader)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaders, "create_loader", once)
        patch.setattr(session, "create_loader", once)
        yield


@pytest.fixture(scope="session")
def _scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every test's ``TMPDIR``: empty before, empty after."""
    folder = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def _nothing_left_behind(_scratch: Path) -> Iterator[None]:
    """No temporary file or folder, and no process that was not there before."""
    before = _descendants(os.getpid())
    yield
    left, deadline = _descendants(os.getpid()) - before, time.monotonic() + PATIENCE
    while left and time.monotonic() < deadline:  # what has been told to end takes a moment
        time.sleep(0.01)
        left &= _descendants(os.getpid())
    files = [_scratch / name for name in sorted(os.listdir(_scratch))]
    for path in files:  # the next test is to find nothing either
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    assert not left, f"processes left behind: {[_command_line(pid) for pid in left]}"
    assert not files, f"temporary files left behind: {[path.name for path in files]}"


def _descendants(pid: int) -> set[int]:
    """Numbers of all processes below one (Linux; elsewhere none can be told)."""
    found: set[int] = set()
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123 - twice for every test
                direct = {int(child) for child in file.read().split()}
        except OSError:
            continue
        found |= direct.union(*map(_descendants, direct))
    return found


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return f"{pid} (gone)"


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[], Any]], Any]:
    """Have one worker make what all of them look at: ``once(name, make)``. It is pickled for the others."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[], Any]) -> Any:
        with (folder / name).open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if content := file.read():
                return pickle.loads(content)
            product = make()
            file.write(pickle.dumps(product))
            return product

    return made


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed on stdout, which has to be one JSON document."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Project:
    """A user's repository, and the command line run in it."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def harness(self, *arguments: str, stdin: str = "", **variables: str) -> Finished:
        """Run ``harness`` as a user would, to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.variables, **variables},
            input=stdin.encode(),
            capture_output=True,
            timeout=240,
            check=False,
        )
        return Finished(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def here(self, *arguments: str, stdin: str = "", **variables: str) -> Finished:
        """Run ``harness`` in this process, for what starts none: an interpreter's start costs more than all it does."""
        given, out, err = (io.TextIOWrapper(io.BytesIO(text), "utf-8") for text in (stdin.encode(), b"", b""))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name, text in {**self.variables, **variables}.items():
                patch.setenv(name, text)
            for name, stream in (("stdin", given), ("stdout", out), ("stderr", err)):
                patch.setattr(sys, name, stream)
            patch.setattr(gc, "freeze", lambda: None)  # which is for a process that ends
            with pytest.raises(SystemExit) as end:
                main(arguments)
        code = end.value.code
        assert isinstance(code, int)
        return Finished(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``harness`` and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run_folder(self, name: str) -> Path:
        """The run folder of a job."""
        return self.folder / "runs" / name

    def describe(self, name: str) -> Any:
        """What a job's run folder says of it."""
        return json.loads((self.run_folder(name) / "describe.json").read_text())


MakeProject = Callable[..., Project]


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    """Make a repository: ``project(script, files={...}, config="…")``."""

    return partial(_make_project, tmp_path / "project")


@pytest.fixture(scope="session")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> MakeProject:
    """As ``project``, but each call makes another one, for the tests of a module to share."""
    return lambda *script, **given: _make_project(tmp_path_factory.mktemp("shared") / "project", *script, **given)


def _make_project(
    folder: Path,
    script: str = "print('hello')\n",
    *,
    entry_point: str = "train.py",
    files: Mapping[str, str | bytes] | None = None,
    channels: Sequence[str] = ("train",),
    config: str = "",
) -> Project:
    made = Project(folder)
    made.write(f"src/{entry_point}", script)
    lines = [f'entry_point = "{entry_point}"', 'source_dir = "src"', 'base_job_name = "job"', config, "[channels]"]
    for channel in channels:
        made.write(f"data/{channel}/part-1.csv", "0,5.1,3.5,1.4,0.2\n1,7.0,3.2,4.7,1.4\n")
        lines.append(f'{channel} = "data/{channel}"')
    made.write("harness.toml", "\n".join(lines) + "\n")
    for name, content in (files or {}).items():
        made.write(name, content)
    return made


@dataclass(frozen=True)
class StandInProcess:
    """``harness standin`` in a process of its own."""

    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    """What it says is to be exported, proxy included."""
    state: Path
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    """boto3's, that were made so far: by service and options."""

    @property
    def url(self) -> str:
        """Its address."""
        return self.environment["AWS_ENDPOINT_URL"]

    @property
    def env(self) -> dict[str, str]:
        """For clients that take an endpoint: what a subprocess is to find in its environment."""
        given = self.environment.items()
        return {name: text for name, text in given if name.startswith(("AWS_", "HARNESS_")) and name != "AWS_CA_BUNDLE"}

    @property
    def role(self) -> str:
        """ARN of the role that exists."""
        return self.environment["HARNESS_ROLE"]

    def client(self, service: str, **options: Any) -> Any:
        """boto3's client of a service, without any retry; the same one for whoever asks again."""
        key = (service, repr(options))
        if key not in self.clients:
            self.clients[key] = self._new_client(service, **options)
        return self.clients[key]

    def _new_client(self, service: str, **options: Any) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=self.environment["AWS_SESSION_TOKEN"],
            config=Config(retries={"total_max_attempts": 1}, **options),
        )


def start_standin(folder: Path, *arguments: str) -> StandInProcess:
    """Start a stand-in; returns when it answers. Its caller ends it."""
    state = folder / "state"
    folder.mkdir(parents=True, exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "standin", "--json", "--state", str(state), "--stop-grace", "1", *arguments],
        cwd=folder,
        env={**clean, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    document = b""
    for line in process.stdout:
        document += line
        if line == b"}\n":
            break
    return StandInProcess(process, json.loads(document), state)


def end_standin(standin: StandInProcess) -> int:
    """End a stand-in as Ctrl-C's gentler sibling does; its exit code."""
    standin.process.terminate()
    standin.process.communicate(timeout=120)
    return standin.process.returncode


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandInProcess]:
    """AWS on loopback, one for all tests of a worker: choose names of your own, and delete your endpoints."""
    started = start_standin(tmp_path_factory.mktemp("standin"))
    yield started
    assert end_standin(started) == 0
