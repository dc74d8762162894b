"""Submit, follow, result: one way for every target."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any, Protocol

from harness.errors import (
    DeadlineExceeded,
    HarnessError,
    Interrupted,
    JobFailed,
    OutputClosed,
    ServiceError,
    UsageError,
)
from harness.targets import Document, Event, Output, Progress, Status, Target

_VERBS = {
    "TrainingJob": "training_job",
    "ProcessingJob": "processing_job",
    "TransformJob": "transform_job",
    "Endpoint": "endpoint",
}


class Reporter(Protocol):
    """Who is told what happens. ``Silent`` is the null version."""

    def submitted(self, kind: str, name: str) -> None:
        """The target has accepted the job."""

    def output(self, data: bytes) -> None:
        """Whole lines of the log."""

    def status(self, name: str, message: str) -> None:
        """The job has entered a status."""

    def progress(self, progress: Progress) -> None:
        """The job has come further."""


class Silent:
    """Tells nobody."""

    def submitted(self, kind: str, name: str) -> None:
        """Nothing."""

    def output(self, data: bytes) -> None:
        """Nothing."""

    def status(self, name: str, message: str) -> None:
        """Nothing."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""


def run(target: Target, kind: str, request: Mapping[str, Any], reporter: Reporter, *, wait: bool = True) -> Document:
    """Submit a job and follow it to its end.

    Args:
        target: where it runs.
        kind: ``TrainingJob``, ``ProcessingJob`` or ``TransformJob``.
        request: the ``Create…`` document.
        reporter: is told what happens.
        wait: False lets the job go on by itself, and answers what it is like now.

    Returns:
        The ``Describe…`` document of the ended job, whatever its status; ``failure`` says what that means.

    Raises:
        Interrupted, OutputClosed: Ctrl-C, or nobody reads the output; what became of the job is said.
        HarnessError: the target refused the request.
    """
    name = request[f"{kind}Name"]
    getattr(target.client, f"create_{_VERBS[kind]}")(**request)
    reporter.submitted(kind, name)
    if wait:
        return follow(target, kind, name, reporter)
    target.detach(kind, name)
    return describe(target, kind, name)


def follow(target: Target, kind: str, name: str, reporter: Reporter) -> Document:
    """Follow a job that exists to its end; otherwise as ``run``."""
    try:
        for event in target.follow(kind, name):
            _tell(reporter, event)
    except KeyboardInterrupt:
        raise Interrupted(target.interrupt(kind, name)) from None
    except OutputClosed as closed:
        raise OutputClosed(f"{closed.message}; {target.interrupt(kind, name)}") from None
    return describe(target, kind, name)


def _tell(reporter: Reporter, event: Event) -> None:
    try:
        match event:
            case Output(data):
                reporter.output(data)
            case Status(status, message):
                reporter.status(status, message)
            case Progress():
                reporter.progress(event)
    except BrokenPipeError:
        raise OutputClosed("nobody reads the log any more") from None
    except OSError as error:  # a full disk, as a rule
        raise OutputClosed(f"the log cannot be shown any more: {error.strerror}") from None


def deploy(
    target: Target, model: Mapping[str, Any], config: Mapping[str, Any], endpoint: Mapping[str, Any], reporter: Reporter
) -> Document:
    """Make a model, an endpoint configuration and an endpoint, and wait until it is in service.

    What an endpoint of that name has left behind that failed, or whose deployment was killed on this machine, is
    removed first.

    Returns:
        The ``DescribeEndpoint`` document; ``failure`` says what its status means.

    Raises:
        Interrupted, OutputClosed: as for ``run``. Nothing is left behind, unless the endpoint lives on without us.
        UsageError: there is an endpoint of that name, and it has not failed.
        HarnessError: the target refused one of the requests. What was made before it is removed again.
    """
    client, name = target.client, endpoint["EndpointName"]
    _free_names(target, model["ModelName"], config["EndpointConfigName"], name)
    with ExitStack() as undo:
        client.create_model(**model)
        undo.callback(client.delete_model, ModelName=model["ModelName"])
        client.create_endpoint_config(**config)
        undo.callback(client.delete_endpoint_config, EndpointConfigName=config["EndpointConfigName"])
        client.create_endpoint(**endpoint)
        reporter.submitted("Endpoint", name)
        try:
            description = follow(target, "Endpoint", name, reporter)
        except (Interrupted, OutputClosed):
            if _exists(target, name):
                undo.pop_all()
            raise
        undo.pop_all()
    return description


