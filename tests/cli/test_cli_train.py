"""``harness train --on local``, as a user runs it: a subprocess, a repository, what is on disk afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.deployments import what_is_left
from tests.conftest import Finished, Project

WRITES_A_MODEL = """
import os
with open(os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"), "w") as file:
    file.write("a model")
"""

DUMPS_WHAT_IT_SEES = """
import json, os, sys
seen = {"environment": dict(os.environ), "argv": sys.argv, "cwd": os.getcwd(), "path": sys.path[:2],
        "files": {}, "tty": sys.stdout.isatty(), "stdin": sys.stdin.read()}
for folder, _, names in os.walk(os.environ["SM_INPUT_DIR"]):
    for name in names:
        path = os.path.join(folder, name)
        seen["files"][path] = open(path).read()
with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "seen.json"), "w") as file:
    json.dump(seen, file)
"""


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def seen_by(run: Path) -> dict:
    return json.loads(members(run / "output" / "output.tar.gz")["seen.json"])


COMPLETES = (
    WRITES_A_MODEL
    + """
import sys
print("to stdout, loss=0.5", flush=True)
print("to stderr, loss=2.5e-1", file=sys.stderr)
open("written_by_the_script", "w").write("x")
"""
)
METRICS = """metric_definitions = [
    {Name = "loss", Regex = "loss=([0-9.e-]+)"},
    {Name = "score", Regex = "score=([0-9.]+)"},
    {Name = "bare", Regex = "loss=[0-9.]+"},
]"""


@dataclass(frozen=True)
class Completed:
    """A job that was run twice: for people, and for a program."""

    made: Project
    before: list[Path]
    shown: Finished
    told: Finished


@pytest.fixture(scope="module")
def completed(shared_project):
    made = shared_project(COMPLETES, config=METRICS)
    before = sorted(made.folder.rglob("*"))
    shown = made.harness("train", "--job-name", "shown")
    return Completed(made, before, shown, made.harness("train", "--job-name", "told", "--json"))


class TestAJobThatCompletes:
    def test_leaves_its_model_at_the_root_of_the_archive(self, completed):
        assert completed.shown.code == 0, completed.shown.err
        archive = completed.made.run_folder("shown") / "output/model.tar.gz"
        assert members(archive) == {"model.joblib": b"a model"}

    def test_carries_no_job_before_it_where_the_source_is_the_whole_repository(self, project):
        made = project("import os\nprint(sorted(os.listdir()))")
        the_root = ("--source-dir", ".", "--entry-point", "src/train.py")
        for name in ("i", "j"):
            done = made.harness("train", "--job-name", name, *the_root)
        assert "algo-1 | ['data', 'harness.toml', 'src']" in done.out

    def test_is_described_on_disk_and_on_stdout_alike(self, completed):
        told = completed.told.json
        assert told == completed.made.describe("told")
        assert told["TrainingJobStatus"] == "Completed"
        model = completed.made.run_folder("told") / "output/model.tar.gz"
        assert told["ModelArtifacts"]["S3ModelArtifacts"] == model.as_uri()

    def test_streams_its_lines_under_the_host_s_name_and_keeps_them(self, completed):
        lines = "algo-1 | to stdout, loss=0.5\nalgo-1 | to stderr, loss=2.5e-1\n"
        assert lines in completed.shown.out
        assert (completed.made.run_folder("shown") / "log.txt").read_text() == lines

    def test_keeps_stdout_for_the_document_when_json_is_asked_for(self, completed):
        assert completed.told.out.startswith("{")
        assert "algo-1 | to stdout" in completed.told.err

    def test_says_which_metrics_have_no_value_and_why(self, completed):
        assert "  loss   0.25\n" in completed.shown.out
        assert "  score  none: no line of the log has a number for score=([0-9.]+)\n" in completed.shown.out
        assert "  bare   none: loss=[0-9.]+ has no group: put (…) around the number\n" in completed.shown.out

    def test_reports_the_last_value_of_each_metric(self, completed):
        values = [(each["MetricName"], each["Value"]) for each in completed.told.json["FinalMetricDataList"]]
        assert values == [("loss", 0.25)]

    def test_has_no_model_when_the_script_wrote_none(self, project):
        made = project("pass")
        done = made.harness("train", "--job-name", "j")
        assert "ModelArtifacts" not in made.describe("j")
        assert "none: the script wrote nothing" in done.out

    def test_does_not_write_to_the_source_or_the_data(self, completed):
        after = sorted(
            path
            for path in completed.made.folder.rglob("*")
            if "runs" not in path.parts and ".harness" not in path.parts
        )
        assert after == completed.before

    def test_has_nothing_to_complain_of(self, completed):
        assert completed.shown.err == ""


@dataclass(frozen=True)
class Saw:
    """What a script saw, and the request that was planned for it."""

    made: Project
    planned: Any
    seen: dict[str, Any]


@pytest.fixture(scope="module")
def saw(shared_project):
    made = shared_project(DUMPS_WHAT_IT_SEES, config='pass_environment = ["PASSED"]')
    given = [f"--hyperparameter={each}" for each in ("n=3", "name=a b", "depth=[1, 2]")]
    planned = made.harness("plan", "--job-name", "j", *given).json
    done = made.harness(
        *("train", "--job-name", "j", *given), stdin="typed by the user", PASSED="yes", SECRET_OF_MINE="no"
    )
    assert done.code == 0, done.err
    return Saw(made, planned, seen_by(made.run_folder("j")))


class TestWhatTheScriptSees:
    def test_is_aws_s_contract_with_literal_paths(self, saw):
        base = saw.made.describe("j")["Harness"]["OptMl"]
        assert base == "/opt/ml", "this machine cannot give a private /opt/ml, which Linux should"
        assert saw.seen["argv"] == ["train.py", "--depth", "[1, 2]", "-n", "3", "--name", "a b"]
        assert saw.seen["cwd"] == "/opt/ml/code"
        assert saw.seen["environment"]["SM_CHANNEL_TRAIN"] == "/opt/ml/input/data/train"
        assert saw.seen["environment"]["SM_HPS"] == '{"depth":[1,2],"n":3,"name":"a b"}'
        assert saw.seen["environment"]["TRAINING_JOB_NAME"] == "j"

    @pytest.mark.slow
    def test_is_the_same_as_harness_contract_says(self, saw):
        for name, text in saw.seen["files"].items():
            if "/config/" in name:
                saw.made.write("config/" + name.rpartition("/")[2], text)
        environment = saw.seen["environment"]
        given = [f"--environment={name}={value}" for name, value in environment.items() if not name.startswith("SM_")]
        told = saw.made.harness("contract", "config", "--json", *given).json
        assert told["argv"] == saw.seen["argv"][1:]
        assert told["cwd"] == saw.seen["cwd"]
        ours = {name: value for name, value in told["environment"].items() if name.startswith("SM_")}
        theirs = {name: value for name, value in environment.items() if name.startswith("SM_")}
        # The image's own SM_… are given to the contract by the caller, as the image gives them to the toolkit.
        image = {"SM_INPUT", "SM_INPUT_TRAINING_CONFIG_FILE", "SM_INPUT_DATA_CONFIG_FILE", "SM_CHECKPOINT_CONFIG_FILE"}
        assert {name: value for name, value in theirs.items() if name not in image} == ours

    def test_is_told_by_harness_contract_from_what_the_run_folder_keeps(self, project):
        made = project(DUMPS_WHAT_IT_SEES, config='environment = { MINE = "x" }')
        options = ("--instance-count", "2", "--hyperparameter", "depth=[1, 2]", "--hyperparameter", "n=3")
        assert made.harness("train", "--job-name", "j", *options).code == 1, "both hosts leave seen.json"
        kept = made.run_folder("j") / "hosts/algo-2/output/data/seen.json"
        seen = json.loads(kept.read_text())
        told = made.here("contract", "--job", "j", "--host", "algo-2", "--json").json
        foretold = made.here("contract", *options, "--job-name", "j", "--host", "algo-2", "--json").json
        assert foretold == told, "the same configuration tells what its job will see"
        assert (told["argv"], told["cwd"]) == (seen["argv"][1:], seen["cwd"])
        # The interpreter is this machine's here and the image's there; its own variables are no part of a contract.
        of_the_machine = {"PATH", "PYTHONPATH", "HOME", "TMPDIR", "USER", "LOGNAME", "LC_CTYPE", "PWD"}
        assert {name: text for name, text in seen["environment"].items() if name not in of_the_machine} == {
            name: text for name, text in told["environment"].items() if name not in of_the_machine
        }

    def test_cannot_be_told_of_what_there_is_not(self, project):
        made = project()
        made.harness("train", "--job-name", "j")
        for arguments, says in (
            (["--job", "jj"], "Did you mean j?"),
            (["--job", "j", "--host", "algo-2"], "j has no host algo-2; it has algo-1"),
            (["--host", "algo-2"], "has no host algo-2; it has algo-1"),
            (["--job", "j", "--dialect", "v3"], "is told from a folder of config files"),
            (["--dialect", "v3"], "is told from a folder of config files"),
            (["--job", "j", "src"], "one of them"),
            (["--job", "j", "--channel", "a=b"], "--channel has no effect with --job"),
            (["src", "--instance-count", "2"], "--instance-count has no effect with CONFIG_DIR"),
            (["--entry-point", "gone.py"], "gone.py"),
        ):
            done = made.here("contract", *arguments)
            assert done.code == 2
            assert says in done.err

    def test_is_nothing_of_the_caller_s_environment_but_what_is_passed_by_name(self, saw):
        environment = saw.seen["environment"]
        assert environment["PASSED"] == "yes"
        assert "SECRET_OF_MINE" not in environment
        assert not [name for name in environment if name.startswith("AWS_") and name != "AWS_REGION"]

    def test_is_no_terminal_and_an_empty_stdin(self, saw):
        assert (saw.seen["tty"], saw.seen["stdin"]) == (False, "")

    def test_is_the_run_folder_where_isolation_is_off_which_is_said_once_with_the_reason(self, project):
        made = project(DUMPS_WHAT_IT_SEES)
        done = made.harness("train", "--job-name", "j", "--isolation", "none")
        assert done.err.count("No private /opt/ml: isolation is switched off") == 1
        tree = str(made.run_folder("j") / "hosts" / "algo-1")
        assert made.describe("j")["Harness"]["OptMl"] == tree
        seen = seen_by(made.run_folder("j"))
        assert seen["environment"]["SM_MODEL_DIR"] == f"{tree}/model"
        assert seen["cwd"] == f"{tree}/code"

    @pytest.mark.slow
    @pytest.mark.parametrize("isolation", ["required", "none"])
    def test_is_no_credentials_of_the_user_unless_they_are_asked_for_by_name(self, project, isolation):
        script = "import boto3; print('found', boto3.Session().get_credentials())"
        made = project(
            script, files={"home/.aws/credentials": "[default]\naws_access_key_id=a\naws_secret_access_key=b"}
        )
        at_home = {"HOME": str(made.folder / "home"), "HARNESS_ISOLATION": isolation}
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            made.variables[name] = ""
        assert "found None" in made.harness("train", **at_home).out
        passed = {"HARNESS_PASS_ENVIRONMENT": '["AWS_PROFILE"]'}
        assert "found <botocore" in made.harness("train", **at_home, **passed).out

    def test_is_source_and_data_that_it_cannot_write_to_by_their_own_names_and_a_channel_neither(self, project):
        made = project("print('placeholder')")
        source, data = made.folder / "src/train.py", made.folder / "data/train/part-1.csv"
        made.write(
            "src/train.py",
            f"""
