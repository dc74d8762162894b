"""Containers as hosts, in a real Docker engine and the real image."""

import contextlib
import http.client
import json
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import docker.errors
import docker.types
import pytest
import requests

from harness.contract.environment import JobConfig, Machine, script_contract
from harness.engine.container_limits import within
from harness.engine.containers import ContainerLauncher, open_launcher
from harness.engine.environment import image_environment
from harness.engine.hosts import Ended, Log, Stop, run_hosts
from harness.engine.instances import Hardware
from harness.engine.launcher import HostSpec, LaunchError, Mount
from harness.engine.leftovers import labels, remove_leftovers
from harness.engine.ownership import GIVING_BACK, Owner
from harness.engine.store import Job, Store
from harness.errors import MissingCapability
from tests.docker_engine import (
    NOT_TOLD,
    client_or_skip,
    image_or_skip,
    is_podman,
    marked,
    needs_docker_itself,
    needs_root,
)

pytestmark = [pytest.mark.docker]

MIB = 1 << 20
CHANNEL = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}


@pytest.fixture
def client(tmp_path):
    """The engine; what a test has made there must be gone at its end."""
    client = client_or_skip()
    yield client
    left = marked(client, tmp_path)
    client.close()
    assert not left, f"containers or networks left behind: {left}"


@pytest.fixture
def image(client):
    return image_or_skip(client)


@pytest.fixture
def job(tmp_path):
    """A job that this process runs."""
    store = Store(tmp_path / "runs")
    job, lock = store.create("job", "CreateTrainingJob", {}, {"TrainingJobName": "job", "TrainingJobStatus": "Done"})
    store.adopt(lock)
    yield job
    store.release(job, lock)


@dataclass
class Silence:
    """A job that nobody stops, or that is stopped as soon as a host has printed something."""

    stop: Stop | None = None
    files: tuple[int, ...] = ()
    told: list[Stop] = field(default_factory=list)

    def receive(self):
        return None

    def notify(self):
        pass


@dataclass(frozen=True)
class Place:
    """Where a test starts hosts."""

    launcher: ContainerLauncher
    job: Job

    def spec(self, *command: str, name: str = "algo-1", **members) -> HostSpec:
        tree = self.job.path / "hosts" / name
        tree.mkdir(parents=True, exist_ok=True)
        return HostSpec(name, command, members.pop("environment", {}), "", tree=tree, **members)

    def sh(self, script: str, name: str = "algo-1", **members) -> HostSpec:
        return self.spec("-c", script, name=name, entrypoint=("sh",), **members)

    def python(self, script: str, **members) -> HostSpec:
        return self.spec("-c", script, entrypoint=("python3",), **members)

    def run(self, *specs: HostSpec, **options) -> tuple[Ended, list[str]]:
        """Run hosts to their end: how they ended, and the log's lines."""
        log = Log(self.job.log)
        try:
            ended = run_hosts(self.launcher, specs, log=log, control=Silence(), **options)
        finally:
            log.close()
        return ended, self.job.log.read_text().splitlines()

    @contextlib.contextmanager
    def started(self, spec: HostSpec):
        host = self.launcher.start(spec)
        try:
            yield host
        finally:
            host.close()


@pytest.fixture
def place(client, image, job):
    return Place(ContainerLauncher(client, job, image), job)


def wait_for(file: int, seconds: float = 60.0) -> None:
    assert select.select([file], [], [], seconds)[0], "nothing happened"


