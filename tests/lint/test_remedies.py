"""What a finding says to do, done: it has to be of use, and must not lead to the next finding."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config import load
from harness.lint import Finding, Severity, lint

Findings = Callable[..., tuple[Finding, ...]]


@pytest.fixture
def found(tmp_path: Path) -> Findings:
    """What lint finds in a script, with settings."""

    def run(script: str, settings: str = 'source_dir = "src"', *, serving: bool = False) -> tuple[Finding, ...]:
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src/train.py").write_text(script)
        entry = "train.py" if "source_dir" in settings else "src/train.py"
        (tmp_path / "harness.toml").write_text(f'entry_point = "{entry}"\n{settings}\n')
        return lint(load(project_dir=tmp_path, flags={}, environ={}), serving=serving).findings

    return run


def write(folder: Path, *names: str) -> None:
    """Empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def ignored_by_git(repository: Path, patterns: str) -> None:
    subprocess.run(["git", "init", "-q", repository], check=True)
    (repository / ".gitignore").write_text(patterns)


def parsing(*options: str) -> str:
    declared = "".join(f"parser.add_argument({each})\n" for each in options)
    return f"import argparse\nparser = argparse.ArgumentParser()\n{declared}args = parser.parse_args()\n"


class TestAnArgumentThatNoHyperparameterSets:
    REQUIRED = parsing('"--s3-reference", required=True')

    def test_is_set_by_one_of_its_flag_s_name_letter_for_letter(self, found: Findings):
        (finding,) = found(self.REQUIRED)
        assert finding.remedy.startswith("Set hyperparameter s3-reference,")

    @pytest.mark.parametrize("option", ['"--s3-reference"', '"-s", "--s3-reference"', '"--s3-reference", dest="other"'])
    def test_and_then_nothing_is_found(self, found: Findings, option: str):
        script = parsing(f"{option}, required=True")
        (finding,) = found(script)
        name = finding.remedy.removeprefix("Set hyperparameter ").partition(",")[0]
        assert not found(script, f'source_dir = "src"\nhyperparameters = {{ {name} = "x" }}')

    def test_all_that_have_defaults_are_one_note_where_the_command_line_is_read(self, found: Findings):
        (finding,) = found(parsing('"--rate", default=0.1', '"--epochs", default=5', '"--data", default="a/b"'))
        assert (finding.rule, finding.line, finding.severity) == ("HRN106", 6, Severity.NOTE)
        assert "--rate 0.1, --epochs 5." in finding.message

    def test_is_what_a_misspelt_one_is_renamed_to(self, found: Findings):
        script = parsing('"--max-depth", default=3').replace(
            "args = parser.parse_args", "args, _ = parser.parse_known_args"
        )
        misspelt = found(script, 'source_dir = "src"\nhyperparameters = { maxdepth = 9 }')
        assert "Rename it to max-depth." in [each.remedy for each in misspelt]


