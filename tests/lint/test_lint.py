"""What lint reads, and what it makes of it, apart from single rules."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config import load
from harness.errors import ConfigurationError
from harness.lint import Report, Severity, job, lint, modules

Lint = Callable[..., Report]


@pytest.fixture
def linted(tmp_path: Path) -> Lint:
    """Lint a script, with further files and settings."""

    def run(script: str, files: dict[str, str] | None = None, settings: str = "", **options: bool) -> Report:
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src/train.py").write_text(script)
        for name, text in (files or {}).items():
            path = tmp_path / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "harness.toml").write_text(
            f'entry_point = "train.py"\nsource_dir = "src"\n{settings}\n[channels]\ntrain = "data/train"\n'
        )
        return lint(load(project_dir=tmp_path, flags={}, environ={}), **options)

    return run


def rules(report: Report) -> list[str]:
    return [each.rule for each in report.findings]


MISSING = 'import os\nprint(os.environ["SM_CHANNEL_TEST"])\n'


class TestWhatIsRead:
    def test_an_imported_module_is_read_and_named(self, linted: Lint):
        (finding,) = linted("import data\n", {"data.py": MISSING}).findings
        assert (finding.path, finding.line, finding.column) == ("data.py", 2, 7)

    def test_a_column_is_counted_in_characters(self, linted: Lint):
        (finding,) = linted('import os\nprint("äöü🦆", os.environ["SM_CHANNEL_TEST"])\n').findings
        assert finding.column == 15

    def test_what_nothing_imports_is_not(self, linted: Lint):
        assert rules(linted("print(1)\n", {"data.py": MISSING})) == []

    @pytest.mark.parametrize(
        "statement", ["from parts import data", "import parts.data", "from parts.data import x", "from parts import x"]
    )
    def test_modules_of_packages_are_found(self, linted: Lint, statement: str):
        files = {"parts/__init__.py": "from .data import x\n", "parts/data.py": f"{MISSING}x = 1\n"}
        assert rules(linted(f"{statement}\n", files)) == ["HRN201"]

    def test_modules_that_import_each_other_are_read_once(self, linted: Lint):
        assert rules(linted("import a\n", {"a.py": f"import b\n{MISSING}", "b.py": "import a\n"})) == ["HRN201"]

    def test_nothing_is_imported_or_run(self, linted: Lint, tmp_path: Path):
        linted(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(3)\n")
        assert not (tmp_path / "ran").exists()

    def test_a_source_without_end_is_cut_off_and_says_so(self, linted: Lint, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(modules, "MOST_MODULES", 3)
        files = {f"m{number}.py": f"import m{number + 1}\n" for number in range(6)}
        assert "HRN902" in rules(linted("import m0\n", files))

    def test_a_file_that_is_too_large_is_named(self, linted: Lint, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(modules, "LARGEST", 10)
        (finding,) = linted("x = 1\n", {}).findings or linted("print('a longer one')\n").findings
        assert "bytes" in finding.message

    @pytest.mark.parametrize(
        "content", [b"\xff\xfe\x00", b"x = 1\0", b"(" * 5000, b"\xef\xbb\xbfprint(\n"], ids=range(4)
    )
    def test_a_file_that_is_no_python_is_a_finding_with_a_line(self, linted: Lint, tmp_path: Path, content: bytes):
        linted("print(1)\n")
        (tmp_path / "src/train.py").write_bytes(content)
        (finding,) = lint(load(project_dir=tmp_path, flags={}, environ={})).findings
        assert (finding.rule, finding.severity) == ("HRN001", Severity.ERROR)
        assert finding.line >= 1

    def test_syntax_that_a_newer_image_may_know_is_no_error(self, linted: Lint):
        (finding,) = linted("type Row = list[float] = 1\n", settings='framework_version = "1.9-0"').findings
        newer = sys.version_info < (3, 12)
        assert finding.severity == (Severity.WARNING if newer else Severity.ERROR)

    @pytest.mark.parametrize(
        "script",
        [
            "x = " + " + ".join(["'a'"] * 3000),
            "x = 1\nif x == 0:\n    pass\n" + "elif x == 1:\n    pass\n" * 600,
            "x = a" + ".b()" * 500,
            "".join(f"def f{n}(): f{n + 1}()\n" for n in range(1500)) + "f0()",
        ],
        ids=["a long sum", "many elifs", "a long chain", "many functions"],
    )
    def test_what_a_program_has_written_is_survived(self, linted: Lint, script: str):
        assert linted(f"import argparse\n{script}\n{MISSING}").findings

    def test_a_byte_order_mark_is_no_syntax_of_a_newer_python(self, linted: Lint, tmp_path: Path):
        linted("print(1)\n", settings='framework_version = "1.2-1"')
        (tmp_path / "src/train.py").write_bytes(b"\xef\xbb\xbfprint(1)\n")
        assert rules(lint(load(project_dir=tmp_path, flags={}, environ={}))) == []

    def test_without_a_script_there_is_nothing_to_look_at(self, tmp_path: Path):
        with pytest.raises(ConfigurationError, match="entry_point"):
            lint(load(project_dir=tmp_path, flags={}, environ={}))

    def test_a_shell_script_is_not_parsed(self, tmp_path: Path):
        (tmp_path / "src").mkdir()
        (tmp_path / "src/train.sh").write_text("if then\n")
        (tmp_path / "harness.toml").write_text('entry_point = "train.sh"\nsource_dir = "src"\n')
        assert rules(lint(load(project_dir=tmp_path, flags={}, environ={}))) == []

    def test_neither_role_nor_region_is_needed_for_a_job_on_aws(self, linted: Lint):
        assert rules(linted(MISSING, settings='on = "remote"')) == ["HRN201"]


class TestHowBadItIs:
    @pytest.mark.parametrize(
        ("script", "severity"),
        [
            ('print(os.environ["SM_CHANNEL_TEST"])', "error"),
            ('if __name__ == "__main__":\n    print(os.environ["SM_CHANNEL_TEST"])', "error"),
            ('def main():\n    print(os.environ["SM_CHANNEL_TEST"])\nmain()', "error"),
            ('class A:\n    x = os.environ["SM_CHANNEL_TEST"]', "error"),
            ('with open(os.devnull):\n    print(os.environ["SM_CHANNEL_TEST"])', "error"),
            ('def main():\n    print(os.environ["SM_CHANNEL_TEST"])\nsteps = [main]', "warning"),
            ('if len(os.environ) > 3:\n    print(os.environ["SM_CHANNEL_TEST"])', "warning"),
            ('for x in []:\n    print(os.environ["SM_CHANNEL_TEST"])', "warning"),
            ('x = lambda: os.environ["SM_CHANNEL_TEST"]', "warning"),
            ('x = 1 or os.environ["SM_CHANNEL_TEST"]', "warning"),
            ('x = [os.environ["SM_CHANNEL_TEST"] for y in ()]', "warning"),
            ('def main():\n    if x:\n        return\n    print(os.environ["SM_CHANNEL_TEST"])\nmain()', "warning"),
            ('import sys\nif os.name:\n    sys.exit()\nprint(os.environ["SM_CHANNEL_TEST"])', "warning"),
            ('import sys\nsys.exit()\nprint(os.environ["SM_CHANNEL_TEST"])', "warning"),
            ('if __name__ == "__main__":\n    pass\nelse:\n    print(os.environ["SM_CHANNEL_TEST"])', "warning"),
        ],
    )
    def test_an_error_is_only_what_the_script_cannot_get_past(self, linted: Lint, script: str, severity: str):
        (finding,) = linted(f"import os\n{script}\n").findings
        assert (finding.rule, finding.severity) == ("HRN201", severity)

    def test_a_function_that_another_module_calls_is_followed(self, linted: Lint):
        report = linted(
            "from data import read\nread()\n", {"data.py": f"import os\n\ndef read():\n    {MISSING.splitlines()[1]}\n"}
        )
        assert report.count(Severity.ERROR) == 1


def test_a_variable_that_the_script_gives_a_default_is_no_error_where_it_is_read(linted: Lint):
    reads = 'os.environ.setdefault("SM_CHANNEL_TEST", "data/test")\nprint(os.environ["SM_CHANNEL_TEST"])\n'
    (finding,) = linted(f"import os\n{reads}").findings
    assert (finding.line, finding.severity) == (2, Severity.WARNING)


class TestAVariableOfThisMachine:
    READS = 'os.environ["GEO_API_KEY"]\n'

    def test_is_not_there(self, linted: Lint):
        (finding,) = linted(f"import os\n{self.READS}").findings
        assert (finding.rule, finding.line, finding.severity) == ("HRN202", 2, Severity.ERROR)
        assert finding.message.startswith("GEO_API_KEY is not set")

    def test_may_be_set_by_a_library_that_the_job_installs(self, linted: Lint):
        report = linted(f"import os\n{self.READS}", {"requirements.txt": "pytorch-lightning\n"})
        assert [(each.rule, each.severity) for each in report.findings] == [("HRN202", Severity.WARNING)]

    def test_that_is_passed_to_jobs_here_is_not_there_on_aws(self, linted: Lint):
        (finding,) = linted(f"import os\n{self.READS}", settings='pass_environment = ["GEO_API_KEY"]').findings
        assert "pass_environment is for jobs on this machine alone" in finding.message

    @pytest.mark.parametrize(
        "before",
        [
            "import dotenv\ndotenv.load_dotenv()\n",
            "os.environ.update(json.load(open('a.json')))\n",
            "os.environ |= {}\n",
            "for name in []:\n    os.environ[name] = 'x'\n",
            "for name in []:\n    os.environ.setdefault(name, 'x')\n",
            "def fill(table): table['GEO_API_KEY'] = 'x'\nfill(os.environ)\n",
            "from os import environ\nmine = environ\n",
        ],
    )
    def test_may_be_set_by_what_does_not_name_it(self, linted: Lint, before: str):
        assert "HRN202" not in rules(linted(f"import json, os\n{before}{self.READS}"))

    @pytest.mark.parametrize("before", ["print(len(os.environ.items()))", "copy = os.environ.copy()"])
    def test_is_not_set_by_a_look_at_the_others(self, linted: Lint, before: str):
        assert rules(linted(f"import os\n{before}\n{self.READS}")) == ["HRN202"]

    def test_is_nothing_to_speak_of_where_it_may_not_be_read(self, linted: Lint):
        assert rules(linted(f"import os, sys\nif len(sys.argv) > 1:\n    {self.READS}")) == []

    @pytest.mark.parametrize(
        "name", ["PATH", "USER", "AWS_ACCESS_KEY_ID", "HTTPS_PROXY", "no_proxy", "OMP_NUM_THREADS"]
    )
    def test_may_be_the_container_s_as_well(self, linted: Lint, name: str):
        assert rules(linted(f"import os\nos.environ[{name!r}]\n")) == []

    def test_may_be_in_an_image_of_one_s_own(self, linted: Lint):
        image = 'image_uri = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:1"'
        assert rules(linted(f"import os\n{self.READS}", settings=image)) == []


def test_no_credential_is_told_of_which_a_finding_would_speak(linted: Lint):
    script = (
        "import argparse\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--pass_token', type=int)\nparser.parse_args()\n"
    )
    report = linted(script, settings='hyperparameters = { api_key = "hunter22", pass_token = "-hunter22" }')

    assert {"HRN105", "HRN108"} <= set(rules(report))
    assert "hunter22" not in str(report.findings)
    assert "--api_key (redacted)" in str(report.findings)


@pytest.mark.parametrize(
    "goes_on",
    [
        "shutil.copy2('a.txt', os.environ['SM_MODEL_DIR'])",
        "os.replace('a.txt', os.environ['SM_MODEL_DIR'] + '/a.txt')",
        "pathlib.Path('a.txt').rename(os.environ['SM_MODEL_DIR'] + '/a.txt')",
        "tarfile.open(os.environ['SM_MODEL_DIR'] + '/a.tgz', 'w:gz').add('a.txt')",
        "boto3.client('s3').upload_file('a.txt', 'bucket', 'key')",
        "boto3.client('s3').upload_file(Filename='a.txt', Bucket='bucket', Key='key')",
    ],
)
def test_a_file_that_goes_on_to_somewhere_else_is_not_lost(linted: Lint, goes_on: str):
    writes = "import boto3, os, pathlib, shutil, tarfile\nopen('a.txt', 'w')\n"

    assert "HRN301" in rules(linted(writes + goes_on.replace("a.txt", "b.txt")))
    assert rules(linted(writes + goes_on)) == []


class TestIgnoring:
    def line(self, comment: str) -> str:
        return f'import os\nprint(os.environ["SM_CHANNEL_TEST"])  {comment}\n'

    @pytest.mark.parametrize(
        "comment",
        ["# harness: ignore[HRN201]", "#harness:ignore[ HRN201 ]", "# noqa  # harness: ignore[HRN201]"],
    )
    def test_a_comment_silences_the_rule_that_it_names(self, linted: Lint, comment: str):
        assert rules(linted(self.line(comment))) == []

    def test_it_silences_nothing_else(self, linted: Lint):
        assert rules(linted(self.line("# harness: ignore[HRN301]"))) == ["HRN201", "HRN901"]

    @pytest.mark.parametrize("comment", ["# harness: ignore[HRN101]", "# harness: ignore[XYZ]", "# harness: ignore"])
    def test_one_that_silences_nothing_is_a_finding_itself(self, linted: Lint, comment: str):
        (finding,) = linted(f"x = 1  {comment}\n").findings
        assert (finding.rule, finding.line, finding.severity) == ("HRN901", 1, Severity.WARNING)

    def test_each_of_several_has_to_be_of_use(self, linted: Lint):
        (finding,) = linted(self.line("# harness: ignore[HRN201, HRN101]")).findings
        assert finding.message == "Nothing is found here by HRN101."

    def test_text_that_looks_like_a_comment_is_none(self, linted: Lint):
        assert rules(linted('x = "# harness: ignore[HRN201]"\n')) == []


def test_a_script_of_a_thousand_lines_and_a_tree_of_others_are_no_matter(linted: Lint, tmp_path: Path):
    many = "".join(f"def f{number}(x):\n    return [y + {number} for y in x if y]\n\n" for number in range(400))
    assert rules(linted(many, {f"unused/m{number}.py": "x = (\n" for number in range(300)})) == []


PICKLES_ITS_OWN = """
import os, pickle
class Model: pass
def model_fn(model_dir):
    return pickle.load(open(os.path.join(model_dir, "model.pkl"), "rb"))
