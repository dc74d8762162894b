"""What is said beside a failure for want of a package that the image has: which, and the command that mends it."""

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


def test_nothing_is_said_where_there_is_no_log(tmp_path):
    assert explanation(load(project_dir=tmp_path, flags={}, environ={}), tmp_path / "log.txt") is None


def test_the_command_line_says_it_below_the_failure(project, bare):
    done = project("import joblib").harness("train", HARNESS_PYTHON=bare)
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith(f"The image has joblib, and {bare} has not: ")