class TestAModuleBesideTheScript:
    SCRIPT = "import steps\n"

    def test_is_shipped_with_source_dir_and_is_no_requirement(self, found: Findings, tmp_path: Path):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/steps.py").touch()
        (finding,) = found(self.SCRIPT, settings="")
        assert (finding.rule, finding.severity) == ("HRN602", Severity.ERROR)
        assert finding.remedy.startswith("Set source_dir")
        assert not found(self.SCRIPT)

    def test_that_is_left_out_of_the_source_has_to_be_in_it(self, found: Findings, tmp_path: Path):
        (tmp_path / "src/steps").mkdir(parents=True)
        (tmp_path / "src/steps/__init__.py").touch()
        (tmp_path / "src/.sagemakerignore").write_text("steps\n")
        (finding,) = found(self.SCRIPT)
        assert ".sagemakerignore" in finding.remedy

    def test_that_git_ignores_is_told_of_by_what_leaves_it_out(self, found: Findings, tmp_path: Path):
        write(tmp_path / "src", "houses/__init__.py", "houses/local_settings.py")
        ignored_by_git(tmp_path, "local_settings.py\n")
        (finding,) = found("from houses.local_settings import RATE\n")
        assert (finding.rule, finding.severity) == ("HRN602", Severity.ERROR)
        assert "houses/local_settings.py is ignored by git" in finding.message
        assert finding.remedy == "Take it out of .gitignore."

    @pytest.mark.parametrize(
        "script",
        [
            "import houses.local_settings",
            "from houses import local_settings",
            "from houses.local_settings import RATE",
            "import houses\nfrom houses import local_settings as local",
        ],
    )
    @pytest.mark.parametrize("beside", ["houses/__init__.py", "houses/prices.py", "README"])
    def test_of_a_package_or_a_mere_folder_is_found_however_it_is_imported(
        self, found: Findings, tmp_path: Path, script: str, beside: str
    ):
        write(tmp_path / "src", beside, "houses/local_settings.py")
        (tmp_path / "src/.sagemakerignore").write_text("local_settings.py\n")
        finding = found(script)[-1]
        assert (finding.rule, finding.severity) == ("HRN602", Severity.ERROR)
        if "import houses\n" not in script:
            assert finding.remedy == "Take it out of .sagemakerignore."

    @pytest.mark.parametrize(
        "init", ["local_settings = 1\n", "from steps import *\n", "def __getattr__(name): return name\n"]
    )
    def test_may_be_no_module_where_its_package_has_such_a_name(self, found: Findings, tmp_path: Path, init: str):
        write(tmp_path / "src", "houses/local_settings.py", "steps.py")
        (tmp_path / "src/houses/__init__.py").write_text(init)
        (tmp_path / "src/.sagemakerignore").write_text("local_settings.py\n")
        assert not found("from houses import local_settings\n")

    @pytest.mark.parametrize("script", ["import houses.secret.keys", "from houses.secret.keys import KEY"])
    def test_is_told_of_once_where_its_whole_package_is_left_out(self, found: Findings, tmp_path: Path, script: str):
        write(tmp_path / "src", "houses/__init__.py", "houses/secret/__init__.py", "houses/secret/keys.py")
        (tmp_path / "src/.sagemakerignore").write_text("secret/\n")
        (finding,) = found(f"{script}\n")
        assert finding.message.startswith("houses.secret cannot be imported: houses/secret/ is named in ")

    def test_may_be_brought_by_the_script(self, found: Findings, tmp_path: Path):
        write(tmp_path / "src", "houses/__init__.py", "houses/local_settings.py")
        (tmp_path / "src/.sagemakerignore").write_text("local_settings.py\n")
        (finding,) = found("import shutil\nshutil.unpack_archive('x.zip')\nimport houses.local_settings\n")
        assert finding.severity == Severity.WARNING

    def test_is_not_what_a_library_has_left_in_a_folder_of_its_name(self, found: Findings, tmp_path: Path):
        write(tmp_path / "src", "wandb/run.log")
        (tmp_path / "src/.sagemakerignore").write_text("wandb/\n")
        (finding,) = found("import wandb\n")
        assert finding.remedy.startswith("Name it in requirements.txt")

    def test_another_is_a_requirement(self, found: Findings):
        (finding,) = found(self.SCRIPT, settings="")
        assert "requirements.txt" in finding.remedy


