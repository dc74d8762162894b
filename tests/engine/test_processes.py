"""Hosts as plain processes: what the command gets, how it ends, and that nothing of it remains."""

import os
import resource
import select
import signal
import threading
from pathlib import Path

import pytest

from harness.engine.isolation import Support
from harness.engine.launcher import LaunchError, Mount
from harness.engine.processes import ProcessLauncher
from harness.errors import MissingCapability, RefusedError

SLEEP = "exec sleep 1000"


def start_script(place, script, **changes):
    """From a supervisor: a host that runs a shell script, once it has printed a line, and that line."""
    host = place.launcher().start(place.spec("/bin/sh", "-c", script, **changes))
    with os.fdopen(os.dup(host.output)) as output:
        return host, output.readline().strip()


def is_readable(file, seconds=0.0):
    return bool(select.select([file], [], [], seconds)[0])


def processes_that_hold(marker):
    """Ids of the machine's processes that have the marker in their environment."""
    found = set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if marker.encode() in Path("/proc", process, "environ").read_bytes():
                found.add(int(process))
        except OSError:
            continue
    return found


class TestTheCommand:
    def test_prints_to_both_streams_in_the_order_written(self, anyhow):
        assert anyhow.sh("echo 1; echo 2 >&2; echo 3; echo 4 >&2").output == "1\n2\n3\n4\n"

    def test_has_nothing_to_read(self, anyhow):
        assert anyhow.sh("cat; echo done").output == "done\n"

    def test_has_exactly_the_environment_that_was_given(self, anyhow):
        environment = {"A": "1", "SM_HPS": '{"a": "é"}', "EMPTY": ""}
        seen = anyhow.run("/bin/cat", "/proc/self/environ", environment=environment).output
        assert dict(pair.split("=", 1) for pair in seen.rstrip("\0").split("\0")) == environment

    def test_is_found_on_the_path_that_was_given(self, anyhow):
        tool = anyhow.folder / "tool"
        tool.write_text("#!/bin/sh\necho found $1\n")
        tool.chmod(0o755)
        assert anyhow.run("tool", "it", environment={"PATH": str(anyhow.folder)}).output == "found it\n"

    def test_runs_where_it_was_told_to(self, anyhow):
        (anyhow.tree / "code").mkdir()
        cwd = f"{anyhow.base_dir}/code"
        assert anyhow.sh("pwd -P", cwd=cwd).output.strip() == cwd

    def test_has_no_files_open_but_the_standard_ones(self, anyhow):
        def body():
            noise = [os.dup(0), os.pipe(), os.memfd_create("secret", 0)]
            os.set_inheritable(noise[0], True)
            first, _ = start_script(anyhow, f"echo up; {SLEEP}")
            os.set_inheritable(first.output, True)
            result = anyhow.run_here("/bin/ls", "/proc/self/fd")
            first.close()
            return result

        assert anyhow.supervise(body) == ["0\n1\n2\n3\n", 0]  # 3 is how ls reads the folder

    def test_makes_files_that_everybody_may_read(self, anyhow):
        def body():
            os.umask(0o077)
            return anyhow.run_here("/bin/sh", "-c", "umask")

        assert anyhow.supervise(body) == ["0022\n", 0]

    def test_has_every_signal_at_its_default_and_unblocked(self, anyhow):
        def body():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_IGN)
            signal.signal(signal.SIGUSR1, lambda *_: None)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
            return anyhow.run_here("/bin/cat", "/proc/self/status")

        output, code = anyhow.supervise(body)
        status = dict(line.split(":", 1) for line in output.splitlines())
        of_the_c_library = 0b11 << 31  # 32 and 33, which no program may set
        masks = [int(status[name], 16) & ~of_the_c_library for name in ("SigBlk", "SigIgn", "SigCgt")]
        assert masks == [0, 0, 0]
        assert code == 0

    def test_leads_no_terminal_and_no_group_of_its_supervisor(self, anyhow):
        def body():
            output, _ = anyhow.run_here("/bin/cat", "/proc/self/stat")
            group, session, terminal = output.rpartition(")")[2].split()[2:5]
            return terminal, int(group) != os.getpgrp(), int(session) != os.getsid(0)

        assert anyhow.supervise(body) == ["0", True, True]


