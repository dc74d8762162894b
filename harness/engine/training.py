"""A training job on this machine: from the request in its folder to artifacts and a description."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.contract import opt_ml
from harness.contract.environment import Contract
from harness.contract.opt_ml import OptMl
from harness.contract.outcomes import OUT_OF_MEMORY_REASON, Outcome, failure_reason
from harness.contract.terms import ContractError
from harness.engine import artifacts, channels, code, delivery
from harness.engine.environment import wants_credentials
from harness.engine.hosts import Companion, Control, Ended, Log, Metrics, Stop, Stopped, run_hosts
from harness.engine.launcher import HostSpec, Launcher, LaunchError, Mount
from harness.engine.processes import Isolation, ProcessLauncher
from harness.engine.settings import EngineSettings
from harness.engine.store import ENDED, Document, Job, now
from harness.engine.syncing import Syncing
from harness.engine.toolkit import JobHost, Toolkit
from harness.errors import HarnessError
from harness.storage import is_s3, local_path

if TYPE_CHECKING:
    from harness.engine.container_entry import ContainerEntry
    from harness.engine.image_toolkit import ImageToolkit

_SAID_BY_AWS = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Resource deadline exceeded",
}
"""``StatusMessage`` of each secondary status, as published logs of AWS's have them."""

_AT_THE_END = {
    None: ("Completed", "Completed"),
    Stop.REQUESTED: ("Stopped", "Stopped"),
    Stop.DEADLINE: ("Stopped", "MaxRuntimeExceeded"),
}
"""``TrainingJobStatus`` and ``SecondaryStatus`` by what ended the job."""

_COPIED = (
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "DebugHookConfig",
    "ProfilerConfig",
    "ExperimentConfig",
    "RetryStrategy",
    "Environment",
)


def describe_new(request: Document, settings: EngineSettings) -> Document:
    """The first ``DescribeTrainingJob`` document of a job."""
    name, moment = request["TrainingJobName"], now()
    return {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn:aws:sagemaker:{settings.region}:{settings.account}:training-job/{name}",
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Starting",
        **{key: request[key] for key in _COPIED if key in request},
        "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        "CreationTime": moment,
        "LastModifiedTime": moment,
        "SecondaryStatusTransitions": [
            {"Status": "Starting", "StartTime": moment, "StatusMessage": _SAID_BY_AWS["Starting"]}
        ],
    }


def bad_metrics(request: Mapping[str, Any]) -> Iterator[str]:
    """Metric definitions whose ``Regex`` is none that Python understands."""
    import re

    for definition in request["AlgorithmSpecification"].get("MetricDefinitions", ()):
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            yield f"metric_definitions: {definition['Name']}: Regex {definition['Regex']!r} is not one: {error}."


def refusals(request: Mapping[str, Any], isolation: Isolation = "auto") -> Iterator[str]:
    """What in a request this engine cannot honour, by name. Nothing else is left out in silence."""
    elsewhere = "; try --on remote"
    algorithm = request["AlgorithmSpecification"]
    if "AlgorithmName" in algorithm:
        yield ("AlgorithmSpecification.AlgorithmName: algorithms of the Marketplace run on AWS alone" + elsewhere)
    for channel in request.get("InputDataConfig", ()):
        name = channel["ChannelName"]
        mode = channel.get("InputMode") or algorithm["TrainingInputMode"]
        if name in {".", ".."}:  # AWS's pattern has nothing against them
            yield f"channel '{name}': that would be another folder than its own; choose another name"
        if mode == "Pipe":
            yield f"channel '{name}': Pipe input cannot be run here{elsewhere}, or use File"
        if "FileSystemDataSource" in channel["DataSource"]:
            yield f"channel '{name}': a file system (EFS, FSx) cannot be mounted here{elsewhere}"
        elif "S3DataSource" not in channel["DataSource"]:
            yield f"channel '{name}': only S3DataSource can be read here{elsewhere}"
        if "ShuffleConfig" in channel:
            yield f"channel '{name}': ShuffleConfig cannot be honoured here{elsewhere}, or leave it out"
    if "VpcConfig" in request:
        yield f"VpcConfig: there is no VPC on this machine{elsewhere}"
    for holder, key in (
        ("OutputDataConfig", "KmsKeyId"),
        ("ResourceConfig", "VolumeKmsKeyId"),
    ):
        if request[holder].get(key):
            yield f"{holder}.{key}: nothing is encrypted on this machine{elsewhere}"
    if request.get("EnableInterContainerTrafficEncryption"):
        yield f"EnableInterContainerTrafficEncryption: hosts on one machine do not encrypt{elsewhere}"
    if request.get("EnableNetworkIsolation") and isolation == "none":
        yield "EnableNetworkIsolation: with isolation = none a script keeps the network; use isolation = auto"