def _exists(target: Target, name: str) -> bool:
    try:
        describe(target, "Endpoint", name)
    except ServiceError:
        return False
    return True


def _free_names(target: Target, model_name: str, config_name: str, name: str) -> None:
    try:
        status = describe(target, "Endpoint", name)["EndpointStatus"]
    except ServiceError:
        if target.name != "remote":  # where they may be somebody else's
            with suppress(ServiceError):
                target.client.delete_endpoint_config(EndpointConfigName=config_name)
            with suppress(ServiceError):
                target.client.delete_model(ModelName=model_name)
        return
    if status != "Failed":
        raise UsageError(
            f"There is an endpoint {name} already ({status}). Choose another --endpoint-name, or end that one: "
            f"harness delete-endpoint --endpoint-name {name} --on {target.name}"
        )
    with suppress(ServiceError):
        delete_endpoint(target, name)


def delete_endpoint(target: Target, name: str) -> None:
    """End an endpoint, and forget the configuration and the model that it was made from.

    Raises:
        ServiceError: there is no such endpoint.
    """
    client = target.client
    config_name = client.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    client.delete_endpoint(EndpointName=name)
    with suppress(ServiceError):
        config = client.describe_endpoint_config(EndpointConfigName=config_name)
        client.delete_endpoint_config(EndpointConfigName=config_name)
        for variant in config["ProductionVariants"]:
            client.delete_model(ModelName=variant["ModelName"])


def describe(target: Target, kind: str, name: str) -> Document:
    """The job's ``Describe…`` document."""
    document: Document = getattr(target.client, f"describe_{_VERBS[kind]}")(**{f"{kind}Name": name})
    return document


def kind_of(target: Target, name: str) -> str | None:
    """What a target has under a name: ``TrainingJob``, …, ``Endpoint``; None if it has nothing.

    Raises:
        HarnessError: the target could not be asked.
    """
    for kind in _VERBS:
        try:
            describe(target, kind, name)
        except ServiceError as error:
            if error.response["Error"]["Code"] not in {"ValidationException", "ResourceNotFound"}:
                raise
        else:
            return kind
    return None


def summaries(target: Target, most: int) -> list[Document]:
    """Name, Kind, Status and CreationTime of the youngest jobs and endpoints, the youngest first; ``most`` of a kind.

    Raises:
        HarnessError: the target could not be asked.
    """
    found = []
    for kind, verb in _VERBS.items():
        answer = getattr(target.client, f"list_{verb}s")(MaxResults=most)
        for each in answer["Endpoints" if kind == "Endpoint" else f"{kind}Summaries"]:
            name, status = each[f"{kind}Name"], each[f"{kind}Status"]
            found.append({"Name": name, "Kind": kind, "Status": status, "CreationTime": each["CreationTime"]})
    return sorted(found, key=lambda each: each["CreationTime"], reverse=True)


def stop(target: Target, kind: str, name: str) -> None:
    """Ask a job to stop."""
    getattr(target.client, f"stop_{_VERBS[kind]}")(**{f"{kind}Name": name})


def failure(kind: str, description: Mapping[str, Any]) -> HarnessError | None:
    """What an ended job's status means to whoever asked for it; None for Completed."""
    name, status = description[f"{kind}Name"], description[f"{kind}Status"]
    if status in {"Completed", "InService"}:
        return None
    if status == "Stopped":
        # Of a processing job AWS has no word for it.
        if "MaxRuntimeExceeded" in (description.get("SecondaryStatus"), description.get("Harness", {}).get("Stop")):
            seconds = description.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
            return DeadlineExceeded(f"{name} was stopped after its {seconds} seconds (--max-run)")
        return JobFailed(f"{name} was stopped")
    return JobFailed(f"{name} failed: {description.get('FailureReason', 'no reason was given')}")
