"""``harness process`` as a user runs it. What a job owes its script is specified in ``tests/conformance``."""

from __future__ import annotations

import json
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Finished, Project

COUNTS = """
import argparse, os
parser = argparse.ArgumentParser()
parser.add_argument("--input", default="/opt/ml/processing/input/raw")
parser.add_argument("--output", default="/opt/ml/processing/output/counts")
arguments = parser.parse_args()
rows = 0
for name in os.listdir(arguments.input):
    rows += len(open(os.path.join(arguments.input, name)).readlines())
print("rows", rows, flush=True)
open(os.path.join(arguments.output, "rows"), "w").write(str(rows))
open("/opt/ml/output/message", "w").write("counted") if os.path.isdir("/opt/ml/output") else None
"""
BY_ARGUMENT = """
import os, sys
source, target = sys.argv[1:]
print("names", sorted(os.listdir(source)), flush=True)
open(os.path.join(target, "told"), "w").write(source)
"""
CONFIG = """
[process]
entry_point = "process.py"
source_dir = "src"
"""


def with_script(project, script, config="", **more):
    """A project whose processing job runs ``script`` with the input ``raw``."""
    made = project(files={"src/process.py": script, "raw/a.csv": "1\n2\n", "raw/b.csv": "3\n", **more})
    text = (made.folder / "harness.toml").read_text()
    made.write("harness.toml", text + CONFIG + config)
    return made


def process(made, *options, **variables):
    given = ("--input", "raw=raw", "--output", "counts=result")
    return made.harness("process", "--job-name", "p", *given, *options, **variables)


@dataclass(frozen=True)
class Completed:
    """A job, and its whole request run again, and when the files that they read were written."""

    made: Project
    before: dict[Path, int]
    shown: Finished
    again: Finished


def times(made):
    return {path: path.stat().st_mtime_ns for part in ("raw", "src") for path in (made.folder / part).rglob("*")}


@pytest.fixture(scope="module")
def completed(shared_project):
    results = {"result/rows": "old", "result/other": "mine"}
    made = with_script(shared_project, COUNTS + "\nimport helper\n", **{"src/helper.py": "", **results})
    before, shown = times(made), process(made)
    request = json.loads((made.run_folder("p") / "request.json").read_text())
    document = json.dumps({**request, "ProcessingJobName": "again"})
    return Completed(made, before, shown, made.harness("process", "--request", "-", "--json", stdin=document))