class TestTheEnd:
    def test_an_exit_code_is_what_the_command_says_and_a_signal_is_negative(self, anyhow):
        ends = {"exit 0": 0, "exit 7": 7, "exit 255": 255}
        ends |= {f"ulimit -c 0; kill -{int(each)} $$": -each for each in (signal.SIGKILL, signal.SIGSEGV)}

        def body():
            return [anyhow.run_here("/bin/sh", "-c", script)[1] for script in ends]

        assert anyhow.supervise(body) == list(ends.values())

    def test_exited_is_readable_then_and_not_before(self, anyhow):
        def body():
            path = anyhow.folder / "gate"
            os.mkfifo(path)
            host, line = start_script(anyhow, f"echo up; read x < {path}; exit 3")
            before = is_readable(host.exited)
            path.write_text("go\n")
            after = is_readable(host.exited, 60)
            codes = [host.exit_code(), host.exit_code()]
            host.close()
            return [line, before, after, codes]

        assert anyhow.supervise(body) == ["up", False, True, [3, 3]]

    def test_sigterm_is_never_told_to_the_script(self, anyhow):
        def body():
            path = anyhow.folder / "gate"
            os.mkfifo(path)
            host, _ = start_script(anyhow, f"trap 'exit 9' TERM; echo up; read x < {path}; exit 0")
            host.terminate()
            path.write_text("go\n")
            code = host.exit_code()
            host.close()
            return code

        assert anyhow.supervise(body) == 0

    def test_a_signal_to_its_whole_group_does_not_touch_what_reports_its_end(self, anyhow):
        assert anyhow.sh("trap 'exit 5' TERM; kill -TERM 0; sleep 1000").exit_code == 5

    def test_a_hundred_megabytes_without_a_newline_arrive_whole(self, anyhow):
        def body():
            host = anyhow.launcher().start(anyhow.spec("/bin/sh", "-c", "head -c 100000000 /dev/zero"))
            total = 0
            while data := os.read(host.output, 1 << 20):
                total += len(data)
            code = host.exit_code()
            host.close()
            return total, code

        assert anyhow.supervise(body) == [100_000_000, 0]


