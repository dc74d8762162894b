"""requirements.txt and setup.py: environments of their own, built once, found again. Nothing comes from an index."""

import json
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from harness.engine.interpreter import Interpreter, check, interpreter, made_to_order
from harness.engine.requirements import environment
from harness.errors import ConfigurationError

INSTALL = (sys.executable, "-m", "pip", "install", "-r", "requirements.txt")
SHOWS = """
import sys
print("executable", sys.executable)
import greeting
print("greeting", greeting.WORDS)
"""
UNCHANGED = "requirements: unchanged, taken from an earlier job"


def wheel(folder: Path, *, version: str = "1.0", words: str = "hello") -> Path:
    """A wheel of the distribution ``greeting``, made without a build tool."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"greeting-{version}-py3-none-any.whl"
    info = f"greeting-{version}.dist-info"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("greeting.py", f"WORDS = {words!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: greeting\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return made


def with_wheel(project, script=SHOWS, **more):
    made = project(script, files={"src/requirements.txt": "--no-index\n--find-links wheels\ngreeting\n"}, **more)
    wheel(made.folder / "src/wheels")
    return made


def environments(made) -> list[Path]:
    return sorted(path for path in (made.folder / ".harness/cache/environments").iterdir() if path.is_dir())


@pytest.fixture
def ours():
    """What is installed for the harness itself; the test must not change it."""

    def installed():
        return sorted((each.name, each.version) for each in distributions())

    before = installed()
    yield before
    assert installed() == before


@pytest.mark.slow
@pytest.mark.usefixtures("ours")
class TestRequirements:
    def test_are_installed_for_the_script_alone_and_found_again_until_what_they_name_has_changed(self, project):
        made = with_wheel(project)
        first = made.harness("train", "--job-name", "first")
        assert first.code == 0, first.out
        assert "algo-1 | greeting hello" in first.out
        (built,) = environments(made)
        assert f"algo-1 | executable {built}/bin/python" in first.out
        before = {path: path.stat().st_mtime_ns for path in built.rglob("*")}

        second = made.harness("train", "--job-name", "second")
        assert f"algo-1 | {UNCHANGED}\n" in second.out
        assert "algo-1 | greeting hello" in second.out
        after = {path: path.stat().st_mtime_ns for path in built.rglob("*") if "__pycache__" not in path.parts}
        assert {path: before[path] for path in after} == after

        wheel(made.folder / "src/wheels", words="good evening")
        assert "greeting good evening" in made.harness("train").out
        assert len(environments(made)) == 2

    def test_see_what_the_base_has_and_do_not_install_it_again(self, project):
        script = "import click, sys; print(click.__file__); print('prefix', sys.prefix)"
        made = project(script, files={"src/requirements.txt": "click\n"})
        done = made.harness("train", PIP_NO_INDEX="1")
        assert done.code == 0, done.out
        (built,) = environments(made)
        assert f"prefix {built}" in done.out
        assert not list(built.rglob("click"))

    def test_that_cannot_be_had_fail_the_job_in_the_toolkit_s_words_and_are_tried_again(self, project):
        made = project(files={"src/requirements.txt": "--no-index\nno-such-distribution-anywhere\n"})
        for name in ("first", "second"):
            done = made.harness("train", "--job-name", name, "--json")
            assert done.code == 1
            assert done.json["TrainingJobStatus"] == "Failed"
            assert done.json["FailureReason"].split("\n")[:3] == [
                "AlgorithmError: InstallRequirementsError:",
                "ExitCode 1",
                'ErrorMessage ""',
            ]
            assert done.json["FailureReason"].endswith('-m pip install -r requirements.txt"')
            assert "algo-1 | ERROR: No matching distribution found for no-such-distribution-anywhere" in done.err
            assert UNCHANGED not in done.err

    def test_of_two_jobs_at_once_are_built_once(self, project):
        made = with_wheel(project)
        running = [made.start("train", "--job-name", name) for name in ("one", "two")]
        logs = [process.communicate(timeout=120)[0].decode() for process in running]
        assert [process.returncode for process in running] == [0, 0], logs
        assert all("greeting hello" in log for log in logs)
        assert sum("Successfully installed greeting" in log for log in logs) == 1
        assert len(environments(made)) == 1

    def test_of_an_isolated_job_must_be_there_already(self, project):
        online = project("import click", files={"src/requirements.txt": "click\n"})
        assert online.harness("train", "--enable-network-isolation").code == 0
        (online.folder / "src/requirements.txt").write_text("no-such-distribution-anywhere\n")
        done = online.harness("train", "--enable-network-isolation", "--json")
        assert done.json["FailureReason"].startswith("AlgorithmError: InstallRequirementsError:")

    def test_of_an_isolated_job_are_not_those_that_another_job_has_fetched(self, project):
        made = project(SHOWS, files={"src/requirements.txt": "greeting\n"})
        wheel(made.folder / "elsewhere")
        assert made.harness("train", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(made.folder / "elsewhere")).code == 0
        assert made.harness("train", "--enable-network-isolation").code == 1

    def test_are_ignored_with_a_shell_script_as_in_the_image(self, project):
        made = project(
            "echo done", entry_point="train.sh", files={"src/requirements.txt": "--no-index\nnothing-such\n"}
        )
        assert "algo-1 | done" in made.harness("train").out
        assert not (made.folder / ".harness/cache/environments").exists()

    def test_do_not_keep_a_stopped_job(self, project):
        # The installation waits for ever: its only "package" is a FIFO that nobody writes.
        made = project(files={"src/requirements.txt": "--no-index\n./waits\n", "src/waits/pyproject.toml": WAITS})
        made.write("src/waits/waits.py", BACKEND)
        running = made.start("train", "--job-name", "j")
        for line in running.stdout:
            if b"Preparing metadata" in line or b"Processing ./waits" in line:
                break
        running.terminate()
        running.communicate(timeout=120)
        made.here("runs", "follow", "j")
        assert made.describe("j")["TrainingJobStatus"] == "Stopped"
        assert not [path for path in environments(made) if (path / ".complete").exists()]

    def test_that_take_longer_than_the_deadline_end_the_job_at_the_deadline(self, project):
        made = project(
            files={"src/requirements.txt": "--no-index\n./waits\n", "src/waits/pyproject.toml": WAITS},
            config="stop_grace = 0",
        )
        made.write("src/waits/waits.py", BACKEND)
        done = made.harness("train", "--job-name", "j", "--max-run", "3")
        assert done.code == 124, done.err
        assert made.describe("j")["SecondaryStatus"] == "MaxRuntimeExceeded"


WAITS = '[build-system]\nrequires = []\nbuild-backend = "waits"\nbackend-path = ["."]\n'
BACKEND = "import time\ntime.sleep(600)\n"


@pytest.mark.slow
@pytest.mark.usefixtures("ours")
class TestASetupPy:
    def test_makes_the_entry_point_a_module_of_an_installed_package(self, project):
        # A build backend of its own, so that nothing has to be fetched to build it.
        made = project(
            "import greeting_job, sys; print('ran', __name__, greeting_job.__file__, sys.argv[1:])",
            files={"src/setup.py": "", "src/pyproject.toml": OWN_BACKEND, "src/backend.py": PACKS_THE_SCRIPT},
        )
        done = made.harness("train", "--hyperparameter", "n=3")
        assert done.code == 0, done.out
        (built,) = environments(made)
        assert f"ran __main__ {built}/lib/" in done.out
        assert "['-n', '3']" in done.out

    def test_that_does_not_build_fails_as_a_module(self, project):
        made = project(files={"src/setup.py": "", "src/pyproject.toml": OWN_BACKEND, "src/backend.py": "nothing here"})
        done = made.harness("train", "--json")
        assert done.json["FailureReason"].startswith("AlgorithmError: InstallModuleError:\nExitCode 1\n")


OWN_BACKEND = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
PACKS_THE_SCRIPT = """
import os, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "greeting_job-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        archive.writestr("greeting_job/__init__.py", "")
        archive.write("train.py", "train.py")
        info = "greeting_job-1.0.dist-info"
        archive.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: greeting_job\\nVersion: 1.0\\n")
        archive.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "/RECORD", "")
    return name
