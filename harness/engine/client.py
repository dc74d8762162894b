"""The verbs of ``boto3.client("sagemaker")``, answered by this machine.

State is on disk (``engine/store.py``), so any process can describe what another one runs. Requests and answers are
AWS's; refusals are ``ServiceError``, which has the shape of botocore's ``ClientError``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import service_model, validation
from harness.engine import interpreter
from harness.engine.resources import Resources
from harness.engine.root import check_root
from harness.engine.running import Running, not_found
from harness.engine.settings import EngineSettings
from harness.engine.store import ENDED, Document, Job, Store, write_json
from harness.errors import ConfigurationError, RefusedError, ServiceError
from harness.storage import is_s3

if TYPE_CHECKING:
    from harness.engine.nursery import Nursery

_SUMMARY = ("Name", "Arn", "CreationTime", "EndTime", "LastModifiedTime", "Status")


def stores(root: Path) -> tuple[Store, Store]:
    """Where jobs and where endpoints lie below the folder of run folders.

    Raises:
        ConfigurationError: that is no folder, or may not be looked into.
    """
    found = Store(root), Store(root / "_endpoints")
    for store in found:
        check_root(store.root)
    return found


class EngineClient:
    """SageMaker on this machine. What is started here ends with this process unless it is detached."""

    def __init__(
        self, root: Path, settings: EngineSettings, nursery: Nursery | None = None, *, for_command: bool = False
    ) -> None:
        """Nothing is touched before the first verb.

        Args:
            root: folder of run folders.
            settings: what this machine contributes to jobs.
            nursery: forks the jobs' supervisors, for a caller that has threads.
            for_command: whether models and endpoint configurations are made for a command's job or endpoint, and go
                with it, however the command ends.
        """
        self.settings = settings
        self.jobs, self.endpoints = (Running(store, settings, nursery) for store in stores(root))
        arn = f"arn:aws:sagemaker:{settings.region}:{settings.account}"
        self._models = Resources(root / "_models", "Model", "model", f"{arn}:model/", for_command)
        config = ("EndpointConfig", "endpoint configuration", f"{arn}:endpoint-config/")
        self._configs = Resources(root / "_endpoint-configs", *config, for_command)
        self._endpoint_arn = f"{arn}:endpoint/"

    def running(self, kind: str) -> Running:
        """Where things of a kind run: ``TrainingJob``, …, ``Endpoint``."""
        return self.endpoints if kind == "Endpoint" else self.jobs

    def close(self) -> None:
        """End everything that was started here and has not been detached."""
        self.jobs.close()
        self.endpoints.close()
        self._models.close()
        self._configs.close()

    # -- training jobs ------------------------------------------------------------------------------------------

    def create_training_job(self, **request: Any) -> Document:
        """Start a training job and return at once: ``{"TrainingJobArn": …}``.

        Raises:
            RequestError: the request breaks AWS's rules.
            RefusedError: it asks for something that cannot be had here.
            ConfigurationError: a file that it names is missing or cannot be read.
            ServiceError: ``ResourceInUse``.
        """
        from harness.engine import code, training

        self.check_training_job(request)
        description = training.describe_new(request, self.settings)
        self._check_machine("CreateTrainingJob", request, request["AlgorithmSpecification"]["TrainingImage"])
        self._create_job("TrainingJob", request, description, lambda job: code.stage(request, job.path / "source"))
        return {"TrainingJobArn": description["TrainingJobArn"]}

    def check_training_job(self, request: Document) -> None:
        """Refuse a request for what is wrong with itself or its data, as ``create_training_job`` would."""
        from harness.engine import training

        refusals = training.refusals(request, self.settings.isolation)
        problems = chain(training.bad_metrics(request), training.input_problems(request))
        self._check("CreateTrainingJob", request, refusals, problems)

    def describe_training_job(self, *, TrainingJobName: str) -> Document:
        """The job's ``DescribeTrainingJob`` document."""
        return self._describe_job("TrainingJob", TrainingJobName)

    def stop_training_job(self, *, TrainingJobName: str) -> Document:
        """Ask a job to stop; as on AWS it has until the end of the grace period. Artifacts are kept."""
        return self._stop_job("TrainingJob", TrainingJobName)

    def list_training_jobs(self, **filters: Any) -> Document:
        """Summaries of training jobs, the youngest first."""
        return self._list_jobs("TrainingJob", filters)

    # -- processing jobs ----------------------------------------------------------------------------------------

    def create_processing_job(self, **request: Any) -> Document:
        """Start a processing job and return at once: ``{"ProcessingJobArn": …}``. Errors as for training jobs."""
        from harness.engine import processing, processing_code

        def prepare(job: Job) -> None:
            processing_code.stage(request, job.path / "source", self.settings.allow_secrets)
            if self.settings.isolation == "none":
                inputs = processing_code.staged(request, job.path / "source")
                _raise_all(RefusedError, "This cannot be run here", processing.literal_paths(inputs))

        in_containers = self.settings.launcher == "containers"
        refusals = processing.refusals(request, in_containers=in_containers)
        self._check("CreateProcessingJob", request, refusals, processing.input_problems(request))
        description = processing.describe_new(request, self.settings)
        self._check_machine("CreateProcessingJob", request, request["AppSpecification"]["ImageUri"])
        self._create_job("ProcessingJob", request, description, prepare)
        return {"ProcessingJobArn": description["ProcessingJobArn"]}

    def describe_processing_job(self, *, ProcessingJobName: str) -> Document:
        """The job's ``DescribeProcessingJob`` document."""
        return self._describe_job("ProcessingJob", ProcessingJobName)

    def stop_processing_job(self, *, ProcessingJobName: str) -> Document:
        """Ask a job to stop."""
        return self._stop_job("ProcessingJob", ProcessingJobName)

    def list_processing_jobs(self, **filters: Any) -> Document:
        """Summaries of processing jobs, the youngest first."""
        return self._list_jobs("ProcessingJob", filters)

    # -- transform jobs -----------------------------------------------------------------------------------------

    def create_transform_job(self, **request: Any) -> Document:
        """Start a batch transform job and return at once: ``{"TransformJobArn": …}``. Errors as for training jobs."""
        from harness.engine import serving, transform

        self._check("CreateTransformJob", request, transform.refusals(request), transform.input_problems(request))
        model = self._models.describe(request["ModelName"])
        self._check_machine("CreateTransformJob", request, serving.image(model))
        description = transform.describe_new(request, self.settings)

        def prepare(job: Job) -> None:
            write_json(job.path / "model.json", model)
            serving.stage(model, job.path)

        self._create_job("TransformJob", request, description, prepare)
        return {"TransformJobArn": description["TransformJobArn"]}

    def describe_transform_job(self, *, TransformJobName: str) -> Document:
        """The job's ``DescribeTransformJob`` document."""
        described = self._describe_job("TransformJob", TransformJobName)
        # AWS tells the time of the last change of other jobs, and of transform jobs in lists alone.
        return {name: value for name, value in described.items() if name != "LastModifiedTime"}

    def stop_transform_job(self, *, TransformJobName: str) -> Document:
        """Ask a job to stop. Outputs that are complete stay."""
        return self._stop_job("TransformJob", TransformJobName)

    def list_transform_jobs(self, **filters: Any) -> Document:
        """Summaries of transform jobs, the youngest first."""
        return self._list_jobs("TransformJob", filters)

    # -- models and endpoint configurations ---------------------------------------------------------------------

    def create_model(self, **request: Any) -> Document:
        """Keep a model: ``{"ModelArn": …}``.

        Raises:
            RequestError, RefusedError: as for training jobs.
            ServiceError: the name is taken, or there is no model data.
        """
        from harness.engine import models, serving

        self._check("CreateModel", request, models.refusals(request), iter(()))
        models.check_data(request, self.settings.storage)
        self._check_machine("CreateModel", request, serving.image(request))
        return self._models.create(request)

    def describe_model(self, *, ModelName: str) -> Document:
        """The model's ``DescribeModel`` document."""
        return self._models.describe(ModelName)

    def delete_model(self, *, ModelName: str) -> Document:
        """Forget a model; endpoints that serve it go on."""
        return self._models.delete(ModelName)

    def create_endpoint_config(self, **request: Any) -> Document:
        """Keep an endpoint configuration: ``{"EndpointConfigArn": …}``. Errors as for models."""
        from harness.engine import hosting

        self._check("CreateEndpointConfig", request, hosting.refusals(request), iter(()))
        for variant in request["ProductionVariants"]:
            self._models.describe(variant["ModelName"])
        return self._configs.create(request)

    def describe_endpoint_config(self, *, EndpointConfigName: str) -> Document:
        """The configuration's ``DescribeEndpointConfig`` document."""
        return self._configs.describe(EndpointConfigName)

    def delete_endpoint_config(self, *, EndpointConfigName: str) -> Document:
        """Forget a configuration; endpoints that were made from it go on."""
        return self._configs.delete(EndpointConfigName)

    def forget_unused(self) -> list[str]:
        """Forget what killed commands have left of these that no endpoint and no running job uses; its names."""
        if not (self._models.made_for_commands() or self._configs.made_for_commands()):
            return []
        try:
            endpoints = [found for name in self.endpoints.store.names() if (found := self.find_endpoint(name))]
            swept = self._configs.sweep({endpoint["EndpointConfigName"] for endpoint in endpoints})
            configs = map(self._configs.describe, self._configs.names())
            users = [each for config in configs for each in config["ProductionVariants"]]
            users += [job.request for job in self.jobs.store.active()]
        except (OSError, ConfigurationError):  # something of it has just gone, or is broken: another time
            return []
        return sorted({*swept, *self._models.sweep({each.get("ModelName") for each in users})})

    # -- endpoints ----------------------------------------------------------------------------------------------

    def create_endpoint(self, **request: Any) -> Document:
        """Start an endpoint and return at once: ``{"EndpointArn": …}``. Errors as for models."""
        from harness.engine import hosting, serving

        self._check("CreateEndpoint", request, iter(()), iter(()))
        name = request["EndpointName"]
        config = self._configs.describe(request["EndpointConfigName"])
        model = self._models.describe(config["ProductionVariants"][0]["ModelName"])
        if self.settings.port and self.settings.launcher == "containers" and model.get("EnableNetworkIsolation"):
            raise RefusedError(
                f"Port {self.settings.port}: a container without network has none on this machine, and is reached at "
                "its own address. Leave out one of --port and --enable-network-isolation"
            )
        self.forget_unused()
        self._forget_failed_endpoint(name)
        if self.find_endpoint(name) is not None:
            raise ServiceError(
                "ValidationException",
                f'Cannot create already existing endpoint "{self._endpoint_arn}{name}".',
                "CreateEndpoint",
            )
        self._check_machine("CreateEndpoint", request, serving.image(model))
        description = hosting.describe_new(request, config, self.settings)
        self.endpoints.create(
            "CreateEndpoint", name, request, description, lambda job: hosting.stage(job, model, config)
        )
        return {"EndpointArn": description["EndpointArn"]}

    def describe_endpoint(self, *, EndpointName: str) -> Document:
        """The endpoint's ``DescribeEndpoint`` document, with ``EndpointUrl`` while it is in service."""
        return self._existing_endpoint(EndpointName, "DescribeEndpoint")

    def delete_endpoint(self, *, EndpointName: str) -> Document:
        """End an endpoint; returns when nothing of it is left. What it has begun to answer, it has 30 s to answer."""
        self._existing_endpoint(EndpointName, "DeleteEndpoint")
        if self.endpoints.stop(EndpointName):
            self.endpoints.store.job(EndpointName).wait_for_end()
            self.endpoints.reap(EndpointName)
        self.endpoints.abandon(EndpointName)
        self._forget_failed_endpoint(EndpointName)
        return {}

    def list_endpoints(self, **filters: Any) -> Document:
        """Summaries of endpoints, the youngest first."""
        members = [f"Endpoint{name}" if name in {"Name", "Arn", "Status"} else name for name in _SUMMARY]
        return self.endpoints.list("Endpoint", members, filters)

    def find_endpoint(self, name: str) -> Document | None:
        """An endpoint's description; None if there is none of that name."""
        return self.endpoints.find("Endpoint", name)

    def _existing_endpoint(self, name: str, operation: str) -> Document:
        description = self.find_endpoint(name)
        if description is None:
            message = f'Could not find endpoint "{self._endpoint_arn}{name}".'
            raise ServiceError("ValidationException", message, operation, remedy="`harness runs` lists what there is")
        return description

    def _forget_failed_endpoint(self, name: str) -> None:
        """A server that has ended leaves its folder to look at; the name is free again."""
        description = self.find_endpoint(name)
        if description is not None and description["EndpointStatus"] == "Failed":
            import shutil

            folder = self.endpoints.store.job(name).path
            try:
                shutil.rmtree(folder)
            except PermissionError as error:
                raise ConfigurationError(
                    f"{folder} cannot be removed: {error.strerror}. Choose another name."
                ) from None

    # -- what all kinds of job share ----------------------------------------------------------------------------

    def _check(self, operation: str, request: Document, refusals: Iterator[str], problems: Iterator[str]) -> None:
        from harness.engine import members

        model = service_model.load(Path(self.settings.cache))
        validation.check(operation, request, local=True, model=model)
        # By name first: what judges values takes it that nothing else is asked for.
        _raise_all(RefusedError, "This cannot be run here", members.refusals(operation, request))
        _raise_all(RefusedError, "This cannot be run here", refusals)
        _raise_all(ConfigurationError, "The data is not there", problems)

    def _check_machine(self, operation: str, request: Document, image: str) -> None:
        """Whether this machine has what hosts are made of, and what S3 is asked with, before anything starts.

        Raises:
            ConfigurationError: the interpreter cannot be run.
            MissingCapability: there is no Docker engine, or it has no such image; S3 is named, and there are no
                credentials.
            RefusedError: the Docker engine cannot have a model served as it is wanted.
        """
        from harness.engine import members

        if any(map(is_s3, members.uris(operation, request))):
            self.settings.storage.s3.check()
        if self.settings.launcher == "processes":
            interpreter.check(self.settings.python)
        else:
            from harness.engine import container_jobs

            isolated = operation == "CreateModel" and bool(request.get("EnableNetworkIsolation"))
            container_jobs.check(image, isolated_server=isolated)

    def _create_job(self, kind: str, request: Document, description: Document, prepare: Any) -> None:
        self.forget_unused()
        self.running(kind).create(f"Create{kind}", request[f"{kind}Name"], request, description, prepare)

    def _describe_job(self, kind: str, name: str) -> Document:
        description = self.running(kind).find(kind, name)
        if description is None:
            raise not_found(f"Describe{kind}")
        return description

    def _stop_job(self, kind: str, name: str) -> Document:
        description = self.running(kind).find(kind, name)
        if description is None:
            raise not_found(f"Stop{kind}")
        status = description[f"{kind}Status"]
        if status in ENDED or not self.running(kind).stop(name):
            raise ServiceError(
                "ValidationException",
                f"The request was rejected because the {kind.replace('Job', ' job').lower()} is in status {status}.",
                f"Stop{kind}",
            )
        return {}

    def _list_jobs(self, kind: str, filters: Document) -> Document:
        prefix = kind.removesuffix("Job")
        own = {"Name": f"{kind}Name", "Arn": f"{kind}Arn", "Status": f"{kind}Status", "EndTime": f"{prefix}EndTime"}
        return self.running(kind).list(kind, [own.get(name, name) for name in _SUMMARY], filters)


def _raise_all(error: type[ConfigurationError], heading: str, problems: Iterator[str]) -> None:
    found = list(problems)
    if found:
        raise error(found[0] if len(found) == 1 else "\n  ".join([f"{heading}:", *found]))
