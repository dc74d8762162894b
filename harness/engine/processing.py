"""A processing job on this machine: inputs mounted, a command run, outputs put where the request wants them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from harness.contract.outcomes import OUT_OF_MEMORY_REASON
from harness.engine import channels, processing_code
from harness.engine.artifacts import ArtifactError
from harness.engine.environment import image_environment, machine_environment, wants_credentials
from harness.engine.hosts import Control, Ended, Log, Stop, run_hosts
from harness.engine.interpreter import interpreter
from harness.engine.launcher import HostSpec, Launcher, LaunchError, Mount
from harness.engine.left_files import led_astray, plain_files, put
from harness.engine.literal_paths import literal_paths_below
from harness.engine.passing import into_container
from harness.engine.settings import EngineSettings
from harness.engine.store import Document, Job, now, write_json
from harness.engine.supervisor import fail
from harness.engine.syncing import Syncing
from harness.errors import HarnessError, RefusedError
from harness.storage import is_s3, local_path

BASE_DIR = "/opt/ml"
_MESSAGE_LIMIT = 1024
"""Bytes of the exit message of a host that are read (AWS developer guide: 1 KB)."""
_COPIED = (
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "StoppingCondition",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "ExperimentConfig",
)


def describe_new(request: Document, settings: EngineSettings) -> Document:
    """The first ``DescribeProcessingJob`` document of a job."""
    name, moment = request["ProcessingJobName"], now()
    return {
        "ProcessingJobName": name,
        "ProcessingJobArn": f"arn:aws:sagemaker:{settings.region}:{settings.account}:processing-job/{name}",
        "ProcessingJobStatus": "InProgress",
        **{key: request[key] for key in _COPIED if key in request},
        "CreationTime": moment,
        "LastModifiedTime": moment,
    }


def refusals(request: Mapping[str, Any], *, in_containers: bool = False) -> Iterator[str]:
    """What in a request this engine cannot honour, by name."""
    elsewhere = "; try --on remote"
    if not in_containers and not request["AppSpecification"].get("ContainerEntrypoint"):
        yield f"AppSpecification.ContainerEntrypoint: the image's own entry point is not on this machine{elsewhere}"
    for given in request.get("ProcessingInputs", ()):
        name, source = given["InputName"], given.get("S3Input")
        if source is None:
            yield f"input '{name}': only S3Input can be read here{elsewhere}"
            continue
        if source.get("S3InputMode", "File") != "File":
            yield f"input '{name}': Pipe input cannot be run here{elsewhere}, or use File"
        if source.get("S3CompressionType", "None") != "None":
            yield f"input '{name}': S3CompressionType needs Pipe input{elsewhere}"
    outputs = request.get("ProcessingOutputConfig", {})
    for given in outputs.get("Outputs", ()):
        if "S3Output" not in given:
            yield f"output '{given['OutputName']}': there is no feature store on this machine{elsewhere}"
    for problem in _misplaced(request):
        yield f"{problem}{elsewhere}"
    network = request.get("NetworkConfig", {})
    if outputs.get("KmsKeyId") or request["ProcessingResources"]["ClusterConfig"].get("VolumeKmsKeyId"):
        yield f"KmsKeyId: nothing is encrypted on this machine{elsewhere}"
    if "VpcConfig" in network:
        yield f"NetworkConfig.VpcConfig: there is no VPC on this machine{elsewhere}"
    if network.get("EnableInterContainerTrafficEncryption"):
        yield f"NetworkConfig.EnableInterContainerTrafficEncryption: hosts on one machine do not encrypt{elsewhere}"


def _misplaced(request: Mapping[str, Any]) -> Iterator[str]:
    """Inputs and outputs that cannot stand where they are wanted: out of the job's tree, or on a read-only input."""
    inputs = [
        (f"input '{each['InputName']}'", PurePosixPath(each["S3Input"]["LocalPath"]))
        for each in request.get("ProcessingInputs", ())
        if "S3Input" in each
    ]
    outputs = [
        (f"output '{each['OutputName']}'", PurePosixPath(each["S3Output"]["LocalPath"]))
        for each in request.get("ProcessingOutputConfig", {}).get("Outputs", ())
        if "S3Output" in each
    ]
    for name, path in (*inputs, *outputs):
        if not path.is_relative_to(BASE_DIR) or ".." in path.parts:
            yield f"{name}: LocalPath {path}: only paths below {BASE_DIR} can be given here"
    for name, path in outputs:
        for other, taken in inputs:
            if path.is_relative_to(taken) or taken.is_relative_to(path):
                yield f"{name}: LocalPath {path} meets {taken}, that of {other}, and inputs are read-only here"