import os
for name in {str(source)!r}, {str(data)!r}, os.environ["SM_CHANNEL_TRAIN"] + "/new":
    try:
        open(name, "a")
    except OSError as error:
        print(error.strerror)
""",
        )
        done = made.harness("train", "--channel", f"again={data}", HARNESS_ISOLATION="required")
        assert done.out.count("Read-only file system") == 3, done.err

    def test_is_one_file_where_the_channel_names_one(self, project):
        made = project("import os; print(os.listdir(os.environ['SM_CHANNEL_TRAIN']))")
        done = made.harness("train", "--channel", "train=data/train/part-1.csv")
        assert "algo-1 | ['part-1.csv']" in done.out


class TestAJobThatFails:
    @pytest.mark.parametrize(
        ("script", "exit_code"),
        [
            ("open('/opt/ml/model/half', 'w'); raise ValueError('boom')", "1"),
            ("import sys; sys.exit(3)", "3"),
            ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "-9"),
        ],
    )
    def test_says_why_in_the_toolkit_s_words_and_leaves_no_archive_but_its_tree(self, project, script, exit_code):
        made = project(script)
        done = made.harness("train", "--json", "--job-name", "j")
        assert done.code == 1
        assert done.json["TrainingJobStatus"] == "Failed"
        first, second, *_ = done.json["FailureReason"].split("\n")
        assert (first, second) == ("AlgorithmError: ExecuteUserScriptError:", f"ExitCode {exit_code}")
        assert not (made.run_folder("j") / "output").exists()
        assert (made.run_folder("j") / "hosts/algo-1/model/half").exists() == ("half" in script)

    def test_says_why_in_the_script_s_own_words_when_it_wrote_them(self, project):
        script = "open('/opt/ml/output/failure', 'w').write('the data is stale'); raise SystemExit(1)"
        done = project(script).harness("train", "--json")
        assert done.json["FailureReason"] == "AlgorithmError: the data is stale"

    def test_because_of_a_symbolic_link_in_its_model_names_the_link(self, project):
        script = "import os; os.symlink('/etc/passwd', '/opt/ml/model/link')"
        made = project(script)
        done = made.harness("train", "--json", "--job-name", "j")
        assert done.code == 1
        assert "'link'" in done.json["FailureReason"]
        assert "symbolic link" in done.json["FailureReason"]
        assert not (made.run_folder("j") / "output/model.tar.gz").exists()


class TestSeveralHosts:
    def test_each_have_their_own_tree_and_share_of_the_data_and_find_each_other(self, project):
        script = """
