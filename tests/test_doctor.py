"""What the doctor finds, area by area."""

import io
import json
import os
import platform
import shlex
import socket
import subprocess
import sys
import tarfile
import tomllib
import uuid
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from packaging.requirements import Requirement

import harness
from harness.config import load
from harness.doctor import (
    NEEDS,
    Check,
    Diagnosis,
    Status,
    aws,
    checks,
    containers,
    drift,
    local,
    localmode,
    machine,
    pythons,
)
from harness.doctor import standin as doctor_standin
from harness.engine.client import stores
from harness.engine.interpreter import LIBRARIES, Interpreter
from harness.engine.isolation import Support
from harness.engine.leftovers import labels
from harness.engine.store import Store
from harness.errors import MissingCapability
from harness.images import IMAGES
from harness.images.build import tag
from harness.targets import open_target
from harness.targets.localmode.machine import Sdk
from tests.docker_engine import client_or_skip, image_or_skip, needs_docker_itself

PINS = {"scikit-learn": "1.9.0", "pandas": "2.2.3", "numpy": "2.5.1", "joblib": "1.5.3"}


def config(tmp_path, **flags):
    return load(project_dir=tmp_path, flags={"runs_dir": str(tmp_path / "runs"), **flags}, environ={})


def named(found, name) -> Check:
    (check,) = [each for each in found if each.name == name]
    return check


class TestATarget:
    @pytest.mark.parametrize("status", Status)
    @pytest.mark.parametrize("target", NEEDS)
    @pytest.mark.parametrize("area", ["machine", "local", "containers", "localmode", "aws", "standin"])
    def test_runs_unless_something_is_missing_in_an_area_that_it_needs(self, target, area, status):
        found = Diagnosis((Check(area, "a", status, ""), Check(area, "b", Status.OK, "")))
        assert found.can_run(target) is not (status is Status.MISSING and area in NEEDS[target])

    def test_names_what_it_lacks(self):
        lacking = Check("containers", "engine", Status.MISSING, "")
        found = Diagnosis((lacking, Check("aws", "role", Status.MISSING, "")))
        assert found.lacks("localmode") == (lacking,)


@pytest.mark.parametrize(
    ("message", "finding", "remedy"),
    [
        ("No engine answers at a.sock. Start it", "No engine answers at a.sock", "Start it"),
        (
            "It needs docker, which is absent: pip install docker",
            "It needs docker, which is absent",
            "pip install docker",
        ),
        ("x 1.9-0 is not here. `make image` makes it.", "x 1.9-0 is not here", "`make image` makes it."),
        ("a.b = 0 forbids it; `sudo c` allows it", "a.b = 0 forbids it", "`sudo c` allows it"),
        ("Nothing to be done: 3.5 of 4", "Nothing to be done: 3.5 of 4", ""),
    ],
)
def test_a_message_is_parted_where_its_remedy_begins(message, finding, remedy):
    assert checks.told("local", "a", message) == Check("local", "a", Status.MISSING, finding, remedy)


