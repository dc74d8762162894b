"""``--on local``: the engine of this machine, hosts as plain processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, cast

from harness.config import Config
from harness.engine.client import EngineClient
from harness.engine.processes import Isolation
from harness.engine.runtime import EngineRuntime
from harness.engine.settings import EngineSettings
from harness.requests import LOCAL_REGION
from harness.targets import Event, Output, Progress, Status

_CHUNK = 1 << 20


class LocalTarget:
    """``EngineClient`` and its jobs' logs, which are files."""

    name = "local"

    def __init__(self, client: EngineClient) -> None:
        self.client = client
        self.holds_endpoints = False
        """Whether endpoints that are made here end with this process, however it ends."""
        self.storage = client.settings.storage

    def follow(self, kind: str, name: str) -> Iterator[Event]:
        """See ``Target.follow``."""
        running, told, progress = self.client.running(kind), 0, None
        job = running.store.job(name)
        with job.log.open("rb") as log:
            alive = True
            while alive:
                alive = running.wait(name)
                yield from _read(log)
                description = running.find(kind, name)
                if description is None:  # an endpoint leaves nothing behind
                    return
                transitions = description.get("SecondaryStatusTransitions", ())
                for transition in transitions[told:]:
                    yield Status(transition["Status"], transition.get("StatusMessage", ""))
                told = len(transitions)
                before, progress = progress, _progress(description)
                if progress not in {None, before}:
                    yield progress
                if description[f"{kind}Status"] == "InService" and (self.holds_endpoints or running.detach(name)):
                    return

    def interrupt(self, kind: str, name: str) -> str:
        """See ``Target.interrupt``."""
        if self.client.running(kind).abandon(name):
            return f"{name} was stopped"
        return f"{name} goes on"

    def detach(self, kind: str, name: str) -> None:
        """See ``Target.detach``."""
        self.client.running(kind).detach(name)

    @property
    def runtime(self) -> EngineRuntime:
        """Has the verbs of ``boto3.client("sagemaker-runtime")``."""
        return EngineRuntime(self.client)

    def close(self) -> None:
        """See ``Target.close``."""
        self.client.close()


def _read(log: BinaryIO) -> Iterator[Output]:
    """Whole lines, as far as there are any."""
    while data := log.read(_CHUNK):
        end = data.rfind(b"\n") + 1
        if end:
            yield Output(data[:end])
        if end < len(data):
            log.seek(end - len(data), 1)
            if not end:
                return


def _progress(description: Mapping[str, Any]) -> Progress | None:
    tally = description.get("Harness", {}).get("Progress")
    return tally and Progress(**{name: tally[name] for name in Progress._fields})


def open_target(config: Config) -> LocalTarget:
    """The engine with this configuration's settings."""
    settings = EngineSettings(
        isolation=cast(Isolation, config.isolation),
        python=str(config.python) if config.python else None,
        stop_grace=config.stop_grace,
        pass_environment=config.pass_environment,
        originals=tuple(map(str, config.code)) if config.dependencies or config.allow_secrets else (),
        allow_secrets=config.allow_secrets,
        region=config.region or LOCAL_REGION,
        profile=config.profile,
        port=config.deploy.port or 0,
        cache=str(config.cache),
    )
    return LocalTarget(EngineClient(config.runs_dir, settings, for_command=True))