class TestAHost:
    def test_prints_whole_lines_in_order_and_ends_with_its_exit_code(self, place):
        ended, lines = place.run(place.sh("echo one; echo two >&2; printf three; exit 3"))
        assert ended.exit_codes == {"algo-1": 3}
        assert sorted(lines) == ["algo-1 | one", "algo-1 | three", "algo-1 | two"]

    def test_loses_nothing_of_what_it_prints_however_much(self, place):
        ended, lines = place.run(place.python("for n in range(100_000): print(n)"))
        assert ended.exit_codes == {"algo-1": 0}
        assert lines == [f"algo-1 | {n}" for n in range(100_000)]

    def test_sees_its_tree_as_opt_ml_and_writes_to_it(self, place):
        spec = place.sh("cat /opt/ml/input/config/x && echo made > /opt/ml/model")
        (spec.tree / "input/config").mkdir(parents=True)
        (spec.tree / "input/config/x").write_text("there\n")
        _, lines = place.run(spec)
        assert lines == ["algo-1 | there"]
        assert (spec.tree / "model").read_text() == "made\n"

    def test_reads_a_channel_where_it_lies_and_cannot_write_to_it(self, place, tmp_path):
        data = tmp_path / "data"
        data.mkdir()
        (data / "f").write_text("7\n")
        mount = Mount(data, "/opt/ml/input/data/train")
        spec = place.sh("cat /opt/ml/input/data/train/f; touch /opt/ml/input/data/train/g", mounts=(mount,))
        ended, lines = place.run(spec)
        assert lines[0] == "algo-1 | 7"
        assert "Read-only file system" in lines[1]
        assert ended.exit_codes == {"algo-1": 1}
        assert [path.name for path in data.iterdir()] == ["f"]

    def test_reads_a_single_file_of_a_channel(self, place, tmp_path):
        (tmp_path / "a.csv").write_text("7\n")
        mount = Mount(tmp_path / "a.csv", "/opt/ml/input/data/train/a.csv")
        _, lines = place.run(place.sh("cat /opt/ml/input/data/train/a.csv", mounts=(mount,)))
        assert lines == ["algo-1 | 7"]

    def test_writes_through_a_mount_that_allows_it(self, place, tmp_path):
        kept = tmp_path / "checkpoints"
        kept.mkdir()
        place.run(place.sh("echo 1 > /opt/ml/checkpoints/c", mounts=(Mount(kept, "/opt/ml/checkpoints", False),)))
        assert (kept / "c").read_text() == "1\n"

    def test_has_its_name_and_nothing_of_this_machines_environment(self, place, monkeypatch):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        script = (
            "import os, socket; print(socket.gethostname(), os.environ.get('AWS_SECRET_ACCESS_KEY'), os.environ['A'])"
        )
        _, lines = place.run(place.python(script, environment={"A": "b c"}))
        assert lines == ["algo-1 | algo-1 None b c"]

    def test_has_a_pip_that_trusts_what_this_machines_trusts_and_is_told_so_by_no_variable(
        self, place, monkeypatch, tmp_path
    ):
        (tmp_path / "company.pem").write_text("whom we trust\n")
        monkeypatch.setenv("PIP_CERT", str(tmp_path / "company.pem"))
        asks = "python3 -m pip config list | sed -n s/global.cert=//p | xargs -r cat; env | grep -i -e cert -e pem"
        _, lines = place.run(place.sh(asks))
        assert lines == ["algo-1 | whom we trust"]
        place.job.log.unlink()
        monkeypatch.delenv("PIP_CERT")
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        _, lines = place.run(place.sh(asks))
        assert lines == []

    def test_that_cannot_be_given_them_is_refused_and_leaves_no_container(self, place, monkeypatch, tmp_path):
        (tmp_path / "company.pem").write_text("whom we trust\n")
        monkeypatch.setenv("PIP_CERT", str(tmp_path / "company.pem"))

        def refuse(*given):
            raise docker.errors.APIError("the root file system is read-only")

        monkeypatch.setattr(place.launcher._client.api, "put_archive", refuse)
        with pytest.raises(LaunchError, match="read-only"):
            place.run(place.sh("true"))

    def test_starts_where_the_image_says_unless_told_otherwise(self, place):
        _, lines = place.run(place.sh("pwd"))
        assert lines == ["algo-1 | /"]
        place.job.log.unlink()
        _, lines = place.run(place.sh("pwd")._replace(cwd="/opt/ml"))
        assert lines == ["algo-1 | /opt/ml"]

    def test_without_an_entry_point_of_its_own_gets_the_command_as_the_images_arguments(self, place):
        _, lines = place.run(place.spec("python3", "-c", "print('images')"))
        assert lines == ["algo-1 | images"]

    def test_that_the_image_cannot_start_is_refused_by_name(self, place):
        with pytest.raises(LaunchError, match=r"algo-1 could not be started: .*Has the image no 'nothing'\?"):
            place.run(place.spec("nothing"))

    def test_without_train_is_refused_with_what_brings_it(self, place):
        spec = place.spec("train", environment={"PATH": "/nowhere"})
        with pytest.raises(LaunchError, match=r"no 'train'\? `pip install sagemaker-training` in it brings one"):
            place.run(spec)

    def test_whose_folders_the_engine_does_not_see_is_refused_by_that(self, client, place):
        needs_docker_itself(client, "makes a folder that is not there")
        lost = place.spec("true")
        lost.tree.rmdir()
        with pytest.raises(LaunchError, match="The engine does not see the folders of this machine: it runs on anoth"):
            place.run(lost)

    def test_is_process_1_which_sigterm_does_not_reach(self, place):
        with place.started(place.python("import time; print('up', flush=True); time.sleep(600)")) as host:
            wait_for(host.output)
            host.terminate()
            assert not select.select([host.exited], [], [], 1.0)[0]
            host.kill()
            wait_for(host.exited)
            assert host.exit_code() == 137
            host.kill()  # does nothing any more

    def test_that_handles_sigterm_ends_by_itself(self, place):
        script = "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.1; done"
        with place.started(place.sh(script)) as host:
            wait_for(host.output)
            host.terminate()
            wait_for(host.exited)
            assert host.exit_code() == 4

    def test_is_gone_after_its_close_even_if_it_still_writes(self, place, client):
        with place.started(place.sh("yes")) as host:
            wait_for(host.output)
        host.close()
        assert not marked(client, place.job.path)

    def test_that_loses_its_engine_says_so_and_what_becomes_of_it(self, place, client, monkeypatch):
        def gone(*arguments, **options):
            raise requests.exceptions.ConnectionError("Connection refused")

        host = place.launcher.start(place.sh("true"))
        wait_for(host.exited)
        with monkeypatch.context() as patch:
            patch.setattr(client.api, "remove_container", gone)
            with pytest.raises(LaunchError, match=r"engine was lost .*Connection refused\. `docker info` says when"):
                host.close()
        client.api.remove_container(host._container)

    def test_that_ignores_a_stop_is_killed_after_the_grace_period(self, place):
        start = time.monotonic()
        spec = place.sh("trap '' TERM; echo up; while :; do sleep 0.1; done")
        ended, _ = place.run(spec, deadline=start + 1, grace=0.5)
        assert (ended.stop, ended.exit_codes) == (Stop.DEADLINE, {"algo-1": 137})


