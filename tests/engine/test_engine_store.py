"""Jobs on disk: who may make, own and bury them, whatever happens to the processes that do."""

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import service_model
from harness.engine import store as store_module
from harness.engine.store import ENDED, LOST, Job, Store, kind_of, now, read_json, write_json
from harness.engine.supervisor import fail
from harness.errors import ConfigurationError, ServiceError

NEW = {"TrainingJobName": "j", "TrainingJobStatus": "InProgress", "CreationTime": datetime(2026, 1, 2, tzinfo=UTC)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def create(store: Store, name: str = "j") -> tuple[Job, int]:
    return store.create(name, "CreateTrainingJob", {"TrainingJobName": name}, {**NEW, "TrainingJobName": name})


def bury(store: Store) -> list[str]:
    return store.bury(lambda job: fail(job, LOST))


def lose(store: Store, name: str = "j") -> Job:
    """A job whose process is gone."""
    job, lock = create(store, name)
    os.close(lock)
    return job


class TestADocument:
    moments = st.datetimes(timezones=st.just(UTC)).map(lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000))
    names = st.text(st.characters(categories=("L", "N")), min_size=1).filter(lambda name: not name.endswith("Time"))
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["Name", "Value", "ä\n"]), inner),
        max_leaves=8,
    )

    @settings(max_examples=30)  # each one is a document of many values
    @given(
        st.dictionaries(names, values, max_size=5),
        st.dictionaries(names.map(lambda name: name + "Time"), moments, max_size=5),
    )
    def test_comes_back_as_it_was_written(self, tmp_path_factory, plain, times):
        path = tmp_path_factory.getbasetemp() / "round-trip.json"
        write_json(path, {**plain, **times})
        assert read_json(path) == {**plain, **times}
        path.unlink()

    def test_is_replaced_whole_or_not_at_all(self, tmp_path):
        path = tmp_path / "describe.json"
        write_json(path, {"a": 1})
        with pytest.raises(TypeError, match="object has no place"):
            write_json(path, {"a": "x" * 100_000, "b": object()})
        assert read_json(path) == {"a": 1}
        assert os.listdir(tmp_path) == ["describe.json"]

    @pytest.mark.parametrize("text", ["", '{"TrainingJobName": "j", "Trai', "[]", "[" * 100_000, "\0\0", "\udcff"])
    def test_that_a_power_cut_has_cut_short_is_named_with_the_remedy(self, tmp_path, text):
        path = tmp_path / "describe.json"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(ConfigurationError, match=rf"{path} is not as the harness has written it .*Remove it"):
            read_json(path)


@pytest.mark.parametrize("kind", ["TrainingJob", "ProcessingJob", "TransformJob", "Endpoint"])
@pytest.mark.parametrize("turned", [False, True], ids=["as AWS orders it", "turned around"])
def test_a_description_is_told_by_its_status_wherever_its_name_stands(kind, turned):
    model = service_model.load()
    members = list(model.shapes[model.output_of(f"Describe{kind}") or ""]["members"])
    assert kind_of(dict.fromkeys(reversed(members) if turned else members)) == kind


class TestAJob:
    def test_has_its_documents_and_an_empty_log_once_it_exists(self, store):
        job, lock = create(store)
        assert (job.kind, job.status, job.request) == ("TrainingJob", "InProgress", {"TrainingJobName": "j"})
        assert job.log.read_bytes() == b""
        assert list(store.names()) == ["j"]
        store.discard(job, lock)

    def test_is_held_from_the_start_but_owned_only_once_somebody_runs_it(self, store):
        # Whoever makes it must not be sent the job's signals.
        job, lock = create(store)
        assert (job.held(), job.owner()) == (True, None)
        store.adopt(lock)
        assert (job.held(), job.owner()) == (True, os.getpid())
        store.discard(job, lock)
        assert (job.held(), job.owner()) == (False, None)

    def test_updates_single_members_and_drops_those_that_are_none(self, store):
        job, lock = create(store)
        job.update(FailureReason="x", TrainingJobStatus="Failed")
        document = job.update(FailureReason=None)
        assert document == job.description
        assert document["TrainingJobStatus"] == "Failed"
        assert "FailureReason" not in document
        store.release(job, lock)

    def test_keeps_its_times_to_the_millisecond_and_in_utc(self):
        moment = now()
        assert moment.tzinfo is UTC
        assert moment.microsecond % 1000 == 0


