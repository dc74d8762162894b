"""What the harness makes for itself in a user's repository is nothing that anybody has to keep out of git."""

import subprocess
from pathlib import Path

import pytest

from harness.engine.store import Store
from harness.folders import make_own


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


class TestAFolderOfTheHarness:
    def test_is_passed_over_by_git(self, tmp_path):
        git(tmp_path, "init", "--quiet")
        make_own(tmp_path / "below" / "runs")
        (tmp_path / "below" / "runs" / "model.tar.gz").touch()
        assert git(tmp_path, "status", "--porcelain") == ""

    def test_that_was_there_stays_as_it_is(self, tmp_path):
        (tmp_path / "runs").mkdir()
        make_own(tmp_path / "runs")
        assert not list((tmp_path / "runs").iterdir())

    def test_that_cannot_be_made_says_so(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(OSError, match="file"):
            make_own(tmp_path / "file" / "runs")


def test_an_endpoint_s_folder_is_no_reason_to_tell_git_of_the_runs(project):
    made = project()
    git(made.folder, "init", "--quiet")
    store = Store(made.folder / "runs" / "_endpoints")
    store.discard(*store.create("e", "CreateEndpoint", {}, {"EndpointName": "e", "EndpointStatus": "Creating"}))
    (made.folder / "runs" / "job").mkdir()
    (made.folder / "runs" / "job" / "describe.json").touch()
    assert "runs" not in git(made.folder, "status", "--porcelain", "--untracked-files=all")


def test_a_job_leaves_git_nothing_to_tell(project):
    made = project(files={"extra/__init__.py": ""}, config='dependencies = ["extra"]')
    git(made.folder, "init", "--quiet")
    before = git(made.folder, "status", "--porcelain")
    done = made.harness("train")
    assert done.code == 0, done.err
    assert (made.folder / "runs").is_dir()
    (made.folder / ".harness/cache/of-another-kind.json").touch()
    assert git(made.folder, "status", "--porcelain") == before
