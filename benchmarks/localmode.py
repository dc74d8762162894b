"""Jobs and an endpoint in containers, by us and by the SageMaker SDK's own local mode, v2 and v3.

Where a container alone takes seconds (to start, and to import scikit-learn), the same is done by hand as well, in the
same rounds: what is beyond that is what each of the two adds, and all that anybody could save.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import by_hand
from benchmarks.paired import Command, Spread, Target, plain_environment, run
from benchmarks.project import HARNESS, ROOT, planned, trivial, workspace
from benchmarks.transform import FILES, LINES, ROWS, write_rows
from harness.engine.image import resolve
from harness.images import DEFAULT_VERSION, image_uri
from harness.images.engine import engine

ROUNDS = 5
MODULES = {"v2": "sagemaker.local.local_session", "v3": "sagemaker.core.local.local_session"}
"""Where each SDK's ``LocalSession`` is."""
NETWORK = "sagemaker-local"
"""The SDK's, for every job."""
_BODY = "5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n"
_SDK = """
import importlib, json, sys, time
import boto3

with open(sys.argv[1]) as file:
    task = json.load(file)
local = importlib.import_module(task["module"])
entities = importlib.import_module(task["module"].replace("local_session", "entities"))

def send(job, *arguments, send=entities._LocalTransformJob._perform_batch_inference, **more):
    start, stop = time.perf_counter(), job.container.stop_serving
    def stopping():
        print("seconds", time.perf_counter() - start)
        stop()
    job.container.stop_serving = stopping
    send(job, *arguments, **more)

entities._LocalTransformJob._perform_batch_inference = send
session = local.LocalSession(boto3.Session(region_name="us-east-1"))
session.config = {"local": {"local_code": True, **task["local"]}}
start = time.perf_counter()
for verb, arguments in task["calls"]:
    getattr(session.sagemaker_client, verb)(**arguments)
if "body" in task:
    runtime = local.LocalSagemakerRuntimeClient(session.config)
    answer = runtime.invoke_endpoint(task["body"], "bench", "text/csv", "text/csv")["Body"]
    assert answer.status == 200, answer.read()
    print("seconds", time.perf_counter() - start)
    session.sagemaker_client.delete_endpoint(EndpointName="bench")
"""


@dataclass(frozen=True)
class Span:
    """Seconds that something took, by the SDK and by us, and where that is possible, by hand."""

    title: str
    sdk: Spread
    ours: Spread
    target: Target | None = None
    by_hand: Spread | None = None
    added: tuple[float, float] | None = None
    """Medians of what the SDK and what we took beyond that, in each round."""

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    def __str__(self) -> str:
        theirs, ours = self.sdk.median, self.ours.median
        lines = [
            self.title,
            f"  SDK {theirs:.2f} s, harness {ours:.2f} s: ratio {ours / theirs:.3f}, {theirs / ours:.1f} times as fast"
            f"{f'; target: {self.target}' if self.target else ''}",
        ]
        if self.by_hand and self.added:
            sdk, harness = self.added
            lines.append(
                f"  by hand {self.by_hand.median:.2f} s; beyond that the SDK takes {sdk:.2f} s, harness {harness:.2f} s"
                f"{f': {sdk / harness:.0f} times less' if harness > 0 else ''}"
            )
        return "\n".join(lines)


def measure(rounds: int) -> Iterator[Span]:
    """Training as whole processes; an endpoint without the SDK's start, but with both of our processes."""
    from tests.oracle.local_mode import REQUIREMENTS
    from tests.oracle.venvs import ensure

    with engine() as client:
        image = resolve(client, image_uri(DEFAULT_VERSION, "us-east-1"))
    for sdk, module in MODULES.items():
        python = ensure(f"localmode-{sdk}", REQUIREMENTS[sdk]) / "bin" / "python"
        with workspace() as folder, _tidied():
            bench = _Bench(folder, python, module, image, ROOT / "pyproject.toml")
            idle = replace(bench, project=trivial(folder / "idle"))
            for what, job in (("A script that does nothing", idle), ("The iris sample", bench)):
                title = f"{what} in a container: harness train --on container against SDK {sdk}'s local mode"
                yield job.trainings(title, what, rounds)
            _run(bench.harness("", "train", "--on", "container", "--job-name", "bench", *bench.config))
            yield from bench.transforms(
                f"{FILES * ROWS:,} rows in {FILES} files, in a container: harness against SDK {sdk}'s local mode"
            )
            yield bench.starts(
                f"From deploying to the first prediction: harness against SDK {sdk}'s local mode", rounds
            )


