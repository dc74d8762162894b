"""Processing jobs, by the client's verbs."""

from __future__ import annotations

import json

import pytest

from harness import jobs

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
PROCESSING = "/opt/ml/processing"
TELLS = """
import json, os, sys
config = {name: json.load(open(f"/opt/ml/config/{name}.json")) for name in ("processingjobconfig", "resourceconfig")}
files = sorted(os.path.join(folder, name) for folder, _, names in os.walk("/opt/ml/processing/input") for name in names)
seen = {"argv": sys.argv, "environment": dict(os.environ), "cwd": os.getcwd(), "files": files, **config}
with open(f"/opt/ml/processing/output/{config['resourceconfig']['current_host']}.json", "w") as file:
    json.dump(seen, file)
"""


def given(name, uri, path, **members) -> dict:
    """One of ``ProcessingInputs``."""
    source = {"S3Uri": uri, "LocalPath": f"{PROCESSING}/{path}", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": {**source, **members}}


def request(place, script, *, inputs=(), arguments=(), hosts=1, mode="EndOfJob", entry=None, **members) -> dict:
    """A ``CreateProcessingJob`` request with the output ``out``."""
    code = place.put({"process.py": script} if isinstance(script, str) else script)
    target = {"S3Uri": place.new(), "LocalPath": f"{PROCESSING}/output", "S3UploadMode": mode}
    return {
        "ProcessingJobName": place.name("process"),
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": hosts, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": entry or ["python3", f"{PROCESSING}/input/code/process.py"],
            **({"ContainerArguments": list(arguments)} if arguments else {}),
        },
        "RoleArn": "arn:aws:iam::000000000000:role/conformance",
        "ProcessingInputs": [*inputs, given("code", code, "input/code")],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": target}]},
        **members,
    }


def process(place, script, **members) -> dict:
    return place.run("ProcessingJob", request(place, script, **members))


def output(place, described) -> dict[str, bytes]:
    return place.read(described["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"])


