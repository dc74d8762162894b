"""One suite over every target: what a SageMaker client owes, whichever machine it runs jobs on.

A target is one line of ``CANDIDATES``. The tests know requests, answers and files; nothing of any engine.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import pytest

from harness import jobs, service_model, validation
from harness.config import Config, load
from harness.errors import MissingCapability, ServiceError
from harness.storage import split
from harness.storage.session import open_session
from harness.targets import Target, open_target
from harness.targets.localmode import machine
from harness.targets.remote import Pace, RemoteTarget
from harness.targets.uploads import storage_of
from tests.conftest import StandInProcess
from tests.docker_engine import client_or_skip, image_or_skip


@dataclass(frozen=True)
class Candidate:
    """A target that the suite runs over."""

    name: str
    lacks: Callable[[], str | None] = lambda: None
    """Why it cannot be had on this machine; then its tests are skipped with that reason."""
    divergences: Mapping[str, str] = field(default_factory=dict)
    """Name of a test -> why it is known to come out otherwise there; it then has to."""
    open: Callable[[Config], Target] = open_target
    in_s3: bool = False
    """Whether it reads and writes S3, which is then the stand-in's, as all of AWS is."""


_ENDING = "the host's name has a random ending, and so has the file that the script names after it"
_ONE_HOST = "refused: it ends all hosts as soon as one has ended"
LOCALMODE: Mapping[str, str] = {
    "test_gives_a_hyperparameter_of_each_type_as_an_argument": _ENDING,
    "test_has_its_channels_and_its_environment": _ENDING,
    "test_of_several_hosts_has_what_each_of_them_left": _ONE_HOST,
    "test_of_several_hosts_fails_with_any_of_them": _ONE_HOST,
    "test_gives_its_script_inputs_arguments_and_environment_and_takes_its_outputs": _ENDING,
    "test_has_the_two_config_files_of_aws": "the ARN is the job's name, the role <no_role>",
    "test_sees_none_of_the_variables_of_a_training_job": _ENDING,
    "test_that_completes_says_what_the_script_wanted_said": "it removes the message unread",
    "test_with_continuous_upload_keeps_what_was_there_when_it_failed": "refused: it uploads at the end alone",
    "test_does_not_put_out_symbolic_links": "it follows them",
    "test_of_two_hosts_shares_out_what_is_sharded": _ONE_HOST,
    "test_may_have_one_input_inside_another": _ENDING,
    "test_by_line_answers_each_record_in_its_order": "refused: it does not look into folders",
    "test_of_whole_files_sends_each_as_one_request": "it adds a newline to each response, ended by one or not",
    "test_sends_several_requests_at_a_time_and_keeps_the_order": "refused: it sends one request at a time",
    "test_decompresses_gzip": "refused: it unpacks nothing",
    "test_takes_from_a_manifest_only_what_it_names": "refused: it reads no manifest",
    "test_filters_and_joins_rows": "refused: it filters and joins nothing",
    "test_filters_and_joins_json": "refused: it filters and joins nothing",
    "test_with_a_bad_record_fails_but_for_the_other_files": "refused: it knows no retries",
    "test_that_failed_names_file_and_record": "refused: it knows no retries",
    "test_with_a_record_beyond_the_payload_fails": "what it says does not name the file",
    "test_tells_its_container_of_the_job": "refused: it sends one request at a time",
}
"""What the SDK's local mode does otherwise, or has to refuse."""


def _lacks_localmode() -> str | None:
    """Why the SDK's local mode cannot be had: it has to be installed beside the harness that these tests import."""
    try:
        machine.check_tools(machine.installed_sdk())
    except MissingCapability as error:
        return error.message
    image_or_skip(client_or_skip())
    return None


def _lacks_containers() -> None:
    """Skips the test with the reason if there is no Docker engine, or no image."""
    client = client_or_skip()
    image_or_skip(client)
    client.close()


def _open_remote(config: Config) -> RemoteTarget:
    """As a user has it, but for its patience: nothing that comes over loopback is late."""
    session, pace = open_session(config.region, config.profile), Pace(first=0.02, slowest=0.2, settle=0.02)
    return RemoteTarget(session, config.runs_dir, storage_of(config), pace=pace)


CANDIDATES = (
    Candidate("local"),
    Candidate("container", _lacks_containers),
    Candidate("localmode", _lacks_localmode, LOCALMODE),
    Candidate("remote", open=_open_remote, in_s3=True),
)

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::000000000000:role/conformance"
INSTANCE = "ml.m5.large"
OUR_OWN = {"Harness", "EndpointUrl"}
"""Members that our targets add to AWS's documents."""
NOT_OF_EVERY_JOB = {("ModelArtifacts", "required")}
"""The service model requires it of every description, but a job that has left no model has none to name."""

SERVES = """
import os
import numpy

def model_fn(model_dir):
    with open(os.path.join(model_dir, "factor")) as file:
        return float(file.read())

def predict_fn(data, factor):
    return numpy.atleast_2d(data).sum(axis=1) * factor
"""


