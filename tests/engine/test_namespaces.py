"""What a host sees that has a private ``/opt/ml``."""

import os
import socket
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engine.launcher import Mount
from harness.engine.namespaces import enter, hosts_file
from harness.engine.system import Kernel

TWO_HOSTS = ("algo-1", "algo-2")


def in_mounts_of_its_own() -> Callable[..., None]:
    """Let this supervisor mount what it likes, unseen by the machine; mount(2)."""
    kernel = Kernel()
    enter(kernel, processes=False, network=True)
    recursively, private = 0x4000, 0x40000
    kernel.mount("none", "/", flags=recursively | private)
    return kernel.mount


def test_the_tree_is_literally_opt_ml(isolated):
    (isolated.tree / "hello").write_text("from the tree")
    assert isolated.sh("cat /opt/ml/hello").output == "from the tree"


def test_what_is_written_to_opt_ml_is_in_the_tree_and_belongs_to_the_user(isolated):
    assert isolated.sh("mkdir /opt/ml/model && echo weights > /opt/ml/model/m").exit_code == 0
    written = isolated.tree / "model" / "m"
    assert written.read_text() == "weights\n"
    assert written.stat().st_uid == isolated.ids[0]


def test_the_user_is_who_they_were(isolated):
    assert isolated.sh("id -u; id -g").output.split() == [str(number) for number in isolated.ids]


def test_what_opt_held_remains_visible(isolated):
    there = sorted(name for name in os.listdir("/opt") if name != "ml")
    seen = sorted(name for name in isolated.sh("ls -A /opt").output.splitlines() if name != "ml")
    assert seen == there


def test_folders_files_links_and_an_opt_ml_that_exists_are_all_handled(isolated):
    def body():
        mount = in_mounts_of_its_own()
        mount("tmpfs", "/opt", "tmpfs")
        Path("/opt/folder").mkdir()
        Path("/opt/folder/inside").write_text("1")
        Path("/opt/file").write_text("2")
        Path("/opt/link").symlink_to("folder/inside")
        Path("/opt/dangling").symlink_to("nowhere")
        Path("/opt/ml/model").mkdir(parents=True)
        Path("/opt/ml/data").write_text("3")
        script = "cat /opt/folder/inside /opt/file /opt/link /opt/ml/input/data/d; readlink /opt/dangling; ls /opt/ml"
        mounts = isolated.mount(Path("/opt/ml/data"), "input/data/d")
        return isolated.run_here("/bin/sh", "-c", script, mounts=mounts), sorted(os.listdir("/opt/ml"))

    assert isolated.supervise(body) == [["1213nowhere\ninput\n", 0], ["data", "model"]]


def test_nothing_of_it_is_visible_outside(isolated):
    def body():
        def view():
            return [Path("/proc/self/mountinfo").read_text(), os.listdir("/opt"), socket.gethostname()]

        before = view()
        host = isolated.launcher().start(isolated.spec("/bin/sh", "-c", "echo up; exec sleep 100"))
        assert os.read(host.output, 100) == b"up\n"
        during = view()
        host.close()
        return before == during == view()

    assert isolated.supervise(body)


def test_nothing_is_left_on_disk_but_mount_points_in_the_tree(isolated):
    channel = isolated.folder / "channel"
    channel.mkdir()
    isolated.sh("true", mounts=isolated.mount(channel, "input/data/train"))
    left = sorted(str(path.relative_to(isolated.folder)) for path in isolated.folder.rglob("*"))
    assert left == ["channel", "tree", "tree/input", "tree/input/data", "tree/input/data/train"]


def test_the_host_has_its_name(isolated):
    assert isolated.sh("cat /proc/sys/kernel/hostname", name="algo-7").output == "algo-7\n"


def test_every_host_of_the_job_resolves(isolated):
    # `ahostsv4` finds no address where this machine itself has none but the loopback's, as in .ci/offline.
    script = "getent hosts localhost algo-1 algo-2"
    lines = isolated.sh(script, hosts=TWO_HOSTS).output.splitlines()
    assert {line.split()[0] for line in lines} - {"::1"} == {"127.0.0.1", "127.0.0.2"}


def test_every_host_has_an_address_of_its_own():
    lines = hosts_file([f"algo-{number}" for number in range(1, 601)]).splitlines()
    addresses = [line.split()[0] for line in lines if "algo-" in line]
    assert len(set(addresses)) == 600
    assert addresses[:2] == ["127.0.0.1", "127.0.0.2"]
    assert all(socket.inet_aton(address)[0] == 127 for address in addresses)


