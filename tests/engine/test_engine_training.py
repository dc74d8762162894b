"""A training job's request, member by member: what is honoured, what is refused, and what the script makes of it."""

import json
import socket
import tarfile
from pathlib import Path

import pytest

from harness.engine import training

DUMPS = """
import json, os, sys
with open(os.environ["SM_OUTPUT_DATA_DIR"] + "/seen.json", "w") as file:
    json.dump({"environment": dict(os.environ), "argv": sys.argv[1:]}, file)
"""


def run(made, change=lambda request: None, *arguments: str, name: str = "j"):
    """Run the request that the project plans, changed."""
    return made.harness("train", "--json", *arguments, "--request", "-", stdin=planned(made, change, name))


def planned(made, change, name: str = "j") -> str:
    request = json.loads(made.here("plan", "--job-name", name).out)
    change(request)
    return json.dumps(request)


def seen_by(made, name: str = "j") -> dict:
    with tarfile.open(made.run_folder(name) / "output/output.tar.gz") as archive:
        return json.load(archive.extractfile("seen.json"))


class TestNetworkIsolation:
    @pytest.mark.slow
    def test_keeps_a_script_from_this_machine_and_the_world(self, project):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            made = project(f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5).close()")
            assert made.harness("train").code == 0, "without isolation the listener answers"
            done = made.harness("train", "--enable-network-isolation", "--job-name", "j")
        assert done.code == 1
        assert "ConnectionRefusedError" in done.out

    def test_leaves_the_hosts_of_a_job_each_other(self, project):
        script = """
import os, socket, time
if os.environ["SM_CURRENT_HOST"] == "algo-1":
    with socket.create_server(("algo-1", 5000)) as server:
        server.settimeout(60)
        print("met", server.accept()[0].recv(100).decode())
else:
    for attempt in range(1200):
        try:
            with socket.create_connection(("algo-1", 5000)) as other:
                other.send(b"algo-2")
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
"""
        done = project(script).harness("train", "--enable-network-isolation", "--instance-count", "2")
        assert done.code == 0, done.out
        assert "algo-1 | met algo-2" in done.out

    def test_is_refused_where_isolation_is_switched_off(self, project):
        request = json.loads(project().here("plan", "--enable-network-isolation").out)
        (refusal,) = training.refusals(request, "none")
        assert refusal.startswith("EnableNetworkIsolation: with isolation = none")
        assert not list(training.refusals(request, "auto"))

    def test_is_never_granted_in_words_only(self, project):
        done = project().harness("train", "--enable-network-isolation", "--isolation", "none")
        assert done.code != 0
        assert "EnableNetworkIsolation" in done.err
        assert "algo-1 | hello" not in done.out


class TestCheckpoints:
    SCRIPT = """
import os
path = "/opt/ml/checkpoints/step"
step = int(open(path).read()) if os.path.exists(path) else 0
open(path, "w").write(str(step + 1))
print("from step", step, flush=True)
if step == 1: raise SystemExit("an interruption")
"""

    @pytest.mark.slow
    def test_are_kept_by_jobs_that_fail_too_and_restored_in_the_next(self, project):
        made = project(self.SCRIPT)
        uri = (made.folder / "kept").as_uri()
        codes = []
        for number in range(3):
            done = run(made, lambda request: request.update(CheckpointConfig={"S3Uri": uri}), name=f"j{number}")
            assert f"algo-1 | from step {number}\n" in done.err
            codes.append(done.code)
        assert codes == [0, 1, 0]
        assert (made.folder / "kept/step").read_text() == "3"

    @pytest.mark.parametrize("isolation", ["auto", "none"])
    def test_lie_where_the_request_says(self, project, isolation):
        made = project("import os; base = os.environ['SM_INPUT_DIR'] + '/..'; open(base + '/elsewhere/x', 'w')")
        config = {"S3Uri": (made.folder / "kept").as_uri(), "LocalPath": "/opt/ml/elsewhere"}
        done = run(made, lambda request: request.update(CheckpointConfig=config), "--isolation", isolation)
        assert done.code == 0, done.err
        assert [path.name for path in (made.folder / "kept").iterdir()] == ["x"]


class TestOutput:
    def test_is_stored_as_it_is_where_compression_is_none(self, project):
        made = project("import os; os.mkdir('/opt/ml/model/a'); open('/opt/ml/model/a/m', 'w').write('a model')")
        done = run(made, lambda request: request["OutputDataConfig"].update(CompressionType="NONE"))
        assert done.code == 0, done.err
        model = made.run_folder("j") / "output/model"
        assert (model / "a/m").read_text() == "a model"
        assert done.json["ModelArtifacts"]["S3ModelArtifacts"] == model.as_uri()

    @pytest.mark.parametrize("compression", ["GZIP", "NONE"])
    def test_goes_where_the_request_says(self, project, compression):
        made = project("open('/opt/ml/model/m', 'w').write('a model')")

        def elsewhere(request):
            request["OutputDataConfig"] = {
                "S3OutputPath": (made.folder / "else where").as_uri(),
                "CompressionType": compression,
            }

        done = run(made, elsewhere)
        assert done.code == 0, done.err
        name = "model.tar.gz" if compression == "GZIP" else "model"
        assert done.json["ModelArtifacts"]["S3ModelArtifacts"] == (made.folder / f"else where/j/output/{name}").as_uri()
        assert [path.name for path in (made.folder / "else where/j/output").iterdir()] == [name]

    @pytest.mark.parametrize("compression", ["GZIP", "NONE"])
    def test_that_cannot_be_written_there_fails_the_job_and_is_nowhere(self, project, compression):
        made = project("open('/opt/ml/model/m', 'w')", files={"in-the-way": "a file"})

        def elsewhere(request):
            request["OutputDataConfig"] = {
                "S3OutputPath": (made.folder / "in-the-way").as_uri(),
                "CompressionType": compression,
            }

        done = run(made, elsewhere)
        assert done.code == 1
        assert f"{made.folder}/in-the-way/j/output/model" in done.json["FailureReason"]
        assert "Not a directory" in done.json["FailureReason"]
        assert "ModelArtifacts" not in done.json
        assert not (made.run_folder("j") / "output").exists()


