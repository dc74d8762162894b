"""What the fixtures are: factories over the path of the command line, in a temporary place."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.errors import ConfigurationError, JobFailed, MissingCapability, RequestError, ServiceError, UsageError
from harness.pytest_plugin import (
    Aws,
    DeployEndpoint,
    Endpoint,
    MakeContract,
    RunTrainingJob,
    RunTransformJob,
    TrainingJob,
    s3,
)
from harness.pytest_plugin.workplace import Workplace

SCRIPT = """
import json
import os
import sys

def model_fn(model_dir):
    with open(os.path.join(model_dir, "seen.json")) as file:
        return json.load(file)

def transform_fn(model, body, content_type, accept):
    text = body if isinstance(body, str) else body.decode()
    if text == "fail":
        raise ValueError("as asked")
    return f"{content_type} {accept} {text} {sorted(model)}", "text/plain"

if __name__ == "__main__":
    print("loss=0.5")
    print("loss=0.25")
    seen = {"argv": sys.argv[1:], "cwd": os.getcwd(), "environment": dict(os.environ)}
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "seen.json"), "w") as file:
        json.dump(seen, file)
    if "--fail" in sys.argv:
        sys.exit(int(sys.argv[sys.argv.index("--fail") + 1]))
"""

CONFIG = """
[tool.harness]
entry_point = "script.py"
source_dir = "src"
base_job_name = "ours"
model_server_workers = 1
output_path = "artifacts"
checkpoint_s3_uri = "checkpoints"
hyperparameters = { rate = 0.1, name = "a b" }
channels = { train = "data/train", test = "data/missing" }
environment = { MODE = "test" }
metric_definitions = [{ Name = "loss", Regex = "loss=([0-9.]+)" }]

[tool.harness.transform]
output = "predictions"
"""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Somebody's project, and a temporary place beside it."""
    project = tmp_path_factory.mktemp("project")
    for name, content in {"pyproject.toml": CONFIG, "src/script.py": SCRIPT, "data/train/a.csv": "1\n"}.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Workplace(project, tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp)


@pytest.fixture(scope="module")
def train(workplace: Workplace) -> RunTrainingJob:
    return RunTrainingJob(workplace)


@pytest.fixture(scope="module")
def trained(train: RunTrainingJob) -> TrainingJob:
    return train(channels={"test": None}, job_name="named")


@pytest.fixture
def contract(workplace: Workplace) -> MakeContract:
    return MakeContract(workplace)


@pytest.fixture
def deploy(workplace: Workplace) -> Iterator[DeployEndpoint]:
    with DeployEndpoint(workplace) as deploy:
        yield deploy


@pytest.fixture
def transform(workplace: Workplace) -> RunTransformJob:
    return RunTransformJob(workplace)


def answers(url: str | None) -> bool:
    parts = urlsplit(str(url))
    with socket.socket() as client:
        return client.connect_ex((parts.hostname, parts.port)) == 0