"""

BASE = Interpreter("/base/bin/python", "3.12.1", ())


class TestWhichEnvironmentItIs:
    @pytest.fixture
    def code(self, tmp_path):
        folder = tmp_path / "code"
        folder.mkdir()
        (folder / "train.py").write_text("1")
        (folder / "requirements.txt").write_text("numpy>=1 # fast\n\nPandas[excel]==2.2 ; python_version > '3'\n")
        return folder

    def folder(self, code, install=INSTALL, base=BASE, offline=False):
        return environment(base, code, install, cache=code.parent, offline=offline).folder

    def test_follows_from_the_requirements_and_not_from_the_script(self, code):
        before = self.folder(code)
        (code / "train.py").write_text("2")
        assert self.folder(code) == before
        (code / "requirements.txt").write_text("numpy>=2\n")
        assert self.folder(code) != before

    @pytest.mark.parametrize(
        "line",
        ["-r more.txt", "-c limits.txt", "./pkg", "pkg/", ".", "-e .", "pkg @ file:///x", "--find-links w", "more.txt"],
    )
    def test_follows_from_all_of_the_code_where_the_requirements_name_files(self, code, line):
        (code / "requirements.txt").write_text(f"numpy\n{line}\n")
        (code / "more.txt").write_text("pandas\n")
        before = self.folder(code)
        (code / "more.txt").write_text("joblib\n")
        assert self.folder(code) != before

    def test_follows_from_all_of_the_code_where_that_is_a_package(self, code):
        install = (*INSTALL[:4], ".")
        before = self.folder(code, install)
        (code / "train.py").write_text("2")
        assert self.folder(code, install) != before

    def test_follows_from_the_interpreter_what_it_has_and_whether_there_is_a_network(self, code, tmp_path):
        site = tmp_path / "site-packages"
        (site / "numpy-1.0.dist-info").mkdir(parents=True)
        found = {
            self.folder(code),
            self.folder(code, offline=True),
            self.folder(code, base=Interpreter("/other/bin/python", "3.12.1", ())),
            self.folder(code, base=Interpreter("/base/bin/python", "3.13.0", ())),
            self.folder(code, base=Interpreter("/base/bin/python", "3.12.1", (str(site),))),
        }
        assert len(found) == 5

    def test_counts_only_when_it_was_built_whole(self, code):
        made = environment(BASE, code, INSTALL, cache=code.parent, offline=False)
        made.python.parent.mkdir(parents=True)
        made.python.touch()
        assert not made.ready


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment over the very Python that runs the tests."""
    folder = tmp_path_factory.mktemp("venv") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder


