"""What is said below a failure: what of a job on AWS this machine lacks, and which errors the script has."""

import sys
import venv

import pytest

from harness.cli.missing import explanation
from harness.cli.unserved import errors_of_script
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
        ("numpy", "numpy", "scikit-learn pandas numpy joblib"),
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


SAVES = """
import os

def model_fn(model_dir):
    return None

if __name__ == "__main__":
    open(os.environ["SM_MODEL_DIR"] + "/m", "w").close()
"""


@pytest.mark.slow
def test_of_a_server_that_cannot_start_all_is_named_that_it_stands_on(project, bare):
    made = project(SAVES)
    assert made.harness("train", "--job-name", "j").code == 0
    done = made.harness("deploy", "--job", "j", "--endpoint-name", "e", HARNESS_PYTHON=bare)
    assert done.code == 1
    assert done.err.splitlines()[-1] == (
        "flask, gunicorn, gevent, packaging, numpy not installed: deploy and transform cannot run: "
        f"{bare} -m pip install flask gunicorn gevent packaging numpy"
    )


@pytest.mark.parametrize("module", ["packaging", "gunicorn", "numpy"])
def test_of_a_server_a_module_that_is_missing_is_one_of_all_that_it_stands_on(told, bare, module):
    said = f"harness.server listens on http://127.0.0.1:1\nModuleNotFoundError: No module named '{module}'"
    assert told(said, python=bare).endswith(f"{bare} -m pip install flask gunicorn gevent packaging numpy")


def test_of_a_server_nothing_is_said_where_all_is_there_or_in_a_container(told, bare):
    last = "harness.server failed: gevent is too old. Install the server's libraries: pip install …"
    assert told(last, python=sys.executable) is None
    assert told(last, python=bare, on="container") is None
    said = "harness.server listens on http://127.0.0.1:1\nValueError: no"
    assert told(said, python=bare) is None


@pytest.mark.parametrize(("on", "says"), [("container", True), ("localmode", True), ("local", False)])
def test_of_a_container_that_trusts_nobody_it_is_said_what_it_would_trust(told, on, says):
    said = told("Could not fetch URL: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", on=on)
    assert says == bool(said and "PIP_CERT" in said)


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


def test_of_a_module_that_was_not_there_a_warning_stands_below_the_failure_too(project):
    script = "def load():\n    import humanise\n\nopen('lost', 'w')\nfor _ in range(2):\n    load()\n"
    done = project(script).harness("train")
    below = done.err.split("harness lint says of the script:\n")[1].splitlines()
    assert below[0].startswith("src/train.py:2:5: HRN602 warning: humanise cannot be imported in image ")
    assert below[-1] == "1 warning"


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


SERVES = """
def model_fn(model_dir, context, more):
    return None
"""


def told_of_serving(made, capsys, **deploy):
    errors_of_script(load(config_file=made.folder / "harness.toml", flags={"deploy": deploy}, environ={}))
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_of_a_model_that_cannot_be_served_only_errors_that_a_server_meets_are_told(project, capsys):
    trains = f"if __name__ == '__main__':\n    {READS_A_CHANNEL.splitlines()[1]}\n"
    said = told_of_serving(project(f"import os\n{SERVES}{trains}"), capsys)
    assert "src/train.py:3:1: HRN504 error" in said
    assert said.endswith("1 error\n")


@pytest.mark.parametrize("given", [{"source_dir": "serving"}, {"entry_point": "s.py", "source_dir": "serving"}])
def test_the_script_that_is_looked_at_is_the_one_that_serves(project, capsys, given):
    files = {f"serving/{given.get('entry_point', 'train.py')}": SERVES}
    made = project("import os\n" + READS_A_CHANNEL, files=files)
    given = {**given, "source_dir": str(made.folder / given["source_dir"])}
    said = told_of_serving(made, capsys, **given)
    assert "HRN504 error" in said
    assert "src/train.py" not in said


def test_a_script_that_only_serves_is_looked_at_too(tmp_path, capsys):
    (tmp_path / "s.py").write_text(SERVES)
    deploy = {"entry_point": str(tmp_path / "s.py")}
    errors_of_script(load(project_dir=tmp_path, flags={"deploy": deploy}, environ={}))
    assert "HRN504 error" in capsys.readouterr().err
