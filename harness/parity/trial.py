"""One target in a place of its own, and one request carried out there: what the script saw and what came out."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import jobs, submission
from harness.config import Config
from harness.engine.artifacts import unpack_archive
from harness.errors import HarnessError
from harness.parity import probe
from harness.parity.outcomes import File, Outcome
from harness.requests.common import region_of
from harness.storage import NoProgress
from harness.targets import Document, Target, open_target, uploads

_SHORT = 256 * 1024
"""Bytes of a file whose text is kept, to say where it differs."""
_EXIT_CODE = re.compile(r"^ExitCode (-?\d+)$", re.MULTILINE)
"""How the toolkit tells a script's exit code in a failure text."""
_LINES = 60
"""Of a log that are kept to say why a job failed."""
_GRACE = 5
"""Seconds between a deadline and the kill: the script is not told, so that waiting for long is of no use."""


@dataclass(frozen=True)
class Trial:
    """One request, carried out."""

    request: Document
    description: Document
    folder: Path
    """Of what came out: ``model`` and ``output`` below it, unpacked, as far as there are any."""
    outcome: Outcome
    printed: str
    """The last lines of its log."""

    @property
    def seconds(self) -> float:
        """Between the start and the end of the hosts; 0 if they were never started."""
        start, end = (self.description.get(f"Training{name}Time") for name in ("Start", "End"))
        return (end - start).total_seconds() if start and end else 0.0

    @property
    def observations(self) -> list[dict[str, Any]]:
        """What the probe has written down, one document for each host, in the order of their numbers."""
        found = (self.folder / "output").glob(f"{probe.OBSERVATION}*.json")
        # As names, algo-10 would come before algo-2.
        files = sorted(found, key=lambda file: (len(file.name), file.name))
        return [json.loads(file.read_text("utf-8")) for file in files]

    @property
    def model_data(self) -> str | None:
        """URI of ``model.tar.gz``."""
        uri: str | None = self.description.get("ModelArtifacts", {}).get("S3ModelArtifacts")
        return uri


class _Tail(jobs.Silent):
    """Keeps the end of a log."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=_LINES)

    def output(self, data: bytes) -> None:
        self._lines.extend(data.splitlines())

    @property
    def text(self) -> str:
        return b"\n".join(self._lines).decode("utf-8", "replace")


class Bench:
    """A target, opened with run folders of its own. What it runs ends with it."""

    def __init__(
        self, config: Config, place: Path, deadline: int, tell: Callable[[str], None] = lambda text: None
    ) -> None:
        """Open the target.

        Args:
            config: the job, for this target.
            place: an empty folder, for everything that comes of it.
            deadline: seconds that a job may run.
            tell: is told what is going on.

        Raises:
            MissingCapability: this machine, or this environment, lacks what the target needs.
        """
        self.place, self.tell = place, tell
        self.config = replace(
            config,
            runs_dir=place / "runs",
            output_path=None,
            max_run=min(config.max_run, deadline),
            stop_grace=min(config.stop_grace, _GRACE),
        )
        self.target: Target = open_target(self.config)
        self._under_way: set[str] = set()

    @property
    def region(self) -> str:
        """The region that jobs are told."""
        return region_of(self.config)

    def submit(self, name: str, **changes: Any) -> Document:
        """Have the target start a training job; the request that it was given.

        Args:
            name: of the job.
            changes: settings that are different for this job.

        Raises:
            HarnessError: the request breaks a rule, or the target refuses it.
        """
        config = replace(self.config, job_name=name, checkpoint_s3_uri=self._checkpoints(name), **changes)
        made = submission.job(config, "TrainingJob")
        if config.on == "remote":
            submission.check(config, "CreateTrainingJob", made.request)
            uploads.send(made.travels, self.target.storage, lambda what: NoProgress())
        self.target.client.create_training_job(**made.request)
        self._under_way.add(name)
        return made.request

    def finish(self, request: Document) -> Trial:
        """Wait for a job's end; what came of it.

        Raises:
            Interrupted: Ctrl-C.
            HarnessError: the target cannot say how the job is.
        """
        name = request["TrainingJobName"]
        tail = _Tail()
        description = jobs.follow(self.target, "TrainingJob", name, tail)
        self._under_way.discard(name)
        run, folder = self.config.runs_dir / name, self.place / "came-out" / name
        for part in ("model", "output"):
            archive = run / "output" / f"{part}.tar.gz"
            if archive.is_file():
                folder.mkdir(parents=True, exist_ok=True)
                unpack_archive(archive, folder / part)
        return Trial(request, description, folder, _outcome(description, folder, name), tail.text)

    def _checkpoints(self, name: str) -> str | None:
        """Where a job keeps checkpoints, if it does: none goes on where another has come to, which runs beside it."""
        if self.config.checkpoint_s3_uri is None:
            return None
        if self.config.on != "remote":
            return (self.place / "checkpoints" / name).as_uri()
        prefix = (self.config.default_bucket_prefix or "").strip("/")
        return "s3://" + "/".join(filter(None, (uploads.bucket_of(self.config), prefix, name, "checkpoints")))

    def close(self) -> None:
        """End what still runs, and release the target."""
        for name in self._under_way:
            with suppress(HarnessError):  # it may just have ended
                jobs.stop(self.target, "TrainingJob", name)
        self.target.close()


def _outcome(description: Mapping[str, Any], folder: Path, name: str) -> Outcome:
    status, reason = description["TrainingJobStatus"], description.get("FailureReason")
    told = _EXIT_CODE.search(reason or "")
    codes = description.get("Harness", {}).get("ExitCodes", {}).values()
    return Outcome(
        status=status,
        exit_code=0 if status == "Completed" else int(told[1]) if told else max(codes, default=None),
        failure_reason=reason,
        metrics={each["MetricName"]: float(each["Value"]) for each in description.get("FinalMetricDataList", ())},
        model=files(folder / "model", name),
        output=files(folder / "output", name),
        name=name,
    )


def files(folder: Path, job: str) -> dict[str, File]:
    """The files below a folder by their names; empty if it is not there. Texts have JOB for the job's own name."""
    import hashlib

    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
                content.seek(0)
                begins = content.read(2)
            found[path.relative_to(folder).as_posix()] = File(path.stat().st_size, digest, _text(path, job), begins)
    return found


def _text(path: Path, job: str) -> str | None:
    if path.stat().st_size > _SHORT:
        return None
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text.replace(job, "JOB")