class TestImageDrift:
    @pytest.mark.parametrize(
        ("library", "one", "other", "same"),
        [
            ("scikit-learn", "1.9.0", "1.9.1", True),
            ("scikit-learn", "1.9.0", "1.10.0", False),
            ("scikit-learn", "1.1.0", "1.10.0", False),
            ("numpy", "2.4.6", "2.5.1", True),
            ("numpy", "1.26.4", "2.0.0", False),
            ("pandas", "2.2.3", "2.3.3", True),
            ("pandas", "2.3.3", "3.0.0", False),
            ("joblib", "1.5.3", "1.6.0", True),
        ],
    )
    def test_matters_from_where_a_library_changes_what_it_pickles(self, library, one, other, same):
        assert drift.loads(library, one, other) is same
        assert drift.loads(library, other, one) is same

    @pytest.mark.parametrize(
        ("here", "status", "said"),
        [
            ({}, Status.OK, "as in the image"),
            (
                {"scikit-learn": "1.9.1"},
                Status.OK,
                "scikit-learn 1.9.1 (image: 1.9.0): models load in both, with a warning",
            ),
            ({"joblib": "1.5.2"}, Status.OK, "joblib 1.5.2 (image: 1.5.3): models load in both"),
            ({"scikit-learn": "1.8.0"}, Status.WARN, "a model pickled in one may not load in the other"),
            ({"numpy": "1.26.4", "joblib": "1.5.2"}, Status.WARN, "numpy 1.26.4 (image: 2.5.1): a model pickled"),
            ({"joblib": None}, Status.WARN, "joblib not installed"),
            ({"scikit-learn": None}, Status.WARN, "scikit-learn is not installed"),
        ],
    )
    def test_is_told_with_the_command_that_undoes_it(self, here, status, said):
        installed = {name: version for name, version in {**PINS, **here}.items() if version}
        check = drift.compare(installed, PINS, "mend it")
        assert (check.status, said in check.finding) == (status, True)
        assert check.remedy == ("mend it" if status is Status.WARN else "")

    def test_is_unknown_for_an_image_of_the_users_own(self):
        check = drift.compare(PINS, {}, "pip install")
        assert check.status is Status.OK
        assert "not known" in check.finding

    @pytest.mark.parametrize("version", IMAGES)
    def test_is_measured_against_what_is_known_of_the_image(self, version):
        pins = drift.pinned(version)
        assert (pins["scikit-learn"], pins["numpy"]) == (IMAGES[version].scikit_learn, IMAGES[version].numpy)

    @pytest.mark.docker
    def test_is_measured_against_what_the_local_image_really_holds(self):
        client = client_or_skip()
        try:
            program = (
                "import importlib.metadata as m, json, sys; print(json.dumps([m.version(n) for n in sys.argv[1:]]))"
            )
            said = client.containers.run(
                image_or_skip(client), [program, *LIBRARIES], entrypoint=["python3", "-c"], remove=True
            )
        finally:
            client.close()
        assert dict(zip(LIBRARIES, json.loads(said), strict=True)) == drift.pinned("1.9-0")

    @pytest.mark.parametrize(
        ("python", "status"), [("3.12.9", Status.OK), ("3.11.2", Status.WARN), ("3.1.2", Status.WARN)]
    )
    def test_of_python_counts_from_its_minor_number_on(self, python, status):
        here = Interpreter("/usr/bin/python3", python, ())
        assert drift.python(here, "1.9-0", "make {} {}".format, []).status is status

    def test_of_python_is_undone_by_an_environment_that_has_what_scripts_find_in_the_image(self):
        here = Interpreter("/usr/bin/python3", "3.11.2", ())
        python = ".venv-1.9-0/bin/python"
        pins = Path(harness.__file__).parent / "images/sklearn/1.9-0.txt"
        given = shlex.quote(str(pins))
        assert drift.python(here, "1.9-0", "make {} {}".format, ["flask", "packaging"]).remedy == (
            f"make 3.12 .venv-1.9-0; {python} -m pip install -c {given} scikit-learn pandas numpy joblib scipy pyarrow "
            f'boto3 requests pyyaml flask packaging; and python = "{python}" in [tool.harness]'
        )
        assert "\npyarrow==" in pins.read_text()
        assert drift.libraries(here, "1.9-0").remedy.startswith("the environment above")

    def test_of_an_image_without_pins_is_undone_by_what_is_known_of_it(self):
        here = Interpreter("/usr/bin/python3", "3.11.2", ())
        remedy = drift.python(here, "1.2-1", "make {} {}".format, ["flask"]).remedy
        assert "-m pip install scikit-learn==1.2.1 numpy==1.24.1 flask;" in remedy

    def test_of_libraries_alone_is_undone_in_the_script_s_own_environment(self):
        here = Interpreter("/usr/bin/python3", "3.12.9", ())
        assert drift.libraries(here, "1.9-0").remedy.startswith("/usr/bin/python3 -m pip install scikit-learn==1.9.0 ")
        assert drift.libraries(here, None).remedy == "/usr/bin/python3 -m pip install scikit-learn"