class TestAName:
    def test_that_is_taken_is_refused_as_aws_does_and_changes_nothing(self, store):
        job, lock = create(store)
        before = {path: path.read_bytes() for path in job.path.iterdir()}
        with pytest.raises(ServiceError, match="already exists") as refused:
            create(store)
        assert refused.value.response["Error"]["Code"] == "ResourceInUse"
        assert {path: path.read_bytes() for path in job.path.iterdir()} == before
        store.discard(job, lock)

    def test_is_won_by_exactly_one_of_many_threads(self, store):
        won, lost, barrier = [], [], threading.Barrier(16)

        def attempt():
            barrier.wait()
            try:
                won.append(create(store))
            except ServiceError:
                lost.append(1)

        threads = [threading.Thread(target=attempt) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, 15)
        store.discard(*won[0])

    def test_is_free_again_when_the_job_could_not_be_made(self, store):
        store.discard(*create(store))
        job, lock = create(store)
        assert job.held()
        store.discard(job, lock)

    def test_that_is_taken_over_from_a_removed_folder_is_not_released_by_the_old_owner(self, store):
        old, old_lock = create(store)
        shutil.rmtree(old.path)
        job, lock = create(store)
        store.release(old, old_lock)
        assert job.held()
        store.discard(job, lock)

    def test_in_a_folder_that_cannot_be_written_is_explained(self, store):
        store.root.write_text("a file")
        with pytest.raises(ConfigurationError, match=r"run folder .* cannot be made.*runs_dir"):
            create(store)

    def test_on_a_full_disk_leaves_nothing(self, store, monkeypatch):
        def full(path, document):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

        with monkeypatch.context() as patched:
            patched.setattr(store_module, "write_json", full)
            with pytest.raises(ConfigurationError, match="No space left on device"):
                create(store)
        assert list(store.names()) == []
        assert [path.name for path in (store.root / "_active").iterdir()] == [".lock"]
        store.discard(*create(store))


