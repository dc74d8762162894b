"""The cases that are recorded: what a job is given. What its script then sees is for the real toolkit to say."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

DUMP = """\
import json, os, sys
from pathlib import Path
seen = {
    "environment": dict(os.environ),
    "argv": sys.argv[1:],
    "cwd": os.getcwd(),
    "command": Path("/proc/self/cmdline").read_text(errors="surrogateescape").split("\\0")[:-1],
}
Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "seen.json").write_text(json.dumps(seen))
"""
#: The same for a shell entry point: `.dump.py` is laid beside every case's code.
DUMP_FROM_SHELL = '#!/bin/sh\nexec python3 "$(dirname "$0")/.dump.py" "$@"\n'
SETUP = "from setuptools import setup\nsetup(name='user-code', version='1', py_modules=[])\n"


def group(name: str, instance_type: str, *hosts: str) -> dict[str, Any]:
    return {"instance_group_name": name, "instance_type": instance_type, "hosts": list(hosts)}


def cluster(
    *hosts: str,
    current: str | None = None,
    groups: tuple[dict[str, Any], ...] | None = None,
    current_group: str = "homogeneousCluster",
    instance_type: str = "ml.m5.large",
) -> dict[str, Any]:
    return {
        "current_host": current or hosts[0],
        "current_instance_type": instance_type,
        "current_group_name": current_group,
        "hosts": list(hosts),
        "instance_groups": list(groups or (group("homogeneousCluster", instance_type, *hosts),)),
        "network_interface_name": "eth0",
    }


def channel(mode: str = "File", distribution: str = "FullyReplicated", **more: str) -> dict[str, str]:
    return {
        "TrainingInputMode": mode,
        "S3DistributionType": distribution,
        "RecordWrapperType": "None",
        **more,
    }


def sent(**values: Any) -> dict[str, str]:
    """Hyperparameters as SDK v2 sends them."""
    return {name: json.dumps(value) for name, value in values.items()}


@dataclass(frozen=True)
class Case:
    """One job. ``code`` maps paths below the code folder to their text."""

    name: str
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    input_data_config: dict[str, Any] = field(default_factory=lambda: {"train": channel()})
    resource_config: dict[str, Any] = field(default_factory=lambda: cluster("algo-1"))
    environment: dict[str, str] = field(default_factory=dict)
    entry: Any = "train.py"
    """The hyperparameter ``sagemaker_program`` (dialect D: ``entry_script``); None: not sent."""
    code: dict[str, str] = field(default_factory=lambda: {"train.py": DUMP})
    missing: tuple[str, ...] = ()
    """Config files that are not there."""
    script_returns: int = 0
    """How the script ends by itself; -n: by signal n."""
    driver_script_returns: int | None = None
    """The same in dialect D, where it differs there."""
    own_failure: str | None = None
    """What the script writes into the failure file."""
    install_fails: bool = False


def script(*lines: str) -> dict[str, str]:
    return {"train.py": DUMP + "\n".join(lines) + "\n"}


WRITES_FAILURE = "Path('/opt/ml/output/failure').write_text('my own reason\\nsecond line\\n')"
OWN_FAILURE = "my own reason\nsecond line\n"
THREE = tuple(f"algo-{number}" for number in range(1, 4))
TWELVE = tuple(sorted(f"algo-{number}" for number in range(1, 13)))
TWO_GROUPS = (group("cpu", "ml.c5.xlarge", "algo-1"), group("gpu", "ml.p3.2xlarge", "algo-3", "algo-2"))
SWITCHES = (
    "mpi",
    "parameter_server",
    "distributed_dataparallel",
    "pytorch_ddp",
    "pytorch_xla_multi_worker",
    "multi_worker_mirrored_strategy",
    "torch_distributed",
)

HYPERPARAMETERS = [
    Case("no hyperparameters"),
    Case("an int, a float, a text, a bool", sent(max_depth=3, rate=0.1, criterion="gini", shuffle=True)),
    Case("booleans and null", sent(yes=True, no=False, nothing=None, empty="")),
    Case("numbers of every form", sent(small=1e-5, minus=-1e-5, one=1.0, big=10**30, zero=-0.0, whole=-7)),
    Case("numbers that JSON does not have", {"nan": "NaN", "inf": "Infinity", "minus": "-Infinity"}),
    Case(
        "texts that look like something else",
        sent(a1="123", a2="007", a3="1e3", a4="null", a5="[1, 2]", a6="true", a7="-x", a8="--other"),
    ),
    Case(
        "lists",
        sent(numbers=[1, 2], texts=["a", "b c"], empty=[], nested=[{"b": 1, "a": 2}], mixed=[None, True]),
    ),
    Case("mappings", sent(flat={"b": 2, "a": 1}, deep={"z": {"y": [1]}, "a": None}, empty={})),
    Case("text beyond ASCII", sent(text="café ☃", astral="😀", mapping={"é": "ü"}, list=["ß"])),
    Case("double quotes in a value", sent(quoted='say "hi"', more="x")),
    Case("double quotes at the ends of the last value", sent(a="x", zz='"hi"')),
    Case("a single double quote as the last value", sent(zz='"')),
    Case("shell characters in a value", sent(dollar="$HOME", tick="`id`", semi="a;b", back="a\\b", star="*")),
    Case("a single quote in a value", sent(text="it's")),
    Case("two single quotes in a value", sent(text="it's Bob's")),
    Case("a newline and a tab in a value", sent(text="a\nb\tc")),
    Case(
        "raw text as boto3 sends it",
        {"a": "plain", "b": "1e3", "c": "0.10", "d": "True", "e": "true", "f": "null"},
    ),
    Case(
        "raw text that is almost JSON",
        {"a": "007", "b": "+5", "c": ".5", "d": "1_000", "e": "0x10", "f": "'q'"},
    ),
    Case("raw text with blanks", {"a": "  3 ", "b": " x ", "c": "", "d": '{"a": 1, "a": 2}', "e": "[1,"}),
    Case("an integer beyond the digit limit", {"huge": "9" * 5000}),
    Case("values that are no strings", {"number": 5, "list": [1], "flag": True, "none": None, "map": {"a": 1}}),
    Case("a name of one letter", sent(n=7, N=8)),
    Case("names that differ in case alone", sent(lr=1, LR=2, Lr=3)),
    Case("a hyphen in a name", {"learning-rate": "0.1", "learning_rate": "0.2"}),
    Case("a dot in a name", {"model.depth": "3"}),
    Case("a blank in a name", {"with space": "3"}),
    Case("a name that begins with a digit", {"2nd": "3"}),
    Case("a blank in a name, then a digit", {"with 2nd": "3"}),
    Case("dashes before a name", {"--dashed": "1", "-d": "2"}),
    Case("an empty name", {"": "1"}),
    Case("letters beyond ASCII in a name", {"größe": "1", "ß": "2", "ı": "3"}),
    Case("an equals sign in a name", {"a=b": "1"}),
    Case("a NUL in a value", sent(text="a\0b")),
    Case("a NUL inside a list", sent(list=["a\0b"])),
    Case("a NUL inside a mapping", sent(mapping={"k": "a\0b"})),
    Case("half a surrogate pair", {"text": '"\\ud800"'}),
    Case("half a surrogate pair inside a mapping", {"mapping": '{"a": "\\ud800"}'}),
    Case("a hundred hyperparameters", {f"p{number:03}": str(number) for number in range(100)}),
    Case("more hyperparameters than one variable can hold", {f"p{number:03}": "x" * 2500 for number in range(52)}),
    Case("a value of 2500 characters", sent(text="y" * 2498)),
]
FRAMEWORK = [
    Case(
        "what SDK v2 sends for an estimator",
        sent(
            sagemaker_submit_directory="s3://bucket/job/source/sourcedir.tar.gz",
            sagemaker_container_log_level=20,
            sagemaker_job_name="iris-2026-01-01",
            sagemaker_region="eu-west-1",
            max_leaf_nodes=30,
        ),
    ),
    Case("framework parameters", sent(sagemaker_enable_something=True, sagemaker_list=[1], plain=1)),
    Case(
        "names near the reserved prefix",
        {
            "SAGEMAKER_X": "1",
            "sagemakerfoo": "2",
            "_tuning_objective_metric": "m",
            "default_user_module_name": "d",
        },
    ),
    Case(
        "a tuning job",
        {
            "_tuning_objective_metric": "validation:loss",
            "sagemaker_estimator_class_name": '"SKLearn"',
            "sagemaker_estimator_module": '"sagemaker.sklearn.estimator"',
            "alpha": "0.3",
        },
    ),
    *(
        Case(
            f"distribution switch {switch}",
            sent(**{f"sagemaker_{switch}_enabled": True}),
            resource_config=cluster(*THREE),
        )
        for switch in SWITCHES
        if switch != "mpi"
    ),
    Case("a distribution switch that is off", sent(sagemaker_parameter_server_enabled=False)),
    Case(
        "distribution groups",
        sent(sagemaker_distribution_instance_groups=["gpu"]),
        resource_config=cluster(*THREE, groups=TWO_GROUPS, current_group="cpu", instance_type="ml.c5.xlarge"),
    ),
    Case(
        "distribution groups as text",
        sent(sagemaker_distribution_instance_groups="gpu and more"),
        resource_config=cluster(*THREE, groups=TWO_GROUPS, current_group="cpu", instance_type="ml.c5.xlarge"),
    ),
    Case("log level 10", sent(sagemaker_container_log_level=10)),
    Case("log level true", sent(sagemaker_container_log_level=True)),
    Case("log level as a name", sent(sagemaker_container_log_level="INFO")),
    Case("log level null", sent(sagemaker_container_log_level=None)),
    Case("log level a float", sent(sagemaker_container_log_level=20.0)),
    Case("an unknown output scheme", sent(sagemaker_s3_output="ftp://host/path")),
    Case("a local output, scheme in capitals", sent(sagemaker_s3_output="FILE:/opt/out")),
    Case("a local output", sent(sagemaker_s3_output="file:///opt/out")),
    Case("a job name that is a number", {"sagemaker_job_name": "20260101"}),
    Case("a region that is null", sent(sagemaker_region=None)),
    Case("a region that is a number", sent(sagemaker_region=3)),
    Case("a submit directory that is null", sent(sagemaker_submit_directory=None)),
    Case(
        "a submit directory inside the container",
        sent(sagemaker_submit_directory="/opt/ml/input/data/code/sourcedir.tar.gz"),
    ),
]
CHANNELS = [
    Case("no channels", input_data_config={}),
    Case(
        "many channels",
        input_data_config={name: channel() for name in ("train", "Test", "a1", "Zeta", "_x", "b")},
    ),
    Case("a channel with a dot", input_data_config={"data.v1": channel()}),
    Case("a channel with a hyphen", input_data_config={"my-data": channel()}),
    Case("channels that differ in case alone", input_data_config={"train": channel(), "TRAIN": channel()}),
    Case(
        "every property of a channel",
        input_data_config={
            "train": channel("Pipe", "ShardedByS3Key", ContentType="text/csv"),
            "test": {"TrainingInputMode": "File"},
        },
    ),
    Case("a single quote in a content type", input_data_config={"train": channel(ContentType="a'b")}),
]
CLUSTERS = [
    Case("three hosts, the second", resource_config=cluster(*THREE, current="algo-2")),
    Case("twelve hosts, the second", resource_config=cluster(*TWELVE, current="algo-2")),
    Case("hosts in another order", resource_config=cluster("algo-3", "algo-1", "algo-2", current="algo-1")),
    Case(
        "two groups, in the first",
        resource_config=cluster(*THREE, groups=TWO_GROUPS, current_group="cpu", instance_type="ml.c5.xlarge"),
    ),
    Case(
        "two groups, in the second, distributed",
        sent(sagemaker_torch_distributed_enabled=True),
        resource_config=cluster(
            *THREE, current="algo-2", groups=TWO_GROUPS, current_group="gpu", instance_type="ml.p3.2xlarge"
        ),
    ),
    Case("a group name that no group has", resource_config=cluster("algo-1", current_group="other")),
    Case(
        "as SDK v2's local mode writes it",
        resource_config={
            "current_host": "algo-1-abcde",
            "hosts": ["algo-1-abcde"],
            "network_interface_name": "eth0",
            "current_instance_type": "local",
        },
    ),
    Case("as old platforms wrote it", resource_config={"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]}),
    Case("another network interface", resource_config={**cluster("algo-1"), "network_interface_name": "ethwe"}),
    Case("a Trainium instance", resource_config=cluster("algo-1", instance_type="ml.trn2.48xlarge")),
    Case(
        "a topology",
        resource_config={**cluster("algo-1"), "topology": [{"hostName": "algo-1", "capacityUnitId": "u"}]},
    ),
    Case("unknown keys", resource_config={**cluster("algo-1"), "zz_more": {"b": [1], "a": None}}),
    Case("no current host", resource_config={"hosts": ["algo-1"]}),
    Case("an empty list of hosts", resource_config={"current_host": "algo-1", "hosts": []}),
    Case("instance groups null", resource_config={**cluster("algo-1"), "instance_groups": None}),
    Case("no hosts", resource_config={"current_host": "algo-1"}),
    Case("a current host that is not among the hosts", resource_config=cluster("algo-1", current="algo-9")),
]
ENVIRONMENT = [
    Case(
        "the platform's variables",
        environment={
            "TRAINING_JOB_NAME": "iris-7",
            "TRAINING_JOB_ARN": "arn:aws:sagemaker:eu-west-1:1:training-job/iris-7",
            "AWS_REGION": "eu-west-1",
        },
    ),
    Case("a default region", environment={"AWS_DEFAULT_REGION": "ap-south-1"}),
    Case(
        "a default region and a hyperparameter",
        sent(sagemaker_region="eu-west-1"),
        environment={"AWS_DEFAULT_REGION": "ap-south-1"},
    ),
    Case("an empty default region", environment={"AWS_DEFAULT_REGION": ""}),
    Case(
        "variables of the toolkit's own names",
        sent(depth=3),
        environment={
            "SM_HP_DEPTH": "9",
            "SM_CHANNEL_TRAIN": "/elsewhere",
            "SM_MODEL_DIR": "/m",
            "SM_HOSTS": "[]",
            "CURRENT_HOST": "x",
            "SAGEMAKER_JOB_NAME": "x",
            "SAGEMAKER_REGION": "x",
            "SM_TRAINING_ENV": "{}",
        },
    ),
    Case("variables that look like the toolkit's", environment={"SM_CUSTOM": "kept", "SM_HP_UNKNOWN": "kept"}),
    Case("a log level for the drivers", environment={"SM_LOG_LEVEL": "10"}),
    Case("a log level for the drivers that is no number", environment={"SM_LOG_LEVEL": "debug"}),
    Case(
        "SAGEMAKER_PROGRAM beside the hyperparameter",
        environment={"SAGEMAKER_PROGRAM": "other.py"},
        code={"train.py": DUMP, "other.py": DUMP},
    ),
    Case("SAGEMAKER_PROGRAM alone", entry=None, environment={"SAGEMAKER_PROGRAM": "train.py"}),
    Case("an empty SAGEMAKER_PROGRAM", environment={"SAGEMAKER_PROGRAM": ""}),
    Case("SAGEMAKER_SUBMIT_DIRECTORY", environment={"SAGEMAKER_SUBMIT_DIRECTORY": "/elsewhere"}),
    Case("SAGEMAKER_CONTAINER_LOG_LEVEL", environment={"SAGEMAKER_CONTAINER_LOG_LEVEL": " 30 "}),
    Case("a log level that is no number", environment={"SAGEMAKER_CONTAINER_LOG_LEVEL": "INFO"}),
    Case("an empty log level", environment={"SAGEMAKER_CONTAINER_LOG_LEVEL": ""}),
    Case("an incoming PYTHONPATH", environment={"PYTHONPATH": "/my/lib:/my/lib:/other/:/a/../b"}),
    Case("an incoming PYTHONPATH with the code in it", environment={"PYTHONPATH": "/my/lib:/opt/ml/code"}),
    Case("an incoming PYTHONPATH with empty parts", environment={"PYTHONPATH": "/a::/b:"}),
    Case("an empty PYTHONPATH", environment={"PYTHONPATH": ""}),
    Case("model parallelism asked for", environment={"SM_HP_MP_PARAMETERS": '{"a": 1}'}),
    Case("model parallelism with no parameters", environment={"SM_HP_MP_PARAMETERS": "{}"}),
    Case("model parallelism empty", environment={"SM_HP_MP_PARAMETERS": ""}),
    Case("text beyond ASCII in a variable", environment={"MY_TEXT": "café ☃"}),
    Case("another base directory", environment={"SAGEMAKER_BASE_DIR": "/opt/base"}),
]
SHELL = {".dump.py": DUMP, "train.sh": DUMP_FROM_SHELL}
FRAMEWORK_MODULE = """\
from sagemaker_training import entry_point, environment
def main():
    env = environment.Environment()
    entry_point.run(env.module_dir, env.user_entry_point, env.to_cmd_args(), env.to_env_vars())