class TestChannels:
    LISTS = "import os; print(sorted(os.listdir('/opt/ml/input/data/train')), os.environ['SM_INPUT_DATA_CONFIG'])"

    def test_may_be_a_manifest(self, project):
        made = project(self.LISTS, files={"data/train/part-2.csv": "2\n", "data/train/part-3.csv": "3\n"})
        prefix = (made.folder / "data/train").as_uri() + "/"
        listed = made.write("list.manifest", json.dumps([{"prefix": prefix}, "part-1.csv", "part-3.csv"]))

        def by_manifest(request):
            request["InputDataConfig"][0]["DataSource"]["S3DataSource"].update(
                S3DataType="ManifestFile", S3Uri=listed.as_uri()
            )

        done = run(made, by_manifest)
        assert done.code == 0, done.err
        assert "algo-1 | ['part-1.csv', 'part-3.csv']" in done.err

    def test_may_be_fast_files_which_here_are_files(self, project):
        made = project(self.LISTS)
        done = run(made, lambda request: request["InputDataConfig"][0].update(InputMode="FastFile"))
        assert "algo-1 | ['part-1.csv']" in done.err

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda r: r["InputDataConfig"][0].update(ShuffleConfig={"Seed": 1}), "ShuffleConfig"),
            (lambda r: r["InputDataConfig"][0].update(ChannelName=".."), "channel '..': that would be another folder"),
            (lambda r: r.update(VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}), "VpcConfig"),
            (lambda r: r["ResourceConfig"].update(VolumeKmsKeyId="key"), "ResourceConfig.VolumeKmsKeyId"),
        ],
    )
    def test_and_all_else_that_cannot_be_had_here_is_refused_by_name(self, project, change, says):
        made = project()
        done = made.here("train", "--json", "--request", "-", stdin=planned(made, change))
        assert done.code == 2
        assert says in done.err
        assert done.json["Error"]["Type"] == "RefusedError"
        assert not list((made.folder / "runs").glob("[!_.]*"))


ODD_NAMES = {
    "a": "1",
    "-dash": "2",
    "--two-dashes": "3",
    "with space": "4",
    "ä": '"ö"',
    "dotted.name": "[1, 2]",
    "UPPER": "true",
    "n" * 200: '"x"',
    "empty": '""',
    "quotes": json.dumps('it\'s "quoted"'),
    "newline": json.dumps("a\nb"),
}


class TestHyperparameters:
    def test_with_odd_names_reach_the_script_as_the_contract_says(self, project):
        made = project(DUMPS)
        done = run(made, lambda request: request["HyperParameters"].update(ODD_NAMES))
        assert done.code == 0, done.err
        seen = seen_by(made)
        decoded = {name: json.loads(value) for name, value in ODD_NAMES.items()}
        assert {k: v for k, v in json.loads(seen["environment"]["SM_HPS"]).items() if k in decoded} == decoded
        assert seen["environment"]["SM_HP_WITH SPACE"] == "4"
        assert "4" in seen["argv"]

    def test_may_be_a_hundred(self, project):
        made = project(DUMPS)

        def many(request):
            own = len(request["HyperParameters"])
            request["HyperParameters"] |= {f"p{n}": str(n) for n in range(100 - own)}

        assert run(made, many).code == 0
        seen = seen_by(made)
        assert len(seen["argv"]) == 2 * len(json.loads(seen["environment"]["SM_HPS"]))

    def test_whose_names_can_be_no_variable_fail_the_job_as_the_toolkit_does(self, project):
        made = project()
        done = run(made, lambda request: request["HyperParameters"].update({"a=b": "1"}))
        assert done.code == 1
        assert done.json["TrainingJobStatus"] == "Failed"
        reason = done.json["FailureReason"]
        assert reason.startswith("AlgorithmError: ")
        assert "illegal environment variable name" in reason
        assert "algo-1 | hello" not in done.err


class TestTheRequestsEnvironment:
    @pytest.mark.slow
    def test_wins_or_loses_against_the_toolkit_as_in_the_image(self, project):
        made = project(DUMPS)
        given = {"SM_MODEL_DIR": "/mine", "SM_HOSTS": "mine", "LANG": "de_DE.UTF-8", "MY_OWN": "x", "PATH": "/usr/bin"}
        done = run(made, lambda request: request.update(Environment=given))
        assert done.code == 0, done.err
        environment = seen_by(made)["environment"]
        options = [f"--environment={name}={value}" for name, value in given.items()]
        told = made.here("contract", config_of(made), "--json", *options)
        for name in given:
            assert environment[name] == told.json["environment"].get(name, given[name]), name
        assert (environment["MY_OWN"], environment["LANG"]) == ("x", "de_DE.UTF-8")


def config_of(made) -> str:
    """The files in input/config of a job like the one that has run, kept by a job that fails."""
    (made.folder / "src/train.py").write_text("raise SystemExit(1)")
    made.harness("train", "--job-name", "keeps-its-tree")
    return str(Path("runs/keeps-its-tree/hosts/algo-1/input/config"))