import os, socket
host = os.environ["SM_CURRENT_HOST"]
open("/opt/ml/model/" + host, "w").write(os.environ["SM_HOSTS"])
print(sorted(os.listdir("/opt/ml/input/data/shards")))
print([socket.gethostbyname(each) for each in ("algo-1", "algo-2")], socket.gethostname())
"""
        config = """
        [channels.shards]
        uri = "data/shards"
        distribution = "ShardedByS3Key"
        """
        made = project(script, channels=(), files={f"data/shards/{number}.csv": "1\n" for number in range(5)})
        made.write("harness.toml", f'entry_point = "train.py"\nsource_dir = "src"\n{config}')
        done = made.harness("train", "--instance-count", "2", "--job-name", "j")
        assert done.code == 0, done.err
        hosts = b'["algo-1","algo-2"]'
        assert members(made.run_folder("j") / "output/model.tar.gz") == {"algo-1": hosts, "algo-2": hosts}
        assert "algo-1 | ['0.csv', '2.csv', '4.csv']" in done.out
        assert "algo-2 | ['1.csv', '3.csv']" in done.out
        assert "algo-2 | ['127.0.0.1', '127.0.0.2'] algo-2" in done.out

    def test_all_count_one_failure_is_the_job_s(self, project):
        script = "import os, sys; sys.exit(os.environ['SM_CURRENT_HOST'] == 'algo-2')"
        done = project(script).harness("train", "--instance-count", "2", "--json")
        assert done.code == 1
        assert done.json["Harness"]["ExitCodes"] == {"algo-1": 0, "algo-2": 1}

    def test_that_leave_the_same_file_are_named(self, project):
        done = project("open('/opt/ml/model/m', 'w')").harness("train", "--instance-count", "2", "--json")
        assert done.code == 1
        assert "algo-1 and algo-2 both left 'm'" in done.json["FailureReason"]


class TestAnEntryPoint:
    def test_may_be_a_shell_script(self, project):
        done = project('echo "argument $1 $2"; pwd', entry_point="train.sh").harness(
            "train", "--hyperparameter", "a=it's"
        )
        assert done.code == 0, done.out
        assert "algo-1 | argument -a it's\nalgo-1 | /opt/ml/code" in done.out

    def test_may_lie_in_a_folder_of_the_source(self, project):
        done = project("import sys; print(sys.argv[0])", entry_point="sub/train.py").harness("train")
        assert "algo-1 | sub/train.py" in done.out


class TestTheEnd:
    @pytest.mark.slow
    def test_of_the_deadline_stops_the_job_and_keeps_what_it_has(self, project):
        # A shell's: Python may need the second to start, on a busy machine.
        made = project("touch /opt/ml/model/so_far\nsleep 600", entry_point="train.sh", config="stop_grace = 0")
        done = made.harness("train", "--max-run", "1", "--job-name", "j")
        assert done.code == 124
        assert made.describe("j")["SecondaryStatus"] == "MaxRuntimeExceeded"
        assert list(members(made.run_folder("j") / "output/model.tar.gz")) == ["so_far"]

    def test_by_ctrl_c_ends_every_process_and_says_stopped(self, project):
        script = """
