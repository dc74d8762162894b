"""What local mode leaves in the Docker engine, by the label that it was started with; how it ended, and its removal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.engine.store import Job, Store
from harness.targets.localmode.machine import docker

LABEL = "sagemaker-harness.localmode"
"""Of containers and networks; its value is the path of the job's folder."""


@dataclass(frozen=True)
class Exit:
    """How a container ended."""

    code: int
    out_of_memory: bool


def exits(job: Job) -> list[Exit]:
    """How each container of a job that has ended did so."""
    ids = [each for each, _ in _labelled("ps", "--all", job=job)]
    if not ids:
        return []
    said = docker("inspect", "--format", "{{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}}", *ids)
    states = [line.split() for line in said.stdout.splitlines()]
    return [Exit(int(code), oom == "true") for running, code, oom in states if running == "false"]


def remove(job: Job) -> None:
    """Remove a job's containers, whether they run or not, and its network."""
    _remove(
        [each for each, _ in _labelled("ps", "--all", job=job)],
        [each for each, _ in _labelled("network", "ls", job=job)],
    )


def remove_lost(store: Store) -> None:
    """Remove what belongs to jobs of this folder that nobody runs any more (``kill -9``, a power cut)."""
    root = store.root.absolute()

    def lost(*listing: str) -> list[str]:
        found = ((each, Job(Path(owner))) for each, owner in _labelled(*listing))
        return [each for each, job in found if job.path.parent == root and not job.held()]

    _remove(lost("ps", "--all"), lost("network", "ls"))


def take_over(folder: Path, image: str) -> None:
    """Make everything below a folder this user's own: containers write as root.

    With a rootless engine it is already.
    """
    import os

    me = os.getuid()
    if me == 0 or all(path.lstat().st_uid == me for path in folder.rglob("*")):
        return
    docker(
        *("run", "--rm", "--network", "none", "--volume", f"{folder}:/owned", "--entrypoint", "chown", image),
        *("--recursive", "--no-dereference", f"{me}:{os.getgid()}", "/owned"),
    )


def _labelled(*listing: str, job: Job | None = None) -> Iterator[tuple[str, str]]:
    """Identifiers, each with the folder of the job that it belongs to."""
    wanted = LABEL if job is None else f"{LABEL}={job.path.absolute()}"
    said = docker(*listing, "--filter", f"label={wanted}", "--format", f'{{{{.ID}}}} {{{{.Label "{LABEL}"}}}}')
    for line in said.stdout.splitlines():
        identifier, _, owner = line.partition(" ")
        yield identifier, owner


def _remove(containers: list[str], networks: list[str]) -> None:
    if containers:
        docker("rm", "--force", "--volumes", *containers)
    if networks:
        docker("network", "rm", *networks)