class TestAProcessingJob:
    def test_shows_its_lines_its_outputs_and_its_exit_message(self, completed):
        done = completed.shown
        assert done.code == 0, done.err
        assert "algo-1 | rows 3\n" in done.out
        assert "\np  Completed  " in done.out
        rows = [line.split() for line in done.out.splitlines()[-2:]]
        assert rows == [["counts", "result"], ["exit", "message", "counted"]]

    @pytest.mark.slow
    def test_is_described_on_disk_and_on_stdout_alike(self, completed):
        again = completed.again.json
        assert again == completed.made.describe("again")
        assert (again["ProcessingJobStatus"], again["ExitMessage"]) == ("Completed", "counted")
        assert "algo-1 | rows 3" in completed.again.err

    def test_replaces_an_output_file_and_leaves_the_others_beside_it(self, completed):
        assert {path.name: path.read_text() for path in (completed.made.folder / "result").iterdir()} == {
            "rows": "3",
            "other": "mine",
        }

    def test_does_not_write_to_the_source_or_the_data(self, completed):
        assert times(completed.made) == completed.before

    def test_runs_the_whole_request_of_a_document_instead(self, completed):
        again = completed.again
        assert again.json["ProcessingJobName"] == "again"
        assert (again.code, again.json["ProcessingJobStatus"]) == (0, "Completed")

    def test_that_fails_exits_with_1_names_no_output_and_keeps_its_tree_to_look_at(self, project):
        made = with_script(project, COUNTS + "\nraise ValueError('stale')\n")
        done = process(made)
        assert done.code == 1
        assert "ValueError: stale" in done.out
        assert "exit code: 1" in done.err
        assert not [line for line in done.out.splitlines() if line.split()[:1] == ["counts"]]
        assert not (made.folder / "result").exists()
        assert (made.run_folder("p") / "hosts/algo-1/processing/output/counts/rows").read_text() == "3"

    def test_fails_for_an_exit_message_that_is_no_text(self, project):
        made = with_script(project, "open('/opt/ml/output/message', 'wb').write(bytes([255]))")
        assert "the exit message is not UTF-8" in process(made).err

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("socket.gethostname()[-1] * 5", "1" * 5 + "2" * 5),
            ("socket.gethostname()[-1] * 2000", "1" * 1024),
            ("'x' + 'ü' * 1000", "x" + "ü" * 511 + "x" + "ü" * 511),
        ],
    )
    def test_keeps_the_first_kilobyte_of_the_hosts_exit_messages(self, project, text, message):
        script = f"import socket; open('/opt/ml/output/message', 'w', encoding='utf-8').write({text})"
        done = process(with_script(project, script), "--instance-count", "2", "--json")
        assert (done.json["ProcessingJobStatus"], done.json["ExitMessage"]) == ("Completed", message)

    @pytest.mark.parametrize("place", ["/opt/ml/processing/output/counts", "/opt/ml/processing/output"])
    def test_does_not_put_out_what_a_link_in_the_place_of_a_folder_leads_to(self, project, place):
        script = f"import os, shutil; shutil.rmtree({place!r}); os.symlink(os.environ['KEPT'], {place!r})"
        made = with_script(project, script, **{"kept/counts/secret": "", "kept/secret": ""})
        assert process(made, "--environment", f"KEPT={made.folder}/kept").code == 0
        assert not (made.folder / "result").exists()

    def test_has_no_exit_message_that_a_link_leads_to(self, project):
        made = with_script(project, "import os; os.symlink('/etc/passwd', '/opt/ml/output/message')")
        done = process(made, "--json")
        assert (done.json["ProcessingJobStatus"], done.json.get("ExitMessage")) == ("Completed", None)

    def test_that_a_signal_ended_has_the_exit_code_of_a_container(self, project):
        assert "exit code: 137" in process(with_script(project, "import os; os.kill(os.getpid(), 9)")).err

    def test_of_two_hosts_that_leave_the_same_file_names_it(self, project):
        done = process(with_script(project, COUNTS), "--instance-count", "2")
        assert done.code == 1
        assert "algo-1 and algo-2 both left 'rows'" in done.err

    def test_refuses_an_input_that_is_not_there_before_anything_starts(self, project):
        made = with_script(project, COUNTS)
        done = made.here("process", "--job-name", "p", "--input", "raw=nowhere")
        assert done.code == 2
        assert "Input 'raw': " in done.err
        assert "nowhere does not exist" in done.err
        assert not made.run_folder("p").exists()

    @pytest.mark.parametrize(
        ("entry", "told"),
        [
            ("proces.py", "entry_point 'proces.py' is not in source_dir '{0}/src'. Did you mean 'process.py'?"),
            ("src/process.py", "entry_point 'src/process.py' is not in source_dir '{0}/src'."),
            ("skipped.py", "entry_point 'skipped.py' is in source_dir '{0}/src', but left out"),
        ],
    )
    def test_refuses_a_script_that_is_not_there_before_anything_starts(self, project, entry, told):
        made = with_script(project, "", **{"src/skipped.py": "", "src/.sagemakerignore": "skipped.py"})
        done = made.here("process", "--job-name", "p", "--entry-point", entry)
        assert done.code == 2
        assert told.format(made.folder) in done.err
        assert not made.run_folder("p").exists()

    @pytest.mark.parametrize("config", ["", "dependencies = ['extra']\n", "allow_secrets = ['id_rsa']\n"])
    def test_cannot_write_to_the_folder_that_its_script_is_from(self, project, config):
        script = "import sys; open(sys.argv[1], 'w')"
        made = with_script(project, script, **{"extra/e.py": ""})
        made.write("harness.toml", config + (made.folder / "harness.toml").read_text())
        made.write("src/train.py", f"open({str(made.folder / 'src/new')!r}, 'w')")
        for done in (
            process(made, "--argument", str(made.folder / "src/new")),
            made.harness("train", "--job-name", "t"),
        ):
            assert done.code == 1
            assert "Read-only file system" in done.err + done.out
        assert sorted(os.listdir(made.folder / "src")) == ["process.py", "train.py"]

    def test_has_one_input_of_the_name_that_its_script_comes_by(self, project):
        done = with_script(project, "").here("process", "--input", "code=raw")
        assert done.code == 2
        assert "The input 'code' is the script's own; give yours another name." in done.err

    @pytest.mark.parametrize("option", [(), ("--config", "allowing.toml")])
    def test_sees_of_its_folder_what_would_travel_to_aws(self, project, option):
        script = "import os; print(sorted(os.listdir('/opt/ml/processing/input/code')))"
        more = {"src/skipped.py": "", "src/.sagemakerignore": "skipped.py", "src/helper.py": ""}
        made = with_script(project, script, **more)
        made.write("allowing.toml", 'allow_secrets = ["id_rsa"]\n' + (made.folder / "harness.toml").read_text())
        done = process(made, *option)
        assert "['.sagemakerignore', 'helper.py', 'process.py', 'train.py']" in done.err + done.out

    def test_takes_no_credential_along_unless_it_is_allowed(self, project):
        key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----\n"
        made = with_script(
            project, "print(len(open('/opt/ml/processing/input/code/id_rsa').read()))", **{"src/id_rsa": key}
        )
        done = process(made)
        assert done.code == 2
        assert "id_rsa" in done.err
        made.write("allowing.toml", 'allow_secrets = ["id_rsa"]\n' + (made.folder / "harness.toml").read_text())
        done = process(made, "--config", "allowing.toml")
        assert str(len(key)) in done.out + done.err

    def test_refuses_an_output_that_is_a_file_before_anything_starts(self, project):
        made = with_script(project, COUNTS)
        done = made.here("process", "--job-name", "p", "--output", "counts=raw/a.csv")
        assert done.code == 2
        assert f"Output 'counts': {made.folder}/raw/a.csv is a file" in done.err
        assert not made.run_folder("p").exists()

    def test_ends_with_ctrl_c_and_puts_out_nothing(self, project):
        script = COUNTS + "\nimport time; time.sleep(600)\n"
        made = with_script(project, script)
        running = made.start("process", "--job-name", "p", "--input", "raw=raw", "--output", "counts=result")
        assert b"rows 3" in running.stdout.readline()
        os.kill(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=120)
        assert running.returncode == 130
        assert b"Traceback" not in err
        assert made.describe("p")["ProcessingJobStatus"] == "Stopped"
        assert not (made.folder / "result").exists()

    @pytest.mark.slow
    def test_is_stopped_at_its_deadline(self, project):
        made = with_script(project, "import time; time.sleep(600)")
        done = process(made, "--max-run", "1", HARNESS_STOP_GRACE="0")
        assert done.code == 124
        assert "p was stopped after its 1 seconds (--max-run)" in done.err
        assert made.describe("p")["ProcessingJobStatus"] == "Stopped"

    @pytest.mark.parametrize(("options", "told"), [((), "connected"), (("--enable-network-isolation",), "OSError")])
    def test_has_no_network_where_that_is_asked_for(self, project, options, told):
        script = """
import os, socket
try:
    socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), 5)
    print("connected", flush=True)
except OSError:
    print("OSError", flush=True)
"""
        with socket.create_server(("127.0.0.1", 0)) as somebody:
            port = somebody.getsockname()[1]
            made = with_script(project, script, f"environment = {{ PORT = '{port}' }}\n")
            done = process(made, *options)
        assert done.code == 0, done.err
        assert f"algo-1 | {told}\n" in done.out

    def test_that_is_to_have_no_network_does_not_run_with_one(self, project):
        done = process(with_script(project, "print('ran')"), "--enable-network-isolation", "--isolation", "none")
        assert done.code == 1
        assert "local cannot take the network from algo-1 (EnableNetworkIsolation)" in done.err
        assert "ran" not in done.out