class TestAFileAmongTheCheckpoints:
    SCRIPT = 'import os\nos.makedirs("/opt/ml/checkpoints", exist_ok=True)\nopen("/opt/ml/checkpoints/3.txt", "w")\n'

    def test_is_kept_by_checkpoint_s3_uri(self, found: Findings):
        (finding,) = found(self.SCRIPT)
        assert (finding.rule, finding.severity) == ("HRN301", Severity.WARNING)
        assert finding.remedy.startswith("Set checkpoint_s3_uri")
        assert not found(self.SCRIPT, 'source_dir = "src"\ncheckpoint_s3_uri = "checkpoints"')

    def test_cannot_be_written_where_nobody_makes_the_folder(self, found: Findings):
        (finding,) = found(self.SCRIPT.replace("makedirs", "fspath").replace(", exist_ok=True", ""))
        assert (finding.severity, finding.remedy[:23]) == (Severity.ERROR, "Set checkpoint_s3_uri: ")

    def test_goes_where_the_job_s_checkpoints_are(self, found: Findings):
        settings = 'checkpoint_s3_uri = "checkpoints"\ncheckpoint_local_path = "/opt/ml/points"'
        (finding,) = found(self.SCRIPT, f'source_dir = "src"\n{settings}')
        assert finding.remedy.startswith("Write to /opt/ml/points,")


SERVES = "\ndef model_fn(model_dir):\n    return 1\n"


class TestDataThatIsReadWhereTheServerImports:
    READ = 'import os\nROWS = open(os.path.join(os.environ.get("SM_CHANNEL_TRAIN", "/opt/ml/input/data/train"), "a"))\n'
    CHANNEL = 'source_dir = "src"\n[channels]\ntrain = "data/train"'

    def test_is_an_error_with_serving(self, found: Findings):
        (finding,) = found(self.READ + SERVES, self.CHANNEL, serving=True)
        assert (finding.rule, finding.line, finding.severity) == ("HRN501", 2, Severity.ERROR)

    def test_is_an_error_as_well_where_none_is_taken_for_its_path(self, found: Findings):
        script = self.READ.replace(', "/opt/ml/input/data/train"', "") + SERVES
        (finding,) = found(script, self.CHANNEL, serving=True)
        assert (finding.rule, finding.severity) == ("HRN501", Severity.ERROR)
        assert "TypeError" in finding.message

    def test_is_a_warning_without(self, found: Findings):
        (finding,) = found(self.READ + SERVES, self.CHANNEL)
        assert (finding.rule, finding.severity) == ("HRN501", Severity.WARNING)

    @pytest.mark.parametrize(
        "guarded",
        [
            'if os.path.exists("/opt/ml/input/data/train"):\n    {}',
            "try:\n    {}\nexcept OSError:\n    pass",
            "def read():\n    {}",
        ],
    )
    def test_is_none_where_the_import_gets_past_it(self, found: Findings, guarded: str):
        script = "import os\n" + guarded.format(self.READ.splitlines()[1]) + SERVES
        assert not found(script, self.CHANNEL, serving=True)


class TestAFileThatTheServerReads:
    def reads(self, path: str) -> str:
        imports = "import json, os, tarfile\nfrom pathlib import Path\n"
        return f"{imports}\ndef model_fn(model_dir):\n    return json.load(open({path}))\n"

    def test_is_an_error_with_serving_and_a_warning_without(self, found: Findings):
        for serving, severity in ((True, Severity.ERROR), (False, Severity.WARNING)):
            (finding,) = found(self.reads('"model/model.json"'), serving=serving)
            assert (finding.rule, finding.line, finding.severity) == ("HRN507", 5, severity)

    def test_from_beside_the_script_is_found_by_its_own_place(self, found: Findings, tmp_path: Path):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/words.json").write_text("{}")
        (finding,) = found(self.reads('"words.json"'), serving=True)
        assert "Path(__file__).parent" in finding.remedy
        assert not found(self.reads('Path(__file__).parent / "words.json"'), serving=True)

    @pytest.mark.parametrize(
        "path",
        [
            'os.path.join(model_dir, "model.json")',
            'os.path.join(os.environ["SM_MODEL_DIR"], "model.json")',
            'os.environ.get("SM_MODEL_DIR", "model") + "/model.json"',
            '"/opt/ml/model/model.json"',
            "unknown()",
        ],
    )
    def test_is_there_below_the_model_s_folder_however_that_is_named(self, found: Findings, path: str):
        assert not found(self.reads(path), serving=True)

    @pytest.mark.parametrize(
        "made", ["os.chdir(model_dir)", 'tarfile.open("a.tgz").extractall()', 'open("model.json", "w").write("1")']
    )
    def test_may_be_there_where_the_server_makes_it(self, found: Findings, made: str):
        script = self.reads('"model.json"').replace("    return", f"    {made}\n    return")
        assert "HRN507" not in {each.rule for each in found(script, serving=True)}

    def test_that_training_cannot_read_either_is_told_once(self, found: Findings):
        script = self.reads('"model/model.json"') + 'if __name__ == "__main__":\n    model_fn("model")\n'
        assert [each.rule for each in found(script, serving=True)] == ["HRN305"]


