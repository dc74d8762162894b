"""``--on container``, as a user runs it: what an instance, a request and another user make of a job."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from harness.contract.outcomes import OUT_OF_MEMORY_REASON
from tests.docker_engine import NOT_TOLD, client_or_skip, image_or_skip, marked, needs_docker_itself, needs_root

pytestmark = pytest.mark.docker

SOCKET = Path("/var/run/docker.sock")
SERVES = """
import os

def model_fn(model_dir):
    return open(os.path.join(model_dir, "factor")).read()

def predict_fn(data, factor):
    return data * float(factor)
"""
TRAINS = """
import shutil
shutil.copytree("/opt/ml/code", "/opt/ml/model/code")  # where an isolated endpoint looks for it
open("/opt/ml/model/factor", "w").write("2")
"""


@pytest.fixture(autouse=True)
def engine(tmp_path):
    """The engine; nothing of a test's jobs is left in it."""
    client = client_or_skip()
    image_or_skip(client)
    yield client
    left = marked(client, tmp_path)
    client.close()
    assert not left


def train(made, *arguments, **variables):
    return made.harness("train", "--on", "container", "--job-name", "j", "--json", *arguments, **variables)


class TestAnInstance:
    MEMORY = """
for name in ("memory.max", "memory/memory.limit_in_bytes"):
    try:
        print("limit=%d" % min(int(open("/sys/fs/cgroup/" + name).read().replace("max", "0") or 0) or 1 << 62, 1 << 62))
    except OSError:
        continue
"""

    def limit(self, made):
        (line,) = [line for line in (made.run_folder("j") / "log.txt").read_text().splitlines() if "limit=" in line]
        return int(line.partition("limit=")[2])

    def test_limits_the_memory_of_its_containers(self, project, engine):
        needs_root(engine)
        made = project(self.MEMORY)
        assert train(made, "--instance-type", "ml.t3.medium").code == 0
        assert self.limit(made) == 4 << 30

    def test_has_half_of_its_memory_to_share_between_processes(self, project):
        made = project("import shutil; print('shm=%d' % shutil.disk_usage('/dev/shm').total)")
        assert train(made, "--instance-type", "ml.t3.medium").code == 0
        assert f"algo-1 | shm={2 << 30}\n" in (made.run_folder("j") / "log.txt").read_text()

    def test_does_not_if_the_user_does_not_want_it(self, project):
        made = project(self.MEMORY)
        assert train(made, "--instance-type", "ml.t3.medium", "--no-instance-limits").code == 0
        assert self.limit(made) > 4 << 30

    @pytest.mark.slow
    def test_whose_memory_a_script_exceeds_fails_the_job_as_aws_says_it(self, project, engine):
        needs_root(engine)
        needs_docker_itself(engine, NOT_TOLD)
        script = "held = [bytearray(b'x' * (1 << 28)) for _ in range(20)]\n"  # 5 GiB
        done = train(project(script), "--instance-type", "ml.t3.medium")
        assert done.code == 1
        assert done.json["FailureReason"] == OUT_OF_MEMORY_REASON

    def test_whose_volume_cannot_be_kept_to_a_size_says_so(self, project, engine):
        done = train(project(config="volume_size = 7"))
        assert done.code == 0, done.err
        driver = engine.info()["Driver"]
        if driver == "overlay2" and ["Backing Filesystem", "xfs"] not in engine.info()["DriverStatus"]:
            assert done.json["Harness"]["VolumeSizeInGB"].startswith("not kept to: the engine's storage, overlay2 on")


class TestARequest:
    def test_with_an_entry_point_of_its_own_runs_that_and_not_the_toolkit(self, project):
        made = project()
        request = made.harness("plan", "--on", "container", "--job-name", "j", "--json").json
        request["AlgorithmSpecification"] |= {
            "ContainerEntrypoint": ["python3", "-c"],
            "ContainerArguments": [
                "import os, sys; print('mine', sys.argv[1:], os.listdir('/opt/ml/input/data'))",
                "a b",
            ],
        }
        made.write("request.json", json.dumps(request))
        done = made.harness("train", "--on", "container", "--request", "request.json", "--json")
        assert done.code == 0, done.err
        assert (made.run_folder("j") / "log.txt").read_text() == "algo-1 | mine ['a b'] ['train']\n"

    def test_reads_from_s3_and_writes_to_s3_without_a_credential_in_the_container(self, project, standin):
        s3 = standin.client("s3")
        s3.create_bucket(Bucket="containers")
        s3.put_object(Bucket="containers", Key="in/deep/a.csv", Body=b"7\n")
        script = (
            "import os\n"
            "print('credentials', [name for name in os.environ if 'KEY' in name or 'TOKEN' in name])\n"
            "text = open('/opt/ml/input/data/train/deep/a.csv').read()\n"
            "open('/opt/ml/model/m', 'w').write(text)\n"
        )
        made = project(script)
        places = ("--channel", "train=s3://containers/in/", "--output-path", "s3://containers/out")
        done = train(made, *places, **standin.env)
        assert done.code == 0, done.err
        assert done.json["ModelArtifacts"]["S3ModelArtifacts"] == "s3://containers/out/j/output/model.tar.gz"
        packed = s3.get_object(Bucket="containers", Key="out/j/output/model.tar.gz")["Body"]
        with tarfile.open(fileobj=packed, mode="r|gz") as tar:
            assert [tar.extractfile(member).read() for member in tar if member.isfile()] == [b"7\n"]
        assert "algo-1 | credentials []" in (made.run_folder("j") / "log.txt").read_text().splitlines()