class TestLocal:
    @pytest.mark.parametrize(
        ("isolation", "support", "status"),
        [
            ("auto", Support(None, processes=True), Status.OK),
            ("auto", Support(None), Status.OK),
            ("auto", Support("it needs Linux"), Status.WARN),
            ("required", Support("it needs Linux"), Status.MISSING),
            ("none", Support("it needs Linux"), Status.OK),
        ],
    )
    def test_lacks_a_private_opt_ml_only_where_it_is_required(self, isolation, support, status):
        assert local.opt_ml(isolation, support).status is status

    def test_says_how_a_kernel_is_brought_to_grant_it(self):
        check = local.opt_ml(
            "auto", Support("the kernel setting a.b = 0 forbids it (x); `sudo sysctl -w a.b=1` allows it")
        )
        assert "a.b = 0 forbids it" in check.finding
        assert check.remedy == "`sudo sysctl -w a.b=1` allows it"

    def test_looks_at_the_interpreter_of_scripts_not_at_its_own(self, tmp_path):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
        python = tmp_path / "venv/bin/python"
        found = list(local.look(config(tmp_path, python=str(python))))
        assert named(found, "libraries").finding.startswith("scikit-learn is not installed")
        server = named(found, "model server")
        assert server.status is Status.WARN
        assert server.remedy == f"{python} -m pip install flask gunicorn gevent packaging numpy"

    @pytest.mark.slow
    def test_names_all_that_the_server_imports(self):
        # What these distributions need themselves comes with them; nothing else can be imported here.
        program = """
import importlib.metadata as m, sys
from packaging.requirements import Requirement

def needed(name, seen):
    if name not in seen:
        seen.add(name)
        for each in map(Requirement, m.requires(name) or ()):
            if each.marker is None or each.marker.evaluate({"extra": ""}):
                needed(each.name.lower().replace("_", "-"), seen)
    return seen

there = set().union(*(needed(name, set()) for name in sys.argv[1:]))
modules = {
    name for name, of in m.packages_distributions().items() if there & {each.lower().replace("_", "-") for each in of}
}

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {*modules, *sys.stdlib_module_names, "harness"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for name in list(sys.modules):
    if name.partition(".")[0] == "packaging":
        del sys.modules[name]
sys.meta_path.insert(0, Nothing())
sys.path.insert(0, ".")
import harness.server.app, harness.server.gevent_worker, harness.server.thread_worker, harness.server.workers
"""
        home = Path(harness.__file__).parents[1]
        subprocess.run([sys.executable, "-c", program, *local.SERVER], check=True, cwd=home)

    def test_names_for_the_server_what_the_extra_has_and_the_image_s_libraries(self):
        pyproject = tomllib.loads((Path(harness.__file__).parents[1] / "pyproject.toml").read_text())
        extra = [Requirement(each) for each in pyproject["project"]["optional-dependencies"]["serve"]]
        assert {*local.SERVER} == {"numpy"}.union(*({each.name, *each.extras} for each in extra))

    def test_without_its_interpreter_cannot_run(self, tmp_path):
        check = named(local.look(config(tmp_path, python=str(tmp_path / "none"))), "python")
        assert check.status is Status.MISSING
        assert check.remedy == "Name the bin/python of an environment"

    @pytest.mark.slow
    def test_finds_here_what_these_tests_run_with(self, tmp_path):
        from importlib.metadata import version

        found = list(local.look(config(tmp_path)))
        assert f"scikit-learn {version('scikit-learn')}" in named(found, "libraries").finding
        assert f"gunicorn {version('gunicorn')}" in named(found, "model server").finding

    def test_compares_nothing_with_an_image_of_the_users_own(self, tmp_path):
        found = list(local.look(config(tmp_path, image_uri="example.com/mine:1")))
        assert "not known" in named(found, "libraries").finding
        assert named(found, "python").status is Status.OK