class Files(Protocol):
    """Where a target's jobs read and write. A name is of one folder, and that of no other begins with it."""

    def uri(self, name: str) -> str:
        """The URI of a folder, whether it exists or not."""

    def put(self, name: str, files: Mapping[str, bytes]) -> None:
        """Files in a folder."""

    def read(self, uri: str) -> dict[str, bytes]:
        """The files at or below a URI."""

    def source(self, files: Mapping[str, str]) -> Mapping[str, str | bytes]:
        """Scripts as ``sagemaker_submit_directory`` can name them: the files of a folder, or an archive in one."""


@dataclass(frozen=True)
class Folder:
    """A folder of this machine."""

    path: Path

    def uri(self, name: str) -> str:
        """See ``Files.uri``."""
        return (self.path / name).as_uri()

    def put(self, name: str, files: Mapping[str, bytes]) -> None:
        """See ``Files.put``."""
        for member, content in files.items():
            path = self.path / name / member
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def read(self, uri: str) -> dict[str, bytes]:
        """See ``Files.read``."""
        path = Path(unquote(urlsplit(uri).path))
        if path.is_file():
            return {path.name: path.read_bytes()}
        return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}

    def source(self, files: Mapping[str, str]) -> Mapping[str, str | bytes]:
        """See ``Files.source``."""
        return files


@dataclass(frozen=True)
class Bucket:
    """A bucket of the stand-in."""

    s3: Any
    """boto3's client."""
    name: str

    def uri(self, name: str) -> str:
        """See ``Files.uri``."""
        return f"s3://{self.name}/{name}"

    def put(self, name: str, files: Mapping[str, bytes]) -> None:
        """See ``Files.put``."""
        for member, content in files.items():
            self.s3.put_object(Bucket=self.name, Key=f"{name}/{member}", Body=content)

    def read(self, uri: str) -> dict[str, bytes]:
        """See ``Files.read``."""
        _, prefix = split(uri)
        found = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", ())
        keys = [each["Key"] for each in found if each["Key"] == prefix or each["Key"].startswith(f"{prefix}/")]
        return {
            key.removeprefix(prefix).lstrip("/") or key.rpartition("/")[2]: self.s3.get_object(
                Bucket=self.name, Key=key
            )["Body"].read()
            for key in keys
        }

    def source(self, files: Mapping[str, str]) -> Mapping[str, str | bytes]:
        """See ``Files.source``. AWS's toolkit takes nothing but an archive from S3."""
        return {"sourcedir.tar.gz": targz(files)}


def targz(files: Mapping[str, str]) -> bytes:
    """An archive."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for member, text in files.items():
            info = tarfile.TarInfo(member)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return content.getvalue()


@dataclass(frozen=True)
class Place:
    """A target, and where it finds and leaves files."""

    target: Target
    files: Files
    config_file: Path
    environment: Mapping[str, str]
    """What the target has to find in the environment."""
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def client(self) -> Any:
        """Has the verbs of ``boto3.client("sagemaker")``."""
        return self.target.client

    @property
    def runtime(self) -> Any:
        """Has the verbs of ``boto3.client("sagemaker-runtime")``."""
        return self.target.runtime

    def name(self, what: str = "job") -> str:
        """A name that nobody has taken."""
        return f"{what}-{self.config_file.parent.name}-{next(self._numbers):04}"

    def put(self, files: Mapping[str, str | bytes]) -> str:
        """Files as data of a job: the URI of their folder."""
        name = self.name("data")
        contents = {each: content.encode() if isinstance(content, str) else content for each, content in files.items()}
        self.files.put(name, contents)
        return self.files.uri(name)

    def code(self, files: Mapping[str, str]) -> str:
        """Scripts as ``sagemaker_submit_directory`` has them: the URI of their folder, or of an archive."""
        given = self.files.source(files)
        folder = self.put(given)
        return folder if given == files else "/".join([folder, *given])

    def new(self) -> str:
        """The URI of a folder that does not exist yet."""
        return self.files.uri(self.name("new"))

    def read(self, uri: str) -> dict[str, bytes]:
        """The files at or below a URI."""
        return self.files.read(uri)

    def archive(self, uri: str) -> dict[str, bytes]:
        """The members of a ``.tar.gz``."""
        (content,) = self.read(uri).values()
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}

    def run(self, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run a job to its end; its description."""
        jobs.run(self.target, kind, request, jobs.Silent())
        return self.describe(kind, request[f"{kind}Name"])

    def describe(self, kind: str, name: str) -> dict[str, Any]:
        """A description, which has to have the shape of AWS's."""
        described = jobs.describe(self.target, kind, name)
        return valid(f"Describe{kind}", described)

    def train(self, script: str, name: str | None = None, **members: Any) -> dict[str, Any]:
        """Run a training job of one script; its description."""
        return self.run("TrainingJob", self.training(script, name, **members))

    def training(self, script: str, name: str | None = None, **members: Any) -> dict[str, Any]:
        """A ``CreateTrainingJob`` request; ``hyperparameters`` are encoded as SDK v2 would."""
        hyperparameters = {
            "sagemaker_program": "train.py",
            "sagemaker_submit_directory": self.code({"train.py": script}),
            **members.pop("hyperparameters", {}),
        }
        return {
            "TrainingJobName": name or self.name(),
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": self.new()},
            "ResourceConfig": {"InstanceType": INSTANCE, "InstanceCount": members.pop("hosts", 1), "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            "HyperParameters": {key: json.dumps(value) for key, value in hyperparameters.items()},
            **members,
        }

    def channel(self, name: str, files: Mapping[str, str]) -> dict[str, Any]:
        """One of ``InputDataConfig``."""
        source = {"S3DataType": "S3Prefix", "S3Uri": self.put(files), "S3DataDistributionType": "FullyReplicated"}
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}}

    def model(self, script: str = SERVES, **files: str) -> str:
        """Make a model of a script and the files of its archive; its name."""
        name = self.name("model")
        environment = {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": self.code({"inference.py": script}),
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        }
        data = self.put({"model.tar.gz": targz(files or {"factor": "2"})}) + "/model.tar.gz"
        primary = {"Image": IMAGE, "ModelDataUrl": data, "Environment": environment}
        answer = self.client.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=primary)
        assert answer["ModelArn"].endswith(f"/{name}")
        return name

    def endpoint_config(self, model: str) -> str:
        """An endpoint configuration of one model; its name."""
        name = self.name("config")
        variant = {"VariantName": "AllTraffic", "ModelName": model, "InstanceType": INSTANCE, "InitialInstanceCount": 1}
        self.client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        return name

    def deploy(self, model: str) -> dict[str, Any]:
        """Serve a model; the description of its endpoint when it is in service, or has failed."""
        name = self.name("endpoint")
        self.client.create_endpoint(EndpointName=name, EndpointConfigName=self.endpoint_config(model))
        jobs.follow(self.target, "Endpoint", name, jobs.Silent())
        return self.describe("Endpoint", name)


