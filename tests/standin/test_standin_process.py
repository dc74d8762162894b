"""``harness standin`` as a process: how it starts, what it runs, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from moto.s3.models import s3_backends

from harness.left_out import folder_is
from harness.standin import buckets
from harness.standin.aws import ACCOUNT
from tests.conftest import _descendants, end_standin, start_standin

FOREVER = "import time\nprint('started', flush=True)\nwhile True: time.sleep(1)\n"


def standin(folder, *arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "harness", "standin", *arguments],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def are_gone(pids):
    """Return when none of these processes is left (Linux)."""
    deadline = time.monotonic() + 120
    while left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, left
    return True


@pytest.fixture
def running_job(tmp_path, make_lab):
    """A stand-in of the test's own with a job that never ends by itself."""
    own = start_standin(tmp_path / "own")
    lab = make_lab(own)
    lab.sagemaker.create_training_job(**lab.training(FOREVER))
    yield own, lab
    if own.process.poll() is None:
        end_standin(own)


@pytest.mark.slow
def test_it_answers_before_it_says_where(tmp_path):
    ready = tmp_path / "ready"
    own = start_standin(tmp_path / "own", "--ready-file", str(ready))
    try:
        assert ready.read_text().strip() == own.url
        assert own.client("sts").get_caller_identity()["Account"] == "123456789012"
    finally:
        assert end_standin(own) == 0


@pytest.mark.slow
def test_without_json_it_prints_what_to_export(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "standin"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert said.startswith("The stand-in answers at http://127.0.0.1:")
    names = [line.split("=")[0].removeprefix("export ") for line in out.splitlines()]
    assert names[0] == "AWS_ENDPOINT_URL"
    assert {"AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_EC2_METADATA_DISABLED", "HARNESS_ROLE"} < set(names)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "exit 7"], 7),
        pytest.param(["sh", "-c", "kill -9 $$"], 137, marks=pytest.mark.slow),
    ],
)
def test_a_command_gives_its_exit_code(tmp_path, command, code):
    assert standin(tmp_path, "--", *command).returncode == code
    assert sorted(path.name for path in tmp_path.iterdir()) in ([], [".harness"])


@pytest.mark.slow
def test_ctrl_c_reaches_the_command_which_decides_what_becomes_of_it(tmp_path):
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(5))\n"
        "print('listening', flush=True)\n"
        "while True: time.sleep(1)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "standin", "--", sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout.readline() == b"listening\n"
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 5
    assert list(tmp_path.glob("harness-standin-*")) == []


@pytest.mark.slow
def test_what_would_go_on_at_aws_is_said_to_have_ended_with_the_command(tmp_path):
    """As Ctrl-C of a ``harness train --on remote`` does it, which says that its job goes on."""
    made = tmp_path / "made"
    (made / "data").mkdir(parents=True)
    (made / "data" / "a.csv").touch()
    (made / "train.py").write_text(FOREVER)
    (made / "ended.py").write_text("")
    (made / "harness.toml").write_text('entry_point = "train.py"\nchannels = { train = "data" }\n')
    train = [sys.executable, "-m", "harness", "train", "--on", "remote"]
    script = (
        "import subprocess, sys\n"
        "subprocess.run([*sys.argv[1:], '--job-name', 'ended', '--entry-point', 'ended.py'], check=True)\n"
        "subprocess.run([*sys.argv[1:], '--job-name', 'left', '--no-wait'], check=True)\n"
        "sys.exit(7)\n"
    )
    done = standin(made, "--", sys.executable, "-c", script, *train)
    assert done.returncode == 7, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("The stand-in has ended with its command, and with it left. "), done.stderr
    assert "`harness standin`, keeps what it runs" in last


@pytest.mark.slow
def test_a_command_that_is_not_there_is_a_usage_error(tmp_path):
    done = standin(tmp_path, "--", "no-such-command")
    assert (done.returncode, "no-such-command cannot be run" in done.stderr) == (2, True)


@pytest.mark.slow
def test_a_command_has_the_options_behind_it_and_finds_no_credentials_but_the_stand_ins(tmp_path):
    script = "import os, json, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    command = (sys.executable, "-c", script, "--json", "--port")
    done = standin(tmp_path, *command, AWS_PROFILE="mine", AWS_ACCESS_KEY_ID="AKIAREAL")
    arguments, environment = json.loads(done.stdout)
    assert arguments == ["--json", "--port"]
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert environment["HTTPS_PROXY"] == environment["AWS_ENDPOINT_URL"]
    assert "AWS_PROFILE" not in environment