class TestAnEnvironmentOfAnotherPython:
    def python(self, folder, code):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "python3.77"
        path.write_text(f"#!/bin/sh\nexit {code}\n")
        path.chmod(0o755)
        return str(path)

    def made(self, monkeypatch, *path):
        monkeypatch.setenv("PATH", os.pathsep.join(map(str, path)))
        return pythons.environment("3.77", "there")

    def test_is_made_with_the_one_that_a_shell_finds(self, tmp_path, monkeypatch):
        self.python(tmp_path, 0)
        assert self.made(monkeypatch, tmp_path) == "python3.77 -m venv there"

    def test_is_made_with_one_that_runs_where_what_a_shell_finds_does_not(self, tmp_path, monkeypatch):
        self.python(tmp_path / "shims", 127)
        other = self.python(tmp_path / "bin", 0)
        assert self.made(monkeypatch, tmp_path / "shims", tmp_path / "bin") == f"{other} -m venv there"

    def test_is_made_with_one_that_pyenv_has_behind_a_shim_that_fails(self, tmp_path, monkeypatch):
        self.python(tmp_path / "shims", 127)
        behind = self.python(tmp_path / "versions/3.77.1/bin", 0)
        assert self.made(monkeypatch, tmp_path / "shims") == f"{behind} -m venv there"

    def test_is_uv_s_to_make_where_no_such_python_runs(self, tmp_path, monkeypatch):
        self.python(tmp_path, 1)
        (tmp_path / "uv").touch(0o755)
        assert self.made(monkeypatch, tmp_path) == "uv venv --seed --python 3.77 there"

    def test_needs_that_python_first_where_nothing_can_make_it(self, tmp_path, monkeypatch):
        assert self.made(monkeypatch, tmp_path).startswith("install Python 3.77 (")


class TestTheMachine:
    @pytest.mark.parametrize(
        ("free", "status"),
        [
            (machine.TOO_LITTLE - 1, Status.MISSING),
            (machine.TOO_LITTLE, Status.WARN),
            (machine.LITTLE - 1, Status.WARN),
            (machine.LITTLE, Status.OK),
        ],
    )
    def test_has_room_or_says_so(self, tmp_path, free, status):
        assert machine.disk(free, tmp_path).status is status

    def test_needs_no_folder_that_is_made_later(self, tmp_path):
        assert {each.status for each in machine.look(config(tmp_path, runs_dir=str(tmp_path / "a/b")))} == {Status.OK}
        assert not (tmp_path / "a").exists()

    def test_must_be_able_to_keep_run_folders_where_they_belong(self, tmp_path):
        (tmp_path / "file").touch()
        check = named(machine.look(config(tmp_path, runs_dir=str(tmp_path / "file"))), "run folders")
        assert check.status is Status.MISSING

    def test_tells_jobs_that_lost_their_process_from_those_that_run_or_have_ended(self, tmp_path):
        store, _ = stores(tmp_path / "runs")
        locks = [make(store, name, "InProgress") for name in ("runs", "lost")] + [make(store, "done", "Completed")]
        for lock in locks[1:]:
            os.close(lock)
        try:
            check = named(machine.look(config(tmp_path)), "leftovers")
        finally:
            os.close(locks[0])
        assert (check.status, check.remedy) == (Status.WARN, "harness clean")
        assert check.finding == "1 lost their process: lost"

    def test_has_the_port_that_an_endpoint_is_to_have_or_says_so(self, tmp_path):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            number = taken.getsockname()[1]
            check = named(machine.look(config(tmp_path, deploy={"port": number})), "port")
        assert check.status is Status.WARN
        assert check.finding.startswith(f"an endpoint cannot have port {number}: ")
        assert machine.port(number).status is Status.OK
        assert machine.port(70_000).status is Status.WARN

    @pytest.mark.parametrize("content", ["", "5", "[]", "{}", '{"TrainingJobStatus": '])
    def test_is_not_brought_down_by_a_damaged_run_folder(self, tmp_path, content):
        (tmp_path / "runs/broken").mkdir(parents=True)
        (tmp_path / "runs/broken/describe.json").write_text(content)
        assert named(machine.look(config(tmp_path)), "leftovers").status is Status.OK


def make(store: Store, name: str, status: str) -> int:
    """A job, and the lock that says that somebody runs it."""
    return store.create(name, "CreateTrainingJob", {}, {"TrainingJobName": name, "TrainingJobStatus": status})[1]