class TestMemoryAndCpus:
    def test_a_host_that_needs_more_memory_than_its_instance_has_is_ended_and_said_to_lack_it(self, client, image, job):
        needs_root(client)
        needs_docker_itself(client, NOT_TOLD)
        place = Place(ContainerLauncher(client, job, image, {"mem_limit": 64 * MIB, "memswap_limit": 64 * MIB}), job)
        ended, _ = place.run(place.python("x = b'x' * (1 << 28)"))
        assert ended.exit_codes == {"algo-1": 137}
        assert place.launcher.out_of_memory == {"algo-1"}

    def test_one_that_is_killed_otherwise_is_not(self, place):
        ended, _ = place.run(place.sh("kill -9 $$; exec python3 -c 'import os; os._exit(137)'"))
        assert ended.exit_codes == {"algo-1": 137}
        assert place.launcher.out_of_memory == set()

    def test_limits_reach_the_container(self, client, image, job):
        needs_root(client)
        limits = within(Hardware(1, 256 * MIB), {"NCPU": 2, "MemTotal": 1024 * MIB})
        place = Place(ContainerLauncher(client, job, image, limits), job)
        with place.started(place.sh("sleep 600")) as host:
            settings = client.api.inspect_container(host._container)["HostConfig"]
        assert (settings["NanoCpus"], settings["Memory"]) == (10**9, 256 * MIB)


