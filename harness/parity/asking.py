"""What a model's servers say: an endpoint in every content type and accept, batch transform by every strategy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from harness import jobs, submission
from harness.config import Config
from harness.errors import HarnessError, ServiceError
from harness.parity import bodies, shipment
from harness.parity.bodies import CSV, JSON, NPY, TYPES
from harness.parity.outcomes import Answer
from harness.parity.rows import Bodies, Rows
from harness.targets import Target

STRATEGIES: Final = {
    "None": (None, None),
    "SingleRecord": ("Line", "SingleRecord"),
    "MultiRecord": ("Line", "MultiRecord"),
}
"""How batch transform is asked -> ``SplitType`` and ``BatchStrategy``."""
ONE_ROW: Final = "one row"
"""In the name of a request that carries a single row."""
_OWN_ENGINE: Final = ("local", "container")
"""Targets whose model servers this machine's own engine starts, and not an SDK or AWS."""
_PACE_OF_LOCAL_MODE: Final[Mapping[str, Any]] = {
    "invocations_max_retries": None,
    "invocations_timeout": None,
    "max_concurrent_transforms": None,
}
"""The SDK's local mode sends each request once, and refuses to be told so."""
_OF_THE_PLATFORM: Final = b"SAGEMAKER_"
"""How the names begin of what the platform sets for a batch transform."""
_FILE: Final = "rows.csv"
_TOLD: Final = 200
"""Characters of a body that are told."""
_LINES: Final = 12
"""Of the log of a server that has not come up."""


class Unserved(Exception):
    """The target took the model, but it cannot be served. The message says why."""


@dataclass(frozen=True)
class Endpoint:
    """One model, being served.

    ``like`` is in every question: what is expected, one value for each row. CSV does not tell texts from numbers, and
    this does.
    """

    target: Target
    config: Config
    name: str
    model_data: str
    url: str | None
    """Where it is on this machine, if it is."""

    def invoked(self, rows: Rows, like: Sequence[object]) -> Iterator[tuple[str, Answer]]:
        """``text/csv -> application/json`` and the like, and the answer to all rows in one body; then to one row."""
        one = Rows(rows.cells[:1], rows.origin)
        for content_type in TYPES:
            for accept in TYPES:
                if (answer := self.answer(rows, content_type, accept, like)) is not None:
                    yield f"{content_type} -> {accept}", answer
            if (answer := self.answer(one, content_type, JSON, like[:1])) is not None:
                yield f"{content_type}, {ONE_ROW} -> {JSON}", answer

    def rounded(self, rows: Rows, like: Sequence[object]) -> Sequence[Any] | None:
        """What the model says to rows that were rounded to 32 bits beforehand, and are sent without any loss."""
        answer = self.answer(bodies.rounded(rows), NPY, JSON, like)
        return None if answer is None else answer.values

    def answer(self, rows: Rows, content_type: str, accept: str, like: Sequence[object]) -> Answer | None:
        """The answer to one request; None if the rows cannot be written in that type."""
        content = bodies.body(rows, content_type)
        if content is None:
            return None
        said = self._invoke(Body=content, ContentType=content_type, Accept=accept)
        return said if isinstance(said, Answer) else _read(said, accept, like)

    def sent(self, given: Bodies) -> Iterator[tuple[str, Answer]]:
        """``application/json, body 1`` and the like, and the answer, in the type that the model's server prefers."""
        for number, content in enumerate(given.contents, 1):
            said = self._invoke(Body=content, ContentType=given.content_type)
            if not isinstance(said, Answer):
                said = Answer(200, bodies.parsed(said), said[:_TOLD].decode("utf-8", "replace"))
            yield f"{given.content_type}, body {number}", said

    def _invoke(self, **request: Any) -> bytes | Answer:
        """The body of an answer, or an error."""
        try:
            answer: bytes = self.target.runtime.invoke_endpoint(EndpointName=self.name, **request)["Body"].read()
        except ServiceError as error:
            status = int(error.response.get("OriginalStatusCode") or 0)
            text = str(error.response.get("OriginalMessage") or error.response["Error"]["Message"])
            return Answer(status, None, _title(text)[:_TOLD])
        return answer

    def transformed(self, rows: Rows, like: Sequence[object], place: Path) -> Iterator[tuple[str, Answer]]:
        """A strategy, and the answer of batch transform: CSV in, CSV out.

        Each strategy is a job of its own, unless that would start the very server anew that the endpoint has: then the
        same requests go to that one.

        Args:
            rows: the file.
            like: what is expected.
            place: a folder for inputs and outputs; made if it is not there.

        Raises:
            Interrupted: Ctrl-C.
            HarnessError: the target refused a job.
        """
        as_a_job = self.url is None or _batch_has_a_server_of_its_own(self.config)
        pace = _PACE_OF_LOCAL_MODE if self.config.on == "localmode" else {"invocations_max_retries": 0}
        source = place / "input" / _FILE
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(bodies.body(rows, CSV) or b"")
        for way, (split_type, strategy) in STRATEGIES.items():
            output = place / way
            wanted = replace(
                self.config.transform,
                input=source.parent.absolute().as_uri(),
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
                **pace,
            )
            # A name has 63 characters, and the endpoint's may be near that.
            made = replace(self.config, transform=wanted, job_name=f"{self.name[:61]}-{way[0].lower()}")
            job = submission.transform_job(made, self.model_data)
            if self.url is not None and not as_a_job:
                failure = _send(self.url, job.request, source, output)
            else:
                description = submission.submit(job, made, self.target, jobs.Silent())
                failed = jobs.failure("TransformJob", description)
                failure = None if failed is None else description.get("FailureReason") or failed.message
            yield (
                way,
                Answer(500, None, failure[:_TOLD])
                if failure
                else _read((output / f"{_FILE}.out").read_bytes(), CSV, like),
            )