def valid(operation: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document of AWS's shape, our own members aside; given back as it is."""
    aws = {name: value for name, value in document.items() if name not in OUR_OWN | {"ResponseMetadata"}}
    findings = validation.validate_response(operation, aws, local=True, model=service_model.load())
    wrong = [str(each) for each in findings if (each.path, each.rule) not in NOT_OF_EVERY_JOB]
    assert not wrong, wrong
    return dict(document)


def _marked(candidate: Candidate) -> Any:
    docker = [pytest.mark.docker] if candidate.name in {"container", "localmode"} else []
    slow = [pytest.mark.slow] if candidate.in_s3 else []
    return pytest.param(candidate, id=candidate.name, marks=[*docker, *slow])


@pytest.fixture(scope="session", params=map(_marked, CANDIDATES))
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where jobs are run."""
    lacking = request.param.lacks()
    if lacking is not None:
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp(request.param.name)
    config_file = folder / "harness.toml"
    config_file.write_text("stop_grace = 0\n")
    config = load(config_file=config_file, flags={"on": request.param.name}, environ={})
    files: Files = Folder(folder)
    with pytest.MonkeyPatch.context() as monkeypatch:
        environment: Mapping[str, str] = {}
        if request.param.in_s3:
            standin: StandInProcess = request.getfixturevalue("standin")
            environment, files = standin.env, Bucket(standin.client("s3"), folder.name)
            files.s3.create_bucket(Bucket=files.name)
            _set(monkeypatch, environment)
        target = request.param.open(config)
        yield Place(target, files, config_file, environment)
        target.close()


def _set(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)


@pytest.fixture(autouse=True)
def _environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with none of AWS's variables."""
    _set(monkeypatch, place.environment)


@pytest.fixture(autouse=True)
def _known_divergence(request: pytest.FixtureRequest) -> None:
    candidate = request.node.callspec.params["place"]
    reason = candidate.divergences.get(request.node.originalname)
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.fixture(scope="session")
def model(place: Place) -> str:
    """A model that adds up each row and doubles the sum."""
    return place.model(factor="2")


@pytest.fixture(scope="session")
def endpoint(place: Place, model: str) -> Iterator[str]:
    """An endpoint of that model."""
    described = place.deploy(model)
    assert described["EndpointStatus"] == "InService", described.get("FailureReason")
    yield described["EndpointName"]
    place.client.delete_endpoint(EndpointName=described["EndpointName"])


@pytest.fixture
def refused() -> Callable[..., str]:
    """Call a verb that has to be refused; the error's code."""

    def call(verb: Callable[..., Any], **request: Any) -> str:
        with pytest.raises(ServiceError) as caught:
            verb(**request)
        code: str = caught.value.response["Error"]["Code"]
        return code

    return call