class TestNetworks:
    def test_two_hosts_find_each_other_by_name(self, place):
        hosts = ("algo-1", "algo-2")
        listen = "import socket; s = socket.create_server(('', 7777)); c, _ = s.accept(); print(c.recv(9).decode())"
        call = (
            "import socket, time\n"
            "for _ in range(100):\n"
            "    try: socket.create_connection(('algo-1', 7777)).sendall(b'hello'); break\n"
            "    except OSError: time.sleep(0.1)\n"
        )
        ended, lines = place.run(
            place.python(listen, hosts=hosts), place.python(call, name="algo-2", hosts=hosts), deadline=None
        )
        assert ended.exit_codes == {"algo-1": 0, "algo-2": 0}
        assert lines == ["algo-1 | hello"]

    @pytest.mark.parametrize("hosts", [("algo-1",), ("algo-1", "algo-2")], ids=["alone", "two"])
    def test_isolation_leaves_no_way_out_but_every_name_resolves(self, place, hosts):
        script = (
            "import socket\n"
            f"for host in {hosts!r}: socket.gethostbyname(host)\n"
            "try: socket.create_connection(('192.0.2.1', 80), timeout=2); print('out')\n"
            "except OSError as error: print('no way out')\n"
        )
        ended, lines = place.run(*(place.python(script, name=name, hosts=hosts, network=False) for name in hosts))
        assert set(ended.exit_codes.values()) == {0}
        assert lines == [f"{line.split(' ')[0]} | no way out" for line in lines]
        assert len(lines) == len(hosts)

    def test_a_host_that_ends_first_does_not_end_the_others(self, place):
        hosts = ("algo-1", "algo-2")
        ended, lines = place.run(
            place.sh("exit 5", hosts=hosts), place.sh("sleep 1; echo done", name="algo-2", hosts=hosts)
        )
        assert ended.exit_codes == {"algo-1": 5, "algo-2": 0}
        assert lines == ["algo-2 | done"]

    def test_when_one_host_cannot_start_the_others_end_and_the_network_goes(self, place):
        hosts = ("algo-1", "algo-2")
        with pytest.raises(LaunchError, match="algo-2"):
            place.run(place.sh("sleep 600", hosts=hosts), place.spec("nothing", name="algo-2", hosts=hosts))


class TestServing:
    PROGRAM = "def model_fn(d): return 7\ndef predict_fn(data, model): return data * model\n"

    def spec(self, place, **members):
        spec = place.spec(
            "serve", "--fail-fast", environment={"SAGEMAKER_PROGRAM": "inference.py"}, ports={8080: 0}, **members
        )
        for folder in ("code", "model"):
            (spec.tree / folder).mkdir()
        (spec.tree / "code/inference.py").write_text(self.PROGRAM)
        return spec

    def answer(self, host):
        deadline = time.monotonic() + 60
        while True:
            connection = http.client.HTTPConnection(*host.address(8080), timeout=30)
            try:
                connection.request("GET", "/ping")
                if connection.getresponse().status == 200:
                    break
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline, "it does not serve"
                time.sleep(0.1)
            finally:
                connection.close()
        connection = http.client.HTTPConnection(*host.address(8080), timeout=30)
        headers = {"Content-Type": "text/csv", "Accept": "application/json"}
        connection.request("POST", "/invocations", b"1,2\n3,4\n", headers)
        try:
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def test_a_model_is_served_on_a_free_port_of_the_loopback_alone(self, place):
        with place.started(self.spec(place)) as host:
            assert host.address(8080)[0] == "127.0.0.1"
            assert self.answer(host) == [[7.0, 14.0], [21.0, 28.0]]

    def test_a_server_that_cannot_load_its_model_ends_and_says_why(self, place):
        spec = self.spec(place)
        (spec.tree / "code/inference.py").write_text("def model_fn(d): raise ValueError('no such model')\n")
        ended, lines = place.run(spec)
        assert ended.exit_codes["algo-1"] != 0
        assert "no such model" in lines[-1]

    def test_a_taken_port_is_refused_with_the_remedy(self, place):
        with place.started(self.spec(place)) as host:
            _, taken = host.address(8080)
            second = place.sh("sleep 600", name="algo-2")._replace(ports={8080: taken})
            with pytest.raises(LaunchError, match="Choose another --port"):
                place.launcher.start(second)

    @pytest.mark.skipif(sys.platform != "linux", reason="Docker Desktop's machine hides its networks")
    @pytest.mark.allow_hosts(["127.0.0.1", "172.16.0.0/12", "192.168.0.0/16", "10.0.0.0/8"])
    def test_an_isolated_server_is_reached_inside_its_network(self, client, place):
        needs_root(client)
        with place.started(self.spec(place, network=False)) as host:
            assert host.address(8080)[0] != "127.0.0.1"
            assert self.answer(host) == [[7.0, 14.0], [21.0, 28.0]]


