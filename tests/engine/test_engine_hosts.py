"""The loop over hosts and their log: lines, exit codes, deadlines and stops, with hosts that are but pipes."""

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine import hosts
from harness.engine.hosts import LONGEST_LINE, Log, Metrics, Stop, run_hosts
from harness.engine.launcher import HostSpec, LaunchError


class Host:
    """A host whose output and end the test writes."""

    def __init__(self, name: str, *, exit_code: int | None = None, output: bytes = b"") -> None:
        self.name = name
        self.output, self.write_output = os.pipe()
        self.exited, self._exit = os.pipe()
        self.told: list[str] = []
        os.write(self.write_output, output)
        if exit_code is not None:
            self.end(exit_code)

    def end(self, code: int) -> None:
        os.write(self._exit, str(code).encode())

    def exit_code(self) -> int:
        return int(os.read(self.exited, 16))

    def terminate(self) -> None:
        self.told.append("terminate")

    def kill(self) -> None:
        if "kill" not in self.told:
            self.told.append("kill")
            self.end(-9)

    def close(self) -> None:
        self.told.append("close")
        for file in (self.output, self.write_output, self.exited, self._exit):
            os.close(file)


class Hosts:
    """A launcher that hands out hosts that exist; a None among them cannot be started."""

    base_dir = None
    reason = None

    def __init__(self, *hosts: Host | None) -> None:
        self._hosts = list(hosts)

    def start(self, spec: HostSpec) -> Host:
        host = self._hosts.pop(0)
        if host is None:
            raise LaunchError(f"{spec.name} cannot be started")
        return host


