"""The temporary folder: which of those that lie there are removed."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

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


def test_a_folder_that_somebody_sweeps_before_it_has_its_lock_is_made_anew(temporary, monkeypatch):
    make = tempfile.mkdtemp

    def meddled(prefix):
        made = make(prefix=prefix)
        monkeypatch.setattr(tempfile, "mkdtemp", make)
        with scratch():
            assert not Path(made).exists()
        return made

    monkeypatch.setattr(tempfile, "mkdtemp", meddled)
    with scratch() as folder:
        assert list(temporary.iterdir()) == [folder]


@pytest.mark.timeout(60)  # or else this would wait for ever
def test_nobody_is_waited_for_who_has_locked_the_folder_of_temporary_files(temporary):
    """Which every user of the machine can."""
    locked = os.open(temporary, os.O_RDONLY)
    fcntl.flock(locked, fcntl.LOCK_EX)
    try:
        with scratch() as folder:
            assert folder.is_dir()
    finally:
        os.close(locked)
