"""Many at once, and from elsewhere: names, descriptions, stops, from other processes and from threads."""

import json
import subprocess
import sys
import textwrap

import pytest


@pytest.mark.slow
class TestEightJobsAtOnce:
    def test_of_one_name_are_one_job(self, project):
        made = project("import os; open('/opt/ml/model/m', 'w').write('x' * 1000)")
        running = [made.start("train", "--job-name", "j", "--hyperparameter", f"n={n}") for n in range(8)]
        errors = [process.communicate(timeout=120)[1].decode() for process in running]
        codes = [process.returncode for process in running]
        assert sorted(codes) == [0] + [2] * 7, errors
        assert all("already exists" in error for code, error in zip(codes, errors, strict=True) if code)
        assert not any("Traceback" in error for error in errors)
        winner = codes.index(0)
        assert made.describe("j")["HyperParameters"]["n"] == str(winner)
        assert made.describe("j")["TrainingJobStatus"] == "Completed"

    def test_of_different_names_all_complete(self, project):
        made = project("import os; open('/opt/ml/model/' + os.environ['TRAINING_JOB_NAME'], 'w')")
        running = [made.start("train", "--job-name", f"j{number}") for number in range(8)]
        errors = [process.communicate(timeout=120)[1] for process in running]
        assert [process.returncode for process in running] == [0] * 8, errors
        listed = made.here("runs", "--json").json
        assert {(each["Name"], each["Status"]) for each in listed} == {(f"j{n}", "Completed") for n in range(8)}


CLIENT = """
import json, sys, threading, time
from pathlib import Path
from harness.engine.client import EngineClient
from harness.engine.settings import EngineSettings
from harness.errors import ServiceError

client = EngineClient(Path("runs"), EngineSettings(stop_grace=0, cache="cache"))
request = json.loads(Path("request.json").read_text())

def ended(name):
    while True:
        description = client.describe_training_job(TrainingJobName=name)
        if description["TrainingJobStatus"] in {"Completed", "Failed", "Stopped"}:
            return description
        time.sleep(0.01)

def idle():
    never = threading.Event()
    threading.Thread(target=never.wait, daemon=True).start()
"""


def run_client(made, body: str) -> str:
    """Run a program that uses the client in its own process; what it printed."""
    made.write("request.json", made.here("plan", "--job-name", "given-below").out)
    program = CLIENT + textwrap.dedent(body)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=made.folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def without_times(value):
    if isinstance(value, dict):
        return {name: without_times(member) for name, member in value.items() if not name.endswith("Time")}
    return [without_times(member) for member in value] if isinstance(value, list) else value


class TestAProcess:
    @pytest.mark.slow
    def test_with_threads_describes_its_jobs_as_one_without_does(self, project):
        made = project("open('/opt/ml/model/m', 'w'); print('loss=1')")
        described = []
        for threads in ("", "idle()"):
            out = run_client(
                made,
                f"""
                {threads}
                client.create_training_job(**{{**request, "TrainingJobName": "j"}})
                print(json.dumps(ended("j"), default=str))
                client.close()
                import shutil; shutil.rmtree("runs")
                """,
            )
            described.append(without_times(json.loads(out)))
        assert described[0] == described[1]
        assert described[0]["TrainingJobStatus"] == "Completed"

    def test_ends_its_jobs_when_it_closes_its_client(self, project):
        made = project("import time; time.sleep(600)")
        run_client(made, 'client.create_training_job(**{**request, "TrainingJobName": "j"}); client.close()')
        assert made.describe("j")["TrainingJobStatus"] == "Stopped"

    @pytest.mark.slow
    def test_creates_describes_stops_and_lists_from_many_threads(self, project):
        made = project("import time; time.sleep(600)")
        out = run_client(
            made,
            """
            from concurrent.futures import ThreadPoolExecutor
            names = [f"j{number}" for number in range(4)]
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda name: client.create_training_job(**{**request, "TrainingJobName": name}), names))
                list(pool.map(lambda name: client.stop_training_job(TrainingJobName=name), names))
                print([description["TrainingJobStatus"] for description in pool.map(ended, names)])
            print(sorted(each["TrainingJobName"] for each in client.list_training_jobs()["TrainingJobSummaries"]))
            client.close()
            """,
        )
        assert out == f"{['Stopped'] * 4}\n{[f'j{n}' for n in range(4)]}\n"

    @pytest.mark.slow
    def test_of_somebody_else_describes_and_stops_a_job(self, project):
        made = project("import time; print('started', flush=True); time.sleep(600)")
        running = made.start("train", "--job-name", "j")
        assert b"started" in running.stdout.readline()
        out = run_client(
            made,
            """
            print(client.describe_training_job(TrainingJobName="j")["SecondaryStatus"])
            client.stop_training_job(TrainingJobName="j")
            """,
        )
        assert out == "Training\n"
        # Its own grace is the job's, not ours: only the caller's end makes it quick.
        running.terminate()
        running.communicate(timeout=120)
        made.here("runs", "follow", "j")
        assert made.describe("j")["TrainingJobStatus"] == "Stopped"

    def test_is_told_of_jobs_that_there_are_not(self, project):
        out = run_client(
            project(),
            """
            for verb in (client.describe_training_job, client.stop_training_job):
                try:
                    verb(TrainingJobName="nobody")
                except ServiceError as error:
                    print(error.response["Error"]["Code"], error.response["Error"]["Message"])
            """,
        )
        assert out == "ValidationException Requested resource not found.\n" * 2