@dataclass(frozen=True)
class _Bench:
    folder: Path
    python: Path
    module: str
    image: str
    project: Path

    @property
    def config(self) -> tuple[str, ...]:
        return "--config", str(self.project)

    @property
    def environment(self) -> dict[str, str]:
        nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1"}
        return {**nobody, "HARNESS_RUNS_DIR": str(self.folder / "runs"), "TMPDIR": str(self.folder)}

    def harness(self, label: str, *arguments: str) -> Command:
        return Command(label, (HARNESS, *arguments), self.project.parent, self.environment)

    def sdk(self, label: str, name: str, calls: list[tuple[str, dict[str, Any]]], **more: Any) -> Command:
        """A process that has the SDK carry out its verbs."""
        task = self.folder / f"{name}.json"
        local = {"container_root": str(self.folder), **more.pop("local", {})}
        task.write_text(json.dumps({"module": self.module, "local": local, "calls": calls, **more}))
        return Command(label, (str(self.python), "-c", _SDK, str(task)), self.folder, self.environment)

    @property
    def code(self) -> Path:
        """The scripts."""
        return self.project.parent / ("entry" if self.project.parent == ROOT else "code")

    def source(self) -> str:
        """A copy of the scripts: the SDK writes into what it mounts."""
        copied = self.folder / "sources" / self.code.name
        if not copied.exists():
            shutil.copytree(self.code, copied, ignore=shutil.ignore_patterns("__pycache__"))
        return f"file://{copied}"

    def request(self) -> dict[str, Any]:
        """What we would run, for the SDK to run."""
        request = planned(self.project)
        request["AlgorithmSpecification"]["TrainingImage"] = self.image
        request["OutputDataConfig"] = {"S3OutputPath": f"file://{self.folder}/output"}
        request["HyperParameters"]["sagemaker_submit_directory"] = json.dumps(self.source())
        return request

    def trainings(self, title: str, what: str, rounds: int) -> Span:
        """Whole processes: the SDK's, ours, and ``docker run``."""
        request = self.request()
        three = (
            self.sdk("SDK", what, [("create_training_job", request)]),
            self.harness("harness", "train", "--on", "container", *self.config),
            by_hand.train(self.folder / f"ml {what}", request, self.code, self.image),
        )
        return _span(title, [[run(each).wall for each in three] for _ in range(rounds + 1)], Target(ratio=1 / 3))

    def transforms(self, title: str) -> Iterator[Span]:
        """A batch transform of many records to a request: whole processes, and of these, what the sending takes.

        Sending is from the moment in which the server answers, which is the same one, to the last output. The SDK's
        takes half a minute, so there are two rounds.
        """
        rows = self.folder / "rows"
        write_rows(rows)
        job = {
            "TransformJobName": "bench",
            "ModelName": "bench",
            "BatchStrategy": "MultiRecord",
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"file://{rows}"}},
                "ContentType": "text/csv",
                "SplitType": "Line",
                "CompressionType": "None",
            },
            "TransformOutput": {
                "S3OutputPath": f"file://{self.folder}/predicted-by-sdk",
                "AssembleWith": "Line",
                "Accept": "text/csv",
            },
            "TransformResources": {"InstanceType": "local", "InstanceCount": 1},
        }
        calls = [("create_model", self.model()), ("create_transform_job", job)]
        places = ("--input", str(rows), "--output", str(self.folder / "predicted"))
        ours = ("transform", "--on", "container", "--job", "bench", *places, *LINES, "--json", *self.config)
        sdk = self.sdk("SDK", "rows", calls, local={"serving_port": _free_port()})
        wholes, sendings = [], []
        for _ in range(3):
            begun = time.perf_counter()
            theirs = _seconds(_run(sdk))
            between = time.perf_counter()
            tally = json.loads(_run(self.harness("harness", *ours)))["Harness"]["Progress"]
            wholes.append([between - begun, time.perf_counter() - between])
            sendings.append([theirs, tally["seconds"]])
        yield _span(title, wholes)
        yield _span(f"{title}, once the server answers", sendings, Target(ratio=1 / 20))

    def starts(self, title: str, rounds: int) -> Span:
        """The SDK's, ours, and ``docker run``."""
        model = self.folder / "unpacked"
        model.mkdir()
        shutil.unpack_archive(self.folder / "runs" / "bench" / "output" / "model.tar.gz", model, filter="data")
        hand = partial(by_hand.first_prediction, model, self.code, "train.py", self.image, _BODY)
        timed = [[self._sdk_start(), self._our_start(), hand()] for _ in range(rounds + 1)]
        return _span(title, timed, Target(ratio=1 / 10))

    def model(self) -> dict[str, Any]:
        """``CreateModel`` of the job ``bench``, for the SDK."""
        data = self.folder / "model"
        data.mkdir(exist_ok=True)
        shutil.copyfile(self.folder / "runs" / "bench" / "output" / "model.tar.gz", data / "model.tar.gz")
        variables = {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": self.source()}
        container = {
            "Image": self.image,
            "ModelDataUrl": f"file://{data}/model.tar.gz",
            "Environment": {**variables, "SAGEMAKER_REGION": "us-east-1", "SAGEMAKER_CONTAINER_LOG_LEVEL": "20"},
        }
        return {"ModelName": "bench", "PrimaryContainer": container}

    def _sdk_start(self) -> float:
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": "bench",
            "InitialInstanceCount": 1,
            "InstanceType": "local",
        }
        calls: list[tuple[str, dict[str, Any]]] = [
            ("create_model", self.model()),
            ("create_endpoint_config", {"EndpointConfigName": "bench", "ProductionVariants": [variant]}),
            ("create_endpoint", {"EndpointName": "bench", "EndpointConfigName": "bench"}),
        ]
        said = _run(self.sdk("", "deploy", calls, local={"serving_port": _free_port()}, body=_BODY))
        return _seconds(said)

    def _our_start(self) -> float:
        name = ("--on", "container", "--endpoint-name", "bench", *self.config)
        rows = self.folder / "rows.csv"
        rows.write_text(_BODY)
        try:
            start = time.perf_counter()
            _run(self.harness("", "deploy", "--job", "bench", *name))
            _run(self.harness("", "invoke", *name, "--content-type", "text/csv", str(rows)))
            return time.perf_counter() - start
        finally:
            _run(self.harness("", "delete-endpoint", *name))


