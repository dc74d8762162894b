"""``endpoint``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness import jobs, submission
from harness.config.merge import location
from harness.pytest_plugin.plainly import plainly
from harness.pytest_plugin.training import TrainingJob
from harness.pytest_plugin.workplace import Workplace
from harness.targets import Target
from harness.targets.local import LocalTarget

Model = TrainingJob | Path | str
"""What can be served: what a job has left, ``model.tar.gz`` by path or URI, or a folder with what would be in it."""


@dataclass(frozen=True)
class Prediction:
    """An endpoint's answer."""

    body: bytes
    content_type: str

    @property
    def text(self) -> str:
        """The body, which has to be UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body, which has to be JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, eq=False, repr=False)
class Endpoint:
    """An endpoint in service."""

    name: str
    on: str
    """The target that it is on."""
    description: Mapping[str, Any]
    """The ``DescribeEndpoint`` document."""
    _target: Target

    def __repr__(self) -> str:
        return f"<Endpoint {self.name} on {self.on}>"

    @property
    def url(self) -> str | None:
        """``http://127.0.0.1:PORT``, with ``/ping`` and ``/invocations`` below it; None for one that is not here."""
        url: str | None = self.description.get("EndpointUrl")
        return url

    @property
    def log(self) -> str | None:
        """What the model server has printed, of an answer a moment after it; None where it is not on this machine."""
        if not isinstance(self._target, LocalTarget):
            return None
        log = self._target.client.running("Endpoint").store.job(self.name).log
        return str(log.read_text("utf-8", "replace"))

    @plainly
    def invoke(self, body: bytes | str, content_type: str | None = None, accept: str | None = None) -> Prediction:
        """Ask for predictions, as ``boto3.client("sagemaker-runtime").invoke_endpoint`` does.

        Args:
            body: text is sent as UTF-8.
            content_type: the container's default is ``application/json``.
            accept: likewise.

        Raises:
            ServiceError: any other status than 200; ``response`` as boto3's ``ClientError`` has it.
        """
        __tracebackhide__ = True
        asked = {"ContentType": content_type, "Accept": accept}
        answer = self._target.runtime.invoke_endpoint(
            EndpointName=self.name, Body=body, **{name: value for name, value in asked.items() if value is not None}
        )
        return Prediction(answer["Body"].read(), answer["ContentType"])


@dataclass(frozen=True)
class DeployEndpoint:
    """What the fixtures ``endpoint`` and ``module_endpoint`` are."""

    _workplace: Workplace = field(repr=False)
    _leaving: ExitStack = field(default_factory=ExitStack, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leaving.close()

    @plainly
    def __call__(
        self,
        model: Model,
        *,
        entry_point: str | Path | None = None,
        source_dir: str | Path | None = None,
        environment: Mapping[str, str] | None = None,
        on: str | None = None,
        **settings: Any,
    ) -> Endpoint:
        """Serve a model at an endpoint, and return when it is in service.

        Arguments are keys of ``[tool.harness.deploy]``, else of ``[tool.harness]``, and stronger than those. Of a
        training job the model is served by the script that made it, where it was made.

        Args:
            model: a training job, a path or URI of ``model.tar.gz``, or a folder with what would be in it.
            entry_point: the script; the training job's if not given.
            source_dir: folder shipped with it.
            environment: variables of the model server.
            on: the target; the training job's, else ``--harness-on``, if not given.
            settings: any other key.

        Raises:
            JobFailed: the endpoint did not come into service.
            HarnessError: it could not be made.
        """
        __tracebackhide__ = True
        own = {"entry_point": entry_point, "source_dir": source_dir, "environment": environment, "on": on, **settings}
        folder = self._workplace.new_folder("endpoint")
        config = self._workplace.configure(folder, inherited(model) | given(own), tables=("deploy",))
        data = model_data(model, folder, self._workplace.project)
        with ExitStack() as undo:
            place = undo.enter_context(closing(self._workplace.open(config)))
            target = place.target
            if isinstance(target, LocalTarget):
                target.holds_endpoints = True
            made = submission.endpoint(config, data)
            description = place.submit(made)
            undo.callback(jobs.delete_endpoint, target, made.name)
            failure = jobs.failure("Endpoint", description)
            if failure is not None:
                raise failure
            served = Endpoint(made.name, config.on, description, target)
            undo.callback(lambda: sys.stdout.write((served.log or "")[len(place.listener.log) :]))
            self._leaving.push(undo.pop_all())
        return served


def given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that say something."""
    return {name: value for name, value in settings.items() if value is not None}


def inherited(model: Model) -> dict[str, Any]:
    """What the job that made a model was called with, as far as it concerns those that use the model."""
    if not isinstance(model, TrainingJob):
        return {}
    own = {"job_name", "environment", "instance_type", "instance_count"}
    return {name: value for name, value in given(model.settings).items() if name not in own} | {"on": model.on}


def model_data(model: Model, folder: Path, project: Path) -> str:
    """URI of a model's archive; a folder is packed first.

    Raises:
        UsageError: the training job has left no model.
    """
    if isinstance(model, TrainingJob):
        return model.model_data
    uri = location(str(model), project)
    path = project / model
    if path.is_dir():
        from harness.engine.artifacts import pack_directories

        archive = folder / "model.tar.gz"
        pack_directories({"algo-1": path}, archive)
        return archive.as_uri()
    return uri
