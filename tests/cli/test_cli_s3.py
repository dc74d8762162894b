"""``s3://`` in jobs of this machine: fetched before the script, delivered after it, kept in the run folder too."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

BUCKET = "bucket"

COPIES_ITS_DATA = """
import os, shutil
for name in sorted(os.listdir(os.environ["SM_CHANNEL_TRAIN"])):
    print("found", name)
    shutil.copy(os.path.join(os.environ["SM_CHANNEL_TRAIN"], name), os.environ["SM_MODEL_DIR"])
print("code from", os.environ["SM_MODULE_DIR"])
"""

CHECKPOINTS = """
import os
folder = "/opt/ml/checkpoints"
print("restored", sorted(os.listdir(folder)))
for name in os.listdir(folder):
    os.remove(os.path.join(folder, name))
open(os.path.join(folder, "step-2"), "w").write("2")
"""

PROCESSES = """
import os, pathlib
given = pathlib.Path("/opt/ml/processing/input/raw/a.csv").read_text()
pathlib.Path("/opt/ml/processing/output/clean/b.csv").write_text(given.upper())
"""

SERVES = """
import os

def model_fn(model_dir):
    return open(os.path.join(model_dir, "model.txt")).read()

def predict_fn(data, model):
    return [model] * len(data)

def output_fn(prediction, accept):
    return "\\n".join(prediction) + "\\n", "text/csv"
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    served = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    served.start()
    host, port = served.get_host_and_port()
    yield f"http://{host}:{port}"
    served.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch):
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield client
    for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=each["Key"])
    client.delete_bucket(Bucket=BUCKET)


def keys(s3) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def put(s3, **objects: str | bytes) -> None:
    for key, content in objects.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=content.encode() if isinstance(content, str) else content)


def get(s3, key: str) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def packed(**files: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    return made.getvalue()


def names_in(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        return members.getnames()


class TestTraining:
    @pytest.mark.slow
    def test_reads_channels_and_code_from_s3_and_delivers_there(self, project, s3):
        put(s3, **{"train/a.csv": "1", "train/b.csv": "2", "src/sourcedir.tar.gz": packed(**{"t.py": COPIES_ITS_DATA})})
        made = project("raise SystemExit('not this one')")
        request = made.here("plan", "--channel", f"train=s3://{BUCKET}/train/", "--job-name", "j").json
        request["HyperParameters"]["sagemaker_submit_directory"] = f'"s3://{BUCKET}/src/sourcedir.tar.gz"'
        request["HyperParameters"]["sagemaker_program"] = '"t.py"'
        request["OutputDataConfig"]["S3OutputPath"] = f"s3://{BUCKET}/out"
        import json

        done = made.harness("train", "--request", "-", "--json", stdin=json.dumps(request))
        assert done.code == 0, done.err
        assert "found a.csv\nalgo-1 | found b.csv" in done.err
        assert f"code from s3://{BUCKET}/src/sourcedir.tar.gz" in done.err, (
            "the script sees the request's URI, as on AWS"
        )
        assert done.json["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/out/j/output/model.tar.gz"
        kept = (made.run_folder("j") / "output/model.tar.gz").read_bytes()
        assert get(s3, "out/j/output/model.tar.gz") == kept
        assert names_in(kept) == ["a.csv", "b.csv"]

    @pytest.mark.slow
    def test_without_such_data_fails_in_aws_s_words(self, project, s3):
        done = project("pass").harness("train", "--channel", f"train=s3://{BUCKET}/none", "--json")
        assert done.code == 1
        reason = done.json["FailureReason"]
        assert reason.startswith("ClientError: Data download failed:No S3 objects found under S3 URL ")
        assert [each["Status"] for each in done.json["SecondaryStatusTransitions"]] == [
            *("Starting", "Downloading", "Failed")
        ]

    @pytest.mark.slow
    def test_that_cannot_deliver_fails_and_keeps_the_model_here(self, project, s3):
        made = project("import os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('m')")
        done = made.harness("train", "--output-path", "s3://nobodys-bucket/out", "--json", "--job-name", "j")
        assert done.code == 1
        assert done.json["FailureReason"].startswith("ClientError: Artifact upload failed:")
        assert names_in((made.run_folder("j") / "output/model.tar.gz").read_bytes()) == ["m"]

    @pytest.mark.slow
    def test_restores_checkpoints_and_mirrors_what_became_of_them(self, project, s3):
        put(s3, **{"c/step-1": "1"})
        done = project(CHECKPOINTS, config=f'checkpoint_s3_uri = "s3://{BUCKET}/c"').harness("train")
        assert done.code == 0, done.err
        assert "restored ['step-1']" in done.out
        assert keys(s3) == ["c/step-2"]

    def test_without_s3_never_imports_boto3(self, project, monkeypatch):
        made = project("pass")
        made.write("blocked/boto3.py", "raise ImportError('boto3 was imported')")
        done = made.harness("train", PYTHONPATH=str(made.folder / "blocked"))
        assert done.code == 0, done.err


class TestWithoutWhatS3Needs:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "arguments",
        [
            ("train", "--channel", "train=s3://bucket/x"),
            ("train", "--output-path", "s3://bucket/x"),
            ("transform", "--model-data", "s3://bucket/model.tar.gz", "--input", "data"),
        ],
        ids=" ".join,
    )
    def test_without_boto3_nothing_starts_and_its_package_is_named(self, project, arguments):
        made = project("pass")
        for name in ("boto3", "botocore"):
            made.write(f"blocked/{name}.py", f"raise ModuleNotFoundError('No module named {name}', name='{name}')")
        done = made.harness(*arguments, PYTHONPATH=str(made.folder / "blocked"))
        assert done.code == 4, done.err
        assert done.err.endswith("boto3, which is not installed: pip install 'sagemaker-harness[remote]'\n")
        assert not list(made.folder.glob("runs/[!_]*"))

    def test_without_credentials_nothing_starts(self, project, monkeypatch):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        made = project("pass")
        done = made.harness("train", "--output-path", "s3://bucket/x")
        assert done.code == 4, done.err
        assert "There are no AWS credentials" in done.err
        assert not list(made.folder.glob("runs/[!_]*"))


class TestProcessing:
    @pytest.mark.slow
    def test_reads_and_delivers_and_keeps_a_copy(self, project, s3):
        put(s3, **{"raw/a.csv": "abc"})
        made = project("pass", files={"p.py": PROCESSES})
        done = made.harness(
            *("process", "--entry-point", "p.py", "--job-name", "j"),
            *("--input", f"raw=s3://{BUCKET}/raw", "--output", f"clean=s3://{BUCKET}/clean"),
        )
        assert done.code == 0, done.err
        assert get(s3, "clean/b.csv") == b"ABC"
        assert (made.run_folder("j") / "output/clean/b.csv").read_text() == "ABC"


@pytest.mark.slow
class TestTransform:
    def test_reads_model_and_input_and_delivers(self, project, s3):
        put(s3, **{"m/model.tar.gz": packed(**{"model.txt": "yes"}), "in/sub/a.csv": "1,2\n3,4\n"})
        made = project(SERVES)
        done = made.harness(
            *("transform", "--model-data", f"s3://{BUCKET}/m/model.tar.gz", "--job-name", "j"),
            *("--input", f"s3://{BUCKET}/in", "--output", f"s3://{BUCKET}/out", "--content-type", "text/csv"),
        )
        assert done.code == 0, done.err
        assert get(s3, "out/sub/a.csv.out") == b"yes\nyes\n"
        assert Path(made.run_folder("j") / "output/sub/a.csv.out").read_bytes() == b"yes\nyes\n"
