"""The verbs of ``boto3.client("sagemaker")``, answered by this machine.

State is on disk (``engine/store.py``), so any process can describe what another one runs. Requests and answers are
AWS's; refusals are ``ServiceError``, which has the shape of botocore's ``ClientError``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness import service_model, validation
from harness.engine import code, interpreter, training
from harness.engine.settings import EngineSettings
from harness.engine.store import ENDED, LOST, Document, Job, Store
from harness.engine.supervisor import Attachment, fail, start
from harness.errors import ConfigurationError, RefusedError, ServiceError


class EngineClient:
    """SageMaker on this machine. Jobs end with this object's process unless they are detached."""

    def __init__(self, root: Path, settings: EngineSettings) -> None:
        """Nothing is touched before the first verb.

        Args:
            root: folder of run folders.
            settings: what this machine contributes to jobs.
        """
        self.store = Store(root)
        self.settings = settings
        self._attached: dict[str, Attachment] = {}

    # -- training jobs -------------------------------------------------------------------------------------------

    def create_training_job(self, **request: Any) -> Document:
        """Start a training job and return at once: ``{"TrainingJobArn": …}``.

        Raises:
            RequestError: the request breaks AWS's rules.
            RefusedError: it asks for something that cannot be had here.
            ConfigurationError: a file that it names is missing or cannot be read.
            ServiceError: ``ResourceInUse``.
        """
        operation = "CreateTrainingJob"
        self._check(operation, request)
        _raise_all(RefusedError, "This cannot be run here", training.refusals(request))
        _raise_all(ConfigurationError, "The data is not there", training.input_problems(request))
        interpreter.check(self.settings.python)
        self.store.bury(lambda job: fail(job, LOST))
        description = training.describe_new(request, self.settings)
        name = request["TrainingJobName"]
        self._create(operation, name, request, description, lambda job: code.stage(request, job.path / "source"))
        return {"TrainingJobArn": description["TrainingJobArn"]}

    def describe_training_job(self, *, TrainingJobName: str) -> Document:
        """The job's ``DescribeTrainingJob`` document."""
        return self._describe("TrainingJob", TrainingJobName)

    def stop_training_job(self, *, TrainingJobName: str) -> Document:
        """Ask a job to stop; as on AWS it has until the end of the grace period. Artifacts are kept."""
        return self._stop("TrainingJob", TrainingJobName)

    def list_training_jobs(self, **filters: Any) -> Document:
        """Summaries of training jobs, the youngest first."""
        return self._list("TrainingJob", filters)

    # -- following -----------------------------------------------------------------------------------------------

    def wait(self, name: str, timeout: float | None = None) -> bool:
        """Return when the job has something new (True) or is over (False).

        A job that another process started is looked at twice a second.
        """
        attachment = self._attached.get(name)
        if attachment is not None:
            return attachment.wait(timeout)
        import time

        if self.store.job(name).owner() is None:
            return False
        time.sleep(min(0.5, timeout if timeout is not None else 0.5))
        return True

    def abandon(self, name: str) -> None:
        """Nobody waits for the job: end it now, and return when nothing of it is left."""
        attachment = self._attached.pop(name, None)
        if attachment is not None:
            attachment.abandon()

    def detach(self, name: str) -> None:
        """Let the job outlive this process."""
        attachment = self._attached.pop(name, None)
        if attachment is not None:
            attachment.detach()

    def close(self) -> None:
        """End every job that was started here and has not been detached."""
        for name in list(self._attached):
            self.abandon(name)

    # -- what all kinds of job share -----------------------------------------------------------------------------

    def _check(self, operation: str, request: Document) -> None:
        model = service_model.load(Path(self.settings.cache))
        validation.check(operation, request, local=True, model=model)

    def _create(
        self,
        operation: str,
        name: str,
        request: Document,
        description: Document,
        prepare: Callable[[Job], None],
    ) -> None:
        job, lock = self.store.create(name, operation, request, description)
        try:
            self.settings.write(job.path)
            prepare(job)
        except BaseException:
            self.store.discard(job, lock)
            raise
        self._attached[name] = start(job, lock)

    def _job(self, kind: str, name: str) -> Job:
        job = self.store.job(name)
        if not (job.path / "describe.json").is_file() or job.kind != kind:
            raise ServiceError("ValidationException", "Requested resource not found.", f"Describe{kind}")
        return job

    def _describe(self, kind: str, name: str) -> Document:
        job = self._job(kind, name)
        if job.status not in ENDED and job.owner() is None and job.status not in ENDED:
            self.store.bury(lambda lost: fail(lost, LOST))
        return job.description

    def _stop(self, kind: str, name: str) -> Document:
        job = self._job(kind, name)
        owner = job.owner()
        if owner is None or job.status in ENDED:
            raise ServiceError(
                "ValidationException",
                f"The request was rejected because the {_words(kind)} is in status {job.status}.",
                f"Stop{kind}",
            )
        os.kill(owner, signal.SIGTERM)
        return {}

    def _list(self, kind: str, filters: Document) -> Document:
        raise NotImplementedError


def _words(kind: str) -> str:
    return kind.replace("Job", " job").lower()


def _raise_all(error: type[ConfigurationError], heading: str, problems: Iterator[str]) -> None:
    found = list(problems)
    if found:
        raise error(found[0] if len(found) == 1 else "\n  ".join([f"{heading}:", *found]))
