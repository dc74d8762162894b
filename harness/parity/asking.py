"""What a model's servers say: an endpoint in every content type and accept, batch transform by every strategy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from harness import jobs, submission
from harness.config import Config
from harness.errors import HarnessError, ServiceError
from harness.parity import bodies
from harness.parity.bodies import CSV, JSON, TYPES
from harness.parity.outcomes import Answer
from harness.parity.rows import Rows
from harness.targets import Target

STRATEGIES: Final = {
    "None": (None, None),
    "SingleRecord": ("Line", "SingleRecord"),
    "MultiRecord": ("Line", "MultiRecord"),
}
"""How batch transform is asked -> ``SplitType`` and ``BatchStrategy``."""
ONE_ROW: Final = "one row"
"""In the name of a request that carries a single row."""
_TOLD: Final = 200
"""Characters of a body that are told."""


@dataclass(frozen=True)
class Asking:
    """One model on one target, and what it is asked."""

    target: Target
    """Open. What is made on it is gone when it has been asked."""
    config: Config
    """For this target."""
    name: str
    """Of the endpoint, and the beginning of the names of transform jobs."""
    model_data: str
    """URI of ``model.tar.gz``."""
    rows: Rows
    """The features alone, as the model takes them."""
    like: Sequence[object]
    """What is expected, one value for each row: CSV does not tell texts from numbers, these do."""

    def endpoint(self) -> dict[str, Answer] | str:
        """``text/csv -> application/json`` and the like -> the answer; why it cannot be served, if so.

        Raises:
            Interrupted: Ctrl-C.
            HarnessError: the target refused a request.
        """
        made = replace(self._config, deploy=replace(self.config.deploy, endpoint_name=self.name, port=None))
        try:
            document = submission.endpoint(made, self.model_data)
            description = submission.submit(document, made, self.target, jobs.Silent())
            failure = jobs.failure("Endpoint", description)
            return failure.message if failure is not None else dict(self._invoked())
        finally:
            with suppress(HarnessError):  # it may never have come to be
                jobs.delete_endpoint(self.target, self.name)

    def transform(self, place: Path) -> dict[str, Answer]:
        """A strategy -> the answer, CSV in and CSV out; errors as for ``endpoint``.

        Args:
            place: a folder for inputs and outputs; made if it is not there.
        """
        source = place / "input" / "rows.csv"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(bodies.body(self.rows, CSV) or b"")
        return {way: self._transformed(way, source.parent, place / way) for way in STRATEGIES}

    @property
    def _config(self) -> Config:
        """Every worker loads the model for itself, and one is enough for requests that come one after the other."""
        return replace(self.config, model_server_workers=self.config.model_server_workers or 1)

    def _invoked(self) -> Iterator[tuple[str, Answer]]:
        one = Rows(self.rows.cells[:1], self.rows.origin)
        for content_type in TYPES:
            content, single = bodies.body(self.rows, content_type), bodies.body(one, content_type)
            if content is not None and single is not None:
                for accept in TYPES:
                    yield f"{content_type} -> {accept}", self._answer(content, content_type, accept, self.like)
                yield (
                    f"{content_type}, {ONE_ROW} -> {JSON}",
                    self._answer(single, content_type, JSON, self.like[:1]),
                )

    def _answer(self, content: bytes, content_type: str, accept: str, like: Sequence[object]) -> Answer:
        try:
            answer = self.target.runtime.invoke_endpoint(
                EndpointName=self.name, Body=content, ContentType=content_type, Accept=accept
            )
        except ServiceError as error:
            status = int(error.response.get("OriginalStatusCode") or 0)
            text = str(error.response.get("OriginalMessage") or error.response["Error"]["Message"])
            return Answer(status, None, text[:_TOLD])
        read = answer["Body"].read()
        return Answer(200, bodies.values(read, accept, like), read[:_TOLD].decode("utf-8", "replace"))

    def _transformed(self, way: str, source: Path, output: Path) -> Answer:
        split_type, strategy = STRATEGIES[way]
        wanted = replace(
            self.config.transform,
            input=source.absolute().as_uri(),
            output=output.absolute().as_uri(),
            content_type=CSV,
            accept=CSV,
            split_type=split_type,
            strategy=strategy,
            assemble_with=None,
            compression=None,
            s3_data_type="S3Prefix",
            input_filter=None,
            output_filter=None,
            join_source=None,
        )
        made = replace(self._config, transform=wanted, job_name=f"{self.name}-{way.lower()}")
        job = submission.transform_job(made, self.model_data)
        description = submission.submit(job, made, self.target, jobs.Silent())
        failure = jobs.failure("TransformJob", description)
        if failure is not None:
            return Answer(500, None, failure.message[:_TOLD])
        content = (output / "rows.csv.out").read_bytes()
        return Answer(200, bodies.values(content, CSV, self.like), content[:_TOLD].decode("utf-8", "replace"))
