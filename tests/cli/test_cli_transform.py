"""``harness transform`` as a user runs it. How data is cut and put together is specified in ``tests/conformance``."""

from __future__ import annotations

import io
import os
import pty
import re
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

ADDS_UP = """
import os, struct, time
import numpy

def model_fn(model_dir):
    return float(open(os.path.join(model_dir, "factor")).read())

def input_fn(data, content_type):
    if content_type == "application/octet-stream":
        return numpy.array([[len(data)]])
    if "wait" in data:
        open(os.environ["SEEN"], "w").close()
        time.sleep(60)
    return numpy.array([[float(cell) for cell in line.split(",")] for line in data.splitlines()])

def predict_fn(data, factor):
    return data.sum(axis=1) * factor
"""
CSV = ("--content-type", "text/csv", "--accept", "text/csv", "--split-type", "Line", "--assemble-with", "Line")


@pytest.fixture(scope="module")
def made(shared_project):
    """A project with a model."""
    made = shared_project(ADDS_UP, config="model_server_workers = 1")
    with tarfile.open(made.folder / "model.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("factor")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"2"))
    return made


@pytest.fixture
def batch(made, tmp_path):
    """Predict files: ``batch({"a.csv": "1,2\\n"}, *options)``; how it ended, and the outputs by name."""

    def run(files, *options):
        arguments = prepare(tmp_path, files)
        done = made.harness("transform", *arguments, *(options or CSV))
        return done, outputs(tmp_path)

    return run


def prepare(folder: Path, files) -> tuple[str, ...]:
    """Write the input; the options that name it, the output and the model."""
    for name, content in files.items():
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return ("--model-data", "model.tar.gz", "--input", f"{folder}/in", "--output", f"{folder}/out")


def outputs(folder: Path) -> dict[str, str]:
    root = folder / "out"
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def on_a_terminal(made, *arguments: str, ctrl_c_at: bytes | None = None) -> tuple[int, bytes]:
    """A transform whose stderr is a terminal: its exit code, and what the terminal was sent."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "harness", "transform", *arguments]
    running = subprocess.Popen(command, cwd=made.folder, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the terminal is gone
        while data := os.read(ours, 4096):
            shown += data
            if ctrl_c_at and ctrl_c_at in shown:
                ctrl_c_at = None
                running.send_signal(signal.SIGINT)
    os.close(ours)
    return running.wait(120), shown


class TestATransform:
    @pytest.mark.slow
    def test_shows_what_became_of_files_and_records_and_nothing_of_the_server(self, batch):
        done, found = batch({"a.csv": "1,2\n3,4\n", "deep/b.csv": "5,6\n"})
        assert found == {"a.csv.out": "6.0\n14.0\n", "deep/b.csv.out": "22.0\n"}
        assert (done.code, done.err) == (0, "")
        assert "files    2 of 2" in done.out
        assert "records  3" in done.out
        assert "algo-1" not in done.out

    @pytest.mark.slow
    def test_prints_one_document_and_forgets_the_model_it_made(self, made, batch):
        done, _ = batch({"a.csv": "1,2\n"}, *CSV, "--json")
        assert done.json["TransformJobStatus"] == "Completed"
        assert done.json["Harness"]["Progress"]["records"] == 1
        assert list(made.run_folder("_models").iterdir()) == []

    @pytest.mark.slow
    def test_takes_its_parameters_as_options(self, batch):
        limits = ("--strategy", "SingleRecord", "--max-payload", "1", "--max-concurrent-transforms", "3")
        join = ("--input-filter", "$[1:]", "--join-source", "Input", "--output-filter", "$[0,-1]")
        tries = ("--invocations-timeout", "5", "--invocations-max-retries", "0")
        done, found = batch({"a.csv": "x,1,2\ny,3,4\n"}, *CSV, *limits, *join, *tries)
        assert done.code == 0, done.err
        assert found == {"a.csv.out": "x,6.0\ny,14.0\n"}

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("split_type", "record"),
        [
            ("RecordIO", b"\x0a\x23\xd7\xce\x03\x00\x00\x00abc\x00"),
            # The length and its masked CRC-32C; nobody looks at that of the payload.
            ("TFRecord", bytes.fromhex("0300000000000000 b099490e") + b"abc" + bytes(4)),
        ],
    )
    def test_cuts_binary_records(self, batch, split_type, record):
        types = ("--content-type", "application/octet-stream", "--accept", "text/csv")
        done, found = batch({"a": record * 2}, *types, "--split-type", split_type, "--strategy", "SingleRecord")
        assert done.code == 0, done.err
        assert found == {"a.out": "6.0\n6.0\n"}

    @pytest.mark.slow
    def test_that_failed_names_file_and_record_and_shows_the_log(self, batch):
        tries = ("--invocations-max-retries", "0", "--strategy", "SingleRecord")
        done, found = batch({"bad.csv": "1,2\nno,number\n", "good.csv": "1,2\n"}, *CSV, *tries)
        assert done.code == 1
        assert found == {"good.csv.out": "6.0\n"}
        assert "1 of 2 files failed and have no output. bad.csv: record 2: HTTP 500" in done.err
        assert "could not convert string to float: 'no'" in done.err, "the script's own traceback"
        assert "Traceback" not in done.out
        assert "  output  " in done.out
        assert "2 of 2" not in done.out, "which would read as if both had been predicted"

    @pytest.mark.slow
    def test_that_failed_altogether_names_no_output(self, batch):
        done, found = batch({"bad.csv": "no,number\n"}, *CSV, "--invocations-max-retries", "0")
        assert (done.code, found) == (1, {})
        assert "  output  " not in done.out

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ((), "No --content-type was given, which the container takes for application/json."),
            (("--content-type", "application/json", "--split-type", "Line"), "--strategy SingleRecord sends them one"),
        ],
    )
    def test_whose_records_cannot_be_read_says_what_they_were_sent_as(self, batch, options, said):
        done, _ = batch({"a": "{}\n{}\n"}, "--invocations-max-retries", "0", *options)
        assert done.code == 1
        assert said in done.err

    def test_refuses_an_output_that_is_a_file_before_anything_starts(self, made, tmp_path):
        arguments = prepare(tmp_path, {"a.csv": "1,2\n"})
        (tmp_path / "out").touch()
        done = made.here("transform", "--job-name", "to-a-file", *arguments, *CSV)
        assert done.code == 2
        assert f"TransformOutput: {tmp_path}/out is a file" in done.err
        assert not made.run_folder("to-a-file").exists()

    def test_names_the_option_of_an_input_that_is_not_there(self, made, tmp_path):
        arguments = prepare(tmp_path, {"a.csv": "1,2\n"})
        done = made.here("transform", *arguments, *CSV, "--input", "nowhere")
        assert done.code == 2
        assert re.search(r"harness: TransformInput \(--input\): \S*nowhere does not exist", done.err), done.err

    def test_without_input_or_model_says_what_is_missing(self, made):
        assert "--input" in made.here("transform", "--model-data", "model.tar.gz").err
        assert "--job or --model-data" in made.here("transform", "--input", "data/train").err

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["runs stop", "ctrl-c"])
    def test_that_is_ended_keeps_complete_outputs_and_leaves_no_process(self, made, tmp_path, how):
        seen = tmp_path / "seen"
        arguments = prepare(tmp_path, {"a.csv": "1,2\n", "b.csv": "1,wait\n", "c.csv": "1,2\n"})
        request = ("--job-name", how.replace(" ", "-"), "--strategy", "SingleRecord", "--environment", f"SEEN={seen}")
        running = made.start("transform", *arguments, *CSV, *request)
        deadline = time.monotonic() + 120
        # The first file is made whole while the second is being asked for.
        while not (seen.exists() and (tmp_path / "out/a.csv.out").exists()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if how == "ctrl-c":
            os.kill(running.pid, signal.SIGINT)
        else:
            assert made.here("runs", "stop", request[1]).code == 0
        _, err = running.communicate(timeout=120)
        assert running.returncode == (130 if how == "ctrl-c" else 1)
        assert b"Traceback" not in err
        assert made.describe(request[1])["TransformJobStatus"] == "Stopped"
        assert outputs(tmp_path) == {"a.csv.out": "6.0\n"}

    @pytest.mark.slow
    def test_whose_process_is_killed_leaves_complete_outputs_and_nothing_beside_them(self, made, tmp_path):
        arguments = prepare(tmp_path, {"a.csv": "1,2\n", "b.csv": "1,2\n1,wait\n"})
        seen = tmp_path / "seen"
        request = ("--job-name", "killed", "--strategy", "SingleRecord", "--environment", f"SEEN={seen}")
        running = made.start("transform", *arguments, *CSV, *request)
        deadline = time.monotonic() + 120
        out = tmp_path / "out"
        while not (seen.exists() and (out / "a.csv.out").exists() and any(out.glob(".b.csv.out.*.partial"))):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(int((made.run_folder("_active") / "killed").read_text()), signal.SIGKILL)
        _, err = running.communicate(timeout=120)
        assert running.returncode == 1
        assert b"killed failed: InternalServerError: the process that ran this job ended" in err
        assert outputs(tmp_path) == {"a.csv.out": "6.0\n"}

    @pytest.mark.slow
    def test_shows_how_far_it_is_on_a_terminal(self, made, tmp_path):
        arguments = prepare(tmp_path, {"a.csv": "1,2\n3,4\n"})
        code, shown = on_a_terminal(made, *arguments, *CSV)
        assert code == 0
        assert b"\r1 of 1 files, 2 records, " in shown
        assert b"/s\x1b[K" in shown

    @pytest.mark.slow
    def test_that_ctrl_c_ends_says_so_on_a_line_of_its_own(self, made, tmp_path):
        arguments = prepare(tmp_path, {"a.csv": "1,2\n", "b.csv": "1,wait\n"})
        seen = ("--environment", f"SEEN={tmp_path}/seen")
        code, shown = on_a_terminal(made, *arguments, *CSV, *seen, ctrl_c_at=b"1 of 2 files")
        assert code == 130
        assert shown.splitlines()[-1].startswith(b"\x1b[31m")
        assert shown.splitlines()[-1].endswith(b" was stopped")

    @pytest.mark.slow
    def test_of_a_large_file_takes_no_more_memory_than_of_a_small_one(self, made, tmp_path):
        """The supervisor holds a few requests, never a file."""
        row = b"1.5,2.5,3.5,4.5\n"
        (tmp_path / "in").mkdir()
        with (tmp_path / "in" / "large.csv").open("wb") as file:
            for _ in range(200):
                file.write(row * (1_000_000 // len(row)))
        made.write("src/fast.py", "def model_fn(d): pass\ndef transform_fn(m, d, c, a): return 'x', 'text/csv'\n")
        arguments = ("--entry-point", "fast.py", "--job-name", "large", *prepare(tmp_path, {}))
        running = made.start("transform", *arguments, *CSV)
        active = made.run_folder("_active") / "large"
        peak = 0
        while running.poll() is None:
            try:
                status = Path(f"/proc/{active.read_text()}/status").read_text()
                peak = max(peak, int(status.partition("VmHWM:")[2].split()[0]))
            except (OSError, ValueError, IndexError):
                pass
            time.sleep(0.02)
        running.communicate()
        assert running.returncode == 0
        assert made.describe("large")["Harness"]["Progress"]["bytes_in"] == 200_000_000
        assert 0 < peak < 100_000, "kB of the supervisor; requests are of 6 MB, two at a time"