class Caller:
    """A control whose stops the test sends."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._stop: Stop | None = None
        self.notified = 0

    @property
    def files(self) -> tuple[int, ...]:
        return (self._read,)

    def send(self, stop: Stop) -> None:
        self._stop = stop
        os.write(self._write, b"!")

    def receive(self) -> Stop | None:
        os.read(self._read, 16)
        return self._stop

    def notify(self) -> None:
        self.notified += 1

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


@pytest.fixture
def caller():
    made = Caller()
    yield made
    made.close()


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path / "log.txt")
    yield made
    made.close()


def specs(*names: str) -> list[HostSpec]:
    return [HostSpec(name, (), {}, "/", Path("/")) for name in names]


class TestEveryHost:
    def test_is_waited_for_and_its_exit_code_counts(self, caller, log):
        launcher = Hosts(Host("algo-1", exit_code=3), Host("algo-2", exit_code=0), Host("algo-3", exit_code=-15))
        ended = run_hosts(launcher, specs("algo-1", "algo-2", "algo-3"), log=log, control=caller)
        assert list(ended.exit_codes.items()) == [("algo-1", 3), ("algo-2", 0), ("algo-3", -15)]
        assert ended.failed == ("algo-1", "algo-3")
        assert ended.stop is None

    def test_has_all_its_lines_in_the_log_even_those_after_its_last_newline(self, caller, log, tmp_path):
        launcher = Hosts(Host("algo-1", exit_code=0, output=b"one\ntwo"), Host("algo-2", exit_code=0, output=b"\n"))
        run_hosts(launcher, specs("algo-1", "algo-2"), log=log, control=caller)
        lines = (tmp_path / "log.txt").read_text().splitlines()
        assert sorted(lines) == ["algo-1 | one", "algo-1 | two", "algo-2 | "]
        assert caller.notified

    def test_is_closed_when_another_could_not_be_started(self, caller, log):
        first = Host("algo-1")
        with pytest.raises(LaunchError, match="algo-2 cannot be started"):
            run_hosts(Hosts(first, None), specs("algo-1", "algo-2"), log=log, control=caller)
        assert first.told == ["close"]

    def test_is_closed_when_the_log_cannot_be_written(self, caller, log, monkeypatch):
        host = Host("algo-1", output=b"a line\n")

        def full() -> bool:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(log, "flush", full)
        with pytest.raises(OSError, match="No space"):
            run_hosts(Hosts(host), specs("algo-1"), log=log, control=caller)
        assert host.told == ["close"]


class TestAStop:
    def test_tells_the_hosts_and_kills_them_when_the_grace_is_over(self, caller, log):
        host, began = Host("algo-1"), []
        caller.send(Stop.REQUESTED)
        before = time.monotonic()
        ended = run_hosts(Hosts(host), specs("algo-1"), log=log, control=caller, on_stop=began.append, grace=0.2)
        assert time.monotonic() - before >= 0.2
        assert host.told == ["terminate", "kill", "close"]
        assert (ended.stop, ended.exit_codes, began) == (Stop.REQUESTED, {"algo-1": -9}, [Stop.REQUESTED])

    def test_gives_a_host_its_whole_grace_to_end_by_itself(self, caller, log):
        host = Host("algo-1")
        host.terminate = lambda: host.end(0)
        caller.send(Stop.REQUESTED)
        ended = run_hosts(Hosts(host), specs("algo-1"), log=log, control=caller, grace=600)
        assert (ended.stop, ended.exit_codes) == (Stop.REQUESTED, {"algo-1": 0})

    def test_at_the_deadline_is_like_a_requested_one(self, caller, log):
        host = Host("algo-1")
        ended = run_hosts(Hosts(host), specs("algo-1"), log=log, control=caller, deadline=time.monotonic() - 1, grace=0)
        assert host.told == ["terminate", "kill", "close"]
        assert ended.stop is Stop.DEADLINE

    def test_of_a_job_that_nobody_waits_for_knows_no_grace(self, caller, log):
        host, began = Host("algo-1"), []
        caller.send(Stop.ABANDONED)
        ended = run_hosts(Hosts(host), specs("algo-1"), log=log, control=caller, on_stop=began.append, grace=600)
        assert host.told == ["kill", "close"]
        assert (ended.stop, began) == (Stop.ABANDONED, [])

    def test_that_nobody_waits_for_any_more_is_cut_short(self, caller, log):
        host = Host("algo-1")
        host.terminate = lambda: caller.send(Stop.ABANDONED)
        caller.send(Stop.REQUESTED)
        ended = run_hosts(Hosts(host), specs("algo-1"), log=log, control=caller, grace=600)
        assert ended.stop is Stop.ABANDONED

    def test_does_not_begin_twice(self, caller, log):
        host = Host("algo-1")
        asked = []

        def asked_again():
            asked.append(1)
            caller.send(Stop.REQUESTED)
            host.end(0)

        host.terminate = asked_again
        caller.send(Stop.REQUESTED)
        ended = run_hosts(
            Hosts(host), specs("algo-1"), log=log, control=caller, deadline=time.monotonic() + 600, grace=600
        )
        assert (ended.stop, asked) == (Stop.REQUESTED, [1])

    def test_reaches_every_host(self, caller, log):
        started = [Host(f"algo-{number}") for number in (1, 2, 3)]
        caller.send(Stop.REQUESTED)
        run_hosts(Hosts(*started), specs("algo-1", "algo-2", "algo-3"), log=log, control=caller, grace=0)
        assert all(host.told == ["terminate", "kill", "close"] for host in started)


@pytest.fixture
def short_lines(monkeypatch):
    monkeypatch.setattr(hosts, "LONGEST_LINE", 8)


def fed(path: Path, chunks: list[bytes]) -> bytes:
    """What the log holds after a host has printed these chunks."""
    path.unlink(missing_ok=True)
    log = Log(path)
    for chunk in chunks:
        log.feed("algo-1", chunk)
    log.close()
    return path.read_bytes()


PRINTED = st.lists(st.sampled_from([b"\n", b"x", b"\r", b"\xff", b"0123456", b"01234567", b"0" * 9, b"0" * 17])).map(
    b"".join
)


class TestTheLog:
    @given(printed=PRINTED, cuts=st.lists(st.integers(0, 100)))
    @pytest.mark.usefixtures("short_lines")
    def test_is_the_same_however_the_output_arrives(self, tmp_path_factory, printed, cuts):
        path = tmp_path_factory.getbasetemp() / "chunks.txt"
        edges = sorted({0, len(printed), *(cut for cut in cuts if cut < len(printed))})
        chunks = [printed[start:end] for start, end in pairwise(edges)]
        assert fed(path, chunks) == fed(path, [printed])

    @given(printed=PRINTED)
    @pytest.mark.usefixtures("short_lines")
    def test_loses_and_adds_nothing_but_what_breaks_lines_that_are_too_long(self, tmp_path_factory, printed):
        prefixed = fed(tmp_path_factory.getbasetemp() / "log.txt", [printed]).split(b"\n")[:-1]
        assert all(row.startswith(b"algo-1 | ") for row in prefixed)
        rows = [row.removeprefix(b"algo-1 | ") for row in prefixed]
        assert all(len(row) <= 8 for row in rows)
        assert b"".join(rows) == printed.replace(b"\n", b"")

    @pytest.mark.parametrize(
        ("length", "pieces"),
        [
            (LONGEST_LINE - 1, [LONGEST_LINE - 1]),
            (LONGEST_LINE, [LONGEST_LINE]),
            (LONGEST_LINE + 1, [LONGEST_LINE, 1]),
            (3 * LONGEST_LINE, [LONGEST_LINE] * 3),
        ],
    )
    def test_breaks_a_line_at_the_size_of_a_cloudwatch_event(self, tmp_path, length, pieces):
        rows = fed(tmp_path / "log.txt", [b"x" * length + b"\n"]).split(b"\n")[:-1]
        assert [len(row) - len(b"algo-1 | ") for row in rows] == pieces

    def test_never_mixes_the_lines_of_two_hosts(self, tmp_path):
        log = Log(tmp_path / "log.txt")
        for host, data in (("algo-1", b"a"), ("algo-2", b"b"), ("algo-1", b"a\n"), ("algo-2", b"b\n")):
            log.feed(host, data)
        log.close()
        assert (tmp_path / "log.txt").read_bytes() == b"algo-1 | aa\nalgo-2 | bb\n"

    def test_says_whether_there_is_anything_to_tell(self, log):
        assert not log.flush()
        log.feed("algo-1", b"half a line")
        assert not log.flush()
        log.end("algo-1")
        assert log.flush()
        assert not log.flush()


class TestMetrics:
    def test_are_the_last_number_of_the_first_group_wherever_it_stands(self):
        metrics = Metrics([{"Name": "loss", "Regex": r"loss=(\S+)"}, {"Name": "never", "Regex": "never=(.*)"}])
        for line in (b"loss=1 loss=0.5", b"loss=nothing", b"\xff loss=2.5e-1;", b"loss=0.125 \xff"):
            metrics("algo-1", line)
        assert [(each["MetricName"], each["Value"]) for each in metrics.final()] == [("loss", 0.125)]

    def test_without_a_group_find_nothing(self):
        metrics = Metrics([{"Name": "loss", "Regex": "loss=[0-9]+"}])
        metrics("algo-1", b"loss=1")
        assert metrics.final() == []