class TestAFunctionThatAsksTheKeyboard:
    ASKS = "def ask():\n    return input()\n"

    def test_is_nothing_where_nothing_speaks_of_it(self, found: Findings):
        assert not found(self.ASKS)

    @pytest.mark.parametrize(
        "rest", ["if len(__file__) > 3:\n    ask()\n", "table = {1: ask}\n", "globals()['ask']()\n"]
    )
    def test_is_a_warning_where_something_does(self, found: Findings, rest: str):
        (finding,) = found(self.ASKS + rest)
        assert (finding.rule, finding.severity) == ("HRN403", Severity.WARNING)

    @pytest.mark.parametrize("name", ["predict_fn", "__getattr__"])
    def test_is_a_warning_where_somebody_else_calls_it(self, found: Findings, name: str):
        assert found(self.ASKS.replace("ask", name))


class TestAHandlerOfSigterm:
    HANDLES = "import signal\nsignal.signal(signal.SIGTERM, print)\n"
    KEEPS = 'source_dir = "src"\ncheckpoint_s3_uri = "s3://bucket/steps"'

    def test_is_told_of_the_setting_that_keeps_checkpoints(self, found: Findings):
        (finding,) = found(self.HANDLES)
        assert "with checkpoint_s3_uri set" in finding.remedy

    def test_is_told_of_the_folder_that_this_job_keeps(self, found: Findings):
        (finding,) = found(self.HANDLES, f'{self.KEEPS}\ncheckpoint_local_path = "/tmp/steps"')
        assert finding.remedy.startswith("Write checkpoints as you go, to /tmp/steps,")

    def test_is_told_nothing_that_the_script_does_already(self, found: Findings):
        (finding,) = found(f'{self.HANDLES}open("/opt/ml/checkpoints/step.txt", "w")\n', self.KEEPS)
        assert finding.remedy.startswith("Leave it out,")


class TestAFileThatIsLeftOut:
    @pytest.mark.parametrize(
        ("script", "left_out"),
        [
            ("open('data/x.csv')\n", "data/x.csv is ignored by git"),
            ("import os\nos.listdir('cache')\n", "cache/ is ignored by git"),
            ("open('cache/x.csv')\n", "cache/ is ignored by git"),
            ("import glob\nprint(glob.glob('data/*.csv'))\n", "data/x.csv is ignored by git"),
        ],
    )
    def test_is_to_be_taken_out_of_what_ignores_it(self, found: Findings, tmp_path: Path, script: str, left_out: str):
        write(tmp_path / "src", "data/x.csv", "data/x.txt", "cache/x.csv")
        ignored_by_git(tmp_path, "*.csv\ncache/\n")
        (finding,) = found(script)
        assert finding.rule == "HRN305"
        assert f"{left_out}, and is not shipped" in finding.message
        assert finding.remedy.startswith("Take it out of .gitignore, or give it as a channel")

    def test_of_a_folder_that_nobody_sends_has_to_lie_elsewhere(self, found: Findings, tmp_path: Path):
        write(tmp_path / "src", ".venv/x.csv")
        (finding,) = found("open('.venv/x.csv')\n")
        assert ".venv/ is never sent" in finding.message
        assert finding.remedy.startswith("Put it into another folder of source_dir, or")