import subprocess
subprocess.Popen(["setsid", "sleep", "600"])
print("started", flush=True)
subprocess.run(["sleep", "600"])
"""
        made = project(script)
        running = made.start("train", "--job-name", "j")
        assert b"started" in running.stdout.readline()
        os.kill(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=120)
        assert running.returncode == 130
        assert b"Traceback" not in err
        assert made.describe("j")["TrainingJobStatus"] == "Stopped"
        assert not made.run_folder("j").joinpath("output").exists()

    @pytest.mark.parametrize("options", [[], ["--json"]], ids=["its log on stdout", "its log on stderr"])
    def test_by_closing_the_pipe_that_its_log_goes_to_is_a_stop_like_ctrl_c(self, project, options):
        made = project("while True: print('line', flush=True)")
        running = made.start("train", "--job-name", "j", *options)
        log, other = (running.stderr, running.stdout) if options else (running.stdout, running.stderr)
        assert log.readline() == b"algo-1 | line\n"
        log.close()
        said = other.read()
        assert running.wait(120) == 141
        other.close()
        assert made.describe("j")["TrainingJobStatus"] == "Stopped"
        assert b"Traceback" not in said
        assert b"j was stopped" in said

    def test_by_runs_stop_from_another_shell_keeps_artifacts(self, project):
        script = "import time; open('/opt/ml/model/so_far', 'w').close(); print('written', flush=True); time.sleep(600)"
        made = project(script, config="stop_grace = 0")
        running = made.start("train", "--job-name", "j")
        assert b"written" in running.stdout.readline()
        stopped = made.harness("runs", "stop", "j", "--json")
        assert (stopped.code, stopped.json["TrainingJobName"]) == (0, "j")
        running.communicate(timeout=120)
        assert made.describe("j")["TrainingJobStatus"] == "Stopped"
        assert list(members(made.run_folder("j") / "output/model.tar.gz")) == ["so_far"]

    def test_of_the_harness_by_kill_9_ends_the_script_too(self, project):
        made = project("import time; print('started', flush=True); time.sleep(600)")
        running = made.start("train", "--job-name", "j")
        assert b"started" in running.stdout.readline()
        running.kill()
        running.communicate(timeout=120)
        # The supervisor finds its caller gone and ends the job; `runs follow` returns when it has.
        made.here("runs", "follow", "j")
        assert made.describe("j")["TrainingJobStatus"] == "Stopped"

    @pytest.mark.slow
    def test_of_the_run_folder_is_that_of_the_job_which_nobody_could_stop_any_more(self, project):
        made = project("import time; print('started', flush=True); time.sleep(600)")
        made.harness("train", "--no-wait", "--job-name", "j")
        while "started" not in (made.run_folder("j") / "log.txt").read_text():  # before that, its host is being made
            time.sleep(0.01)
        shutil.rmtree(made.folder / "runs")
        assert what_is_left(made) == []
        assert not (made.folder / "runs").exists()

    def test_of_the_script_ends_what_it_left_running(self, project):
        script = "import subprocess; subprocess.Popen(['setsid', 'sleep', '600'])"
        done = project(script).harness("train")
        assert done.code == 0


class TestALogOfAnySize:
    @pytest.mark.slow
    def test_is_kept_whole_when_it_is_100_megabytes(self, project):
        script = "line = 'x' * 999\nfor _ in range(100_000): print(line)"
        made = project(script)
        assert made.harness("train", "--job-name", "j").code == 0
        assert (made.run_folder("j") / "log.txt").stat().st_size == 100_000 * (1000 + len("algo-1 | "))

    def test_may_be_binary_and_end_without_a_newline(self, project):
        script = "import sys; sys.stdout.buffer.write(bytes(range(256)))"
        made = project(script)
        assert made.harness("train", "--job-name", "j").code == 0
        assert (made.run_folder("j") / "log.txt").read_bytes().replace(b"algo-1 | ", b"")[:-1] == bytes(range(256))


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["--entry-point", "trian.py"], ["trian.py", "Did you mean 'train.py'"]),
            (["--entry-point", "../data/train/part-1.csv"], ["../data/train/part-1.csv", "source_dir"]),
            (["--source-dir", "nowhere"], ["nowhere", "source_dir"]),
            (["--channel", "train=nowhere"], ["Channel 'train'", "nowhere", "does not exist"]),
            (["--channel", "train=empty"], ["Channel 'train'", "empty", "no files"]),
            (["--channel", "train"], ["--channel train", "NAME=VALUE"]),
            (["--hyperparameter", "=3"], ["--hyperparameter =3", "NAME=VALUE"]),
            (["--hyperparameter", "sagemaker_program=x.py"], ["sagemaker_program", "entry_point"]),
            (["--job-name", "not_a_name"], ["TrainingJobName", "not_a_name"]),
            (["--instance-count", "0"], ["instance", "1"]),
            (["--max-run", "soon"], ["--max-run", "soon"]),
            (["--request", "nowhere.json"], ["nowhere.json"]),
            (["--request", "empty"], ["empty"]),
            (["--python", "/nowhere/python"], ["/nowhere/python"]),
            (["--config", "nowhere.toml"], ["nowhere.toml"]),
        ],
    )
    def test_is_refused_by_name_and_leaves_no_run(self, project, arguments, says):
        made = project()
        (made.folder / "empty").mkdir()
        done = made.here("train", *arguments)
        assert done.code == 2, done.err
        assert "Traceback" not in done.err
        for word in says:
            assert word in done.err
        assert not list((made.folder / "runs").glob("[!_.]*"))

    def test_a_script_without_a_folder_that_is_not_there_is_named_as_the_script(self, project):
        made = project()
        made.write("harness.toml", "")
        done = made.here("train", "--entry-point", "nope.py")
        assert done.code == 2
        assert f"entry_point '{made.folder / 'nope.py'}' is not there" in done.err

    def test_a_job_name_that_exists_leaves_the_other_run_untouched(self, project):
        made = project(WRITES_A_MODEL)
        made.harness("train", "--job-name", "j")
        before = {path: path.read_bytes() for path in made.run_folder("j").rglob("*") if path.is_file()}
        done = made.harness("train", "--job-name", "j")
        assert done.code == 2
        assert "already exists" in done.err
        assert {path: path.read_bytes() for path in made.run_folder("j").rglob("*") if path.is_file()} == before

    def test_every_mistake_in_a_request_is_told_at_once(self, project):
        made = project()
        request = json.loads(made.here("plan").out)
        request["ResourceConfig"]["InstanceCount"] = "two"
        request["StoppingCondition"]["MaxRuntimeInSeconds"] = 0
        request["HyperParamters"] = {}
        done = made.here("train", "--request", "-", stdin=json.dumps(request))
        assert done.code == 2
        for path in ("ResourceConfig.InstanceCount", "StoppingCondition.MaxRuntimeInSeconds", "HyperParamters"):
            assert path in done.err

    def test_what_the_target_cannot_honour_is_refused_before_anything_starts(self, project):
        made = project()
        request = json.loads(made.here("plan").out)
        request["InputDataConfig"][0]["InputMode"] = "Pipe"
        request["OutputDataConfig"]["KmsKeyId"] = "a-key"
        done = made.harness("train", "--request", "-", "--json", stdin=json.dumps(request))
        assert done.code == 2
        assert "channel 'train': Pipe input" in done.err
        assert "OutputDataConfig.KmsKeyId" in done.err
        assert done.json["Error"]["Type"] == "RefusedError"
        assert not list((made.folder / "runs").glob("[!_.]*"))


def test_plan_prints_the_request_that_train_records(saw):
    assert json.loads((saw.made.run_folder("j") / "request.json").read_text()) == saw.planned


def test_a_whole_request_is_run_as_it_stands(project):
    made = project(WRITES_A_MODEL)
    request = made.here("plan", "--job-name", "by-request").json
    request["OutputDataConfig"]["S3OutputPath"] = (made.folder / "elsewhere").as_uri()
    done = made.harness("train", "--request", "-", "--json", stdin=json.dumps(request))
    assert done.code == 0, done.err
    delivered = made.folder / "elsewhere/by-request/output/model.tar.gz"
    assert done.json["ModelArtifacts"]["S3ModelArtifacts"] == delivered.as_uri()
    assert list(members(delivered)) == ["model.joblib"]
    assert list(members(made.run_folder("by-request") / "output/model.tar.gz")) == ["model.joblib"]


def test_network_isolation_without_a_private_network_is_refused_before_anything_starts(project):
    made = project()
    done = made.here("train", "--enable-network-isolation", "--isolation", "none")
    assert done.code == 2
    assert "EnableNetworkIsolation" in done.err
    assert not list((made.folder / "runs").glob("[!_.]*"))


def test_the_caller_s_variables_cannot_be_read_off_process_1_either(project):
    made = project("print(b'of-mine' in open('/proc/1/environ', 'rb').read(), open('/proc/1/comm').read())")
    done = made.harness("train", SECRET="of-mine")
    assert "algo-1 | False" in done.out, done.out


@pytest.mark.parametrize("arguments", [["--entry-point", "nope.py"], ["--channel", "train=nope"]])
def test_plan_misses_what_train_would_miss(project, arguments):
    done = project().here("plan", *arguments)
    assert done.code == 2
    assert "nope" in done.err


@pytest.mark.parametrize("verb", ["train", "plan"])
def test_a_metric_s_regular_expression_that_is_none_is_refused_by_name(project, verb):
    config = 'metric_definitions = [{Name = "loss", Regex = "loss=("}]'
    done = project(config=config).here(verb)
    assert done.code == 2
    assert "metric_definitions: loss: Regex 'loss=('" in done.err


def test_a_metric_that_is_no_number_stands_in_a_document_that_is_json(project):
    config = 'metric_definitions = [{Name = "loss", Regex = "loss=(.*)"}, {Name = "gain", Regex = "gain=(.*)"}]'
    done = project("print('loss=nan')\nprint('gain=-inf')", config=config).harness("train", "--json")
    strictly = json.loads(done.out, parse_constant=pytest.fail)
    told = {each["MetricName"]: each["Value"] for each in strictly["FinalMetricDataList"]}
    assert told == {"loss": "NaN", "gain": "-Infinity"}


@pytest.mark.parametrize("on", ["local", "remote"])
@pytest.mark.parametrize("kind", [(), ("--process",)])
def test_plan_says_what_of_the_source_is_left_out_and_why(project, on, kind):
    made = project(config='process = { entry_point = "train.py", source_dir = "src" }')
    role = {"HARNESS_ROLE": "arn:aws:iam::012345678901:role/r", "HARNESS_REGION": "eu-west-1"}
    made.write("src/.sagemakerignore", "/notes/\n*.md\n")
    for name in ("notes/a.txt", "env/pyvenv.cfg", *(f"{number:02}.md" for number in range(12))):
        made.write(f"src/{name}", "")
    done = made.here("plan", *kind, "--on", on, **role)
    assert done.code == 0, done.err
    assert done.err.endswith(
        "left out of the source:\n"
        "  a virtual environment: env/\n"
        f"  named in .sagemakerignore: {', '.join(f'{number:02}.md' for number in range(10))} and 3 more\n"
    )


def test_plan_refuses_what_train_cannot_honour(project):
    made = project()
    request = made.here("plan").json
    request["InputDataConfig"][0]["InputMode"] = "Pipe"
    done = made.here("plan", "--json", "--request", "-", stdin=json.dumps(request))
    assert done.code == 2
    assert "channel 'train': Pipe input" in done.json["Error"]["Message"]
