"""Models to deploy, the commands for it, and what of them still runs."""

from __future__ import annotations

import io
import os
import re
import tarfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.conftest import PATIENCE

MULTIPLIES = """
import os
import numpy

def model_fn(model_dir):
    with open(os.path.join(model_dir, "factor")) as file:
        return float(file.read())

def predict_fn(data, factor):
    return numpy.asarray(data) * factor

if __name__ == "__main__":
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "factor"), "w") as file:
        file.write("2")
"""
ONE_WORKER = "model_server_workers = 1"


def archive(path: Path, **files: str) -> str:
    """A model.tar.gz; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return str(path)


def with_model(make, script=MULTIPLIES, *, config="", **more):
    """A project with the archive ``model.tar.gz``."""
    made = make(script, config=f"{ONE_WORKER}\n{config}", **more)
    archive(made.folder / "model.tar.gz", factor="2")
    return made


def deploy(made, name="e", *options, **variables):
    return made.harness("deploy", "--endpoint-name", name, "--model-data", "model.tar.gz", *options, **variables)


def endpoints(made) -> dict[str, str]:
    """What ``harness runs`` says of endpoints: name -> status."""
    return {each["Name"]: each["Status"] for each in made.here("runs", "--json").json if each["Kind"] == "Endpoint"}


def wait_for_log(made, words: str) -> str:
    """An endpoint's log, once it has some words: a server answers before the supervisor has written what it printed."""
    log, deadline = made.run_folder("_endpoints/e") / "log.txt", time.monotonic() + PATIENCE
    while not (log.exists() and words in log.read_text()):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    return log.read_text()


def processes(folder: Path) -> list[int]:
    """All processes that mention a project's folder, or have it open or as their working directory."""
    return [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if int(process.name) != os.getpid() and any(str(folder) in said for said in _said(process))
    ]


def _said(process: Path) -> Iterator[str]:
    """A process's command, and what it has open; what it closes meanwhile says nothing of the rest."""
    links: list[Path] = []
    with suppress(OSError):
        links = [process / "cwd", *(process / "fd").iterdir()]
    with suppress(OSError):
        yield (process / "cmdline").read_text()
    for link in links:
        with suppress(OSError):
            yield str(link.readlink())


def server(port: int) -> int:
    """The model server at a port of this machine: the first of those that hold its socket, the supervisor aside."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = [row[9] for row in rows if row[1] == f"0100007F:{port:04X}" and row[3] == "0A"]
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        said = list(_said(process))
        if f"socket:[{inode}]" in said and "harness.server" in said[0]:
            return int(process.name)
    raise AssertionError(f"nobody serves at {port}")


def what_is_left(made) -> list[str]:
    """Wait for a project's last process to end, for what is killed takes a moment; those that do not."""
    deadline = time.monotonic() + PATIENCE
    while processes(made.folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [told(pid) for pid in processes(made.folder)]


def told(pid: int) -> str:
    """What there is to know of a process that should not be there."""
    process = Path(f"/proc/{pid}")
    try:
        state = re.sub(r"(?s).*(State:[^\n]*).*(PPid:[^\n]*).*", r"\1, \2", (process / "status").read_text())
        return f"{pid}: {state}, {(process / 'wchan').read_text()}, {(process / 'cmdline').read_text()!r}"
    except OSError:
        return f"{pid}: gone"