class TestOwnership:
    def test_of_what_another_user_in_the_container_wrote_is_the_users(self, place):
        spec = place.sh("mkdir -m 700 /opt/ml/model; echo 1 > /opt/ml/model/m; chown -R 1000:1000 /opt/ml/model")
        place.run(spec)
        assert {path.lstat().st_uid for path in spec.tree.rglob("*")} == {os.getuid()}
        assert (spec.tree / "model/m").read_text() == "1\n"

    def test_what_a_container_wrote_is_the_users_afterwards_and_links_lead_nowhere(self, client, place, tmp_path):
        needs_root(client)
        outside = tmp_path / "outside"
        outside.write_text("")
        place.launcher.owner = Owner(12345, 12346)
        spec = place.sh(
            "mkdir -m 700 /opt/ml/model; echo 1 > /opt/ml/model/m; chmod 600 /opt/ml/model/m; ln -s $OUT /opt/ml/l",
            environment={"OUT": str(outside)},
        )
        place.run(spec)
        owners = {path.name: (path.lstat().st_uid, path.lstat().st_gid) for path in sorted(spec.tree.rglob("*"))}
        assert owners == dict.fromkeys(("l", "m", "model"), (12345, 12346))
        assert outside.stat().st_uid == os.getuid()

    def test_of_a_folder_of_checkpoints_too(self, client, place, tmp_path):
        needs_root(client)
        kept = tmp_path / "kept"
        kept.mkdir()
        place.launcher.owner = Owner(12345, 12346)
        place.run(place.sh("echo 1 > /opt/ml/checkpoints/c", mounts=(Mount(kept, "/opt/ml/checkpoints", False),)))
        assert (kept / "c").stat().st_uid == 12345

    def test_of_an_input_channel_is_never_changed(self, place, tmp_path):
        data = tmp_path / "data"
        data.mkdir()
        (data / "f").write_text("")
        place.launcher.owner = Owner(12345, 12346)
        place.run(place.sh("echo 1 > /opt/ml/x", mounts=(Mount(data, "/opt/ml/input/data/train"),)))
        assert (data / "f").stat().st_uid == os.getuid()