def input_problems(request: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the files that a request names."""
    for given in request.get("ProcessingInputs", ()):
        if not processing_code.is_code(request, given):  # what is wrong with that, its copying tells
            yield from channels.problems(as_channel(given), f"Input '{given['InputName']}'")
    for given in request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        yield from channels.output_problems(f"Output '{given['OutputName']}'", given["S3Output"]["S3Uri"])


def run(job: Job, control: Control, launcher: Launcher) -> None:
    """Run the job to its end and write down how it ended. Called in a process of its own."""
    Processing(job, control, launcher).run()


class Processing:
    """One job, from its request to its outputs. ``process`` is what another kind of host gives anew."""

    def __init__(self, job: Job, control: Control, launcher: Launcher) -> None:
        self.job, self.control, self.launcher = job, control, launcher
        self.request = job.request
        self.settings = EngineSettings.read(job.path)
        cluster = self.request["ProcessingResources"]["ClusterConfig"]
        self.names = tuple(f"algo-{number}" for number in range(1, cluster.get("InstanceCount", 1) + 1))
        seconds = self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
        self.deadline = time.monotonic() + seconds
        self.storage = self.settings.storage
        self.inputs: Sequence[Mapping[str, Any]] = ()
        """As channels, all of their data on this machine."""
        self.outputs: Sequence[Mapping[str, Any]] = self.request.get("ProcessingOutputConfig", {}).get("Outputs", ())

    def run(self) -> None:
        """Run the job to its end and write down how it ended."""
        log = Log(self.job.log)
        try:
            inputs = processing_code.staged(self.request, self.job.path / "source")
            self.inputs = channels.fetched([as_channel(given) for given in inputs], self.storage)
            ended = self.process(log)
            log.flush()
            self._finish(ended)
        except (HarnessError, LaunchError, OSError) as error:
            fail(self.job, f"ClientError: {error}")
        finally:
            log.close()

    def process(self, log: Log) -> Ended:
        """Run the command on its hosts; what they leave lies in their trees.

        Raises:
            HarnessError, LaunchError: something that it needs cannot be had.
        """
        if self.launcher.base_dir is None:
            for problem in _literal_paths(self.inputs):
                raise RefusedError(problem)
        specs = [self._prepare(index) for index in range(len(self.names))]
        self.job.update(ProcessingStartTime=now())
        return self._run(specs, log)

    def _run(self, specs: Sequence[HostSpec], log: Log) -> Ended:
        syncing = Syncing(
            {
                self._destination(given): given["S3Output"]["S3Uri"]
                for given in self.outputs
                if given["S3Output"]["S3UploadMode"] == "Continuous" and is_s3(given["S3Output"]["S3Uri"])
            },
            self.storage.upload,
        )
        try:
            return run_hosts(
                self.launcher,
                specs,
                log=log,
                control=self.control,
                companion=syncing,
                on_stop=self.stopping,
                deadline=self.deadline,
                grace=self.settings.stop_grace,
            )
        finally:
            syncing.finish()

    def stopping(self, stop: Stop) -> None:
        """Write down that a stop has begun."""
        self.job.update(ProcessingJobStatus="Stopping")

    def _prepare(self, index: int) -> HostSpec:
        tree = self.tree(self.names[index])
        base_dir = self.launcher.base_dir or str(tree)
        config, output = tree / "config", tree / "output"
        for folder in (config, output):
            folder.mkdir(parents=True)
        write_json(config / "processingjobconfig.json", _job_config(self.request, self.job.description))
        write_json(config / "resourceconfig.json", _resource_config(self.request, self.names, index))
        for given in self.outputs:
            self.path(tree, given["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        spec = HostSpec(
            name=self.names[index],
            command=(),
            environment={"AWS_REGION": self.settings.region, **self.request.get("Environment", {})},
            cwd="",
            tree=tree,
            base_dir=base_dir,
            mounts=(*self._inputs(tree, base_dir, index), *self._continuous(base_dir)),
            hosts=self.names,
            network=not self.request.get("NetworkConfig", {}).get("EnableNetworkIsolation", False),
            protected=(*channels.originals(self.inputs), *processing_code.originals(self.request)),
            credentials=wants_credentials(self.settings.pass_environment),
        )
        return self._in_image(spec) if self.launcher.image else self._as_process(spec)

    def _in_image(self, spec: HostSpec) -> HostSpec:
        app = self.request["AppSpecification"]
        entrypoint, arguments = (tuple(app.get(f"Container{what}", ())) for what in ("Entrypoint", "Arguments"))
        environment = {**into_container(self.settings), **spec.environment}
        return spec._replace(entrypoint=entrypoint or None, command=arguments, environment=environment)

    def _as_process(self, spec: HostSpec) -> HostSpec:
        app = self.request["AppSpecification"]
        command = [*app["ContainerEntrypoint"], *app.get("ContainerArguments", ())]
        return spec._replace(
            # Without a private /opt/ml the arguments are all that can be told of where things are.
            command=tuple(each.replace(f"{BASE_DIR}/", f"{spec.base_dir}/") for each in command),
            environment={
                **image_environment(app["ImageUri"], spec.base_dir),
                **machine_environment(interpreter(self.settings.python), self.settings.pass_environment, spec.base_dir),
                **spec.environment,
            },
            cwd="/",
        )

    def _inputs(self, tree: Path, base_dir: str, index: int) -> Iterator[Mount]:
        inputs = self.request.get("ProcessingInputs", ())
        targets = [given["S3Input"]["LocalPath"].rstrip("/") for given in inputs]
        views = channels.views(self.launcher, tree)
        for given, target in zip(self.inputs, targets, strict=True):
            yield from channels.provide_one(
                given["DataSource"]["S3DataSource"],
                folder=self.path(tree, target),
                seen=target.replace(BASE_DIR, base_dir, 1),
                host=index,
                hosts=len(self.names),
                shared=any(other.startswith(f"{target}/") for other in targets),
                view=views and views / given["ChannelName"],
            )

    def _continuous(self, base_dir: str) -> Iterator[Mount]:
        """The destination itself: what is written there is uploaded, as it were, at once."""
        for given in self.outputs:
            target = given["S3Output"]
            if target["S3UploadMode"] == "Continuous":
                destination = self._destination(given)
                destination.mkdir(parents=True, exist_ok=True)
                seen = target["LocalPath"].replace(BASE_DIR, base_dir, 1)
                yield Mount(destination, seen, read_only=False)

    def _finish(self, ended: Ended) -> None:
        facts = {**self.job.description.get("Harness", {}), "ExitCodes": dict(ended.exit_codes)}
        if ended.stop is Stop.DEADLINE:
            facts["Stop"] = "MaxRuntimeExceeded"
        message, readable = self._exit_message()
        self.job.update(Harness=facts, ExitMessage=message or None)
        if ended.stop is not None:
            self.job.update(ProcessingJobStatus="Stopped", ProcessingEndTime=now())
        elif not readable:
            fail(self.job, "ClientError: the exit message is not UTF-8")
        elif ended.failed:
            code = ended.exit_codes[ended.failed[0]]
            code = code if code >= 0 else 128 - code  # a signal, as a container's exit code tells of it
            reason = f"AlgorithmError: See job logs for more information, exit code: {code}"
            fail(self.job, OUT_OF_MEMORY_REASON if self.launcher.out_of_memory & set(ended.failed) else reason)
        else:
            for given in self.outputs:
                if given["S3Output"]["S3UploadMode"] == "EndOfJob":
                    self._deliver(given)
            self.job.update(ProcessingJobStatus="Completed", ProcessingEndTime=now())
            shutil.rmtree(self.job.path / "hosts", ignore_errors=True)

    def _destination(self, given: Mapping[str, Any]) -> Path:
        """The folder of an output; one that goes to S3 is kept in the run folder too."""
        uri = given["S3Output"]["S3Uri"]
        return self.job.path / "output" / given["OutputName"] if is_s3(uri) else local_path(uri)

    def _deliver(self, given: Mapping[str, Any]) -> None:
        output, destination = given["S3Output"], self._destination(given)
        taken: dict[str, str] = {}
        for name in self.names:
            source = self.path(self.tree(name), output["LocalPath"])
            for file in plain_files(source, within=self.tree(name)):
                key = file.relative_to(source).as_posix()
                if key in taken:
                    raise ArtifactError(f"{taken[key]} and {name} both left '{key}' in {output['LocalPath']}.")
                taken[key] = name
                put(file, destination / key)
        if taken and is_s3(output["S3Uri"]):
            self.storage.upload(destination, output["S3Uri"])

    def _exit_message(self) -> tuple[str, bool]:
        """The hosts' messages, as far as AWS keeps them, and whether all could be read."""
        read = []
        for name in self.names:
            file = self.tree(name) / "output" / "message"
            if file.is_file() and not led_astray(file, self.tree(name)):
                with file.open("rb") as content:
                    read.append(content.read(_MESSAGE_LIMIT))
        try:
            return "".join(map(_text, read))[:_MESSAGE_LIMIT], True
        except UnicodeDecodeError:
            return "", False

    def tree(self, name: str) -> Path:
        """The folder that holds a host's ``/opt/ml``."""
        return self.job.path / "hosts" / name

    def path(self, tree: Path, seen: str) -> Path:
        """Where this process finds what the host knows as ``/opt/ml/…``."""
        return tree / Path(seen).relative_to(BASE_DIR)


def _text(head: bytes) -> str:
    """Text of which there may be more: a character that its end cuts in two is left out."""
    from codecs import getincrementaldecoder

    return getincrementaldecoder("utf-8")().decode(head, final=len(head) < _MESSAGE_LIMIT)


def as_channel(given: Mapping[str, Any]) -> dict[str, Any]:
    """A processing input in the shape of a training channel, which says the same in other words."""
    source = given["S3Input"]
    return {
        "ChannelName": given["InputName"],
        "DataSource": {
            "S3DataSource": {
                "S3DataType": source.get("S3DataType", "S3Prefix"),
                "S3Uri": source["S3Uri"],
                "S3DataDistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            }
        },
    }


def _job_config(request: Mapping[str, Any], description: Mapping[str, Any]) -> Document:
    """``/opt/ml/config/processingjobconfig.json`` (AWS developer guide); missing parts are null."""
    members = (
        "ProcessingJobName",
        "AppSpecification",
        "Environment",
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "RoleArn",
        "StoppingCondition",
    )
    return {"ProcessingJobArn": description["ProcessingJobArn"], **{name: request.get(name) for name in members}}


def _resource_config(request: Mapping[str, Any], names: Sequence[str], index: int) -> Document:
    """``/opt/ml/config/resourceconfig.json`` (AWS developer guide)."""
    return {"current_host": names[index], "hosts": sorted(names)}


def literal_paths(inputs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Scripts in some ``ProcessingInputs`` that name paths below ``/opt/ml``, which cannot be given to them here."""
    yield from _literal_paths([as_channel(given) for given in inputs if not is_s3(given["S3Input"]["S3Uri"])])


def _literal_paths(inputs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for given in inputs:
        if given["ChannelName"] == "code":
            yield from literal_paths_below(local_path(given["DataSource"]["S3DataSource"]["S3Uri"]))