class TestATrainingJob:
    def test_has_what_the_script_left_and_printed(self, trained: TrainingJob) -> None:
        assert (trained.status, trained.exit_code, trained.failure_reason) == ("Completed", 0, None)
        assert [path.name for path in trained.model_dir.iterdir()] == ["seen.json"]
        assert list(trained.output_dir.iterdir()) == []
        assert (trained.model_archive.exists(), trained.output_archive.exists()) == (True, False)
        assert trained.model_data == trained.model_archive.as_uri()
        assert trained.log == "algo-1 | loss=0.5\nalgo-1 | loss=0.25\n"
        assert trained.metrics == {"loss": 0.25}

    @pytest.mark.slow
    def test_is_the_configured_one_with_its_changes_merged_in(
        self, trained: TrainingJob, train: RunTrainingJob
    ) -> None:
        assert trained.name == "named"
        assert trained.request["Environment"] == {"MODE": "test"}
        job = train(channels={"test": None}, hyperparameters={"rate": 1, "more": True}, environment={"X": "y"})
        assert job.name.startswith("ours-")
        assert job.request["Environment"] == {"MODE": "test", "X": "y"}
        own = {name: value for name, value in job.request["HyperParameters"].items() if "sagemaker" not in name}
        assert own == {"rate": "1", "name": '"a b"', "more": "true"}

    def test_that_fails_says_so_and_keeps_nothing_but_its_log(self, train: RunTrainingJob) -> None:
        job = train(channels={"test": None}, hyperparameters={"fail": 7})
        assert (job.status, job.exit_code) == ("Failed", 7)
        assert str(job.failure_reason).startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 7")
        assert "loss=0.25" in job.log
        assert list(job.model_dir.iterdir()) == []
        assert "Failed: AlgorithmError" in repr(job)
        with pytest.raises(KeyError, match=r"accuracy is no metric of <TrainingJob \S+ on local, Failed: Algorithm"):
            job.metrics["accuracy"]
        with pytest.raises(UsageError, match=r"\(Failed\) has no model[\s\S]*loss=0.25"):
            _ = job.model_data

    @pytest.mark.parametrize(
        ("reason", "facts", "code"),
        [
            ('AlgorithmError: ExecuteUserScriptError:\nExitCode 2\nErrorMessage ""', {"ExitCodes": {"algo-1": 1}}, 2),
            ("AlgorithmError: the script's own words", {"ExitCodes": {"algo-1": 0, "algo-2": -9}}, -9),
            ("AlgorithmError: the script's own words", {}, None),
        ],
        ids=["told by the toolkit", "told by the host", "told by nobody"],
    )
    def test_that_failed_has_the_script_s_exit_code_where_somebody_tells_it(
        self, reason: str, facts: dict[str, object], code: int | None, tmp_path: Path
    ) -> None:
        description = {"TrainingJobStatus": "Failed", "FailureReason": reason, "Harness": facts}
        assert TrainingJob("j", "remote", {}, description, "", tmp_path).exit_code == code

    def test_prints_its_log_for_pytest_to_show(self, train: RunTrainingJob, capsys: pytest.CaptureFixture[str]) -> None:
        job = train(channels={"test": None})
        assert capsys.readouterr().out == job.log

    def test_whose_files_are_missing_is_not_started(self, train: RunTrainingJob) -> None:
        with pytest.raises(ConfigurationError, match=r"Channel 'test': .*data/missing does not exist"):
            train()

    def test_with_a_setting_that_there_is_not_is_told_the_nearest_one(self, train: RunTrainingJob) -> None:
        with pytest.raises(
            ConfigurationError, match="framework_versoin is not a setting; did you mean framework_version"
        ):
            train(framework_versoin="1.9-0")

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"instance_count": 0}, "instance_count: expected at least 1, got integer 0"),
            ({"channels": 3}, "channels: expected a JSON object, got integer 3"),
            ({"nonsense": 1}, "nonsense is not a setting"),
        ],
    )
    def test_with_a_wrong_setting_names_the_argument_and_no_command_line(
        self, train: RunTrainingJob, settings: dict[str, int], said: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=f"  arguments of the fixture: {said}"):
            train(**settings)

    def test_that_breaks_aws_s_rules_is_not_started(self, train: RunTrainingJob) -> None:
        with pytest.raises(RequestError, match="TrainingJobName"):
            train(channels={"test": None}, job_name="not_a_name")

    def test_that_is_not_started_shows_the_line_of_the_test_and_none_of_ours(self, train: RunTrainingJob) -> None:
        with pytest.raises(ConfigurationError) as raised:
            train()
        assert [entry.path for entry in raised.traceback.filter(raised)] == [Path(__file__)]

    def test_takes_relative_paths_from_the_project_wherever_the_test_is(
        self, train: RunTrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        job = train(entry_point="script.py", source_dir="src", channels={"test": "data/train"})
        assert job.status == "Completed"

    def test_leaves_the_folders_alone_that_are_configured_as_its_outputs(
        self, workplace: Workplace, trained: TrainingJob
    ) -> None:
        assert {path.name for path in workplace.project.iterdir()} == {"pyproject.toml", "src", "data"}

    def test_writes_where_the_test_says(self, train: RunTrainingJob, tmp_path: Path) -> None:
        job = train(channels={"test": None}, output_path=str(tmp_path / "artifacts"))
        assert (tmp_path / "artifacts" / job.name / "output" / "model.tar.gz").is_file()


class TestAContract:
    def test_is_what_the_script_of_a_job_really_sees(self, contract: MakeContract, train: RunTrainingJob) -> None:
        job = train(channels={"test": None}, job_name="named")
        seen = json.loads((job.model_dir / "seen.json").read_text())
        base_dir = job.description["Harness"]["OptMl"]
        expected = contract(channels={"test": None}, job_name="named", base_dir=base_dir)
        assert list(expected.argv) == seen["argv"]
        assert expected.cwd == seen["cwd"]
        assert expected.environment == seen["environment"]

    def test_applied_is_all_that_this_process_sees_until_it_is_over(
        self, contract: MakeContract, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MY_TOKEN", "mine")
        before = (dict(os.environ), list(sys.argv), Path.cwd())
        made = contract(channels={"test": None})
        with made.applied():
            foreign = os.environ.keys() - made.environment.keys()
            assert not [name for name in foreign if not name.startswith(("PYTEST_", "COV"))]
            assert sys.argv == ["script.py", "--name", "a b", "--rate", "0.1"]
            assert os.environ["MODE"] == "test"
            assert Path.cwd().samefile(made.cwd)
            assert Path("script.py").read_text() == SCRIPT
        assert (dict(os.environ), list(sys.argv), Path.cwd()) == before

    def test_has_a_tree_in_which_code_can_work(self, contract: MakeContract) -> None:
        made = contract(channels={"test": None})
        channel = Path(made.environment["SM_CHANNEL_TRAIN"])
        assert (channel / "a.csv").read_text() == "1\n"
        assert (list(made.model_dir.iterdir()), list(made.output_dir.iterdir())) == ([], [])
        config = Path(made.environment["SM_INPUT_CONFIG_DIR"])
        assert json.loads((config / "hyperparameters.json").read_text())["rate"] == "0.1"
        assert {path.name for path in config.iterdir()} == {
            "hyperparameters.json",
            "inputdataconfig.json",
            "resourceconfig.json",
        }

    def test_of_aws_s_paths_needs_no_data(self, contract: MakeContract) -> None:
        assert contract(base_dir="/opt/ml").environment["SM_CHANNEL_TEST"] == "/opt/ml/input/data/test"
        with pytest.raises(ConfigurationError, match="Channel 'test'"):
            contract()

    def test_keeps_to_aws_s_rules(self, contract: MakeContract) -> None:
        with pytest.raises(RequestError, match="TrainingJobName"):
            contract(channels={"test": None}, job_name="not_a_name")


def says(endpoint: Endpoint, text: str) -> bool:
    """Whether something is in the server's log, where it comes a moment after the answer."""
    deadline = time.monotonic() + 60
    while not (found := text in str(endpoint.log)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


class TestAnEndpoint:
    @pytest.mark.slow
    def test_serves_the_job_s_model_with_its_script_and_is_gone_afterwards(
        self, workplace: Workplace, trained: TrainingJob, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with DeployEndpoint(workplace) as deploy:
            served = deploy(trained)
            answer = served.invoke(b"body", content_type="text/csv", accept="text/plain")
            assert answer.text == "text/csv text/plain body ['argv', 'cwd', 'environment']"
            assert answer.content_type == "text/plain; charset=utf-8"
            assert answers(served.url)
            with pytest.raises(ServiceError, match="ModelError"):
                served.invoke("fail", content_type="text/csv")
            assert says(served, "ValueError: as asked")
            capsys.readouterr()
        assert "ValueError: as asked" in capsys.readouterr().out, "pytest shows what was printed at the end, too"
        assert not answers(served.url)

    @pytest.mark.slow
    @pytest.mark.parametrize("form", ["folder", "path", "uri"])
    def test_serves_a_model_that_no_job_has_made(
        self, deploy: DeployEndpoint, trained: TrainingJob, tmp_path: Path, form: str
    ) -> None:
        (tmp_path / "seen.json").write_text('{"by": "hand"}')
        archive = trained.model_archive
        model = {"folder": tmp_path, "path": archive, "uri": archive.as_uri()}[form]
        answer = deploy(model).invoke("x", "a", "b").text
        assert answer == f"a b x {['by'] if form == 'folder' else ['argv', 'cwd', 'environment']}"

    @pytest.mark.slow
    def test_that_does_not_come_up_is_an_error_with_the_server_s_words_and_leaves_nothing(
        self, deploy: DeployEndpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "something-else").touch()
        with pytest.raises(JobFailed, match="failed"):
            deploy(tmp_path)
        assert "seen.json" in capsys.readouterr().out


class TestATransformJob:
    @pytest.mark.slow
    def test_leaves_its_predictions_in_a_temporary_folder(
        self, transform: RunTransformJob, trained: TrainingJob, workplace: Workplace
    ) -> None:
        job = transform(trained, input="data/train", content_type="text/csv", accept="text/plain")
        assert (job.status, job.failure_reason) == ("Completed", None)
        assert [path.name for path in job.output_dir.iterdir()] == ["a.csv.out"]
        assert "text/csv text/plain 1" in (job.output_dir / "a.csv.out").read_text()
        assert not (workplace.project / "predictions").exists()

    @pytest.mark.slow
    def test_that_fails_says_so(self, transform: RunTransformJob, trained: TrainingJob, tmp_path: Path) -> None:
        (tmp_path / "rows").write_text("fail")
        job = transform(trained, input=tmp_path, content_type="text/csv", invocations_max_retries=0)
        assert job.status == "Failed"
        assert job.failure_reason in repr(job)


class TestAws:
    @pytest.mark.slow
    @pytest.mark.parametrize("time", ["first", "second"])
    def test_begins_without_a_bucket(self, aws: Aws, time: str) -> None:
        assert aws.client().list_buckets()["Buckets"] == []
        aws.client().create_bucket(Bucket="a-bucket")
        assert len(aws.client().list_buckets()["Buckets"]) == 1

    def test_takes_this_machine_s_credentials_out_of_reach_for_the_test(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "mine")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
        before = dict(os.environ)
        with pytest.MonkeyPatch.context() as patch:
            Aws("http://127.0.0.1:1").apply(patch)
            assert "mine" not in os.environ.values()
            assert os.environ["AWS_EC2_METADATA_DISABLED"] == "true"
            assert os.environ["AWS_ENDPOINT_URL"] == s3.NOWHERE
            assert os.environ["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:1"
        assert dict(os.environ) == before

    def test_without_moto_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "moto.moto_server", None)
        with pytest.raises(MissingCapability, match=r"moto.*pip install 'sagemaker-harness\[standin\]'"), s3.serving():
            pass