class TestLeftovers:
    @pytest.mark.timeout(60)
    def test_of_a_job_that_nobody_runs_any_more_are_removed(self, client, image, tmp_path):
        dead = Job(tmp_path / "runs" / "dead")
        network = client.api.create_network("dead-net", labels=labels(dead))["Id"]
        joined = client.api.create_networking_config({network: client.api.create_endpoint_config()})
        container = client.api.create_container(
            image, ["sleep", "600"], labels=labels(dead, "algo-1"), networking_config=joined
        )
        client.api.start(container)
        while marked(client, tmp_path):  # another process may have begun with it, and not ended
            remove_leftovers(client)

    @pytest.mark.timeout(60)
    @pytest.mark.skipif(os.getuid() != 0, reason="only root can give a run folder to another user")
    def test_leave_the_files_that_they_have_written_to_whose_job_it_was(self, client, image, tmp_path):
        dead = Job(tmp_path / "runs" / "dead")
        (dead.path / "tree").mkdir(parents=True)
        os.chown(dead.path, 12345, 12346)
        mount = docker.types.Mount("/opt/ml", str(dead.path / "tree"), type="bind")
        container = client.api.create_container(
            image,
            ["-c", "mkdir -m 700 /opt/ml/model; echo 1 > /opt/ml/model/m; sleep 600"],
            entrypoint=["sh"],
            labels=labels(dead, "algo-1"),
            host_config=client.api.create_host_config(mounts=[mount]),
        )
        client.api.start(container)
        while not (dead.path / "tree/model/m").exists():
            select.select([], [], [], 0.05)
        while marked(client, tmp_path):
            remove_leftovers(client)
        assert (dead.path / "tree/model/m").stat()[4:6] == (12345, 12346)

    @pytest.mark.timeout(60)
    @pytest.mark.skipif(os.getuid() != 0, reason="only root can give a run folder to another user")
    def test_are_there_until_their_files_have_an_owner(self, client, image, tmp_path, monkeypatch):
        dead = Job(tmp_path / "runs" / "dead")
        (dead.path / "tree").mkdir(parents=True)
        os.chown(dead.path, 12345, 12346)
        mount = docker.types.Mount("/opt/ml", str(dead.path / "tree"), type="bind")
        container = client.api.create_container(
            image, labels=labels(dead, "algo-1"), host_config=client.api.create_host_config(mounts=[mount])
        )["Id"]
        owners, remove = [], client.api.remove_container

        def removed(identifier, **options):
            if identifier == container:
                owners.append((dead.path / "tree").stat()[4:6])
            remove(identifier, **options)

        monkeypatch.setattr(client.api, "remove_container", removed)
        while marked(client, tmp_path):
            remove_leftovers(client)
        assert set(owners) <= {(12345, 12346)}
        assert (dead.path / "tree").stat()[4:6] == (12345, 12346)

    @pytest.mark.timeout(60)
    def test_are_no_containers_that_give_files_back_for_somebody_who_waits_for_that(self, client, image, tmp_path):
        dead, gone = Job(tmp_path / "runs" / "dead"), subprocess.Popen(["true"])
        gone.wait()
        mine, nobodys = (
            client.api.create_container(image, labels={**labels(dead), GIVING_BACK: str(pid)})["Id"]
            for pid in (os.getpid(), gone.pid)
        )
        while nobodys in marked(client, tmp_path):
            remove_leftovers(client)
        assert marked(client, tmp_path) == {mine}
        client.api.remove_container(mine)

    def test_of_a_job_that_runs_are_left_alone(self, place, client):
        with place.started(place.sh("sleep 600")) as host:
            remove_leftovers(client)
            assert client.api.inspect_container(host._container)["State"]["Running"]

    def test_of_another_machine_are_left_alone(self, client, image, tmp_path, monkeypatch):
        monkeypatch.setattr("platform.node", lambda: "elsewhere")
        marks = labels(Job(tmp_path / "runs" / "dead"), "algo-1")
        monkeypatch.undo()
        container = client.api.create_container(image, ["true"], labels=marks)
        remove_leftovers(client)
        assert marked(client, tmp_path) == {container["Id"]}
        client.api.remove_container(container)

    @pytest.mark.timeout(60)
    def test_of_a_killed_process_are_found_by_the_next(self, client, image, tmp_path):
        script = (
            "import sys\n"
            "from pathlib import Path\n"
            "from harness.engine.containers import open_launcher\n"
            "from harness.engine.launcher import HostSpec\n"
            "from harness.engine.store import Store\n"
            "root = Path(sys.argv[1])\n"
            "job, lock = Store(root).create('killed', 'X', {}, {'TrainingJobName': 'killed'})\n"
            "(job.path / 'tree').mkdir()\n"
            "spec = HostSpec('algo-1', ('-c', 'sleep 600'), {}, '', tree=job.path / 'tree', entrypoint=('sh',))\n"
            "host = open_launcher(job, sys.argv[2]).start(spec)\n"
            "print('started', flush=True)\n"
            "sys.stdin.read()\n"
        )
        command = [sys.executable, "-c", script, str(tmp_path / "runs"), image]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"started\n"
            remove_leftovers(client)
            assert len(marked(client, tmp_path)) == 1
            process.kill()
            process.wait()
        while marked(client, tmp_path):
            remove_leftovers(client)


