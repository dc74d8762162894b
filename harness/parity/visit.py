"""One target from its opening to its end: the probe, the job, the job again, its model's predictions, its servers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from harness.config import Channel, Config
from harness.contract.terms import ContractError
from harness.errors import ConfigurationError, HarnessError, ServiceError
from harness.parity import observed, shipment
from harness.parity.expected import promise
from harness.parity.findings import Aspect
from harness.parity.judging import Served, Shown
from harness.parity.predicting import Predicting
from harness.parity.rows import Bodies, Rows
from harness.parity.trial import Bench, Trial
from harness.requests import default_job_name
from harness.source import SourceManifest
from harness.targets import Document

_LOST = "InternalServerError"
"""How the FailureReason of a job begins whose target has failed, and not its script."""


PICTURES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
"""Suffix of a picture's name -> its media type."""
_OF_SERVING = (Aspect.MODEL_PREDICTIONS, Aspect.ENDPOINT, Aspect.TRANSFORM, Aspect.CONSISTENCY)
_TAKES = "parity.rows takes CSV, and JSON bodies that are sent as they are (.json, .jsonl)"
_LARGEST_PICTURE = 512 * 1024
"""Bytes."""
_MOST_PICTURES = 12


@dataclass(frozen=True)
class Job:
    """What is run on every target."""

    probe: SourceManifest
    """The job's code with the probe in the place of the entry point."""
    probe_dir: Path
    """Where that lies."""
    serving: SourceManifest
    """The code that serves the model."""
    serving_dir: Path
    """Where that lies, if there are rows."""
    channels: Mapping[str, Channel]
    """Of the job, or samples of them."""
    rows: Rows | Bodies | None
    """For the model to predict."""
    moment: datetime

    def name(self, config: Config, purpose: str) -> str:
        """The name of one of its training jobs, on every target the same."""
        return default_job_name(f"{(config.base_job_name or 'job')[:20]}-parity-{purpose}", self.moment)


class CheckServing(Protocol):
    """Holds what a target's model servers say against what the model itself says."""

    def __call__(
        self, bench: Bench, model_data: str, name: str, asked: Predicting | Bodies, tolerance: float
    ) -> Served:
        """Serve a model, at an endpoint and in batch transforms, and end what was started.

        Args:
            bench: the target, and the configuration to make requests from.
            model_data: URI of ``model.tar.gz``.
            name: for the endpoint, and the beginning of names of jobs; nobody else has it.
            asked: bodies to send as they are; or rows, where ``result()`` waits for those to send and for what the
                model ``train`` itself predicts for them. Start the server first: both take a second or two, and neither
                needs the other.
            tolerance: how far numbers may be apart, see ``outcomes.alike``.

        Raises:
            Interrupted: Ctrl-C.
            HarnessError: the target broke. A model that cannot be served is a finding, not an error.
        """


