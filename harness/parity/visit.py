"""One target from its opening to its end: the probe, the job, the job again, its model's predictions, its servers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from harness.config import Channel, Config
from harness.contract.terms import ContractError
from harness.errors import HarnessError
from harness.parity import observed, shipment
from harness.parity.expected import promise
from harness.parity.judging import Shown
from harness.parity.trial import Bench, Trial
from harness.requests import default_job_name
from harness.source import SourceManifest
from harness.targets import Document

_LOST = "InternalServerError"
"""How the FailureReason of a job begins whose target has failed, and not its script."""


@dataclass(frozen=True)
class Job:
    """What is run on every target."""

    code: SourceManifest
    probe: SourceManifest
    """The same code with the probe in the place of the entry point."""
    probe_dir: Path
    """Where that lies."""
    channels: Mapping[str, Channel]
    """Of the job, or samples of them."""
    moment: datetime

    def name(self, config: Config, purpose: str) -> str:
        """The name of one of its training jobs, on every target the same."""
        return default_job_name(f"{(config.base_job_name or 'job')[:20]}-parity-{purpose}", self.moment)


@dataclass
class Visit:
    """What has come of a target so far; ``run`` adds to it step by step, so that what fails late has shown the rest."""

    name: str
    job: Job
    shown: Shown
    trial: Trial | None = None
    """The job's first run."""
    seconds: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def run(self, config: Config, place: Path, *, twice: bool) -> None:
        """Run everything.

        Args:
            config: for this target.
            place: an empty folder.
            twice: whether to run the job a second time, to see what differs from run to run.

        Raises:
            MissingCapability, RefusedError: the target cannot run here, or cannot run this job.
            HarnessError: it broke.
            Interrupted: Ctrl-C.
        """
        config = replace(config, channels=self.job.channels)
        with closing(Bench(config, place, config.parity.deadline)) as bench:
            self._train(bench, twice=twice)

    def _train(self, bench: Bench, *, twice: bool) -> None:
        """The probe and the job at the same time: they know nothing of each other, and each waits for the other's."""
        changes = {
            "source_dir": self.job.probe_dir,
            "entry_point": self.job.probe.entry_point,
            "dependencies": (),
        }
        probe = bench.submit(self.job.name(bench.config, "probe"), **changes)
        train = bench.submit(self.job.name(bench.config, "train"))
        again = bench.submit(self.job.name(bench.config, "again")) if twice else None
        self._see(bench, probe)
        self.trial = self._finished(bench, train, "train")
        self.shown = replace(self.shown, outcome=self.trial.outcome)
        if again is not None:
            self.shown = replace(self.shown, again=self._finished(bench, again, "again").outcome)
        _check_not_lost(self.trial)

    def _see(self, bench: Bench, request: Document) -> None:
        """What the probe has seen, and what it should have."""
        probed = self._finished(bench, request, "probe")
        _check_not_lost(probed)
        shipped = shipment.shipped(bench.config, self.job.probe)
        facts, promises = {}, {}
        for index, observation in enumerate(probed.observations):
            host = f"algo-{index + 1}"
            try:
                promises[host] = promise(
                    request, probed.description, shipped, observation, region=bench.region, host_index=index
                )
            except ContractError:  # the job itself tells how it fails
                continue
            facts[host] = observed.facts(observation)
            self.versions = dict(observation["versions"])
        self.shown = replace(self.shown, facts=facts, promises=promises)

    def _finished(self, bench: Bench, request: Document, purpose: str) -> Trial:
        trial = bench.finish(request)
        self.seconds[purpose] = trial.seconds
        return trial


def _check_not_lost(trial: Trial) -> None:
    reason = trial.outcome.failure_reason or ""
    if reason.startswith(_LOST):
        raise HarnessError(reason)