class TestContainers:
    def test_need_the_docker_package(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "docker", None)
        (check,) = containers.look(config(tmp_path))
        assert (check.status, check.remedy) == (Status.MISSING, "pip install 'sagemaker-harness[container]'")

    @pytest.mark.parametrize(
        ("driver", "finding"),
        [
            ("btrfs", "4 CPUs and 7.5 GiB for instances"),
            (
                "vfs",
                "4 CPUs and 7.5 GiB for instances; VolumeSizeInGB is not kept to: the engine's storage, vfs, keeps",
            ),
        ],
    )
    def test_give_instances_what_the_machine_has(self, driver, finding):
        info = {"NCPU": 4, "MemTotal": 15 << 29, "Driver": driver, "DriverStatus": None}
        check = containers.giving(info)
        assert check.status is Status.OK
        assert check.finding.startswith(finding)

    def test_say_if_an_instance_is_not_kept_to_its_cpus_and_memory(self):
        info = {"NCPU": 4, "MemTotal": 15 << 29, "Driver": "btrfs", "Rootless": True, "CgroupVersion": "1"}
        assert containers.giving(info).finding == (
            "4 CPUs and 7.5 GiB for instances; InstanceType is not kept to: the engine has no cgroup that limits CPUs "
            "and memory; a rootless one needs cgroup v2"
        )

    @pytest.mark.parametrize(
        ("free", "status"),
        [(machine.TOO_LITTLE - 1, [Status.MISSING]), (machine.LITTLE - 1, [Status.WARN]), (machine.LITTLE, [])],
    )
    def test_need_room_where_the_engine_keeps_them(self, tmp_path, monkeypatch, free, status):
        monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=free))
        assert [each.status for each in containers.room(tmp_path)] == status

    def test_may_be_kept_where_this_machine_does_not_look(self, tmp_path):
        assert list(containers.room(tmp_path / "none")) == []

    def test_need_an_engine_that_answers(self, tmp_path, monkeypatch):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
        (check,) = containers.look(config(tmp_path))
        assert (check.name, check.status) == ("engine", Status.MISSING)
        assert check.finding == f"No Docker engine answers at unix://{tmp_path}/no.sock"
        assert check.remedy.startswith("Start Docker Desktop, or `sudo systemctl start docker`")

    def test_need_an_engine_that_answers_in_time(self, tmp_path):
        class Engine:
            def version(self):
                raise requests.exceptions.ReadTimeout("Read timed out.")

        (check,) = containers._ask(SimpleNamespace(api=Engine()), config(tmp_path))
        assert (check.status, check.finding) == (Status.MISSING, "the engine takes more than 10 s for an answer")
        assert "`docker info`" in check.remedy

    def test_are_run_by_an_engine_that_says_what_it_is(self):
        podman = {"Version": "5.2", "Os": "linux", "Arch": "arm64", "Components": [{"Name": "Podman Engine"}]}
        assert containers.answering(podman).finding == "Podman Engine 5.2, linux/arm64"

    def test_hold_what_the_pins_say_only_if_made_from_them(self):
        theirs = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
        assert "made from AWS's pins" in containers.holding(tag("1.9-0"), theirs).finding
        assert "AWS may have rebuilt it" in containers.holding(theirs, theirs).finding
        assert "not known" in containers.holding("mine:1", "mine:1").finding

    @pytest.mark.docker
    def test_find_the_image_or_the_command_that_makes_it(self, tmp_path):
        client = client_or_skip()
        try:
            there = bool(client.api.images(tag("1.9-0")))
        finally:
            client.close()
        found = list(containers.look(config(tmp_path)))
        assert named(found, "engine").status is Status.OK
        check = named(found, "image")
        assert check.status is (Status.OK if there else Status.MISSING)
        assert tag("1.9-0") in check.finding if there else "harness image build" in check.remedy

    @pytest.mark.docker
    def test_need_no_region_even_if_jobs_go_to_aws(self, tmp_path):
        client_or_skip().close()
        missing = "example.com/nobody/has:this"
        check = named(containers.look(config(tmp_path, on="remote", image_uri=missing)), "image")
        assert check.finding == f"The Docker engine has no image {missing}"
        assert check.remedy == f"`docker pull {missing}` fetches it."

    @pytest.mark.docker
    def test_need_an_engine_that_sees_the_project(self, tmp_path):
        client = client_or_skip()
        image_or_skip(client)
        needs_docker_itself(client, "makes a folder that is not there")
        client.close()
        # What an engine elsewhere answers, this one says of a folder that is not there.
        check = named(containers.look(config(tmp_path / "elsewhere", runs_dir=str(tmp_path / "runs"))), "folders")
        assert check.status is Status.MISSING
        assert check.finding.startswith("The engine does not see the folders of this machine")
        assert check.remedy.startswith("The project has to lie in a folder that both have")

    @pytest.mark.docker
    @pytest.mark.parametrize(
        ("changes", "found"),
        [([], [Status.WARN]), (['ENTRYPOINT ["python3"]'], []), (["ENV PATH=/opt/there:/usr/bin"], [])],
        ids=["no train", "an entry point", "train on its PATH"],
    )
    def test_need_an_image_that_can_be_started(self, tmp_path, changes, found):
        client = client_or_skip()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("opt/there/train"))
        name = f"harness-test-{uuid.uuid4().hex}:latest"
        try:
            client.api.import_image_from_data(packed.getvalue(), *name.split(":"), changes=changes)
            checks = list(containers.look(config(tmp_path, image_uri=name)))
        finally:
            client.api.remove_image(name)
            client.close()
        assert [each.status for each in checks if each.name == "train"] == found

    @pytest.mark.docker
    def test_of_jobs_that_nobody_runs_are_leftovers(self, tmp_path, monkeypatch):
        # A machine of its own: leftovers of this one are anybody's to remove.
        node = uuid.uuid4().hex
        monkeypatch.setattr(platform, "node", lambda: node)
        client = client_or_skip()
        store = Store(tmp_path / "runs")
        locks = {name: make(store, name, "InProgress") for name in ("runs", "lost")}
        made = []
        try:
            image = image_or_skip(client)
            for name in locks:
                created = client.api.create_container(
                    image, ["true"], labels=labels(store.job(name)), name=f"{name}-{uuid.uuid4().hex}"
                )
                made.append(created["Id"])
            os.close(locks.pop("lost"))
            check = named(containers.look(config(tmp_path)), "leftovers")
        finally:
            for each in made:
                client.api.remove_container(each)
            client.close()
            for lock in locks.values():
                os.close(lock)
        assert check.status is Status.WARN
        assert check.finding.startswith("1 without a job: lost-")


