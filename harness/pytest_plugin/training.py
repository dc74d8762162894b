"""``training_job``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness import submission
from harness.errors import UsageError
from harness.pytest_plugin.plainly import plainly
from harness.pytest_plugin.workplace import Workplace


class _Metrics(dict[str, float]):
    def __init__(self, job: TrainingJob, found: Mapping[str, float]) -> None:
        super().__init__(found)
        self._job = job

    def __missing__(self, name: str) -> float:
        raise KeyError(f"{name} is no metric of {self._job!r}, which has {', '.join(self) or 'none'}")


@dataclass(frozen=True, eq=False, repr=False)
class TrainingJob:
    """A training job that has ended, however it has ended."""

    name: str
    on: str
    """The target that it ran on."""
    request: Mapping[str, Any]
    """The ``CreateTrainingJob`` document."""
    description: Mapping[str, Any]
    """The ``DescribeTrainingJob`` document."""
    log: str
    """What its hosts printed, each line with its host's name in front."""
    folder: Path
    """Its run folder."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What it was called with: a model is served by the script that made it."""

    def __repr__(self) -> str:
        reason = f": {self.failure_reason}" if self.failure_reason else ""
        return f"<TrainingJob {self.name} on {self.on}, {self.status}{reason}>"

    @property
    def status(self) -> str:
        """``Completed``, ``Failed`` or ``Stopped``."""
        return str(self.description["TrainingJobStatus"])

    @property
    def failure_reason(self) -> str | None:
        """AWS's ``FailureReason``; None unless it failed."""
        reason: str | None = self.description.get("FailureReason")
        return reason

    @property
    def exit_code(self) -> int | None:
        """Of the script, on the first host that failed; a negative number is that of a signal.

        The toolkit tells it in the failure reason. Where the script has left a reason of its own there, it is the
        host's, which AWS does not tell: None.
        """
        if self.status == "Completed":
            return 0
        told = re.search(r"^ExitCode (-?\d+)$", self.failure_reason or "", re.MULTILINE)
        if told is not None:
            return int(told[1])
        codes: Mapping[str, int] = self.description.get("Harness", {}).get("ExitCodes", {})
        return next((code for code in codes.values() if code), None)

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each of ``metric_definitions`` that was found in the log.

        One that is not there is a ``KeyError`` which says how the job has ended.
        """
        found = self.description.get("FinalMetricDataList", ())
        return _Metrics(self, {each["MetricName"]: float(each["Value"]) for each in found})

    @property
    def model_data(self) -> str:
        """URI of ``model.tar.gz``.

        Raises:
            UsageError: the job has left no model.
        """
        uri: str | None = self.description.get("ModelArtifacts", {}).get("S3ModelArtifacts")
        if uri is None:
            raise UsageError(f"Training job {self.name} ({self.status}) has no model. Its log says why:\n{self.log}")
        return uri

    @property
    def model_archive(self) -> Path:
        """``model.tar.gz`` on this machine; not there if nothing was left in ``SM_MODEL_DIR``, or the job failed."""
        return self.folder / "output" / "model.tar.gz"

    @property
    def output_archive(self) -> Path:
        """``output.tar.gz``; not there if nothing was left in ``SM_OUTPUT_DATA_DIR``, or the job failed."""
        return self.folder / "output" / "output.tar.gz"

    @cached_property
    def model_dir(self) -> Path:
        """A folder with what the script left in ``SM_MODEL_DIR``; empty if there is no ``model.tar.gz``."""
        return self._unpacked(self.model_archive)

    @cached_property
    def output_dir(self) -> Path:
        """A folder with what the script left in ``SM_OUTPUT_DATA_DIR``; empty if there is no ``output.tar.gz``."""
        return self._unpacked(self.output_archive)

    def _unpacked(self, archive: Path) -> Path:
        from harness.engine.artifacts import unpack_archive

        folder = self.folder.parent.parent / archive.name.removesuffix(".tar.gz")
        if archive.exists():
            unpack_archive(archive, folder)
        else:
            folder.mkdir()
        return folder


@dataclass(frozen=True)
class RunTrainingJob:
    """What the fixture ``training_job`` is."""

    _workplace: Workplace = field(repr=False)

    @plainly
    def __call__(
        self,
        *,
        entry_point: str | Path | None = None,
        source_dir: str | Path | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        channels: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        metric_definitions: Sequence[Mapping[str, str]] | None = None,
        on: str | None = None,
        **settings: Any,
    ) -> TrainingJob:
        """Run the job that ``[tool.harness]`` describes, and return when it has ended, well or not.

        Arguments are keys of ``[tool.harness]`` and stronger than it, as the command line's options are: mappings are
        merged entry by entry. Relative paths start from pytest's rootdir.

        Args:
            entry_point: the script, relative to ``source_dir`` if there is one.
            source_dir: folder shipped with the script.
            hyperparameters: name to value.
            channels: name to folder, file or URI, or to a table; None leaves a configured channel out.
            environment: variables of the script.
            metric_definitions: ``{"Name": …, "Regex": …}``.
            on: the target; ``--harness-on`` if not given.
            settings: any other key of ``[tool.harness]``.

        Raises:
            HarnessError: the job could not be started: ``ConfigurationError``, ``RequestError``, ``RefusedError``, ….
        """
        __tracebackhide__ = True
        given = {
            "entry_point": entry_point,
            "source_dir": source_dir,
            "hyperparameters": hyperparameters,
            "channels": channels,
            "environment": environment,
            "metric_definitions": metric_definitions,
            "on": on,
            **settings,
        }
        folder = self._workplace.new_folder("training-job")
        config = self._workplace.configure(folder, given)
        with closing(self._workplace.open(config)) as place:
            made = submission.job(config, "TrainingJob")
            description = place.submit(made)
        return TrainingJob(
            name=made.name,
            on=config.on,
            request=made.request,
            description=description,
            log=place.listener.log,
            folder=config.runs_dir / made.name,
            settings=given,
        )
