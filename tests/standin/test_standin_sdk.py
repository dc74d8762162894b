"""Amazon's own SDKs, unmodified, against the stand-in: they name AWS's hosts themselves, and come by the proxy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker_engine import client_or_skip, image_or_skip, marked
from tests.oracle import venvs

CLIENTS = Path(__file__).parent / "clients"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
SDK = {"v2": ("sagemaker==2.257.7",), "v3": ("sagemaker-train==1.27.0",)}

IMPATIENT = """
import runpy, sys, time

sleep, now, skipped = time.sleep, time.time, 0

def pause(seconds):
    global skipped
    sleep(min(seconds, 0.2))
    skipped += max(seconds - 0.2, 0)

time.sleep, time.time = pause, lambda: now() + skipped
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a client on a clock that leaps over pauses: the SDK looks after AWS's jobs twice a minute."""

pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(900)]
EXECUTORS = ["local", pytest.param("container", marks=pytest.mark.docker)]


@pytest.fixture(params=EXECUTORS)
def executor(request, tmp_path):
    """What runs the jobs; nothing of containers is left."""
    if request.param == "local":
        yield request.param
        return
    client = client_or_skip()
    image_or_skip(client)
    yield request.param
    left = marked(client, tmp_path)
    client.close()
    assert not left


def run(version, executor, folder, *arguments):
    """What the SDK's client has found, and all that it has printed."""
    home = venvs.ensure_for_test(f"sdk-{version}", SDK[version])
    client = [home / "bin/python", "-c", IMPATIENT, CLIENTS / f"sdk_{version}.py", CLIENTS / "src", *arguments]
    options = ["--executor", executor, "--state", folder / "state"]
    done = subprocess.run(
        [sys.executable, "-m", "harness", "standin", *options, "--", *client],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    [found] = [line for line in done.stdout.splitlines() if line.startswith("FINDINGS ")]
    return json.loads(found.removeprefix("FINDINGS ")), done.stdout


def seen(printed):
    """How the training script says that it was called; the SDK may colour its lines, or print them behind its own."""
    [document] = re.findall(r"SEEN (\{.*\})", printed)
    return json.loads(document)


def test_sdk_v2_trains_deploys_predicts_transforms_and_processes(tmp_path, executor):
    found, printed = run("v2", executor, tmp_path, *([IMAGE] if executor == "container" else []))
    script = seen(printed)
    assert script["argv"] == ["-C", "0.1", "--max-leaf-nodes", "3"]
    assert script["cwd"] == "/opt/ml/code"
    assert found["role"].startswith("arn:aws:iam::123456789012:role/")
    assert found["bucket"] == "sagemaker-us-east-1-123456789012"
    assert found["model"].startswith(f"s3://{found['bucket']}/")
    assert found["predicted"] == [0, 1]
    assert found["transformed"].split() == ["0", "1"]
    assert found["processed"] == "0,0\n3,3\n"
    assert found["endpoints"] == []
    assert "Training job completed" in printed
    assert "processed" in printed


def test_sdk_v3_trains_with_its_own_drivers(tmp_path, executor):
    found, _ = run("v3", executor, tmp_path)
    script = seen("\n".join(found["lines"]))
    assert found["status"] == "Completed"
    assert found["model"].endswith("/output/model.tar.gz")
    assert script["argv"] == ["--max-leaf-nodes", "3", "--C", "0.1"]
    assert script["cwd"] == "/opt/ml/input/data/code"
    assert json.loads(script["environment"]["SM_CHANNELS"]) == ["train", "code", "sm_drivers"]
    assert script["environment"]["SM_HP_MAX_LEAF_NODES"] == "3"
    assert script["environment"]["SM_CURRENT_INSTANCE_TYPE"] == "ml.m5.large"
    assert "SM_USER_ARGS" not in script["environment"]