class TestWithoutAPrivateOptMl:
    def test_arguments_name_the_paths_where_they_are(self, project):
        made = with_script(project, BY_ARGUMENT)
        paths = ("--argument", "/opt/ml/processing/input/raw", "--argument", "/opt/ml/processing/output/counts")
        done = process(made, *paths, "--isolation", "none")
        assert done.code == 0, done.err
        assert "algo-1 | names ['a.csv', 'b.csv']" in done.out
        tree = made.run_folder("p") / "hosts/algo-1"
        assert (made.folder / "result/told").read_text() == f"{tree}/processing/input/raw"

    def test_arguments_name_the_config_files_where_they_are(self, project):
        made = with_script(project, "import sys; print(open(sys.argv[1]).read(), flush=True)")
        done = process(made, "--argument", "/opt/ml/config/resourceconfig.json", "--isolation", "none")
        assert done.code == 0, done.out
        assert '"current_host": "algo-1"' in done.out

    def test_a_file_that_names_such_a_path_and_does_not_travel_is_nobody_s_affair(self, project):
        left_out = {"src/.venv/lib/z.py": "open('/opt/ml/processing/x')"}
        made = with_script(project, BY_ARGUMENT, **left_out)
        paths = ("/opt/ml/processing/input/raw", "/opt/ml/processing/output/counts")
        done = process(made, "--isolation", "none", *(f"--argument={each}" for each in paths))
        assert done.code == 0, done.err

    def test_a_script_that_names_such_a_path_is_refused_with_the_remedy(self, project):
        made = with_script(project, COUNTS)
        done = process(made, "--isolation", "none")
        assert done.code == 2
        assert "process.py: it names /opt/ml/processing" in done.err
        assert "Take the path as an argument, or try --on container" in done.err
        assert not made.run_folder("p").exists()
