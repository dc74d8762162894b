"""``harness lint`` as a user calls it."""

from __future__ import annotations

import os
import re

import pytest

SETTINGS = "[hyperparameters]\nn = 7\n"
MISSING = 'import os\nprint(os.environ["SM_CHANNEL_TEST"])\n'
LOST = 'open("model.txt", "w")\n'
NOTED = 'import argparse\np = argparse.ArgumentParser()\np.add_argument("--epochs", default=5)\np.parse_known_args()\n'


def test_a_clean_script_is_said_to_be_clean(project):
    done = project("print(1)\n").harness("lint")
    assert (done.code, done.out) == (0, "Nothing found.\n")


def test_an_error_ends_with_1_and_says_where_what_and_what_to_do(project):
    done = project(MISSING).here("lint")
    assert done.code == 1
    first, remedy, count = done.out.splitlines()
    assert re.match(r"src/train\.py:2:7: HRN201 error: SM_CHANNEL_TEST is not set: .*KeyError\.$", first)
    assert remedy.startswith("    Add channel test")
    assert count == "1 error"


@pytest.mark.parametrize(("script", "code"), [(LOST, 1), (NOTED, 0)], ids=["a warning", "a note"])
def test_strict_counts_warnings_and_no_notes(project, script, code):
    made = project(script)
    assert made.here("lint").code == 0
    assert made.here("lint", "--strict").code == code


def test_a_syntax_error_is_a_finding_and_no_traceback(project):
    done = project("print(1)\nif True\n").here("lint")
    assert done.code == 1
    assert "src/train.py:2:8: HRN001 error" in done.out
    assert "Traceback" not in done.out + done.err


def test_a_literal_of_the_script_has_no_power_over_the_terminal(project):
    script = 'import os\nos.environ["SM_CHANNEL_X\\x1b[31m\\n::error::mine"]\n'
    first, remedy, count = project(script).here("lint").out.splitlines()
    assert r"SM_CHANNEL_X\x1b[31m\n::error::mine is not set" in first
    assert remedy.startswith(r"    Add channel x\x1b[31m\n::error::mine to the job")
    assert count == "1 error"


def test_json_is_one_document(project):
    done = project(MISSING + LOST).here("lint", "--json")
    assert done.code == 1
    assert done.json["Counts"] == {"error": 1, "warning": 1, "note": 0}
    first, second = done.json["Findings"]
    assert (first["Rule"], first["Severity"], first["Path"]) == ("HRN201", "error", "src/train.py")
    assert (second["Rule"], second["Line"], second["Column"]) == ("HRN301", 3, 1)


def test_sarif_is_what_code_scanning_takes(project):
    done = project(MISSING).here("lint", "--sarif")
    assert done.code == 1
    assert done.json["version"] == "2.1.0"
    (run,) = done.json["runs"]
    described = run["tool"]["driver"]["rules"]
    (result,) = run["results"]
    assert described[result["ruleIndex"]]["id"] == result["ruleId"] == "HRN201"
    assert result["level"] == "error"
    (location,) = result["locations"]
    place = location["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "src/train.py", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 2, "startColumn": 7}


def test_a_file_s_name_is_a_uri_in_sarif(project):
    made = project("print(1)\n", files={"src/my train.py": MISSING})
    done = made.here("lint", "--sarif", "--entry-point", "my train.py")
    (result,) = done.json["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "src/my%20train.py"


def test_no_two_documents_at_once(project):
    assert project("print(1)\n").here("lint", "--json", "--sarif").code == 2


def test_options_say_which_job_is_meant(project):
    made = project('import argparse\np = argparse.ArgumentParser()\np.add_argument("--n")\np.parse_args()\n')
    assert made.here("lint", "--hyperparameter", "n=7").code == 1
    assert made.here("lint", "--hyperparameter", "n=7", "--dialect", "v3").code == 0


def test_a_missing_script_is_a_mistake_of_the_configuration(project):
    done = project("print(1)\n").here("lint", "--entry-point", "other.py")
    assert done.code == 2
    assert "other.py" in done.err


def test_serving_looks_at_the_handlers(project):
    made = project("print(1)\n")
    assert made.here("lint").code == 0
    assert "HRN502" in made.here("lint", "--serving").out


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("variable", "coloured"), [("", True), ("1", False)], ids=["by default", "NO_COLOR"])
def test_a_terminal_gets_colours_unless_it_wants_none(project, variable, coloured):
    import subprocess
    import sys

    made = project(MISSING)
    controller, terminal = os.openpty()
    environment = {**os.environ, "NO_COLOR": variable}
    subprocess.run([sys.executable, "-m", "harness", "lint"], cwd=made.folder, env=environment, stdout=terminal)
    os.close(terminal)
    shown = os.read(controller, 65536)
    os.close(controller)
    assert (b"\x1b[" in shown) == coloured


class TestTrainOnRemote:
    """Nobody answers at the address of AWS that tests have: what is sent fails, and what is not, does not."""

    ROLE = ("--on", "remote", "--role", "arn:aws:iam::123456789012:role/r", "--region", "us-east-1")

    def test_an_error_stops_it_before_anything_is_sent(self, project):
        done = project(MISSING).harness("train", *self.ROLE)
        assert done.code == 2
        assert "HRN201" in done.err
        assert "Nothing was sent" in done.err

    @pytest.mark.slow
    def test_no_lint_sends_it_all_the_same(self, project):
        done = project(MISSING).harness("train", *self.ROLE, "--no-lint")
        assert "HRN201" not in done.err
        assert "Nothing was sent" not in done.err
        assert done.code != 0

    @pytest.mark.slow
    def test_a_warning_is_shown_and_a_note_is_not(self, project):
        done = project(NOTED + LOST).harness("train", *self.ROLE)
        assert "HRN301" in done.err
        assert "HRN106" not in done.err
        assert "Nothing was sent" not in done.err

    def test_on_this_machine_nothing_is_looked_at(self, project):
        assert "HRN301" not in project(LOST).harness("train").err