class TestALostJob:
    def test_is_failed_by_whoever_finds_it_first_and_only_once(self, store):
        job = lose(store)
        assert bury(store) == ["j"]
        assert bury(store) == []
        assert (job.status, job.description["FailureReason"]) == ("Failed", LOST)
        assert not job.active.exists()

    def test_loses_what_nobody_was_told_of(self, store):
        job = lose(store)
        for name in ("output/model.tar.gz", "output/.output.tar.gz.partial", ".describe.json.123", "hosts/algo-1/x"):
            (job.path / name).parent.mkdir(parents=True, exist_ok=True)
            (job.path / name).write_bytes(b"half")
        bury(store)
        assert sorted(path.name for path in job.path.iterdir()) == ["describe.json", "hosts", "log.txt", "request.json"]

    def test_loses_what_was_half_written_for_its_hosts_but_nothing_of_the_script_s(self, store):
        job = lose(store)
        ours = ("hosts/a/input/config/.resourceconfig.json.1", "hosts/a/config/.processingjobconfig.json.1")
        scripts = ("hosts/a/model/.mine.json.1", "hosts/a/input/config/resourceconfig.json")
        for name in (*ours, *scripts):
            (job.path / name).parent.mkdir(parents=True, exist_ok=True)
            (job.path / name).write_text("{")
        bury(store)
        assert [name for name in (*ours, *scripts) if (job.path / name).exists()] == [*scripts]

    def test_that_had_ended_stays_as_it_was(self, store):
        job = lose(store)
        job.update(TrainingJobStatus="Completed")
        (job.path / "output").mkdir()
        (job.path / "hosts").mkdir()
        before = job.description
        assert bury(store) == []
        assert job.description == before
        assert sorted(path.name for path in job.path.iterdir()) == [
            "describe.json",
            "log.txt",
            "output",
            "request.json",
        ]

    def test_that_was_never_written_down_vanishes(self, store):
        job = lose(store)
        for name in ("describe.json", ".reserve"):
            (job.path / name).unlink()
        (job.path / ".describe.json.77").write_text("{")
        assert bury(store) == []
        assert not job.path.exists()
        assert not job.active.exists()

    def test_is_not_mistaken_for_one_that_runs(self, store):
        job, lock = create(store)
        assert bury(store) == []
        assert job.status == "InProgress"
        store.discard(job, lock)

    def test_is_found_although_somebody_else_is_having_a_look(self, store):
        job = lose(store)
        looking = os.open(job.active, os.O_RDONLY)
        store_module._is_free(looking)
        assert bury(store) == ["j"]
        os.close(looking)

    def test_does_not_keep_others_from_being_buried_when_it_cannot_be(self, store):
        for name in ("a", "b", "c"):
            lose(store, name)

        def mark(job):
            if job.name == "b":
                raise OSError(errno.ENOSPC, "full")
            fail(job, LOST)

        assert sorted(store.bury(mark)) == ["a", "c"]
        assert bury(store) == ["b"]

    @pytest.mark.parametrize("text", ["", "{}", '{"TrainingJobName": "a"}'])
    def test_whose_description_is_not_whole_keeps_nobody_from_working(self, store, text):
        job = lose(store, "a")
        lose(store, "b")
        (job.path / "describe.json").write_text(text)
        assert bury(store) == ["b"]
        with pytest.raises(ConfigurationError, match=r"a/describe\.json is not as the harness has written it"):
            _ = job.status

    def test_is_not_looked_for_in_a_file(self, tmp_path):
        (tmp_path / "runs").touch()
        store = Store(tmp_path / "runs")
        assert bury(store) == []
        assert list(store.names()) == []

    def test_is_looked_for_without_making_anything(self, store):
        assert bury(store) == []
        assert not store.root.exists()

    def test_of_a_killed_process_is_told_from_a_living_one(self, store):
        script = """
import sys, time
from pathlib import Path
from harness.engine.store import Store
store = Store(Path(sys.argv[1]))
_, lock = store.create("j", "Create", {}, {"TrainingJobName": "j", "TrainingJobStatus": "InProgress"})
store.adopt(lock)
print("made", flush=True)
sys.stdin.read()
"""
        running = subprocess.Popen(
            [sys.executable, "-c", script, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with running:
            assert running.stdout.readline() == b"made\n"
            assert bury(store) == []
            assert store.job("j").owner() == running.pid
            running.send_signal(signal.SIGKILL)
        assert bury(store) == ["j"]
        assert store.job("j").owner() is None

    @pytest.mark.slow
    def test_whose_maker_was_killed_at_any_step_is_whole_or_not_there(self, store):
        store.discard(*create(store))  # what all jobs share is there
        at = 0
        while killed_at(at, lambda: create(store)):
            lost = bury(store)
            assert sorted(path.name for path in store.root.glob("[!.]*")) == ["_active", *lost], at
            assert [path.name for path in (store.root / "_active").iterdir()] == [".lock"], at
            shutil.rmtree(store.root / "j", ignore_errors=True)
            at += 1
        assert at > 8  # folder, lock, log and three documents, of which each is renamed


def killed_at(step: int, body) -> bool:
    """Whether a child that is killed before its n-th step in the file system had one more to do."""
    child = os.fork()
    if child == 0:
        steps = itertools.count()

        def look(event, arguments):
            if event in {"open", "os.mkdir", "os.rename", "os.remove", "fcntl.flock"} and next(steps) == step:
                os._exit(9)

        sys.addaudithook(look)
        try:
            body()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


class TestAFullDisk:
    def test_does_not_keep_a_job_from_saying_so(self, store, monkeypatch):
        # The reserve is real bytes; that giving them up is enough is shown on a real, full disk in tests/faults.
        job, lock = create(store)
        assert job.reserve.stat().st_blocks * 512 >= job.reserve.stat().st_size > 16 * 1024

        def full_unless_given_up(path, document):
            if job.reserve.exists():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write_json(path, document)

        monkeypatch.setattr(store_module, "write_json", full_unless_given_up)
        fail(job, "no room")
        assert job.description["FailureReason"] == "no room"
        store.release(job, lock)

    def test_that_not_even_takes_that_leaves_the_job_to_be_buried(self, store, monkeypatch):
        job, lock = create(store)

        def full(path, document):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(store_module, "write_json", full)
            with pytest.raises(OSError, match="No space left"):
                fail(job, "no room")
            store.release(job, lock)
        assert bury(store) == ["j"]
        assert job.status in ENDED


def test_the_owner_leaves_nothing_but_the_job(store):
    job, lock = create(store)
    job.update(TrainingJobStatus="Completed")
    store.release(job, lock)
    assert sorted(path.name for path in job.path.iterdir()) == ["describe.json", "log.txt", "request.json"]
    assert [path.name for path in (store.root / "_active").iterdir()] == [".lock"]


def test_names_that_are_ours_are_no_jobs(store):
    job, lock = create(store)
    for name in ("_endpoints", ".hidden", "folder-of-somebody"):
        (store.root / name).mkdir()
    (store.root / "_endpoints" / "describe.json").write_text(json.dumps(NEW, default=str))
    assert list(store.names()) == ["j"]
    store.discard(job, lock)