class TestTheOriginals:
    @pytest.fixture
    def data(self, isolated):
        """Files that are the user's own, in a folder of theirs."""
        data = isolated.folder / "data"
        data.mkdir()
        (data / "a.csv").write_text("1\n")
        for path in (data, data / "a.csv"):
            os.chown(path, isolated.ids[0], -1)
        return data

    @pytest.mark.parametrize("name", ["", "a.csv"], ids=["a folder", "a file"])
    def test_cannot_be_written_to_under_their_own_names(self, isolated, data, name):
        ended = isolated.sh(f"echo 2 >> {data}/a.csv", protected=(data / name,))
        assert "Read-only file system" in ended.output
        assert (data / "a.csv").read_text() == "1\n"

    def test_can_hold_the_tree_and_what_a_job_writes_to(self, isolated, data):
        mounts = isolated.mount(data, "checkpoints", read_only=False)
        script = "echo 2 > /opt/ml/b && echo 2 > /opt/ml/checkpoints/c"
        ended = isolated.sh(script, mounts=mounts, protected=(isolated.folder, data))
        assert ended.exit_code == 0, ended.output
        assert (data / "c").exists()

    def test_can_hold_the_folder_for_temporary_files(self, isolated, data):
        environment = {"PATH": os.defpath, "TMPDIR": str(data)}
        ended = isolated.sh('echo 2 > "$TMPDIR/t"', environment=environment, protected=(isolated.folder, data))
        assert ended.exit_code == 0, ended.output


@pytest.mark.parametrize(("credentials", "seen"), [(False, ""), (True, "credentials\n")])
def test_credentials_are_seen_by_those_alone_who_may(isolated, monkeypatch, credentials, seen):
    folder = isolated.folder / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("secret")
    monkeypatch.setenv("HOME", str(isolated.folder))
    assert isolated.sh(f"ls -A {folder}", credentials=credentials).output == seen


class TestChannels:
    @pytest.fixture
    def channel(self, isolated):
        channel = isolated.folder / "channel"
        channel.mkdir()
        (channel / "data.csv").write_text("1,2\n")
        for path in (channel, channel / "data.csv"):
            os.chown(path, isolated.ids[0], -1)
        return channel

    def test_a_channel_is_seen_and_cannot_be_written(self, isolated, channel):
        ended = isolated.sh(
            "cat /opt/ml/input/data/train/data.csv; echo x > /opt/ml/input/data/train/data.csv;"
            "touch /opt/ml/input/data/train/new; rm -f /opt/ml/input/data/train/data.csv",
            mounts=isolated.mount(channel, "input/data/train"),
        )
        assert ended.output.startswith("1,2\n")
        assert ended.output.count("Read-only file system") == 3
        assert [path.name for path in channel.iterdir()] == ["data.csv"]

    def test_a_mount_that_is_not_read_only_can_be_written(self, isolated, channel):
        mounts = isolated.mount(channel, "checkpoints", read_only=False)
        assert isolated.sh("echo 1 > /opt/ml/checkpoints/state", mounts=mounts).exit_code == 0
        assert (channel / "state").read_text() == "1\n"

    def test_a_single_file_can_be_mounted(self, isolated, channel):
        mounts = isolated.mount(channel / "data.csv", "input/data/train/renamed.csv")
        assert isolated.sh("cat /opt/ml/input/data/train/*", mounts=mounts).output == "1,2\n"

    def test_a_mount_with_a_blank_in_its_name_is_read_only_too(self, isolated, channel):
        odd = channel.rename(channel.with_name("o d\\d\té"))
        mounts = isolated.mount(odd, "input/data/o d\\d\té")
        assert "Read-only" in isolated.sh("touch '/opt/ml/input/data/o d\\d\té/x'", mounts=mounts).output

    def test_restrictions_of_the_machine_s_own_mounts_are_kept_in_all_that_a_channel_brings_along(self, isolated):
        # A user namespace may not take nosuid, nodev or noexec away, and what it may not do fails altogether.
        def body():
            source = isolated.folder / "disk"
            source.mkdir()
            mount = in_mounts_of_its_own()
            mount("tmpfs", str(source), "tmpfs", 0x2 | 0x4 | 0x8)
            (source / "b low").mkdir()
            mount("tmpfs", str(source / "b low"), "tmpfs", 0x2)
            script = (
                "cd /opt/ml/input/data/train && touch x; touch 'b low/x'; grep -o 'train.*no[a-z,]*' /proc/self/mounts"
            )
            return isolated.run_here("/bin/sh", "-c", script, mounts=isolated.mount(source, "input/data/train"))

        output, _ = isolated.supervise(body)
        assert output.count("Read-only file system") == 2
        assert "train tmpfs ro,nosuid,nodev,noexec" in output
        assert "train/b\\040low tmpfs ro,nosuid" in output

    @pytest.mark.slow
    def test_the_number_of_files_does_not_matter(self, isolated, channel):
        def work(files):
            """What Python asks of the system in all the host's processes, and the mounts that result."""
            (channel / str(files)).mkdir()
            for number in range(files):
                os.mknod(channel / str(files) / str(number))

            log = str(isolated.folder / f"{files}.log")

            def hook(event, arguments):
                if (event == "open" or event.startswith("os.")) and log not in arguments:
                    file = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
                    os.write(file, f"{event}\n".encode())
                    os.close(file)

            def body():
                mounts = isolated.mount(channel / str(files), "input/data/train")
                isolated.run_here("true", mounts=mounts)  # makes the mount point
                sys.addaudithook(hook)
                output, _ = isolated.run_here("grep", "-c", " /opt/ml", "/proc/self/mountinfo", mounts=mounts)
                return int(output)

            return isolated.supervise(body), Counter(Path(log).read_text().split())

        mounts, asked = work(1)
        assert asked["os.scandir"] == 1, "/opt is listed in the innermost child"
        assert work(1000) == (mounts, asked)