class TestNothingRemains:
    """A marker in the environment finds the processes of a host wherever they went."""

    def spec(self, place, script):
        marker = f"HARNESS_TEST={place.folder}"
        name, value = marker.split("=")
        return marker, place.spec("/bin/sh", "-c", script, environment={"PATH": os.defpath, name: value})

    def test_a_daemonised_grandchild_ends_with_the_command(self, anyhow):
        started = anyhow.folder / "started"
        daemon = f"sleep 1000 & echo up; touch {started}; wait"
        script = f"(setsid sh -c '{daemon}' &); until [ -e {started} ]; do :; done; exit 4"
        marker, spec = self.spec(anyhow, script)

        def body():
            host = anyhow.launcher().start(spec)
            code = host.exit_code()
            left = processes_that_hold(marker)
            output = b"".join(iter(lambda: os.read(host.output, 100), b""))
            host.close()
            return [code, sorted(left), output.decode()]

        assert anyhow.supervise(body) == [4, [], "up\n"]

    def test_kill_ends_a_command_that_refuses_to_end_and_all_it_started(self, anyhow):
        marker, spec = self.spec(
            anyhow, "trap '' TERM INT HUP; setsid sleep 1000 & setsid sh -c 'echo up; sleep 1000' & wait; wait"
        )

        def body():
            host = anyhow.launcher().start(spec)
            assert os.read(host.output, 100) == b"up\n"
            host.kill()
            host.kill()
            code = host.exit_code()
            left = processes_that_hold(marker)
            host.kill()
            host.close()
            return [code, sorted(left)]

        assert anyhow.supervise(body) == [-signal.SIGKILL, []]

    def test_close_leaves_no_process_no_zombie_and_no_file(self, anyhow):
        def body():
            def files():
                return sorted(os.listdir("/proc/self/fd"))

            launcher = anyhow.launcher()
            before = files()
            for script in ("exit 0", f"echo up; {SLEEP}", "kill -9 $$"):
                host = launcher.start(anyhow.spec("/bin/sh", "-c", script))
                host.close()
                host.close()
            with pytest.raises(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            return before == files()

        assert anyhow.supervise(body)

    def test_orphans_are_reaped_while_the_command_runs(self, anyhow):
        # The subshell leaves its child behind, which ends; it is reaped once its entry in /proc is gone.
        script = "pid=$(sh -c 'true & echo $!'); while [ -e /proc/$pid ]; do :; done; echo reaped"
        assert anyhow.sh(script).output == "reaped\n"

    def test_kill_9_of_the_supervisor_leaves_nothing(self, anyhow):
        marker, spec = self.spec(anyhow, "setsid sleep 1000 & setsid sh -c 'echo up; sleep 1000' & wait")

        def body():
            host = anyhow.launcher().start(spec)
            os.read(host.output, 100)
            os.write(report, b"%d\n" % host.keeper)
            signal.pause()

        ready, report = os.pipe()
        supervisor, result = anyhow.fork(body)
        os.close(report)
        keeper = int(os.read(ready, 100))
        assert len(processes_that_hold(marker)) >= 3
        ended = os.pidfd_open(keeper)
        os.kill(supervisor, signal.SIGKILL)
        os.waitpid(supervisor, 0)
        assert is_readable(ended, 60), "the keeper ends by itself"
        assert processes_that_hold(marker) == set()
        for file in (ended, ready, result):
            os.close(file)

    def test_kill_9_of_the_keeper_ends_the_command(self, anyhow):
        def body():
            host, _ = start_script(anyhow, f"echo up; {SLEEP}")
            os.kill(host.keeper, signal.SIGKILL)
            output = os.read(host.output, 100)  # blocks until nobody can write
            result = [output.decode(), host.exit_code()]
            host.close()
            return result

        assert anyhow.supervise(body) == ["", -signal.SIGKILL]


class TestWhatCannotBeStarted:
    def refusal(self, place, *command, **changes):
        def body():
            before = sorted(os.listdir("/proc/self/fd"))
            launcher = place.launcher()
            with pytest.raises(LaunchError) as caught:
                launcher.start(place.spec(*command, **changes))
            with pytest.raises(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            assert sorted(os.listdir("/proc/self/fd")) == before
            return str(caught.value)

        message = place.supervise(body)
        start = "Host algo-1 could not be started: "
        assert message.startswith(start)
        return message.removeprefix(start)

    def test_a_command_that_does_not_exist(self, anyhow):
        assert self.refusal(anyhow, "nonesuch") == "executing nonesuch: No such file or directory"

    def test_a_command_that_may_not_be_executed(self, anyhow):
        assert self.refusal(anyhow, "/etc/passwd") == "executing /etc/passwd: Permission denied"

    def test_a_working_directory_that_does_not_exist(self, anyhow):
        message = self.refusal(anyhow, "true", cwd="/none/such")
        assert message == "changing to the working directory /none/such: No such file or directory"

    def test_a_mount_whose_source_does_not_exist(self, anyhow):
        message = self.refusal(anyhow, "true", mounts=anyhow.mount(Path("/none/such"), "input/data/train"))
        assert "/none/such" in message
        assert message.endswith("No such file or directory")

    def test_a_mount_whose_source_may_not_be_read(self, isolated):
        closed = isolated.folder / "closed"
        closed.mkdir(mode=0)
        message = None
        if isolated.user == "root":  # whom no permission stops
            assert isolated.sh("true", mounts=isolated.mount(closed, "input/data/train")).exit_code == 0
        else:
            message = self.refusal(isolated, "true", mounts=isolated.mount(closed, "input/data/train"))
            assert message == f"opening {closed}: Permission denied"

    def test_a_mount_outside_the_tree_on_nothing(self, isolated):
        mounts = (Mount(Path("/etc/passwd"), "/none/such"),)
        message = self.refusal(isolated, "true", mounts=mounts)
        assert message == "mounting /etc/passwd as /none/such: No such file or directory"

    def test_more_files_than_the_system_grants(self, anyhow):
        def body():
            launcher = anyhow.launcher()
            used = len(os.listdir("/proc/self/fd"))
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 4, used + 4))
            with pytest.raises(LaunchError, match="Too many open files") as caught:
                launcher.start(anyhow.spec("true"))
            return str(caught.value)

        assert anyhow.supervise(body) == "Host algo-1 could not be started: opening pipes: Too many open files"


