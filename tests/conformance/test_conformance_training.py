"""Training jobs, by the client's verbs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from harness import jobs
from harness.errors import HarnessError

TELLS = """
import json, os, sys
seen = {"argv": sys.argv[1:], "environment": dict(os.environ), "files": []}
for folder, _, names in os.walk(os.environ["SM_INPUT_DIR"] + "/data"):
    seen["files"] += [os.path.join(folder, name) for name in names]
json.dump(seen, open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], os.environ["SM_CURRENT_HOST"] + ".json"), "w"))
"""
WAITS = "import time; print('waiting', flush=True); time.sleep(600)"


def output(place, described) -> dict:
    """What a job left in SM_OUTPUT_DATA_DIR."""
    model = described["OutputDataConfig"]["S3OutputPath"] + "/" + described["TrainingJobName"]
    return place.archive(f"{model}/output/output.tar.gz")


def seen(place, described, host="algo-1") -> dict:
    return json.loads(output(place, described)[f"{host}.json"])


class TestATrainingJob:
    def test_that_completes_leaves_what_is_in_the_model_folder(self, place):
        described = place.train("import os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('a model')")
        assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Completed", "Completed")
        uri = described["ModelArtifacts"]["S3ModelArtifacts"]
        name = described["TrainingJobName"]
        assert uri == described["OutputDataConfig"]["S3OutputPath"] + f"/{name}/output/model.tar.gz"
        assert place.archive(uri) == {"m": b"a model"}

    def test_that_fails_says_so_and_leaves_no_model(self, place):
        described = place.train("import os; open(os.environ['SM_MODEL_DIR'] + '/m', 'w'); raise SystemExit(3)")
        assert described["TrainingJobStatus"] == "Failed"
        assert described["FailureReason"].startswith("AlgorithmError: ")
        assert "ModelArtifacts" not in described

    def test_that_wrote_its_own_reason_fails_with_it(self, place):
        described = place.train("open('/opt/ml/output/failure', 'w').write('stale data'); raise SystemExit(1)")
        assert described["FailureReason"] == "AlgorithmError: stale data"

    def test_gives_a_hyperparameter_of_each_type_as_an_argument(self, place):
        cases = [(30, "30"), (-0.5, "-0.5"), (True, "True"), ("a b 'c'", "a b 'c'"), ("", "")]
        cases += [([1, 2], "[1, 2]"), (None, ""), ("grüße", "grüße")]
        given = {f"value-{number}": value for number, (value, _) in enumerate(cases)}
        told = seen(place, place.train(TELLS, hyperparameters=given))
        expected = ((f"--value-{number}", argument) for number, (_, argument) in enumerate(cases))
        assert told["argv"] == [word for pair in expected for word in pair]
        assert json.loads(told["environment"]["SM_HPS"]) == given

    def test_has_its_channels_and_its_environment(self, place):
        channels = [place.channel("train", {"a.csv": "1"}), place.channel("test", {"deep/b.csv": "2"})]
        described = place.train(TELLS, InputDataConfig=channels, Environment={"GREETING": "hello"})
        told = seen(place, described)
        data = told["environment"]["SM_INPUT_DIR"] + "/data"
        assert sorted(told["files"]) == [f"{data}/test/deep/b.csv", f"{data}/train/a.csv"]
        assert told["environment"]["SM_CHANNEL_TEST"] == f"{data}/test"
        assert told["environment"]["SM_CHANNELS"] == '["test","train"]'
        assert told["environment"]["GREETING"] == "hello"

    def test_of_several_hosts_has_what_each_of_them_left(self, place):
        described = place.train(TELLS, hosts=2)
        hosts = ["algo-1", "algo-2"]
        assert set(output(place, described)) == {f"{host}.json" for host in hosts}
        for host in hosts:
            environment = seen(place, described, host)["environment"]
            assert (environment["SM_CURRENT_HOST"], json.loads(environment["SM_HOSTS"])) == (host, hosts)

    def test_of_several_hosts_fails_with_any_of_them(self, place):
        described = place.train("import os; raise SystemExit(os.environ['SM_CURRENT_HOST'] == 'algo-2')", hosts=2)
        assert described["TrainingJobStatus"] == "Failed"

    def test_is_stopped_by_request(self, place, refused):
        request = place.training(WAITS)
        name = request["TrainingJobName"]
        place.client.create_training_job(**request)
        assert place.describe("TrainingJob", name)["TrainingJobStatus"] == "InProgress"
        jobs.stop(place.target, "TrainingJob", name)
        jobs.follow(place.target, "TrainingJob", name, jobs.Silent())
        assert place.describe("TrainingJob", name)["TrainingJobStatus"] == "Stopped"
        assert refused(place.client.stop_training_job, TrainingJobName=name) == "ValidationException"

    @pytest.mark.slow
    def test_is_stopped_at_its_deadline(self, place):
        described = place.train(WAITS, StoppingCondition={"MaxRuntimeInSeconds": 1})
        assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")

    def test_has_a_name_of_its_own(self, place, refused):
        described = place.train("pass")
        again = place.training("raise SystemExit(1)", described["TrainingJobName"])
        assert refused(place.client.create_training_job, **again) == "ResourceInUse"
        assert place.describe("TrainingJob", described["TrainingJobName"]) == described

    def test_that_there_is_not_is_not_found(self, place, refused):
        assert refused(place.client.describe_training_job, TrainingJobName="none") == "ValidationException"
        assert refused(place.client.stop_training_job, TrainingJobName="none") == "ValidationException"

    def test_that_breaks_aws_s_rules_is_refused_before_anything_starts(self, place, refused):
        request = place.training("pass", name="not_a_name")
        with pytest.raises(HarnessError, match=r"(?i)TrainingJobName"):
            place.client.create_training_job(**request)
        with pytest.raises(HarnessError):
            place.client.describe_training_job(TrainingJobName="not_a_name")

    def test_is_described_to_another_process_alike(self, place):
        described = place.train("pass")
        script = (
            "import sys, pathlib; from harness.config import load; from harness.targets import open_target\n"
            "config = load(config_file=pathlib.Path(sys.argv[1]), flags={'on': sys.argv[2]}, environ={})\n"
            "print(open_target(config).client.describe_training_job(TrainingJobName=sys.argv[3]))"
        )
        command = [sys.executable, "-c", script, place.config_file, place.target.name, described["TrainingJobName"]]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(described)

    def test_is_listed_with_its_status(self, place):
        described = place.train("pass")
        found = place.client.list_training_jobs(NameContains=described["TrainingJobName"], StatusEquals="Completed")
        assert described["TrainingJobArn"] in [each["TrainingJobArn"] for each in found["TrainingJobSummaries"]]
