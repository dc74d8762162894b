"""``transform_job``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import submission
from harness.pytest_plugin.plainly import plainly
from harness.pytest_plugin.serving import Model, given, inherited, model_data
from harness.pytest_plugin.workplace import Workplace
from harness.storage import is_s3, local_path


@dataclass(frozen=True, eq=False, repr=False)
class TransformJob:
    """A batch transform job that has ended, however it has ended."""

    name: str
    on: str
    """The target that it ran on."""
    request: Mapping[str, Any]
    """The ``CreateTransformJob`` document."""
    description: Mapping[str, Any]
    """The ``DescribeTransformJob`` document."""
    log: str
    """What the model server printed."""
    output_dir: Path
    """The folder of predictions, each file named after its input: ``rows.csv.out``."""

    def __repr__(self) -> str:
        reason = f": {self.failure_reason}" if self.failure_reason else ""
        return f"<TransformJob {self.name} on {self.on}, {self.status}{reason}>"

    @property
    def status(self) -> str:
        """``Completed``, ``Failed`` or ``Stopped``."""
        return str(self.description["TransformJobStatus"])

    @property
    def failure_reason(self) -> str | None:
        """AWS's ``FailureReason``; None unless it failed."""
        reason: str | None = self.description.get("FailureReason")
        return reason


@dataclass(frozen=True)
class RunTransformJob:
    """What the fixture ``transform_job`` is."""

    _workplace: Workplace = field(repr=False)

    @plainly
    def __call__(
        self,
        model: Model,
        *,
        input: str | Path | None = None,
        content_type: str | None = None,
        accept: str | None = None,
        on: str | None = None,
        **settings: Any,
    ) -> TransformJob:
        """Predict whole files, and return when all are done, well or not.

        Arguments are keys of ``[tool.harness.transform]``, else of ``[tool.harness.deploy]`` and ``[tool.harness]``,
        and stronger than those.

        Args:
            model: as for ``endpoint``.
            input: folder, file or URI.
            content_type: of a request.
            accept: the content type wanted back.
            on: the target; the training job's, else ``--harness-on``, if not given.
            settings: any other key.

        Raises:
            HarnessError: the job could not be started.
        """
        __tracebackhide__ = True
        own = {"input": input, "content_type": content_type, "accept": accept, "on": on, **settings}
        folder = self._workplace.new_folder("transform-job")
        config = self._workplace.configure(folder, inherited(model) | given(own), tables=("transform", "deploy"))
        data = model_data(model, folder, self._workplace.project)
        with closing(self._workplace.open(config)) as place:
            made = submission.transform_job(config, data)
            description = place.submit(made)
            uri = str(config.transform.output)
            output = place.target.storage.local(uri) if is_s3(uri) else local_path(uri)
        return TransformJob(
            name=made.name,
            on=config.on,
            request=made.request,
            description=description,
            log=place.listener.log,
            output_dir=output,
        )
