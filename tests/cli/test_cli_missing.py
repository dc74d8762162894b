"""What is said below a failure: what of a job on AWS this machine lacks, and which errors the script has."""

import sys
import venv

import pytest

from harness.cli.missing import explanation
from harness.config import load


@pytest.fixture
def bare(tmp_path):
    """An interpreter that has nothing installed."""
    venv.create(tmp_path / "bare", symlinks=True)
    return str(tmp_path / "bare" / "bin" / "python")


@pytest.fixture
def told(tmp_path):
    """What is said of a log."""

    def tell(last_line, **flags):
        log = tmp_path / "log.txt"
        log.write_text(f"algo-1 | Traceback (most recent call last):\nalgo-1 | {last_line}\n")
        return explanation(load(project_dir=tmp_path, flags=flags, environ={}), log)

    return tell


@pytest.mark.parametrize(
    ("module", "found", "absent"),
    [
        ("sklearn", "scikit-learn", "scikit-learn pandas numpy joblib"),
        ("joblib", "joblib", "scikit-learn pandas numpy joblib"),
        ("yaml.nodes", "pyyaml", "pyyaml"),
    ],
)
def test_a_package_of_the_image_is_named_with_the_command_that_installs_it(told, bare, module, found, absent):
    said = told(f"ModuleNotFoundError: No module named '{module}'", python=bare)
    assert said.startswith(f"The image has {found}, and {bare} has not: {bare} -m pip install {absent} (")


@pytest.mark.parametrize("module", ["helper", "torch"])
def test_nothing_is_said_of_what_the_image_has_not_either(told, bare, module):
    assert told(f"ModuleNotFoundError: No module named '{module}'", python=bare) is None


def test_nothing_is_said_of_what_is_installed(told):
    assert told("ModuleNotFoundError: No module named 'numpy.gone'", python=sys.executable) is None


def test_nothing_is_said_of_another_failure_or_another_image(told, bare):
    assert told("ValueError: no", python=bare) is None
    mine = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
    assert told("ModuleNotFoundError: No module named 'joblib'", python=bare, image_uri=mine) is None


def test_of_a_script_that_finds_no_credentials_it_is_said_how_it_gets_them(told):
    said = told("botocore.exceptions.NoCredentialsError: Unable to locate credentials")
    assert 'pass_environment = ["AWS_PROFILE"]' in said


def test_of_packages_nothing_is_said_on_another_target(told, bare):
    assert told("ModuleNotFoundError: No module named 'joblib'", python=bare, on="container") is None


def test_nothing_is_said_where_there_is_no_log(tmp_path):
    assert explanation(load(project_dir=tmp_path, flags={}, environ={}), tmp_path / "log.txt") is None


def test_the_command_line_says_it_below_the_failure(project, bare):
    done = project("import joblib").harness("train", HARNESS_PYTHON=bare)
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith(f"The image has joblib, and {bare} has not: ")


READS_A_CHANNEL = "import os\nos.environ['SM_CHANNEL_TRAINING']\n"


def test_errors_that_lint_finds_stand_below_the_failure_and_nothing_that_is_none(project):
    done = project(READS_A_CHANNEL + "open('lost', 'w')\n").harness("train")
    assert done.code == 1
    below = done.err.split("harness lint says of the script:\n")[1].splitlines()
    assert below[0].startswith("src/train.py:2:1: HRN201 error: SM_CHANNEL_TRAINING is not set")
    assert below[-1] == "1 error"


def test_a_script_that_lint_finds_nothing_in_is_not_spoken_of(project):
    done = project("raise SystemExit(3)").harness("train")
    assert done.code == 1
    assert "lint" not in done.err


def test_the_configured_script_is_not_blamed_for_a_document_s(project):
    made = project(READS_A_CHANNEL, files={"src/other.py": "1 / 0"})
    request = made.here("plan", "--entry-point", "other.py").out
    done = made.harness("train", "--request", "-", stdin=request)
    assert done.code == 1
    assert "HRN201" not in done.err