class TestNoNetwork:
    def test_the_machine_is_out_of_reach_and_the_loopback_is_there(self, isolated):
        listing = isolated.run("/bin/cat", "/proc/net/dev", network=False).output
        interfaces = [line.split(":")[0].strip() for line in listing.splitlines() if ":" in line]
        assert interfaces == ["lo"]

    def test_what_listens_outside_cannot_be_reached(self, isolated):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
            assert isolated.run(isolated.python, "-c", code).exit_code == 0
            refused = isolated.run(isolated.python, "-c", code, network=False)
        assert "ConnectionRefusedError" in refused.output

    def test_the_hosts_of_a_job_reach_each_other_by_name(self, isolated):
        listen = (
            "import socket; server = socket.create_server(('algo-1', 7777)); print('up', flush=True);"
            "print(server.accept()[0].recv(9).decode())"
        )
        connect = "import socket; socket.create_connection(('algo-1', 7777), 5).sendall(b'hello')"
        python = isolated.python

        def body():
            launcher = isolated.launcher()
            spec = isolated.spec(python, "-c", listen, network=False, hosts=TWO_HOSTS)
            first = launcher.start(spec)
            assert os.read(first.output, 100) == b"up\n"
            second = launcher.start(isolated.spec(python, "-c", connect, network=False, hosts=TWO_HOSTS, name="algo-2"))
            result = [first.exit_code(), second.exit_code(), os.read(first.output, 100).decode()]
            first.close()
            second.close()
            return result

        assert isolated.supervise(body) == [0, 0, "hello\n"]

    def test_a_host_whose_peers_have_ended_gets_a_network_of_its_own(self, isolated):
        def body():
            launcher = isolated.launcher()
            codes = []
            for close in (False, True, True):
                host = launcher.start(isolated.spec("/bin/sh", "-c", "grep -q lo: /proc/net/dev", network=False))
                codes.append(host.exit_code())
                if close:
                    host.close()
            return codes

        assert isolated.supervise(body) == [0, 0, 0]

    def test_two_jobs_do_not_reach_each_other(self, isolated):
        def body():
            names = []
            for _ in range(2):
                host = isolated.launcher().start(
                    isolated.spec("/bin/sh", "-c", "readlink /proc/self/ns/net; exec sleep 100", network=False)
                )
                names.append(os.read(host.output, 100).decode())
                hosts.append(host)
            for host in hosts:
                host.close()
            return names

        hosts = []
        assert len(set(isolated.supervise(body))) == 2


def test_shared_memory_is_the_host_s_own_and_goes_with_it(isolated):
    before = sorted(os.listdir("/dev/shm"))
    assert isolated.sh("ls -A /dev/shm; touch /dev/shm/left; ls /dev/shm").output == "left\n"
    assert sorted(os.listdir("/dev/shm")) == before


def test_processes_are_numbered_from_one_and_others_are_not_seen(isolated):
    assert isolated.sh("echo $$; ls -d /proc/[0-9]*").output.split()[:3] == ["2", "/proc/1", "/proc/2"]


def test_a_mount_outside_opt_ml_needs_a_target_that_exists(isolated):
    source = isolated.folder / "file"
    source.write_text("mine")
    assert isolated.sh("cat /etc/hostname", mounts=(Mount(source, "/etc/hostname"),)).output == "mine"


PARALLEL = """
import multiprocessing, os, socket, subprocess, threading
def square(number):
    return number * number
if __name__ == "__main__":
    for method in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(square, range(4)))
    thread = threading.Thread(target=print, args=["thread"])
    thread.start()
    thread.join()
    print(subprocess.run(["sh", "-c", "echo child"], capture_output=True).stdout)
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    with open("/dev/shm/x", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 1 << 20)
    print("done")
"""


@pytest.mark.slow
def test_scripts_use_processes_threads_sockets_and_shared_memory_as_ever(isolated):
    (isolated.tree / "script.py").write_text(PARALLEL)
    ended = isolated.run(isolated.python, "/opt/ml/script.py")
    assert ended.exit_code == 0, ended.output
    assert ended.output.splitlines()[-1] == "done"
    assert "spawn [0, 1, 4, 9]" in ended.output
