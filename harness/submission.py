"""From a configuration to AWS's requests, and from those to what came out: one way for whoever runs jobs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from harness import jobs, requests, service_model, validation
from harness.config import Config
from harness.config.merge import location
from harness.config.settings import did_you_mean
from harness.errors import ConfigurationError, ServiceError, UsageError
from harness.storage import NoProgress, Progress, is_s3
from harness.targets import Document, Target, uploads
from harness.targets.uploads import Plan

_MAKE: Mapping[str, Callable[..., Document]] = {
    "TrainingJob": requests.create_training_job,
    "ProcessingJob": requests.create_processing_job,
}
_OF_A_STANDIN = " A stand-in knows those that it has run itself; --state DIR keeps them for the next one."


class Submission(NamedTuple):
    """A request, the requests that have to be carried out before it, and what has to travel before them all."""

    kind: str
    """``TrainingJob``, ``ProcessingJob``, ``TransformJob`` or ``Endpoint``."""
    request: Document
    """``Create<kind>``."""
    model: Mapping[str, Any] = MappingProxyType({})
    """``CreateModel``; empty where the request needs no model that does not exist yet."""
    endpoint_config: Mapping[str, Any] = MappingProxyType({})
    """``CreateEndpointConfig``; empty but for an endpoint."""
    travels: Plan = Plan()

    @property
    def name(self) -> str:
        """Of the job or the endpoint."""
        return str(self.request[f"{self.kind}Name"])

    def documents(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every request with its operation, in the order in which they are sent."""
        if self.model:
            yield "CreateModel", self.model
        if self.endpoint_config:
            yield "CreateEndpointConfig", self.endpoint_config
        yield f"Create{self.kind}", self.request


def job(config: Config, kind: str) -> Submission:
    """The training or processing job that a configuration describes.

    Raises:
        ConfigurationError: it does not make a request.
    """
    name = config.job_name or fresh_name(config)
    travels = uploads.plan(config, kind, name)
    return Submission(kind, _MAKE[kind](config, job_name=name, locations=travels.locations), travels=travels)


def transform_job(config: Config, data: str) -> Submission:
    """The batch transform job that a configuration describes, of the model at a URI. Errors as for ``job``."""
    name = config.job_name or fresh_name(config)
    travels = uploads.plan(config, "TransformJob", name, model_data=data)
    at = travels.locations
    return Submission(
        "TransformJob",
        requests.create_transform_job(config, job_name=name, model_name=name, locations=at),
        requests.create_model(config, model_name=name, model_data=data, locations=at),
        travels=travels,
    )


def endpoint(config: Config, data: str) -> Submission:
    """The endpoint that a configuration describes, of the model at a URI. Errors as for ``job``."""
    name = config.deploy.endpoint_name or fresh_name(config)
    _check_name("endpoint_name", name)
    travels = uploads.plan(config, "Endpoint", name, model_data=data)
    return Submission(
        "Endpoint",
        requests.create_endpoint(config, endpoint_name=name, endpoint_config_name=name),
        requests.create_model(config, model_name=name, model_data=data, locations=travels.locations),
        requests.create_endpoint_config(config, endpoint_config_name=name, model_name=name),
        travels,
    )


def fresh_name(config: Config) -> str:
    """A name with the time in it, of which nobody else makes the same in this millisecond."""
    if config.base_job_name:
        _check_name("base_job_name", config.base_job_name)
    return requests.default_job_name(config.base_job_name, datetime.now(UTC), os.urandom(2).hex())


def _check_name(setting: str, name: str) -> None:
    """By the word for it that the user has written; AWS's request has it under several."""
    if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*", name):
        raise ConfigurationError(
            f"{setting}: {name!r} may have letters, digits and hyphens, and no hyphen at either end, says AWS."
        )


def model_data(config: Config, target: Target, job: str | None, uri: str | None) -> str:
    """The URI of the model to serve: the one given, that of a training job, or that of the youngest completed one.

    On this machine a job's run folder has its model, wherever the job ran and delivered to: its bucket may be a
    stand-in's, which is gone, or need credentials.

    Raises:
        UsageError: there is none, or both are given.
    """
    if uri is not None and job is not None:
        raise UsageError("--job and --model-data each name a model; give one of them.")
    if uri is not None:
        return location(uri, Path.cwd())
    if job is None:
        found = target.client.list_training_jobs(StatusEquals="Completed", MaxResults=1)["TrainingJobSummaries"]
        if not found:
            raise UsageError(
                "There is no completed training job to take a model from; give --job or --model-data."
                + (_OF_A_STANDIN if config.on == "remote" and "AWS_ENDPOINT_URL" in os.environ else "")
            )
        job = found[0]["TrainingJobName"]
    try:
        description = target.client.describe_training_job(TrainingJobName=job)
    except ServiceError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        raise UsageError(_no_such_job(target, job)) from None
    try:
        data = str(description["ModelArtifacts"]["S3ModelArtifacts"])
    except KeyError:
        status = description["TrainingJobStatus"]
        raise UsageError(f"Training job {job} ({status}) has no model; give another --job, or --model-data.") from None
    kept = config.runs_dir / job / "output" / "model.tar.gz"
    return kept.absolute().as_uri() if is_s3(data) and config.on != "remote" and kept.is_file() else data


def _no_such_job(target: Target, job: str) -> str:
    known = target.client.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
    hint = did_you_mean(job, [each["TrainingJobName"] for each in known])
    return (
        f"There is no training job {job} on {target.name}.{hint} `harness runs --on {target.name}` lists what there is."
    )


def check(config: Config, operation: str, request: Mapping[str, Any]) -> None:
    """Hold a request against AWS's rules.

    Raises:
        RequestError: it breaks one of them.
    """
    model = service_model.load(config.cache)
    validation.check(operation, request, local=config.on != "remote", model=model)


def _no_progress(what: str) -> Progress:
    return NoProgress()


def submit(
    submission: Submission,
    config: Config,
    target: Target,
    reporter: jobs.Reporter,
    *,
    uploading: Callable[[str], Progress] = _no_progress,
    wait: bool = True,
) -> Document:
    """Upload what is missing, once AWS's rules are known to be kept; send the requests; follow; fetch the outputs.

    Args:
        submission: what.
        config: where to, and the rest that is nobody's request.
        target: the one that ``config`` names, open.
        reporter: is told what happens.
        uploading: makes what is told how far one upload is, from what that is called.
        wait: False lets a job go on by itself, and answers what it is like now.

    Returns:
        The ``Describe…`` document; ``jobs.failure`` says what its status means.

    Raises:
        RequestError: a request breaks one of AWS's rules. Nothing was sent.
        HarnessError: as ``uploads.send``, ``jobs.run`` and ``jobs.deploy``.
    """
    if config.on == "remote":
        for operation, request in submission.documents():
            check(config, operation, request)
        uploads.send(submission.travels, target.storage, uploading)
    if submission.endpoint_config:
        return jobs.deploy(target, submission.model, submission.endpoint_config, submission.request, reporter)
    with ExitStack() as after:
        if submission.model:
            target.client.create_model(**submission.model)
            after.callback(_forget_model, target, submission.model["ModelName"])
        description = jobs.run(target, submission.kind, submission.request, reporter, wait=wait)
        if not wait:
            after.pop_all()  # the job still needs its model
        else:
            completed = description[f"{submission.kind}Status"] == "Completed"
            uploads.fetch(submission.travels, target.storage, completed=completed)
    return description


def _forget_model(target: Target, name: str) -> None:
    with suppress(ServiceError):
        target.client.delete_model(ModelName=name)
