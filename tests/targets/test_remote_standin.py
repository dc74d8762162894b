"""``--on remote`` where something goes wrong on the way, or there: against the stand-in, over real connections."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import subprocess
import sys
import tarfile
import threading
import uuid
from collections import Counter
from pathlib import Path

import pytest

from harness import jobs
from harness.config import load
from harness.standin import proxy
from harness.storage.session import open_session
from harness.targets.remote import Pace, RemoteTarget
from harness.targets.uploads import storage_of
from tests.conftest import Project

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow

COUNTS = """
import os, time
for number in range(40):
    print("line", number, flush=True)
    while not os.path.exists({broken!r}):
        time.sleep(0.01)
    time.sleep(0.05)
"""
"""Has the most to say when the road is ``broken``, however late whoever breaks it comes."""
LOUD = """
import time
start = time.monotonic()
for number in range(30_000):
    print("line", number)
    time.sleep(max(0, start + number / 10_000 - time.monotonic())) if number % 100 == 0 else None
"""


@pytest.fixture
def name() -> str:
    return f"w-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def remote(project, standin):
    """A project whose commands run on the stand-in."""

    def make(script: str = "pass", **more):
        made = project(script, **more)
        made.variables.update(standin.env, HARNESS_ON="remote")
        return made

    return make


class Road:
    """A way to the stand-in that can be broken: what is on it is lost, and so are the next attempts to take it."""

    def __init__(self, url: str) -> None:
        where = url.rpartition("/")[2].split(":")
        road = self
        self.lost = 0
        self.losses = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

        class Journey(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with road._lock:
                    if road.losses:
                        road.losses -= 1
                        road.lost += 1
                        return
                    road._open.add(self.request)
                with socket.create_connection((where[0], int(where[1]))) as there:
                    proxy.relay(self.request, there)
                with road._lock:
                    road._open.discard(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Journey)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def break_down(self, times: int) -> None:
        with self._lock:
            self.losses = times
            for each in self._open:
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.break_down(0)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def road(standin):
    made = Road(standin.url)
    yield made
    made.close()


class Listener(jobs.Silent):
    """Breaks the road when the job has begun to talk, and writes down what it is told."""

    def __init__(self, road: Road, broken: Path) -> None:
        self.road, self.broken, self.heard, self.statuses = road, broken, b"", Counter()

    def output(self, data: bytes) -> None:
        if not self.heard:
            self.road.break_down(7)  # boto3 itself tries five times
            self.broken.touch()
        self.heard += data

    def status(self, name: str, message: str) -> None:
        self.statuses[name] += 1


class TestTheSample:
    def test_trains_there_as_it_does_here(self, standin, tmp_path, name):
        data, runs = tmp_path / "data", tmp_path / "runs"
        subprocess.run([sys.executable, ROOT / "entry/preprocess.py", "--output-dir", data], check=True)
        sample = Project(ROOT, {**standin.env, "HARNESS_RUNS_DIR": str(runs)})
        channels = [word for part in ("train", "test") for word in ("--channel", f"{part}={data / part}")]
        for target in ("remote", "local"):
            done = sample.harness("train", "--on", target, "--job-name", f"{name}-{target}", *channels)
            assert done.code == 0, done.err
            assert "test_accuracy=" in done.out
        there, here = (runs / f"{name}-{target}" for target in ("remote", "local"))
        assert (there / "log.txt").read_bytes() == (here / "log.txt").read_bytes()
        for archive in ("model.tar.gz", "output.tar.gz"):
            assert names(there / "output" / archive) == names(here / "output" / archive)
        assert {path.name for path in there.iterdir()} <= {path.name for path in here.iterdir()}


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return sorted(tar.getnames())


class TestOnTheWay:
    def test_a_connection_that_is_lost_while_following_is_taken_up_again(
        self, remote, road, name, monkeypatch, tmp_path
    ):
        broken = tmp_path / "broken"
        made = remote(COUNTS.format(broken=str(broken)))
        done = made.here("train", "--job-name", name, "--no-wait")
        assert done.code == 0, done.err
        for key, text in {**made.variables, "AWS_ENDPOINT_URL": road.url}.items():
            monkeypatch.setenv(key, text)
        config = load(config_file=made.folder / "harness.toml", flags={}, environ=dict(os.environ))
        session = open_session(config.region, config.profile)
        target = RemoteTarget(session, config.runs_dir, storage_of(config), pace=Pace(refused=0.1, settle=0.1))
        listener = Listener(road, broken)
        described = jobs.follow(target, "TrainingJob", name, listener)
        assert described["TrainingJobStatus"] == "Completed"
        assert listener.heard.decode().splitlines() == [f"algo-1 | line {number}" for number in range(40)]
        assert (made.run_folder(name) / "log.txt").read_bytes() == listener.heard
        assert road.lost == 7
        assert listener.statuses["Waiting"] == 1

    def test_ten_thousand_lines_a_second_are_all_there_and_in_order(self, remote, name):
        made = remote(LOUD)
        done = made.harness("train", "--job-name", name, "--instance-count", "2")
        assert done.code == 0, done.err
        lines = (made.run_folder(name) / "log.txt").read_text().splitlines()
        for host in ("algo-1", "algo-2"):
            mine = [line for line in lines if line.startswith(f"{host} ")]
            assert mine == [f"{host} | line {number}" for number in range(30_000)]


class TestRefusals:
    def test_of_a_role_that_sagemaker_may_not_assume(self, remote, standin, name):
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}]}
        document = json.dumps({"Version": "2012-10-17", **trust})
        made = standin.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
        done = remote().here("train", HARNESS_ROLE=made["Role"]["Arn"])
        assert done.code == 2
        assert f"Could not assume role {made['Role']['Arn']}" in done.err
        assert "docs/aws.md" in done.err

    def test_of_a_bucket_that_is_another_account_s(self, remote, standin):
        # Somebody else was quicker to make the bucket that has the name of the role's account.
        standin.client("s3").create_bucket(Bucket="sagemaker-us-east-1-111122223333")
        done = remote().here("train", HARNESS_ROLE="arn:aws:iam::111122223333:role/jobs")
        assert done.code == 2
        assert "sagemaker-us-east-1-111122223333 belongs to somebody else" in done.err
        assert "uploaded" not in done.err

    def test_of_a_source_of_two_gigabytes_before_anything_is_sent(self, remote):
        made = remote(files={"src/huge.bin": ""})
        os.truncate(made.folder / "src/huge.bin", 2 << 30)  # a hole: nothing is written
        done = made.here("train", AWS_ENDPOINT_URL="http://127.0.0.1:9")
        assert done.code == 2
        assert "huge.bin" in done.err
        assert "cannot be reached" not in done.err

    def test_of_a_prefix_that_holds_nothing_comes_from_the_job_in_aws_s_words(self, remote, standin, name):
        standin.client("s3").create_bucket(Bucket=name)
        done = remote().here("train", "--job-name", name, "--channel", f"train=s3://{name}/nothing")
        assert done.code == 1
        assert f'No S3 objects found under S3 URL "s3://{name}/nothing"' in done.err