@pytest.mark.slow
def test_a_port_that_is_taken_is_refused(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = standin(tmp_path, "--port", str(port), "--", "true")
    assert done.returncode == 2
    assert f"Port {port} of 127.0.0.1 cannot be had" in done.stderr


@pytest.mark.slow
def test_a_state_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    done = standin(tmp_path, "--state", str(tmp_path / "file" / "state"), "--", "true")
    assert (done.returncode, "--state" in done.stderr) == (2, True)


WRITES = """
import boto3
s3 = boto3.client("s3")
s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
s3.put_object(Bucket="kept", Key="../a b/", Body=b"1", Metadata={"By": "hand"}, ContentType="text/csv")
print(s3.head_object(Bucket="kept", Key="../a b/")["ETag"])
"""


@pytest.mark.slow
def test_a_state_folder_keeps_buckets_and_jobs_however_a_stand_in_ends(tmp_path, make_lab):
    state = ("--state", str(tmp_path / "state"))
    first = standin(tmp_path, *state, "--", sys.executable, "-c", WRITES)
    assert first.returncode == 0, first.stderr
    assert [path.name for path in (tmp_path / "state").iterdir() if path.name.startswith("s3")] == ["s3.zip"]

    own = start_standin(tmp_path / "own", *state)
    try:
        s3 = own.client("s3")
        found = s3.get_object(Bucket="kept", Key="../a b/")
        kept = (found["Body"].read(), found["Metadata"], found["ContentType"])
        assert kept == (b"1", {"by": "hand"}, "text/csv"), found
        assert s3.get_bucket_location(Bucket="kept")["LocationConstraint"] == "eu-west-1"
        assert f"{found['ETag']}\n" == first.stdout
        lab = make_lab(own)
        lab.train("print('hello')", Tags=[{"Key": "a", "Value": "b"}])
    finally:
        own.process.send_signal(signal.SIGINT)
        own.process.communicate(timeout=120)
    assert own.process.returncode == 0

    again = start_standin(tmp_path / "own", *state)
    try:
        assert {each["Name"] for each in again.client("s3").list_buckets()["Buckets"]} == {"kept", lab.name}
        description = again.client("sagemaker").describe_training_job(TrainingJobName=lab.name)
        assert description["TrainingJobStatus"] == "Completed"
        tags = again.client("sagemaker").list_tags(ResourceArn=description["TrainingJobArn"])["Tags"]
        assert tags == [{"Key": "a", "Value": "b"}]
    finally:
        assert end_standin(again) == 0
    assert (tmp_path / "state" / ".gitignore").read_text().endswith("\n*\n")
    assert folder_is(tmp_path / "state") == "written by the harness"


@pytest.fixture
def empty_s3():
    """moto's, in this process, without what other tests leave in it."""
    s3_backends.reset()
    yield s3_backends[ACCOUNT]["aws"]
    s3_backends.reset()


def test_buckets_are_kept_whatever_breaks_the_stand_in_off(tmp_path, empty_s3):
    empty_s3.create_bucket("broken-off", "us-east-1")
    with pytest.raises(KeyboardInterrupt), buckets.kept(tmp_path / "s3.zip"):
        raise KeyboardInterrupt
    empty_s3.delete_bucket("broken-off")
    with buckets.kept(tmp_path / "s3.zip"):
        assert "broken-off" in empty_s3.buckets
    assert [path.name for path in tmp_path.iterdir()] == ["s3.zip"]


def test_buckets_are_kept_with_their_tags_and_the_last_version_of_each_object(tmp_path, empty_s3):
    empty_s3.create_bucket("tagged", "us-east-1").versioning_status = "Enabled"
    empty_s3.put_bucket_tagging("tagged", {"team": "a"})
    for content in (b"old", b"new"):
        key = empty_s3.put_object("tagged", "k", content)
        empty_s3.put_object_tagging(key, {"content": content.decode()})
    empty_s3.put_object("tagged", "gone", b"")
    empty_s3.delete_object("tagged", "gone")
    with buckets.kept(tmp_path / "s3.zip"):
        pass
    s3_backends.reset()  # has another made
    with buckets.kept(tmp_path / "s3.zip"):
        again = s3_backends[ACCOUNT]["aws"]
        bucket, key = again.get_bucket("tagged"), again.get_object("tagged", "k")
        assert bucket.versioning_status == "Enabled"
        assert list(bucket.keys) == ["k"]
        assert key.value == b"new"
        assert [again.tagger.get_tag_dict_for_resource(arn) for arn in (bucket.arn, key.arn)] == [
            {"team": "a"},
            {"content": "new"},
        ]


def test_a_stand_in_whose_forerunner_was_killed_says_what_its_buckets_are(tmp_path, empty_s3, capsys):
    (tmp_path / "s3.open").touch()
    with buckets.kept(tmp_path / "s3.zip"):
        assert "was killed: its buckets are as they were when a job last ended" in capsys.readouterr().err
    with buckets.kept(tmp_path / "s3.zip"):
        assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.timeout(60)  # or else this would wait for ever
def test_killed_with_a_state_folder_it_has_the_models_of_the_jobs_that_have_ended(tmp_path, make_lab):
    own = start_standin(tmp_path / "own")
    lab = make_lab(own)
    model = lab.train("open('/opt/ml/model/weights', 'w')")["ModelArtifacts"]["S3ModelArtifacts"]
    while not (own.state / "s3.zip").exists():
        time.sleep(0.02)  # Completed is said a moment earlier
    own.process.kill()
    own.process.communicate(timeout=120)
    again = start_standin(tmp_path / "own")
    try:
        bucket, _, key = model.removeprefix("s3://").partition("/")
        assert again.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"]
    finally:
        assert end_standin(again) == 0


@pytest.mark.slow
def test_a_state_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "s3.zip").write_text("mine")
    done = standin(tmp_path, "--state", "state", "--", "true")
    assert (done.returncode, "s3.zip is not what a stand-in has written" in done.stderr) == (2, True), done.stderr
    assert (tmp_path / "state" / "s3.zip").read_text() == "mine"