def _span(title: str, rounds: list[list[float]], target: Target | None = None) -> Span:
    """Of the SDK's seconds, ours, and maybe those by hand, in each round; the first round was to warm up."""
    theirs, ours, *hand = ([*each] for each in zip(*rounds[1:], strict=True))
    spreads = Spread.of(theirs), Spread.of(ours)
    if not hand:
        return Span(title, *spreads, target)
    added = [median(a - b for a, b in zip(each, hand[0], strict=True)) for each in (theirs, ours)]
    return Span(title, *spreads, target, Spread.of(hand[0]), (added[0], added[1]))


def _seconds(said: str) -> float:
    """What ``_SDK`` has measured."""
    return next(float(line.split()[1]) for line in said.splitlines() if line.startswith("seconds "))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _run(command: Command) -> str:
    """What a command prints.

    Raises:
        RuntimeError: it failed.
    """
    environment: Mapping[str, str] = {**plain_environment(), **command.environment}
    done = subprocess.run(command.arguments, cwd=command.cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command.arguments[:4])} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


@contextmanager
def _tidied() -> Iterator[None]:
    """Remove the containers and the network that the SDK leaves behind, and nothing that was there before."""
    with engine() as client:
        network = {"name": f"^{NETWORK}$"}
        before = {each["Id"] for each in (*client.api.containers(all=True), *client.api.networks(filters=network))}
        try:
            yield
        finally:
            for container in client.api.containers(all=True, filters={"network": NETWORK}):
                if container["Id"] not in before:
                    client.api.remove_container(container["Id"], force=True, v=True)
            for left in client.api.networks(filters=network):
                if left["Id"] not in before:
                    client.api.remove_network(left["Id"])