@dataclass
class Visit:
    """What has come of a target so far; ``run`` adds to it step by step, so that what fails late has shown the rest."""

    name: str
    job: Job
    shown: Shown
    twice: bool = False
    """Whether to run the job a second time, to see what differs from run to run."""
    python: str | None = None
    """The interpreter on this machine that has the job's libraries, if it is known."""
    check: CheckServing | None = None
    """What is done about the model's servers; None: nothing."""
    tell: Callable[[str], None] = lambda text: None
    """Is told what is going on."""
    note: str = ""
    """Who answers, where the target's name does not say it."""
    trial: Trial | None = None
    """The job's first run."""
    seconds: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    """What the job has drawn: name in ``output.tar.gz`` -> what is in it."""

    def run(self, config: Config, place: Path) -> None:
        """Run everything.

        Args:
            config: for this target.
            place: an empty folder.

        Raises:
            MissingCapability, RefusedError: the target cannot run here, or cannot run this job.
            HarnessError: it broke.
            Interrupted: Ctrl-C.
        """
        config = replace(config, channels=self.job.channels)
        with closing(Bench(config, place, config.parity.deadline, self.tell)) as bench:
            again = self._train(bench)
            self._ask(bench, again)

    def _train(self, bench: Bench) -> Trial | None:
        """The probe and the job at the same time: they know nothing of each other, and each waits for the other's.

        Returns:
            The second run of the job.
        """
        changes = {
            "source_dir": self.job.probe_dir,
            "entry_point": self.job.probe.entry_point,
            "dependencies": (),
        }
        probe = bench.submit(self.job.name(bench.config, "probe"), **changes)
        train = bench.submit(self.job.name(bench.config, "train"))
        again = bench.submit(self.job.name(bench.config, "again")) if self.twice else None
        bench.tell(f"probe and job are running{', the job twice' if self.twice else ''}")
        self._see(bench, probe)
        self.trial = self._finished(bench, train, "train")
        self.shown = replace(self.shown, outcome=self.trial.outcome)
        self.pictures = dict(_pictures(self.trial.folder / "output"))
        _check_not_lost(self.trial)
        if again is None:
            return None
        second = self._finished(bench, again, "again")
        self.shown = replace(self.shown, again=second.outcome)
        return second

    def _ask(self, bench: Bench, again: Trial | None) -> None:
        """The models themselves, and the first one's servers."""
        assert self.trial is not None
        trials = {"train": self.trial, **({"again": again} if again is not None else {})}
        models = {name: each.folder / "model" for name, each in trials.items() if each.model_data is not None}
        if "train" not in models:
            return
        if self.job.rows is None:
            self._compares_no(f"there is nothing to ask the model: no input here reads as CSV; {_TAKES}")
            return
        if isinstance(self.job.rows, Bodies):
            self._serve(bench, self.job.rows)
            return
        program = self.job.serving.entry_point
        deadline, python = bench.config.parity.deadline, self.python or str(bench.config.python or sys.executable)
        with closing(
            Predicting(python, self.job.serving_dir, program, models, self.job.rows, deadline=deadline)
        ) as predicting:
            self._serve(bench, predicting)
            predicted = predicting.result()
        if predicted.models["train"].values is None:
            error = predicted.models["train"].error
            unserved = self.shown.served is not None and self.shown.served.findings
            what = "" if unserved else f"; {_TAKES}"  # other rows would be of no use
            self._compares_no(f"the model itself answers no rows of {self.job.rows.origin}: {error}{what}")
        self.shown = replace(
            self.shown, predictions=predicted.models["train"], predictions_again=predicted.models.get("again")
        )

    def _serve(self, bench: Bench, asked: Predicting | Bodies) -> None:
        if self.check is not None and self.trial is not None and self.trial.model_data is not None:
            if bench.config.enable_network_isolation and not self._ships_its_code(self.trial):
                self._compares_no("without a network a server takes its code from the model, and there is none in it")
                return
            name = self.job.name(bench.config, "serve")
            try:
                served = self.check(bench, self.trial.model_data, name, asked, bench.config.parity.tolerance)
            except ConfigurationError as error:
                if isinstance(error, ServiceError):
                    raise
                # The job is there, but nobody could ask for such a server.
                self._compares_no(f"the model cannot be served as it is configured: {error.message}")
                return
            self.seconds |= served.seconds
            self.shown = replace(self.shown, served=served)

    @staticmethod
    def _ships_its_code(trial: Trial) -> bool:
        return any(name.startswith("code/") for name in trial.outcome.model)

    def _compares_no(self, why: str) -> None:
        """Say of all that asks the model that it is not compared."""
        self.shown = replace(self.shown, uncompared=dict.fromkeys(_OF_SERVING, why))

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
            if self.name == "local":
                self.python = observation["python"]
        self.shown = replace(self.shown, facts=facts, promises=promises)

    def _finished(self, bench: Bench, request: Document, purpose: str) -> Trial:
        trial = bench.finish(request)
        self.seconds[purpose] = trial.seconds
        bench.tell(f"{purpose}  {trial.outcome.status}  {trial.seconds:.1f} s")
        return trial


def _pictures(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What is small enough to be shown."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES and path.is_file()]
    for path in found[:_MOST_PICTURES]:
        if path.stat().st_size <= _LARGEST_PICTURE:
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _check_not_lost(trial: Trial) -> None:
    reason = trial.outcome.failure_reason or ""
    if reason.startswith(_LOST):
        raise HarnessError(reason)