class TestAProcessingJob:
    def test_gives_its_script_inputs_arguments_and_environment_and_takes_its_outputs(self, place):
        data = place.put({"a.csv": "1", "deep/b.csv": "2"})
        described = process(
            place,
            TELLS,
            inputs=[given("raw", data, "input/raw")],
            arguments=["--name", "a b", "--empty", ""],
            Environment={"GREETING": "hello"},
        )
        assert described["ProcessingJobStatus"] == "Completed"
        seen = json.loads(output(place, described)["algo-1.json"])
        assert seen["argv"] == [f"{PROCESSING}/input/code/process.py", "--name", "a b", "--empty", ""]
        assert seen["files"] == [
            f"{PROCESSING}/input/code/process.py",
            f"{PROCESSING}/input/raw/a.csv",
            f"{PROCESSING}/input/raw/deep/b.csv",
        ]
        assert (seen["environment"]["GREETING"], seen["cwd"]) == ("hello", "/")

    def test_has_the_two_config_files_of_aws(self, place):
        asked = request(place, TELLS, arguments=["--x"])
        described = place.run("ProcessingJob", asked)
        seen = json.loads(output(place, described)["algo-1.json"])
        config = seen["processingjobconfig"]
        assert config["ProcessingJobArn"] == described["ProcessingJobArn"]
        for member in ("ProcessingJobName", "AppSpecification", "ProcessingInputs", "ProcessingResources", "RoleArn"):
            assert config[member] == asked[member]
        assert config["Environment"] is None
        assert (seen["resourceconfig"]["current_host"], seen["resourceconfig"]["hosts"]) == ("algo-1", ["algo-1"])

    def test_sees_none_of_the_variables_of_a_training_job(self, place):
        seen = json.loads(output(place, process(place, TELLS))["algo-1.json"])
        assert not {"SM_HPS", "SM_CHANNELS", "SM_TRAINING_ENV"} & set(seen["environment"])

    def test_that_completes_says_what_the_script_wanted_said(self, place):
        described = process(place, "open('/opt/ml/output/message', 'w').write('150 rows')")
        assert (described["ProcessingJobStatus"], described["ExitMessage"]) == ("Completed", "150 rows")

    def test_that_fails_says_so_and_puts_out_nothing(self, place):
        described = process(place, "open('/opt/ml/processing/output/half', 'w'); raise SystemExit(3)")
        assert described["ProcessingJobStatus"] == "Failed"
        assert "exit code: 3" in described["FailureReason"]
        assert output(place, described) == {}

    def test_with_continuous_upload_keeps_what_was_there_when_it_failed(self, place):
        script = "open('/opt/ml/processing/output/half', 'w').write('x'); raise SystemExit(3)"
        described = process(place, script, mode="Continuous")
        assert described["ProcessingJobStatus"] == "Failed"
        assert output(place, described) == {"half": b"x"}

    def test_does_not_put_out_symbolic_links(self, place):
        script = "import os; os.chdir('/opt/ml/processing/output'); open('file', 'w'); os.symlink('file', 'link')"
        assert output(place, process(place, script)) == {"file": b""}

    def test_of_two_hosts_shares_out_what_is_sharded(self, place):
        data = place.put({f"{number}.csv": "1" for number in range(5)})
        shards = given("raw", data, "input/raw", S3DataDistributionType="ShardedByS3Key")
        found = output(place, process(place, TELLS, inputs=[shards], hosts=2))
        names = {
            host: [file.rpartition("/")[2] for file in json.loads(content)["files"] if "/raw/" in file]
            for host, content in found.items()
        }
        assert names == {"algo-1.json": ["0.csv", "2.csv", "4.csv"], "algo-2.json": ["1.csv", "3.csv"]}

    def test_may_have_one_input_inside_another(self, place):
        outer, inner = place.put({"a.csv": "outer"}), place.put({"b.csv": "inner"})
        inputs = [given("outer", outer, "input/data"), given("inner", inner, "input/data/inner")]
        seen = json.loads(output(place, process(place, TELLS, inputs=inputs))["algo-1.json"])
        data = [file for file in seen["files"] if "/data/" in file]
        assert data == [f"{PROCESSING}/input/data/a.csv", f"{PROCESSING}/input/data/inner/b.csv"]

    def test_may_begin_with_a_shell_script_as_framework_processor_has_it(self, place):
        run_script = """#!/bin/bash
cd /opt/ml/processing/input/code/
set -e
tar -xzf sourcedir.tar.gz 2>/dev/null || true
python3 process.py "$@"
"""
        script = "import os, sys; open('/opt/ml/processing/output/told', 'w').write(repr((sys.argv, os.getcwd())))"
        entry = given("entrypoint", place.put({"runproc.sh": run_script}), "input/entrypoint")
        described = process(
            place,
            script,
            inputs=[entry],
            entry=["/bin/bash", f"{PROCESSING}/input/entrypoint/runproc.sh"],
            arguments=["--a", "b c"],
        )
        told = "(['process.py', '--a', 'b c'], '/opt/ml/processing/input/code')"
        assert output(place, described) == {"told": told.encode()}

    def test_is_stopped_by_request(self, place, refused):
        asked = request(place, "import time; time.sleep(600)")
        name = asked["ProcessingJobName"]
        place.client.create_processing_job(**asked)
        jobs.stop(place.target, "ProcessingJob", name)
        jobs.follow(place.target, "ProcessingJob", name, jobs.Silent())
        assert place.describe("ProcessingJob", name)["ProcessingJobStatus"] == "Stopped"
        assert refused(place.client.stop_processing_job, ProcessingJobName=name) == "ValidationException"

    def test_that_there_is_not_is_not_found(self, place, refused):
        assert refused(place.client.describe_processing_job, ProcessingJobName="none") == "ValidationException"

    @pytest.mark.parametrize("where", ["raw", "code"])
    def test_cannot_write_to_its_inputs(self, place, where):
        data = place.put({"a.csv": "1"})
        script = f"open('/opt/ml/processing/input/{where}/new', 'w')"
        described = process(place, script, inputs=[given("raw", data, "input/raw")])
        assert place.read(data) == {"a.csv": b"1"}
        code = [each for each in described["ProcessingInputs"] if each["InputName"] == "code"]
        assert list(place.read(code[0]["S3Input"]["S3Uri"])) == ["process.py"]
