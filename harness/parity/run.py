"""The whole comparison: every target visited, what they have shown judged. Decides nothing but what to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness import source
from harness.config import Config
from harness.config.schema import TARGETS
from harness.errors import ConfigurationError, HarnessError, Interrupted, MissingCapability, RefusedError, UsageError
from harness.parity import remote, rows, shipment
from harness.parity.findings import Acceptance, Aspect, agrees
from harness.parity.judging import Judged, Shown, judge
from harness.parity.remote import Remote
from harness.parity.visit import CheckServing, Job, Visit
from harness.standin.scratch import scratch
from harness.targets import Document


@dataclass(frozen=True)
class TargetRun:
    """One target: how it went, and what it has shown."""

    state: str
    """``ran``, ``unavailable`` or ``broke``."""
    visit: Visit
    error: HarnessError | None = None
    """Why it did not run to its end."""

    @property
    def name(self) -> str:
        """The target's name."""
        return self.visit.name


@dataclass(frozen=True)
class Report:
    """What a comparison came to."""

    config: Config
    created: datetime
    targets: tuple[TargetRun, ...]
    judged: Judged

    @property
    def request(self) -> Document | None:
        """The job's ``CreateTrainingJob`` document, as the first target that took it was given it."""
        return next((each.visit.trial.request for each in self.targets if each.visit.trial is not None), None)

    @property
    def agrees(self) -> bool:
        """The verdict."""
        return agrees(self.judged.findings)


def run(
    configure: Callable[[str], Config],
    targets: Sequence[str],
    *,
    asked: bool,
    check: CheckServing | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Report:
    """Compare targets.

    Args:
        configure: gives the configuration for a target.
        targets: their names, in the order in which they are shown; on the first that can run, the job is run twice.
        asked: whether the user has named them. Then one that cannot run here is an error, else a row with its reason.
        check: what is done about the model's servers; None: nothing.
        tell: is told what is going on.

    Raises:
        MissingCapability, RefusedError: a target that was asked for by name cannot run this job here.
        ConfigurationError: the configuration makes no job.
        Interrupted: Ctrl-C. Nothing of what was started is left.
    """
    config = configure(targets[0])
    accepted = [Acceptance(each.aspect, each.reason, each.where, each.target) for each in config.parity.accept]
    _check_aspects(accepted)
    with scratch() as place:
        job = _job(config, place)
        runs: list[TargetRun] = []
        for name in targets:
            tell(name)
            twice = not any(each.state == "ran" for each in runs)
            python = next((each.visit.python for each in runs if each.name == "local"), None)
            visit = Visit(
                name, job, Shown(name, name), twice=twice, python=python, check=check, tell=_prefixed(tell, name)
            )
            made = _visited(visit, configure, place / name, asked=asked)
            if made.error is not None and made.state == "unavailable":
                general = isinstance(made.error, ConfigurationError) and not isinstance(made.error, RefusedError)
                if asked or (general and name != "remote"):
                    raise made.error
            runs.append(made)
        shown = [each.visit.shown for each in runs if each.state != "unavailable"]
        return Report(config, job.moment, tuple(runs), judge(shown, accepted, config.parity.tolerance))


def _prefixed(tell: Callable[[str], None], name: str) -> Callable[[str], None]:
    return lambda text: tell(f"{name}: {text}")


def _check_aspects(acceptances: Sequence[Acceptance]) -> None:
    for each in acceptances:
        if each.aspect not in set(Aspect):
            raise ConfigurationError(f"accept: there is no aspect '{each.aspect}'; there are {', '.join(Aspect)}.")


def _job(config: Config, place: Path) -> Job:
    code = shipment.manifest(config)
    (place / "stand-ins").mkdir()
    probe = shipment.with_probe(code, place / "stand-ins")
    source.link(probe, place / "probe")  # each target copies it from there
    serving = shipment.serving(config, code)
    if config.parity.sample is not None:
        config = shipment.sampled(config, place / "sample", config.parity.sample)
    asked = rows.of(config, config.channels)
    if isinstance(asked, rows.Rows):
        source.stage(serving, place / "serving")
    return Job(
        probe=probe,
        probe_dir=place / "probe",
        serving=serving,
        serving_dir=place / "serving",
        channels=config.channels,
        rows=asked,
        moment=datetime.now(UTC),
    )


def _visited(visit: Visit, configure: Callable[[str], Config], place: Path, *, asked: bool) -> TargetRun:
    """Everything on one target. What fails there stays there."""
    try:
        place.mkdir()
        with _configured(visit.name, configure, asked=asked) as answering:
            visit.shown = replace(visit.shown, ran_by=answering.ran_by)
            visit.note = answering.note
            visit.run(answering.config, place)
    except Interrupted:
        raise
    except HarnessError as error:
        if visit.trial is None and isinstance(error, MissingCapability | ConfigurationError):
            return TargetRun("unavailable", visit, error)
        visit.shown = replace(visit.shown, broke=error.message)
        return TargetRun("broke", visit, error)
    return TargetRun("ran", visit)


@contextmanager
def _configured(name: str, configure: Callable[[str], Config], *, asked: bool) -> Iterator[Remote]:
    if name == "remote":
        with remote.opened(configure, asked=asked) as opened:
            yield opened
    else:
        yield Remote(configure(name), "", name)


def targets(asked: Sequence[str]) -> tuple[str, ...]:
    """The targets to visit: those asked for, else all.

    Raises:
        UsageError: there is no such target, or one is named twice.
    """
    unknown = [name for name in asked if name not in TARGETS]
    if unknown or len(set(asked)) != len(asked):
        what = f"{unknown[0]!r} is no target" if unknown else "a target is named twice"
        raise UsageError(f"--on: {what}. There are: {', '.join(TARGETS)}; separate several by commas.")
    return tuple(asked) or TARGETS