class TestLocalMode:
    @pytest.mark.parametrize(
        ("distribution", "version", "status"),
        [
            ("sagemaker", "2.257.7", Status.OK),
            ("sagemaker", "2.300.0", Status.OK),
            ("sagemaker", "2.99.0", Status.WARN),
            ("sagemaker-core", "2.27.0", Status.OK),
            ("sagemaker-core", "2.3.1", Status.WARN),
        ],
    )
    def test_takes_the_sdks_that_it_has_been_run_with(self, distribution, version, status):
        assert localmode.version(Sdk(distribution, version, "")).status is status

    def test_says_of_this_machine_what_a_run_would_say(self):
        from harness.targets.localmode.machine import check_tools, installed_sdk

        missing = []
        for attempt in (installed_sdk, lambda: check_tools(installed_sdk())):
            try:
                attempt()
            except MissingCapability as error:
                missing.append(error.message)
                break
        found = [each for each in localmode.look() if each.status is Status.MISSING]
        assert [each.finding for each in found] == [checks.told("", "", message).finding for message in missing]


class TestAws:
    """The test suite's environment has keys of its own, and no file with others."""

    def test_needs_a_region_and_a_role_and_says_where_they_go(self, tmp_path):
        found = list(aws.look(config(tmp_path), online=False))
        assert {named(found, name).status for name in ("region", "role")} == {Status.MISSING}
        assert "AWS_REGION" in named(found, "region").remedy
        role = "arn:aws:iam::123456789012:role/SageMaker"
        found = list(aws.look(config(tmp_path, region="eu-west-1", role=role), online=False))
        assert [named(found, name).finding for name in ("region", "role")] == ["eu-west-1", role]

    def test_needs_boto3(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "boto3", None)
        check = named(aws.look(config(tmp_path), online=False), "credentials")
        assert (check.status, check.remedy) == (Status.MISSING, "pip install 'sagemaker-harness[remote]'")

    def test_finds_credentials_in_the_environment(self, tmp_path):
        check = named(aws.look(config(tmp_path), online=False), "credentials")
        assert check == Check("aws", "credentials", Status.OK, "from env; whether AWS accepts them, --online tells")

    def test_finds_credentials_in_a_file_and_shows_none(self, tmp_path, monkeypatch):
        forget_keys(monkeypatch)
        file = tmp_path / "credentials"
        file.write_text("[work]\naws_access_key_id = AKIAHIDDEN\naws_secret_access_key = hidden-too\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        found = list(aws.look(config(tmp_path, profile="work"), online=False))
        assert named(found, "credentials").finding.startswith("from shared-credentials-file")
        assert "hidden" not in repr(found).lower()

    def test_without_credentials_says_how_to_get_some(self, tmp_path, monkeypatch):
        forget_keys(monkeypatch)
        check = named(aws.look(config(tmp_path), online=False), "credentials")
        assert check.status is Status.MISSING
        assert "aws configure" in check.remedy

    def test_names_a_profile_that_does_not_exist(self, tmp_path):
        check = named(aws.look(config(tmp_path, profile="nobody"), online=False), "credentials")
        assert (check.status, "nobody" in check.finding) == (Status.MISSING, True)

    @pytest.mark.parametrize("variable", ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    def test_asks_no_role_of_the_machine_unless_online(self, tmp_path, monkeypatch, variable):
        forget_keys(monkeypatch)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
        with socket.create_server(("127.0.0.1", 0)) as metadata:
            monkeypatch.setenv(variable, f"http://127.0.0.1:{metadata.getsockname()[1]}/")
            check = named(aws.look(config(tmp_path), online=False), "credentials")
            metadata.setblocking(False)
            with pytest.raises(BlockingIOError):
                metadata.accept()
        assert "--online" in check.finding

    @pytest.mark.parametrize("online", [False, True])
    def test_runs_no_program_for_credentials_unless_online(self, tmp_path, monkeypatch, online):
        forget_keys(monkeypatch)
        keys = {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "secret"}
        program = tmp_path / "program"
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\necho '{json.dumps(keys)}'\n")
        program.chmod(0o755)
        (tmp_path / "config").write_text(f"[default]\ncredential_process = {program}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        check = named(aws.look(config(tmp_path, region="us-east-1"), online=online), "credentials")
        assert (check.status, "custom-process" in check.finding) == (Status.OK, True)
        assert (tmp_path / "was-run").exists() is online

    def test_assumes_no_role_unless_online(self, tmp_path, monkeypatch):
        forget_keys(monkeypatch)
        role = "[default]\nrole_arn = arn:aws:iam::123456789012:role/R\ncredential_source = EcsContainer\n"
        (tmp_path / "config").write_text(role)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        check = named(aws.look(config(tmp_path), online=False), "credentials")
        assert (check.status, "from assume-role" in check.finding) == (Status.OK, True)

    def test_says_who_is_asked_in_its_place_without_their_password(self):
        check = aws.asked("https://me:secret@localhost:5000/path?token=secret")
        assert check.finding == "https://localhost:5000/path is asked, not AWS"

    @pytest.mark.slow
    def test_says_online_who_we_are(self, tmp_path, monkeypatch, standin):
        for name, value in standin.env.items():
            monkeypatch.setenv(name, value)
        check = named(aws.look(config(tmp_path, region="us-east-1"), online=True), "identity")
        assert check.status is Status.OK
        assert check.finding == standin.client("sts").get_caller_identity()["Arn"] + " of account 123456789012"

    @pytest.mark.slow
    def test_says_online_that_nobody_answers(self, tmp_path):
        check = named(aws.look(config(tmp_path, region="us-east-1"), online=True), "identity")
        assert check.finding.startswith("AWS cannot be reached")
        assert check.remedy == "Check the network, proxy and AWS_ENDPOINT_URL."

    def test_lacks_here_what_a_run_would_lack(self, tmp_path, monkeypatch):
        forget_keys(monkeypatch)
        given = config(tmp_path, region="us-east-1", role="arn:aws:iam::123456789012:role/R")
        lacking = [each.name for each in aws.look(given, online=False) if each.status is Status.MISSING]
        assert lacking == ["credentials"]
        with pytest.raises(MissingCapability, match="no AWS credentials"):
            open_target(replace(given, on="remote"))


def forget_keys(monkeypatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


class TestTheStandIn:
    def test_runs_where_moto_is_installed(self):
        from importlib.metadata import version

        assert list(doctor_standin.look()) == [Check("standin", "moto", Status.OK, version("moto"))]

    def test_names_what_is_not(self):
        check = doctor_standin.moto(["moto", "flask"], lambda name: "")
        assert check.finding.startswith("moto, flask not installed")
        assert check.remedy == "pip install 'sagemaker-harness[standin]'"