@contextmanager
def endpoint(target: Target, config: Config, name: str, model_data: str) -> Iterator[Endpoint]:
    """A model's endpoint while the block runs.

    Args:
        target: open.
        config: for this target.
        name: of the endpoint, and the beginning of the names of transform jobs.
        model_data: URI of ``model.tar.gz``.

    Raises:
        Unserved: the model cannot be served.
        Interrupted: Ctrl-C. Nothing is left on the target.
        HarnessError: the target refused a request.
    """
    # Every worker loads the model for itself, and one is enough for requests that come one after the other.
    one_worker = replace(config, model_server_workers=config.model_server_workers or 1)
    made = replace(one_worker, deploy=replace(config.deploy, endpoint_name=name, port=None))
    try:
        description = submission.submit(submission.endpoint(made, model_data), made, target, jobs.Silent())
        if failure := jobs.failure("Endpoint", description):
            raise Unserved("\n".join([failure.message, *_last_lines(made.runs_dir / "_endpoints" / name / "log.txt")]))
        yield Endpoint(target, one_worker, name, model_data, description.get("EndpointUrl"))
    finally:
        with suppress(HarnessError):  # it may never have come to be
            jobs.delete_endpoint(target, name)


def _last_lines(log: Path) -> list[str]:
    """Of the log of a server on this machine, which goes with its endpoint."""
    with suppress(OSError):
        return log.read_text("utf-8", "replace").splitlines()[-_LINES:]
    return []


def _read(content: bytes, accept: str, like: Sequence[object]) -> Answer:
    return Answer(200, bodies.values(content, accept, like), content[:_TOLD].decode("utf-8", "replace"))


def _title(page: str) -> str:
    """The title of an error page, without the status that it begins with; another text as it is."""
    title = re.search(r"<title>(?:\d+ )?(.*?)</title>", page, re.DOTALL)
    return title[1] if title else page


def _batch_has_a_server_of_its_own(config: Config) -> bool:
    """Whether a transform job's server may answer otherwise than the endpoint's.

    On this machine's own engine both are one program in one environment, but for the job's ``Environment`` and the
    platform's ``SAGEMAKER_BATCH`` and its like, which are nothing to a script that reads no ``SAGEMAKER_…``.
    """
    if config.on not in _OWN_ENGINE or config.transform.environment:
        return True
    code = (file for file in shipment.serving(config).files if file.name.endswith(".py"))
    return any(_OF_THE_PLATFORM in file.path.read_bytes() for file in code)


def _send(url: str, request: Mapping[str, Any], source: Path, output: Path) -> str | None:
    """What a transform job does once its server answers; why it failed, if so."""
    from harness.engine.batch import runner
    from harness.engine.batch.settings import TransformSettings, transform_files

    files = transform_files(source.parent, [source], output, output)
    return runner.run(f"{url}/invocations", files, TransformSettings.from_request(request)).failure_reason