class TestAnEndpoint:
    @pytest.fixture
    def served(self, project):
        """A project with a model; its endpoint is deleted afterwards."""
        made = project(TRAINS, files={"src/inference.py": SERVES, "rows.csv": "1,2\n"})
        assert train(made).code == 0
        yield made
        made.harness("delete-endpoint", "--on", "container", "--endpoint-name", "e")

    def deploy(self, made, *arguments):
        options = ("--job", "j", "--endpoint-name", "e", "--entry-point", "inference.py", "--json")
        return made.harness("deploy", "--on", "container", *options, *arguments)

    def invoke(self, made):
        options = ("--endpoint-name", "e", "--content-type", "text/csv", "--accept", "text/csv")
        return made.harness("invoke", "--on", "container", *options, "rows.csv").out

    @pytest.mark.skipif(sys.platform != "linux", reason="Docker Desktop's machine hides its networks")
    def test_without_network_answers_all_the_same(self, served, engine):
        needs_root(engine)
        done = self.deploy(served, "--enable-network-isolation")
        assert done.code == 0, done.err
        networks = engine.networks.list(filters={"label": "sagemaker-harness"})
        job = str(served.folder / "runs" / "_endpoints" / "e")
        (network,) = [each for each in networks if each.attrs["Labels"]["sagemaker-harness.job"] == job]
        assert network.attrs["Internal"]
        assert self.invoke(served) == "2.0\n4.0\n"

    def test_without_network_has_no_port_here_to_choose(self, served, engine):
        needs_root(engine)
        done = self.deploy(served, "--enable-network-isolation", "--port", "9123")
        assert done.code == 2
        assert "Leave out one of --port and --enable-network-isolation" in done.err

    @pytest.mark.parametrize("there", [True, False], ids=["there", "not there"])
    def test_installs_what_its_requirements_ask_for_before_it_serves(self, served, there):
        if there:
            served.write("src/mine-1-py3-none-any.whl", wheel("mine", "FACTOR = 3"))
        served.write("src/requirements.txt", "/opt/ml/code/mine-1-py3-none-any.whl\n")
        served.write(
            "src/inference.py", SERVES.replace("import os", "import mine, os").replace("float(factor)", "mine.FACTOR")
        )
        done = self.deploy(served)
        if there:
            assert done.code == 0, done.err
            assert self.invoke(served) == "3.0\n6.0\n"
        else:
            assert done.code == 1
            assert "requirements.txt cannot be installed" in done.json["FailureReason"]


def wheel(name: str, code: str) -> bytes:
    """The smallest package that pip installs."""
    packed, about = io.BytesIO(), f"{name}-1.dist-info"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{name}.py", code)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
    return packed.getvalue()


class TestAUserWhoIsNotRoot:
    UID = 12345

    @pytest.fixture
    def theirs(self, project):
        """A project of another user's, who may use the engine; and a command that runs the harness as that user."""
        if sys.platform != "linux" or os.getuid() != 0 or not shutil.which("setpriv") or not SOCKET.is_socket():
            pytest.skip("needs root, setpriv and the engine's socket to become another user")
        if os.environ.get("DOCKER_HOST", f"unix://{SOCKET}") != f"unix://{SOCKET}":
            pytest.skip("the engine is another one than that of all users of this machine")
        made = project(TRAINS)
        for folder in made.folder.parents[:4]:  # pytest's own, which are its user's alone
            folder.chmod(folder.stat().st_mode | 0o011)
        for path in (made.folder, *made.folder.rglob("*")):
            os.chown(path, self.UID, self.UID)
        # The interpreter may lie in root's own folder: to read, and nothing else, stays allowed.
        keep = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        group = SOCKET.stat().st_gid
        user = ("setpriv", f"--reuid={self.UID}", f"--regid={self.UID}", f"--groups={group}", *keep)
        return made, [*user, sys.executable, "-m", "harness"]

    def test_owns_all_that_a_job_leaves(self, theirs):
        made, harness = theirs
        scratch = made.folder / "scratch"
        scratch.mkdir()
        os.chown(scratch, self.UID, self.UID)
        done = subprocess.run(
            [*harness, "train", "--on", "container", "--job-name", "j"],
            cwd=made.folder,
            env={**os.environ, "TMPDIR": str(scratch), "HOME": str(scratch)},
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr.decode()
        left = [made.run_folder("j"), *made.run_folder("j").rglob("*")]
        assert "model.tar.gz" in {path.name for path in left}
        assert {path.stat().st_uid for path in left} == {self.UID}
