"""What an endpoint costs: until it answers, and for each prediction beyond the model's own time.

CPU time is that of the command alone: what it leaves running is nobody's child.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.paired import Command, Comparison, Spread, Target, plain_environment, run
from benchmarks.project import HARNESS, ROOT

ROUNDS = 10
INVOCATIONS = 300
BODY = b"5.1,3.5,1.4,0.2\n" * 10
BUSY = """
import time

def model_fn(model_dir):
    return 0.01

def predict_fn(data, seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return data
"""
"""A model that keeps a core busy for 10 ms: what scales is the server, not its client."""


@dataclass(frozen=True)
class Latency:
    """How long the same took twice, many times each; the difference is of the medians."""

    title: str
    first: str
    second: str
    spreads: tuple[Spread, Spread]
    target: Target

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    def __str__(self) -> str:
        first, second = (each.median * 1e3 for each in self.spreads)
        figures = f"  {self.first} {first:.2f} ms, {self.second} {second:.2f} ms: dearer by {second - first:.2f} ms"
        return f"{self.title} ({INVOCATIONS} times; target: {self.target})\n{figures}"


@dataclass(frozen=True)
class Throughput:
    """Requests per second with one worker, and with several."""

    title: str
    workers: int
    one: float
    several: float

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    def __str__(self) -> str:
        figures = f"  1 worker {self.one:.0f}/s, {self.workers} workers {self.several:.0f}/s"
        return f"{self.title}\n{figures}: {self.several / self.one:.2f} times as many"


def measure(rounds: int) -> Iterator[Comparison | Latency | Throughput]:
    """The sample's model: its start, its latency; and a busy model with one worker and with two."""
    from benchmarks.project import workspace

    with workspace() as folder:
        project = Project(folder)
        yield _start(project, rounds)
        yield _latency(project)
        yield _throughput(project)


class Project:
    """The sample with run folders of its own, and a trained model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        trained = json.loads(self.harness("train", "--on", "local", "--json"))
        self.model: str = trained["ModelArtifacts"]["S3ModelArtifacts"]

    @property
    def environment(self) -> dict[str, str]:
        """What keeps this apart from the user's runs."""
        return {"HARNESS_RUNS_DIR": str(self.folder / "runs")}

    def harness(self, *arguments: str) -> str:
        """What a command prints.

        Raises:
            RuntimeError: it failed.
        """
        environment = {**plain_environment(), **self.environment}
        done = subprocess.run([HARNESS, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"harness {arguments[0]} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    @property
    def deploying(self) -> tuple[str, ...]:
        """The arguments that have the model served at the endpoint ``bench``."""
        return ("deploy", "--on", "local", "--endpoint-name", "bench", "--model-data", self.model)

    @contextmanager
    def endpoint(self, workers: int, *options: str) -> Iterator[str]:
        """An endpoint while the block runs; host and port."""
        document = self.harness(*self.deploying, "--json", "--model-server-workers", str(workers), *options)
        try:
            yield json.loads(document)["EndpointUrl"].removeprefix("http://")
        finally:
            self.delete()

    def delete(self) -> None:
        """End the endpoint."""
        self.harness("delete-endpoint", "--on", "local", "--endpoint-name", "bench")


def _start(project: Project, rounds: int) -> Comparison:
    bare = Command("bare import", (sys.executable, "-c", "import train"), ROOT / "entry")
    deploy = Command("harness deploy", (HARNESS, *project.deploying), ROOT, project.environment)
    costs = []
    for index in range(rounds + 1):
        first, second = run(bare), run(deploy)
        project.delete()
        if index:  # the first round warms the caches
            costs.append((first, second))
    title = "An endpoint in service against importing its script"
    return Comparison(title, bare, deploy, tuple(costs), Target(difference=1.0))


def _latency(project: Project) -> Latency:
    import tarfile

    import joblib
    import numpy as np

    from harness.storage import local_path

    with tarfile.open(local_path(project.model)) as tar:
        member = tar.extractfile("model.joblib")
        assert member is not None
        model = joblib.load(member)
    rows = np.loadtxt(BODY.decode().splitlines(), delimiter=",")
    with project.endpoint(1) as address:
        connection = HTTPConnection(address)
        spreads = (_timed(lambda: model.predict(rows)), _timed(lambda: invoke(connection)))
        connection.close()
    title = "Ten rows of CSV: an endpoint with one worker against model.predict"
    return Latency(title, "predict", "invocation", spreads, Target(difference=0.003))


def invoke(connection: HTTPConnection) -> bytes:
    """One request of ten rows."""
    connection.request("POST", "/invocations", BODY, {"Content-Type": "text/csv"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    return content


def _timed(action: Callable[[], object]) -> Spread:
    sample = []
    for index in range(INVOCATIONS + 20):
        start = time.perf_counter()
        action()
        if index >= 20:
            sample.append(time.perf_counter() - start)
    return Spread.of(sample)


def _throughput(project: Project, workers: int = 2) -> Throughput:
    source = project.folder / "busy"
    source.mkdir()
    (source / "busy.py").write_text(BUSY)
    rates = []
    for count in (1, workers):
        with project.endpoint(count, "--source-dir", str(source), "--entry-point", "busy.py") as address:
            rates.append(_rate(address))
    return Throughput("Requests of a model that computes for 10 ms", workers, *rates)


def _rate(address: str, clients: int = 8, requests: int = 40) -> float:
    """Requests per second, each on a connection of its own, as they come from AWS's nginx."""

    def client(_: int) -> None:
        for _ in range(requests):
            connection = HTTPConnection(address)
            invoke(connection)
            connection.close()

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, range(clients)))
        start = time.perf_counter()
        list(pool.map(client, range(clients)))
        return clients * requests / (time.perf_counter() - start)