if __name__ == "__main__":
    pickle.dump(Model(), open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pkl"), "wb"))
"""


class TestWhatServesPerhaps:
    """Nobody has said `--serving`; training ends well, whatever becomes of its model."""

    def test_a_script_with_a_model_fn_is_warned_of_what_fails_in_the_server(self, linted: Lint):
        (finding,) = linted(PICKLES_ITS_OWN).findings
        assert (finding.rule, finding.severity) == ("HRN505", Severity.WARNING)

    def test_with_serving_it_is_an_error(self, linted: Lint):
        (finding,) = linted(PICKLES_ITS_OWN, serving=True).findings
        assert (finding.rule, finding.severity) == ("HRN505", Severity.ERROR)

    def test_without_a_model_fn_nobody_serves(self, linted: Lint):
        assert rules(linted(PICKLES_ITS_OWN.replace("model_fn", "load"))) == []

    def test_a_script_that_is_configured_to_serve_is_looked_at(self, linted: Lint):
        settings = '[deploy]\nentry_point = "serve.py"\n'
        (finding,) = linted("print(1)\n", {"serve.py": "import os\n"}, settings).findings
        assert (finding.path, finding.rule, finding.severity) == ("serve.py", "HRN502", Severity.WARNING)


class TestTheImagesModules:
    @pytest.mark.parametrize(
        ("line", "script"),
        [
            ("imbalanced-learn", "import imblearn"),
            ("scikit-optimize[plots]; python_version > '3.8'", "import skopt"),
            ("ruamel.yaml==0.18", "from ruamel import yaml"),
            ("PyJWT", "import jwt"),
        ],
    )
    def test_a_requirement_is_known_by_what_it_is_imported_as(self, linted: Lint, line: str, script: str):
        assert rules(linted(f"{script}\n", {"requirements.txt": f"{line}\n"})) == []

    @pytest.mark.parametrize("line", ["-e git+https://example.com/thing.git", "-r more.txt", "./wheels/thing.whl"])
    def test_what_a_requirement_without_a_name_brings_is_not_guessed_at(self, linted: Lint, line: str):
        shipped = {"requirements.txt": f"{line}\n", "more.txt": "thing\n", "wheels/thing.whl": ""}
        assert rules(linted("import thing\n", shipped)) == []

    @pytest.mark.parametrize(
        ("line", "named"),
        [
            ("numpy @ file:///croot/numpy_1/work", "/croot/numpy_1/work"),
            ("-e ../mine[extra]", "../mine"),
            ("-e mine", "mine"),
            ("--requirement=../base.txt", "../base.txt"),
            ("/home/me/mine.whl --no-deps", "/home/me/mine.whl"),
            ("file:///home/me/mine.whl", "/home/me/mine.whl"),
        ],
    )
    def test_a_requirement_that_is_a_path_is_told_by_it(self, linted: Lint, line: str, named: str):
        (finding,) = linted("print(1)\n", {"requirements.txt": f"# ours\n{line}\n"}).findings
        assert (finding.rule, finding.line, finding.severity) == ("HRN606", 2, Severity.ERROR)
        assert f" {named} " in finding.message

    @pytest.mark.parametrize(
        "line", ["six", "-e git+https://a.example/b@v1", "mine @ https://a.example/b.whl", "# ../x", "-c", "-e ."]
    )
    def test_any_other_is_not(self, linted: Lint, line: str):
        assert rules(linted("print(1)\n", {"requirements.txt": f"{line}\n"})) == []

    def test_an_index_to_look_at_brings_nothing(self, linted: Lint):
        (finding,) = linted("import thing\n", {"requirements.txt": "--no-binary :all:\n"}).findings
        assert (finding.rule, finding.severity) == ("HRN602", Severity.ERROR)

    @pytest.mark.parametrize(
        "call",
        [
            'subprocess.check_call([sys.executable, "-m", "pip", "install", "thing"])',
            'os.system("pip install thing")',
            'pip.main(["install", "thing"])',
        ],
    )
    def test_a_script_that_installs_something_itself_may_have_installed_it(self, linted: Lint, call: str):
        assert rules(linted(f"import os, pip, subprocess, sys\n{call}\nimport thing\n")) == []

    def test_a_script_that_prints_something_has_installed_nothing(self, linted: Lint):
        assert rules(linted('print("a pip in an apple")\nimport thing\n')) == ["HRN602"]

    def test_an_older_scikit_learn_may_be_asked_for(self, linted: Lint):
        script = "from sklearn.externals import joblib\n"
        assert rules(linted(script)) == ["HRN602"]
        assert rules(linted(script, {"requirements.txt": "scikit-learn<0.23\n"})) == []

    def test_the_standard_library_is_the_image_s_and_not_of_the_python_that_lints(self, linted: Lint, monkeypatch):
        later = frozenset(sys.stdlib_module_names) - {"distutils", "imp", "cgi"}
        for names in (later, later | {"distutils", "imp", "cgi"}):
            monkeypatch.setattr(sys, "stdlib_module_names", names)
            found = linted("import cgi\nimport distutils.util\nimport imp\n").findings
            assert [(each.rule, each.line) for each in found] == [("HRN602", 3)]


@pytest.mark.parametrize(
    ("asks", "line", "found"),
    [
        ("os.path.isdir('/opt/ml/checkpoints')", "open('/opt/ml/checkpoints/x', 'w')", []),
        ("os.path.isdir('/opt/ml/checkpoints')", "shutil.copy('/tmp/x', '/opt/ml/checkpoints')", []),
        ("os.path.isdir('/opt/ml')", "open('/opt/ml/checkpoints/x', 'w')", ["HRN301"]),
        ("pathlib.Path('/opt/ml/processing').is_dir()", "open('/opt/ml/processing/x', 'w')", []),
        ("os.path.isdir('steps')", "open('steps/x', 'w')", []),
        ("not os.path.exists('x.csv')", "open('x.csv', 'w')", ["HRN301"]),
        ("os.path.isdir('/mnt')", "open('/mnt/data/x.csv')", ["HRN302"]),
        ("os.path.isdir('/mnt/data')", "open('/mnt/data/x.csv')", []),
    ],
)
def test_what_a_script_does_in_a_folder_that_it_looks_for_it_does_where_that_is(
    linted: Lint, asks: str, line: str, found: list[str]
):
    assert rules(linted(f"import os, pathlib, shutil\nif {asks}:\n    {line}\n")) == found


class TestAFileOfThisMachine:
    @pytest.mark.parametrize(
        ("script", "severity"),
        [
            ('open("/home/me/project/x.csv", "w")', Severity.ERROR),
            ('open("/mnt/x.csv", "w")', Severity.WARNING),
            ('os.makedirs("/home/me/project", exist_ok=True)\nopen("/home/me/project/x.csv", "w")', Severity.WARNING),
            ('open(os.path.expanduser("~/x.csv"), "w")', Severity.WARNING),
            ('open(os.path.expanduser("~/project/x.csv"), "w")', Severity.ERROR),
        ],
    )
    def test_cannot_be_written_where_there_is_no_folder_and_is_lost_otherwise(
        self, linted: Lint, script: str, severity: Severity
    ):
        (finding,) = linted(f"import os\n{script}\n").findings
        assert (finding.rule, finding.severity) == ("HRN302", severity)

    @pytest.mark.parametrize("name", ["data/x.csv", "src/x.csv", "../x.csv"])
    def test_may_be_the_project_s_own_wherever_that_lies(self, linted: Lint, tmp_path: Path, name: str):
        project = tmp_path / "repository/project"
        (project / "src").mkdir(parents=True)
        subprocess.run(["git", "init", "-q", project.parent], check=True)
        (project / "src/train.py").write_text(f"open({str(project / name)!r})\n")
        (project / "src/x.csv").touch()
        (project / "harness.toml").write_text('entry_point = "train.py"\nsource_dir = "src"\n')
        (finding,) = lint(load(project_dir=project, flags={}, environ={})).findings
        assert (finding.rule, finding.severity) == ("HRN302", Severity.ERROR)
        assert ("Path(__file__)" in finding.remedy) == (name == "src/x.csv")

    @pytest.mark.parametrize(
        "script",
        [
            "if os.path.isdir('{0}'):\n    open('{0}/x.csv')",
            "os.makedirs('{0}/data')\nopen('{0}/data/x.csv')",
            "open('{0}/x.csv', 'w').close()\nopen('{0}/x.csv')  # the first one is told of",
        ],
    )
    @pytest.mark.parametrize("folder", ["/workspaces/mine", "/content"])
    def test_is_not_told_of_where_the_script_asks_or_makes_it(self, linted: Lint, script: str, folder: str):
        found = linted("import os\n" + script.format(folder)).findings
        assert [each.line for each in found] == ([2] if "told" in script else [])

    def test_may_be_in_an_image_of_one_s_own(self, linted: Lint, tmp_path: Path):
        script, image = f"open('/content/x.csv')\nopen('{tmp_path}/x.csv')\n", "mine.example/mine:1"
        assert rules(linted(script)) == ["HRN302", "HRN302"]
        assert rules(linted(script, settings=f'image_uri = "{image}"')) == []

    @pytest.mark.parametrize("folder", ["/", "/tmp", "/root", "/opt/ml/code", "/usr/src/app"])
    def test_is_none_where_the_image_may_have_the_project_s_folder_too(self, folder: str):
        assert job._may_be_in_an_image(Path(folder))

    def test_that_was_written_is_not_told_of_again_where_it_is_read(self, linted: Lint):
        script = 'open("/home/me/x.csv", "w")\nopen("/home/me/x.csv")\n'
        assert [each.line for each in linted(script).findings] == [1]
