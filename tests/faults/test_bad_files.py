"""Files that cannot be read, vanish or change: refused by name before the job, or the job fails by name."""

import errno
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import Mock

import pytest

from harness import source
from harness.engine import code
from harness.engine.client import EngineClient
from harness.engine.settings import EngineSettings
from harness.errors import ConfigurationError
from harness.storage import Storage

UNPRIVILEGED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Root may read everything; without these capabilities its own permissions hold for it as for anybody."""


def train(made, verb: str = "train") -> subprocess.CompletedProcess[str]:
    """Run the harness as a user whom permissions bind."""
    command = [*UNPRIVILEGED, sys.executable, "-m", "harness", verb]
    done = subprocess.run(command, cwd=made.folder, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def forbid():
    """Take permissions away until the test is over."""
    with ExitStack() as undo:

        def change(path: Path, mode: int) -> None:
            undo.callback(path.chmod, path.stat().st_mode)
            path.chmod(mode)

        yield change


class TestAUserWhoMayNotReadEverything:
    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("src/train.py", "src/train.py"),
            ("src", "src"),
            ("data/train/part-1.csv", "Channel 'train'"),
            ("data/train", "Channel 'train'"),
        ],
    )
    def test_is_told_the_file_or_folder_and_no_job_is_made(self, project, forbid, name, says):
        made = project()
        forbid(made.folder / name, 0)
        done = train(made)
        assert done.returncode == 2, done.stdout
        assert says in done.stderr
        assert str(made.folder / name) in done.stderr
        assert not list((made.folder / "runs").glob("[!_.]*"))

    def test_is_told_of_a_folder_within_a_channel(self, project, forbid):
        made = project(files={"data/train/below/part-2.csv": "1\n"})
        forbid(made.folder / "data/train/below", 0)
        done = train(made)
        assert done.returncode == 2
        assert str(made.folder / "data/train/below") in done.stderr

    def test_is_told_of_a_runs_folder_that_cannot_be_written(self, project, forbid):
        made = project()
        (made.folder / "runs").mkdir()
        forbid(made.folder / "runs", 0o555)
        done = train(made)
        assert done.returncode == 2
        assert f"{made.folder}/runs" in done.stderr
        assert "Permission denied" in done.stderr

    def test_can_list_the_jobs_of_somebody_else(self, project, forbid):
        made = project()
        assert made.harness("train", "--job-name", "j").code == 0
        for path in (made.folder / "runs/_active/.lock", made.folder / "runs/_active", made.folder / "runs"):
            forbid(path, path.stat().st_mode & 0o555)
        done = train(made, "runs")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("j  Completed")


class TestACodeFolder:
    def test_that_links_to_itself_is_refused_by_name(self, project):
        made = project()
        (made.folder / "src/again").symlink_to(".")
        done = made.harness("train")
        assert done.code == 2
        assert "symbolic link to a folder that it lies in" in done.err

    def test_that_changes_while_it_is_copied_is_refused_and_leaves_no_run(self, project, monkeypatch):
        made = project(files={"src/helper.py": ""})
        request = json.loads(made.here("plan", "--job-name", "j").out)
        copy = source._copy

        def remove_the_other_first(file, target):
            (made.folder / "src/train.py").unlink(missing_ok=True)
            copy(file, target)

        monkeypatch.setattr(source, "_copy", remove_the_other_first)
        client = EngineClient(made.folder / "runs", EngineSettings(cache=str(made.folder / "cache")))
        with pytest.raises(ConfigurationError, match=r"could not be copied.*train.py.*run the job again"):
            client.create_training_job(**request)
        assert not list((made.folder / "runs").glob("[!_.]*"))
        assert [path.name for path in (made.folder / "runs/_active").iterdir()] == [".lock"]

    def test_that_does_not_fit_on_the_disk_is_told_so(self, tmp_path, monkeypatch):
        monkeypatch.setattr(source, "_write", Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
        (tmp_path / "train.py").write_text("pass")
        with pytest.raises(
            ConfigurationError, match=r"No space left.*copy.train\.py.*When there is room on the disk, run"
        ):
            code.stage_from(tmp_path.as_uri(), "train.py", tmp_path / "copy", Storage())


class TestAChannel:
    @pytest.mark.slow
    @pytest.mark.parametrize("isolation", ["auto", "none"])
    def test_that_vanishes_between_the_request_and_the_start_fails_the_job_by_name(self, project, isolation):
        # The environment is made in between, and "setup.py" takes the channel away.
        backend = "import shutil, os; shutil.rmtree(os.environ['DATA'], ignore_errors=True)\n" + PACKS_NOTHING
        made = project(files={"src/setup.py": "", "src/pyproject.toml": OWN_BACKEND, "src/backend.py": backend})
        data = made.folder / "data/train"
        done = made.harness("train", "--isolation", isolation, "--json", DATA=str(data))
        assert done.code == 1, done.err
        assert done.json["TrainingJobStatus"] == "Failed"
        assert str(data) in done.json["FailureReason"]
        assert "No such file or directory" in done.json["FailureReason"]

    def test_that_links_to_itself_is_mounted_as_it_is(self, project):
        made = project("import os; print(sorted(os.listdir(os.environ['SM_CHANNEL_TRAIN'])))")
        (made.folder / "data/train/again").symlink_to(".")
        assert "algo-1 | ['again', 'part-1.csv']" in made.harness("train").out


OWN_BACKEND = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
PACKS_NOTHING = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "nothing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        info = "nothing-1.0.dist-info"
        archive.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: nothing\\nVersion: 1.0\\n")
        archive.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "/RECORD", "")
    return name
"""


class TestTheFailureFile:
    @pytest.mark.parametrize(
        "script",
        [
            "import os; os.mkfifo('/opt/ml/output/failure')",
            "import os; os.mkdir('/opt/ml/output/failure')",
            "import shutil; shutil.rmtree('/opt/ml/output')",
            "import os; os.symlink('/nowhere/at/all', '/opt/ml/output/failure')",
        ],
    )
    def test_that_is_no_file_changes_nothing_about_how_the_job_ended(self, project, script):
        done = project(f"{script}; raise SystemExit(5)").harness("train", "--json")
        assert done.json["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 5\n")