def input_problems(request: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the files that a request names."""
    for channel in request.get("InputDataConfig", ()):
        yield from channels.problems(channel)


def run(job: Job, control: Control, launcher: Launcher) -> None:
    """Run the job to its end and write down how it ended. Called in a process of its own."""
    Training(job, control, launcher).run()


class Training:
    """One job, from its request to its artifacts. ``train`` is what another kind of host gives anew."""

    def __init__(self, job: Job, control: Control, launcher: Launcher) -> None:
        self.job, self.control, self.launcher = job, control, launcher
        self.request = job.request
        self.settings = EngineSettings.read(job.path)
        seconds = self.request["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
        self.deadline = time.monotonic() + seconds
        self.names = opt_ml.host_names(self.request)
        self.storage = self.settings.storage
        self.inputs: Sequence[Mapping[str, Any]] = ()
        """The channels, all of their data on this machine."""

    @property
    def source(self) -> Path:
        """The code, laid out when the job was made or, out of S3, when its data is downloaded."""
        return self.job.path / "source"

    def run(self) -> None:
        """Run the job to its end and write down how it ended."""
        metrics = Metrics(self.request["AlgorithmSpecification"].get("MetricDefinitions", ()))
        self.log = Log(self.job.log, on_line=metrics if metrics.definitions else None)
        try:
            self.enter("Downloading")
            self._download()
            self._finish(*self.train(), metrics.final())
        except Stopped as stopped:
            _, secondary = _AT_THE_END.get(stopped.ended.stop, _AT_THE_END[Stop.REQUESTED])
            self.enter(secondary, TrainingJobStatus="Stopped", TrainingEndTime=now())
        except ContractError as error:
            self.log.say(self.names[0], error.message)
            self._fail(failure_reason(error.failure or error.message))
        except (HarnessError, LaunchError, OSError) as error:
            self._fail(f"ClientError: {error}")
        finally:
            self.log.close()

    # -- the script and what comes before it ---------------------------------------------------------------------

    def train(self) -> tuple[Sequence[JobHost], Ended, Sequence[Outcome]]:
        """Run the script on its hosts.

        Returns:
            The hosts with what they have left, how they ended, and what that means for each.

        Raises:
            Stopped: the job was stopped before its script ran.
            ContractError: the toolkit would not run the script.
            HarnessError, LaunchError: something that it needs cannot be had.
        """
        toolkit = self.toolkit = self._play()
        hosts = [self._prepare(index) for index in range(len(self.names))]
        toolkit.install(hosts[0], self.log, self._install)
        facts = {**toolkit.facts(), "OptMl": hosts[0].base_dir}
        if self.launcher.reason is not None:
            facts["WithoutPrivateOptMl"] = self.launcher.reason
        self.enter("Training", facts=facts, TrainingStartTime=now())
        contracts = [toolkit.ready(host) for host in hosts]
        ended = self._run_script([self._spec(host, contract) for host, contract in zip(hosts, contracts, strict=True)])
        outcomes = [
            toolkit.outcome(host, contract, ended.exit_codes[host.name])
            for host, contract in zip(hosts, contracts, strict=True)
        ]
        return hosts, ended, outcomes

    def _play(self) -> Toolkit | ContainerEntry | ImageToolkit:
        """Who prepares hosts, and says how they ended."""
        given = (self.request, self.job.description, self.settings)
        if self.launcher.image:
            from harness.engine.image_toolkit import ImageToolkit

            return ImageToolkit(*given, self.launcher.image)
        if code.names_entry_point(self.request):
            from harness.engine.container_entry import ContainerEntry

            return ContainerEntry(*given)
        return Toolkit(*given)

    def _download(self) -> None:
        """Fetch what is in S3; what is on this machine is used where it lies."""
        self.inputs = channels.fetched(self.request.get("InputDataConfig", ()), self.storage)
        if not self.source.exists():
            code.stage(self.request, self.source, self.storage)
        if self._checkpoints_in_s3:
            self.storage.copy(self.request["CheckpointConfig"]["S3Uri"], self._checkpoint_folder)

    def _prepare(self, index: int) -> JobHost:
        """Lay out a host's ``/opt/ml``."""
        name = self.names[index]
        tree = self.job.path / "hosts" / name
        host = JobHost(name, index, tree, self.launcher.base_dir or str(tree))
        host.lay_out(self.request)
        target = host.path(host.paths.code)
        if index == len(self.names) - 1:
            self.source.rename(target)
        else:
            import shutil

            shutil.copytree(self.source, target, symlinks=True)
        return host

    def _spec(self, host: JobHost, contract: Contract) -> HostSpec:
        return HostSpec(
            name=host.name,
            command=contract.command,
            environment=contract.environment,
            cwd=contract.cwd,
            tree=host.tree,
            base_dir=host.base_dir,
            mounts=(*self._channels(host), *self._checkpoints(host)),
            hosts=self.names,
            entrypoint=self.toolkit.entrypoint,
            network=not self.request.get("EnableNetworkIsolation", False),
            protected=(*channels.originals(self.inputs), *code.originals(self.request), *self.settings.protected),
            credentials=wants_credentials(self.settings.pass_environment),
        )

    def _channels(self, host: JobHost) -> tuple[Mount, ...]:
        mounts = channels.provide(
            self.inputs,
            tree=host.tree,
            base_dir=host.base_dir,
            host=host.index,
            hosts=len(self.names),
            views=channels.views(self.launcher, host.tree),
        )
        return self.toolkit.channels(host, mounts)

    def _checkpoints(self, host: JobHost) -> tuple[Mount, ...]:
        """One folder for all hosts; a ``file://`` URI's own, restored and synchronised, as it were, at once."""
        if "CheckpointConfig" not in self.request:
            return ()
        config, kept = self.request["CheckpointConfig"], self._checkpoint_folder
        kept.mkdir(parents=True, exist_ok=True)
        seen = str(config.get("LocalPath", OptMl().checkpoints))
        return (Mount(kept, seen.replace(OptMl().base_dir, host.base_dir, 1), read_only=False),)

    @property
    def _checkpoints_in_s3(self) -> bool:
        return is_s3(self.request.get("CheckpointConfig", {}).get("S3Uri", ""))

    @property
    def _checkpoint_folder(self) -> Path:
        if self._checkpoints_in_s3:
            return self.job.path / "checkpoints"
        return local_path(self.request["CheckpointConfig"]["S3Uri"])

    def _run_script(self, specs: Sequence[HostSpec]) -> Ended:
        kept = self._checkpoints_in_s3
        folders = {self._checkpoint_folder: self.request["CheckpointConfig"]["S3Uri"]} if kept else {}
        syncing = Syncing(folders, self.storage.mirror)
        try:
            return self._run(specs, self.launcher, syncing)
        finally:
            syncing.finish()

    def _install(self, spec: HostSpec) -> Ended:
        """Run an installation: with this machine's network as it is, or without any."""
        return self._run([spec], ProcessLauncher("none") if spec.network else self.launcher)

    def _run(self, specs: Sequence[HostSpec], launcher: Launcher, companion: Companion | None = None) -> Ended:
        ended = run_hosts(
            launcher,
            specs,
            log=self.log,
            control=self.control,
            companion=companion,
            meanwhile=artifacts.get_ready,
            on_stop=self.stopping,
            deadline=self.deadline,
            grace=self.settings.stop_grace,
        )
        self.job.check_there()  # what is written into the hosts' folders now would be another job's
        return ended

    def stopping(self, stop: Stop) -> None:
        """Write down that a stop has begun."""
        why = "its time is up" if stop is Stop.DEADLINE else "somebody asked for it"
        self.enter(
            "Stopping",
            f"{why}; as on AWS the script is not told, and is killed in {self.settings.stop_grace:g} s (stop_grace)",
            TrainingJobStatus="Stopping",
        )

    # -- after the script ----------------------------------------------------------------------------------------

    def _finish(
        self, hosts: Sequence[JobHost], ended: Ended, outcomes: Sequence[Outcome], metrics: list[Document]
    ) -> None:
        self.log.flush()
        facts = {"ExitCodes": dict(ended.exit_codes)}
        if ended.stop is Stop.ABANDONED:
            self.enter("Stopped", facts=facts, TrainingJobStatus="Stopped", TrainingEndTime=now())
            return
        failed = [outcome for outcome in outcomes if not outcome.completed]
        if failed and ended.stop is None:
            starved = self.launcher.out_of_memory & set(ended.failed)
            # A container that leaves no failure file gives AWS no reason either; its exit code is one.
            text = failed[0].failure or f"exit code {failed[0].exit_code}"
            reason = OUT_OF_MEMORY_REASON if starved else failure_reason(text)
            self._fail(reason, facts=facts, FinalMetricDataList=metrics or None)
            return
        self.enter("Uploading", facts=facts)
        delivered = delivery.deliver(
            self.request["OutputDataConfig"],
            self.job.path / "output",
            self.job.name,
            models={host.name: host.path(host.paths.model) for host in hosts},
            outputs={host.name: host.path(host.paths.output_data) for host in hosts},
            storage=self.storage,
        )
        status, secondary = _AT_THE_END[ended.stop]
        self.enter(
            secondary,
            TrainingJobStatus=status,
            TrainingEndTime=now(),
            ModelArtifacts={"S3ModelArtifacts": delivered} if delivered else None,
            FinalMetricDataList=metrics or None,
        )
        if status == "Completed":
            self.clear()

    def clear(self) -> None:
        """On AWS nothing but the artifacts survives the job; here its folders would only take up space."""
        import shutil

        shutil.rmtree(self.job.path / "hosts", ignore_errors=True)

    # -- the description -----------------------------------------------------------------------------------------

    def enter(self, status: str, message: str = "", *, facts: Document | None = None, **members: Any) -> None:
        """Write down a new status; ``facts`` of this machine's stand under ``Harness``, which AWS does not have."""
        description, moment = self.job.description, now()
        transitions = description["SecondaryStatusTransitions"]
        transitions[-1] = {**transitions[-1], "EndTime": moment}
        transitions.append({"Status": status, "StartTime": moment, "StatusMessage": message or _SAID_BY_AWS[status]})
        if members.get("TrainingJobStatus") in ENDED:
            transitions[-1]["EndTime"] = moment
            if started := description.get("TrainingStartTime"):  # whole seconds per instance; SDK v2 multiplies them
                seconds = max(1, round((members["TrainingEndTime"] - started).total_seconds()))
                members |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
        if facts is not None:
            members["Harness"] = {**description.get("Harness", {}), **facts}
        self.job.update(SecondaryStatus=status, SecondaryStatusTransitions=transitions, **members)
        self.control.notify()

    def _fail(self, reason: str, **members: Any) -> None:
        self.enter(
            "Failed",
            TrainingJobStatus="Failed",
            TrainingEndTime=now(),
            FailureReason=reason[:1024],
            **members,
        )