class TestTheLauncherOfAJob:
    def test_stands_the_local_image_in_for_awss(self, client, image, job):
        uri = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
        launcher = open_launcher(job, uri, "ml.m5.large")
        assert launcher.image == image
        launcher._client.close()

    def test_says_how_to_get_an_image_that_is_not_here(self, client, job):
        with pytest.raises(MissingCapability, match="`docker pull nobody/nothing:1`"):
            open_launcher(job, "nobody/nothing:1")
        uri = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:0.23-1-cpu-py3"
        with pytest.raises(MissingCapability, match=r"`harness image pull --framework-version 0\.23-1`"):
            open_launcher(job, uri)


class TestTheEnvironment:
    def test_of_a_script_is_what_the_contract_says_to_the_byte(self, client, place):
        hosts, environment = ("algo-1",), {"TRAINING_JOB_NAME": "job", "AWS_REGION": "eu-west-1", "MINE": "a b"}
        spec = place.spec("train", hosts=hosts, environment=environment)
        config = JobConfig(
            hyperparameters={"sagemaker_program": '"train.py"', "n": "7", "r": "1e-3", "x": '"a b"', "f": "true"},
            input_data_config={
                name: {
                    "TrainingInputMode": "File",
                    "S3DistributionType": "FullyReplicated",
                    "RecordWrapperType": "None",
                }
                for name in ("train", "Test.v1")
            },
            resource_config={
                "current_host": "algo-1",
                "current_instance_type": "ml.m5.large",
                "current_group_name": "homogeneousCluster",
                "hosts": list(hosts),
                "instance_groups": [
                    {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": list(hosts)}
                ],
                "network_interface_name": "eth0",
            },
        )
        for folder in ("input/config", "code", "model", "output/data"):
            (spec.tree / folder).mkdir(parents=True)
        for name, document in (
            ("hyperparameters", config.hyperparameters),
            ("inputdataconfig", config.input_data_config),
            ("resourceconfig", config.resource_config),
        ):
            (spec.tree / "input/config" / f"{name}.json").write_text(json.dumps(document))
        (spec.tree / "code/train.py").write_text(
            "import json, os, sys\n"
            "seen = {'environment': dict(os.environ), 'argv': sys.argv[1:], 'cwd': os.getcwd()}\n"
            "json.dump(seen, open('/opt/ml/model/seen.json', 'w'))\n"
        )
        ended, _ = place.run(spec)
        assert ended.exit_codes == {"algo-1": 0}
        seen = json.loads((spec.tree / "model/seen.json").read_text())

        own = {"HOME": "/root", "HOSTNAME": "algo-1", "PATH": seen["environment"]["PATH"]}
        version = "python3.12"
        expected = script_contract(
            config,
            environment={**image_environment("x/sagemaker-scikit-learn:1.9-0-cpu-py3"), **own, **environment},
            machine=Machine(
                num_cpus=os.cpu_count(),
                python="/usr/local/bin/python3",
                pythonpath=(
                    "/usr/local/bin",
                    "/usr/local/lib/python312.zip",
                    *(f"/usr/local/lib/{version}{rest}" for rest in ("", "/lib-dynload", "/site-packages")),
                ),
            ),
        )
        # What the official image of Python sets besides, and AWS's, made from another base, does not.
        others = {"GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256"}
        if is_podman(client):
            others |= {"TERM", "container"}
        assert {k: v for k, v in seen["environment"].items() if k not in others} == dict(expected.environment)
        assert seen["argv"] == list(expected.argv)
        assert seen["cwd"] == expected.cwd
        assert (spec.tree / "output/success").is_file()

    def test_of_a_failed_script_leaves_awss_failure_file_and_exit_code(self, place):
        spec = place.spec("train")
        for folder in ("input/config", "code", "output"):
            (spec.tree / folder).mkdir(parents=True)
        documents = {
            "hyperparameters": {"sagemaker_program": '"train.py"'},
            "inputdataconfig": {},
            "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
        }
        for name, document in documents.items():
            (spec.tree / "input/config" / f"{name}.json").write_text(json.dumps(document))
        (spec.tree / "code/train.py").write_text("raise SystemExit(9)\n")
        ended, _ = place.run(spec)
        assert ended.exit_codes == {"algo-1": 1}
        assert "ExecuteUserScriptError" in (spec.tree / "output/failure").read_text()


def test_threads_end_with_their_hosts(place):
    place.run(place.sh("echo 1"))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("listen-")]
