"""What this machine contributes to a job: nothing of it is in AWS's request, so it lies beside the request."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from harness.engine.processes import Isolation
from harness.engine.store import read_json, write_json
from harness.storage import S3, Storage


@dataclass(frozen=True)
class EngineSettings:
    """How the engine runs jobs here. Read back from the job's folder by the process that runs the job."""

    launcher: Literal["processes", "containers"] = "processes"
    """What hosts are: plain processes, or containers of a Docker engine."""
    runners: str = "harness.engine"
    """Package whose modules ``training``, ``processing``, ``transform`` and ``hosting`` run the kinds of job: each has
    ``run(job, control, launcher)``."""
    instance_limits: bool = True
    """Whether containers get no more CPUs and memory than their instance type has."""
    isolation: Isolation = "auto"
    """``auto``, ``required`` or ``none``: whether plain processes get a private ``/opt/ml``."""
    python: str | None = None
    """Interpreter of scripts; None means the harness's own."""
    stop_grace: float = 120.0
    """Seconds between a stop and the kill. AWS gives 120."""
    pass_environment: tuple[str, ...] = ()
    """Names of this machine's variables that scripts may see."""
    originals: tuple[str, ...] = ()
    """Files and folders of this machine that jobs have packed copies of; scripts cannot write to them."""
    allow_secrets: tuple[str, ...] = ()
    """Names of files in a processing job's code that may hold credentials."""
    region: str = "us-east-1"
    profile: str | None = None
    """Of the AWS credentials that s3:// URIs are read and written with; None: the standard chain."""
    account: str = "000000000000"
    port: int = 0
    """Port of an endpoint on the loopback; 0: a free one."""
    cache: str = ".harness/cache"
    """Folder of what is worth keeping between jobs."""

    @property
    def storage(self) -> Storage:
        """What file:// and s3:// URIs of jobs name."""
        return Storage(Path(self.cache) / "s3", S3(self.region, self.profile))

    def write(self, folder: Path) -> None:
        """Leave the settings in a job's folder."""
        write_json(folder / "settings.json", asdict(self))

    @classmethod
    def read(cls, folder: Path) -> EngineSettings:
        """The settings that a job was made with."""
        members: dict[str, Any] = read_json(folder / "settings.json")
        lists = {name: tuple(members.get(name, ())) for name in ("pass_environment", "originals", "allow_secrets")}
        return replace(cls(), **{**members, **lists})

    @property
    def protected(self) -> tuple[Path, ...]:
        """``originals``, as far as they are there."""
        return tuple(path for path in map(Path, self.originals) if path.exists())