class TestWithoutIsolation:
    def test_hosts_see_their_tree_under_its_own_path(self, place):
        assert place.supervise(lambda: [place.launcher().base_dir, place.launcher().reason]) == [
            None,
            "isolation is switched off",
        ]

    def test_mounts_are_links_and_may_be_made_again(self, place):
        channel = place.folder / "channel"
        channel.mkdir()
        (channel / "data.csv").write_text("1,2\n")
        mounts = place.mount(channel, "input/data/train")
        (place.tree / "input/data/train").mkdir(parents=True)
        for path in (place.tree / "input", place.tree / "input/data", place.tree / "input/data/train"):
            os.chown(path, place.ids[0], -1)
        for _ in range(2):
            script = f"cat {place.tree}/input/data/train/data.csv"
            assert place.sh(script, mounts=mounts).output == "1,2\n"
        assert (place.tree / "input/data/train").readlink() == channel

    def test_a_link_never_takes_the_place_of_files(self, place):
        (place.tree / "model").mkdir()
        (place.tree / "model" / "weights").touch()
        message = TestWhatCannotBeStarted().refusal(place, "true", mounts=place.mount(Path("/etc"), "model"))
        assert "linking" in message
        assert (place.tree / "model" / "weights").exists()

    def test_a_mount_outside_the_tree_is_refused(self, place):
        message = TestWhatCannotBeStarted().refusal(place, "true", mounts=(Mount(Path("/etc"), "/somewhere"),))
        assert message == f"/somewhere is outside {place.tree}: isolation is switched off"

    def test_network_isolation_is_refused_by_name(self, place):
        def body():
            with pytest.raises(RefusedError, match=r"EnableNetworkIsolation.*--on container"):
                place.launcher().start(place.spec("true", network=False))

        place.supervise(body)


def test_required_isolation_that_cannot_be_had_is_an_error_that_says_why(monkeypatch, place):
    import harness.engine.processes as processes

    monkeypatch.setattr(processes, "begin_probe", lambda: lambda: Support("the reason"))

    def body():
        with pytest.raises(MissingCapability, match="the reason"):
            ProcessLauncher("required")
        launcher = ProcessLauncher("auto")
        return launcher.base_dir, launcher.reason

    assert place.supervise(body) == [None, "the reason"]


def test_isolation_without_process_numbers_of_its_own_leaves_no_process_either(monkeypatch, isolated):
    # As in a container whose engine hides parts of /proc.
    import harness.engine.processes as processes

    monkeypatch.setattr(processes, "begin_probe", lambda: lambda: Support(None, processes=False))
    (isolated.tree / "hello").write_text("hello\n")
    marker, spec = TestNothingRemains().spec(isolated, "cat /opt/ml/hello; (setsid sleep 1000 &); exit 6")

    def body():
        host = isolated.launcher().start(spec)
        result = [host.exit_code(), sorted(processes_that_hold(marker)), os.read(host.output, 100).decode()]
        host.close()
        return result

    assert isolated.supervise(body) == [6, [], "hello\n"]


def test_a_process_with_threads_is_told_that_it_may_not_start_hosts(place):
    def body():
        release = threading.Event()
        thread = threading.Thread(target=release.wait)
        thread.start()
        try:
            with pytest.raises(RuntimeError, match="2 threads"):
                ProcessLauncher("none")
        finally:
            release.set()
            thread.join()

    place.supervise(body)