@pytest.mark.slow
def test_two_at_a_time_leave_each_other_alone_and_have_no_state_folder_together(tmp_path):
    inner = [sys.executable, "-m", "harness", "standin"]
    script = (
        "import os, subprocess\n"
        f"subprocess.run([*{inner!r}, '--', 'true'], check=True)\n"
        "open(os.environ['AWS_CA_BUNDLE']).close()\n"
        f"raise SystemExit(subprocess.run([*{inner!r}, '--state', 'state', '--', 'true']).returncode)"
    )
    done = standin(tmp_path, "--state", "state", "--", sys.executable, "-c", script)
    assert (done.returncode, "state is in use by another stand-in" in done.stderr) == (2, True), done.stderr
    assert standin(tmp_path, "--state", "state", "--", "true").returncode == 0


@pytest.mark.slow
def test_its_end_ends_its_jobs(running_job):
    own, lab = running_job
    pids = _descendants(own.process.pid)
    assert pids
    assert end_standin(own) == 0
    assert json.loads((own.state / "runs" / lab.name / "describe.json").read_text())["TrainingJobStatus"] == "Stopped"
    assert are_gone(pids)


@pytest.mark.slow
def test_killed_it_leaves_neither_job_nor_endpoint(running_job):
    own, lab = running_job
    lab.deploy(lab.name, "a")
    pids = _descendants(own.process.pid)
    assert len(pids) > 3  # a job with its script, a server with its workers
    own.process.kill()
    own.process.communicate(timeout=120)
    assert are_gone(pids)


@pytest.mark.slow
def test_killed_it_leaves_a_folder_that_the_next_one_removes(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "standin"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    process.stderr.readline()
    process.kill()
    process.communicate(timeout=120)
    assert len(list(tmp_path.glob("harness-standin-*"))) == 1
    assert standin(tmp_path, "--", "true").returncode == 0
    assert list(tmp_path.glob("harness-standin-*")) == []


@pytest.mark.slow
def test_a_job_whose_process_is_killed_has_failed(lab):
    lab.sagemaker.create_training_job(**lab.training(FOREVER))
    supervisor = int((lab.standin.state / "runs" / "_active" / lab.name).read_text())
    os.kill(supervisor, signal.SIGKILL)
    description = lab.wait("training_job", lab.name)
    assert description["TrainingJobStatus"] == "Failed"
    assert description["FailureReason"].startswith("InternalServerError")
