"""The temporary folder: which of those that lie there are removed."""

from __future__ import annotations

import os
import tempfile

import pytest

from harness.standin.scratch import scratch


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_folder_whose_process_is_gone_is_removed(temporary):
    (temporary / "harness-standin-old").mkdir()
    with scratch() as folder:
        assert list(temporary.iterdir()) == [folder]
    assert not list(temporary.iterdir())


def test_a_link_that_somebody_has_left_leads_nowhere(temporary, tmp_path):
    (tmp_path / "mine").mkdir()
    (temporary / "harness-standin-link").symlink_to(tmp_path / "mine")
    with scratch():
        assert not list((tmp_path / "mine").iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_left_alone(temporary, tmp_path):
    theirs = temporary / "harness-standin-theirs"
    theirs.mkdir()
    (theirs / ".lock").symlink_to(tmp_path / "made")
    os.chown(theirs, 65534, 65534)
    with scratch():
        assert theirs.exists()
    assert not (tmp_path / "made").exists()