class TestAnInterpreter:
    def test_is_ours_if_none_is_named(self):
        assert interpreter(None).path == sys.executable
        assert interpreter(None) == interpreter(sys.executable)

    def test_of_an_environment_is_not_taken_for_the_one_that_it_was_made_with(self, venv):
        # Its bin/python is a link to ours, or to what ours is a link to.
        facts = "from harness.engine.interpreter import interpreter; import json; "
        facts += "print(json.dumps([sys.executable, interpreter(sys.argv[1]).path, interpreter(sys.argv[1]).sys_path]))"
        base = str(Path(sys.executable).resolve())
        root = str(Path(__file__).parents[2])
        run = [base, "-c", f"import sys; sys.path.insert(0, {root!r}); {facts}", f"{venv}/bin/python"]
        ours, path, sys_path = json.loads(subprocess.run(run, capture_output=True, check=True).stdout)
        assert path == f"{venv}/bin/python" != ours
        assert any(entry.startswith(str(venv)) for entry in sys_path)

    def test_made_to_order_sees_what_its_base_sees(self, tmp_path):
        made = made_to_order(interpreter(None), tmp_path / "venv")
        assert made.path == str(tmp_path / "venv/bin/python")
        assert made.versions() == interpreter(None).versions() != {}

    def test_of_another_environment_runs_the_script_and_is_recorded(self, project, venv):
        script = "import sys; print(sys.prefix)\ntry: import click\nexcept ImportError: print('no click')"
        made = project(script)
        done = made.harness("train", "--python", f"{venv}/bin/python", "--job-name", "j")
        assert done.code == 0, done.err + done.out
        assert f"algo-1 | {venv}\nalgo-1 | no click\n" in done.out
        assert made.describe("j")["Harness"]["Versions"] == {}

    def test_is_checked_without_being_run(self, tmp_path):
        (tmp_path / "no-program").touch()
        for wrong in (tmp_path, tmp_path / "no-program", tmp_path / "gone"):
            with pytest.raises(ConfigurationError, match="no file that can be run"):
                check(str(wrong))
        check(None)
        check(sys.executable)

    def test_that_is_no_python_fails_the_job_by_name(self, project):
        done = project().harness("train", "--python", "/bin/ls", "--json")
        assert done.code == 1
        assert "'/bin/ls' cannot be run as a Python interpreter: it ended with 2. Name" in done.json["FailureReason"]