"""
ENTRIES = [
    Case(
        "through the image's framework module",
        sent(a=1),
        environment={"SAGEMAKER_TRAINING_MODULE": "framework:main", "PYTHONPATH": "/opt/ml/code"},
        code={"train.py": DUMP, "framework.py": FRAMEWORK_MODULE},
    ),
    Case(
        "through the image's framework module, with MPI asked for",
        sent(sagemaker_mpi_enabled=True),
        environment={"SAGEMAKER_TRAINING_MODULE": "framework:main", "PYTHONPATH": "/opt/ml/code"},
        code={"train.py": DUMP, "framework.py": FRAMEWORK_MODULE},
    ),
    Case("MPI without a framework module and without MPI", sent(sagemaker_mpi_enabled=True)),
    Case("a nested script", entry="src/train.py", code={"src/train.py": DUMP}),
    Case("a script with dots and hyphens", entry="my-train.v2.py", code={"my-train.v2.py": DUMP}),
    Case("a script given with a dot segment", entry="./train.py"),
    Case("a script given as an absolute path", entry="/opt/ml/code/train.py", driver_script_returns=2),
    Case("a blank in the script's name", entry="my train.py", code={"my train.py": DUMP}),
    Case("a script's name that begins with a dash", entry="-x.py", code={"-x.py": DUMP}, script_returns=2),
    Case("two dots in the script's path", entry="src/../train.py", code={"train.py": DUMP, "src/x": ""}),
    Case("a shell script", sent(a=1, text="it is", q="$HOME *", e=""), entry="train.sh", code=SHELL),
    Case("a shell script without arguments", entry="train.sh", code=SHELL),
    Case("a shell script and a quote", sent(a='"', b='say "hi"'), entry="train.sh", code=SHELL),
    Case(
        "a nested shell script",
        entry="bin/run.sh",
        code={"bin/.dump.py": DUMP, "bin/run.sh": DUMP_FROM_SHELL},
    ),
    Case("a shell script beside a setup.py", entry="train.sh", code={**SHELL, "setup.py": SETUP}),
    Case(
        "a shell script beside requirements",
        entry="train.sh",
        code={**SHELL, "requirements.txt": "no-such-thing\n"},
    ),
    Case(
        "a command of another suffix",
        sent(a=1),
        entry="train.bash",
        code={".dump.py": DUMP, "train.bash": DUMP_FROM_SHELL},
    ),
    Case("a command without a suffix", entry="train", code={".dump.py": DUMP, "train": DUMP_FROM_SHELL}),
    Case("a package", sent(a=1), code={"train.py": DUMP, "setup.py": SETUP}),
    Case(
        "a package and a dotted name",
        entry="pkg.main",
        code={"pkg/main.py": DUMP, "pkg/__init__.py": "", "setup.py": SETUP},
    ),
    Case(
        "a package whose name has .py inside",
        entry="my.pyx.py",
        code={"myx.py": DUMP, "my/pyx.py": DUMP, "setup.py": SETUP},
        driver_script_returns=2,
    ),
    Case("empty requirements", code={"train.py": DUMP, "requirements.txt": "\n"}),
    Case(
        "requirements below the root",
        entry="src/train.py",
        code={"src/train.py": DUMP, "src/requirements.txt": "no-such-thing\n"},
    ),
    Case("no entry point", entry=None),
    Case("an empty entry point", entry="", script_returns=126),
    Case("an entry point that is a number", entry=5),
]
FAILURES = [
    Case("exit 3", sent(a=1), code=script("sys.exit(3)"), script_returns=3),
    Case("exit 137", code=script("sys.exit(137)"), script_returns=137),
    Case("an uncaught exception", code=script("raise ValueError('no')"), script_returns=1),
    Case("killed by signal 9", code=script("os.kill(os.getpid(), 9)"), script_returns=-9),
    Case("ended by signal 15", code=script("os.kill(os.getpid(), 15)"), script_returns=-15),
    Case(
        "a failure text of its own, then exit 3",
        code=script(WRITES_FAILURE, "sys.exit(3)"),
        script_returns=3,
        own_failure=OWN_FAILURE,
    ),
    Case("a failure text of its own, then success", code=script(WRITES_FAILURE), own_failure=OWN_FAILURE),
    Case(
        "a shell script that exits 4",
        entry="train.sh",
        code={"train.sh": "#!/bin/sh\nexit 4\n"},
        script_returns=4,
    ),
    Case("a package that exits 3", code={**script("sys.exit(3)"), "setup.py": SETUP}, script_returns=3),
    Case(
        "requirements that cannot be had",
        code={"train.py": DUMP, "requirements.txt": "no-such-thing\n"},
        install_fails=True,
    ),
    Case(
        "a package that cannot be built",
        code={"train.py": DUMP, "setup.py": "raise SystemExit(1)\n"},
        install_fails=True,
    ),
    Case(
        "a package with requirements that cannot be had",
        code={"train.py": DUMP, "setup.py": SETUP, "requirements.txt": "no-such-thing\n"},
        install_fails=True,
    ),
    Case("a script that is not there", code={"other.py": DUMP}, script_returns=2),
    Case("no hyperparameters file", missing=("hyperparameters.json",)),
    Case("no channels file", missing=("inputdataconfig.json",)),
    Case("no resource file", missing=("resourceconfig.json",)),
]
CASES = [*HYPERPARAMETERS, *FRAMEWORK, *CHANNELS, *CLUSTERS, *ENVIRONMENT, *ENTRIES, *FAILURES]
