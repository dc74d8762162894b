"""Run every case of `cases.py` through AWS's real toolkits and write down what the script saw. See README.md.

Linux, as root (or inside ``unshare -rm``): each run has a mount namespace of its own with a literal ``/opt/ml``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.oracle import toolkits, venvs  # noqa: E402
from tests.oracle.cases import CASES, Case, channel  # noqa: E402

RECORDS = Path(__file__).parent / "records"
DRIVER_PACKAGES = ("sagemaker-train==1.27.0", "sagemaker-core==2.27.0")
BASE_ENVIRONMENT = {
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_NO_INDEX": "1",
    "PIP_TARGET": "/opt/installed",
    "TRAINING_JOB_NAME": "job-1",
}
HOSTS = "127.0.0.1 localhost algo-1-abcde algo-9 " + " ".join(f"algo-{number}" for number in range(1, 13))
#: A private /opt that holds the tree and nothing else, and host names that resolve.
STAGE = """
set -e
mount --make-rprivate /
mount -t tmpfs none /opt
cp -a "$1" /opt/ml
mkdir /opt/base
mount --bind /opt/ml /opt/base
mount --bind "$2" /etc/hosts
cd /
shift 2
set +e
"$@" >"$LOG" 2>&1
echo $? >"$RESULT/exit_code"
cp -a /opt/ml/output /opt/ml/seen.json "$RESULT" 2>/dev/null
exit 0
"""


@dataclass(frozen=True)
class Toolkit:
    """A real toolkit, installed in an environment of its own."""

    name: str
    home: Path
    drivers: Path | None = None
    """The unpacked wheels of SDK v3, for dialect D."""

    @property
    def python(self) -> Path:
        return self.home / "bin" / "python"

    def code_dir(self, tree: Path) -> Path:
        return tree / "input/data/code" if self.drivers else tree / "code"

    def environment(self, case: Case) -> dict[str, str]:
        return {**BASE_ENVIRONMENT, "PATH": f"{self.home}/bin:/usr/bin:/bin", **case.environment}

    def files(self, case: Case) -> dict[str, Any]:
        """The three config files, with what the SDK of this dialect adds to a request."""
        if self.drivers:
            hyperparameters = case.hyperparameters
            channels = {**case.input_data_config, "code": channel(), "sm_drivers": channel()}
        else:
            program = {} if case.entry is None else {"sagemaker_program": json.dumps(case.entry)}
            hyperparameters, channels = {**case.hyperparameters, **program}, case.input_data_config
        return {
            "hyperparameters": hyperparameters,
            "input_data_config": channels,
            "resource_config": case.resource_config,
        }

    def command(self, tree: Path) -> list[str]:
        if not self.drivers:
            return [str(self.home / "bin" / "train")]
        folder = tree.parent / "ml/input/data/sm_drivers"
        return ["/bin/bash", "-c", f"chmod +x {folder}/sm_train.sh && {folder}/sm_train.sh"]


def real_toolkit(version: str, python: str) -> Toolkit:
    return Toolkit(version, toolkits.toolkit(version, python=python))


def real_drivers(python: str) -> Toolkit:
    home = toolkits.drivers(python)
    wheels = venvs.ROOT / "v3-wheels"
    if not wheels.exists():
        download = [home / "bin/python", "-m", "pip", "download", "-q", "--no-deps", "-d", wheels, *DRIVER_PACKAGES]
        subprocess.run(download, check=True)
        for wheel in wheels.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(wheels / "unpacked")
    return Toolkit("v3-1.27.0", home, wheels / "unpacked" / "sagemaker")


def lay_out(toolkit: Toolkit, case: Case, tree: Path) -> None:
    config = tree / "input" / "config"
    for folder in (config, tree / "model", tree / "output" / "data", toolkit.code_dir(tree)):
        folder.mkdir(parents=True)
    names = {
        "hyperparameters": "hyperparameters",
        "input_data_config": "inputdataconfig",
        "resource_config": "resourceconfig",
    }
    for key, document in toolkit.files(case).items():
        if f"{names[key]}.json" not in case.missing:
            (config / f"{names[key]}.json").write_text(json.dumps(document))
    for name, text in case.code.items():
        file = toolkit.code_dir(tree) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    if toolkit.drivers:
        lay_out_drivers(toolkit.drivers, case, tree / "input/data/sm_drivers")


def lay_out_drivers(package: Path, case: Case, folder: Path) -> None:
    """The channel ``sm_drivers`` as SDK v3's ``ModelTrainer`` makes it, from its own template and files."""
    shutil.copytree(package / "train/container_drivers", folder)
    shutil.copy(package / "core/utils/install_requirements.py", folder / "scripts")
    templates: dict[str, str] = {}
    exec((package / "train/templates.py").read_text(), templates)
    text = templates["TRAIN_SCRIPT_TEMPLATE"].format(
        working_dir="cd /opt/ml/input/data/code \n",
        install_requirements="",
        execute_driver=templates["EXECUTE_BASIC_SCRIPT_DRIVER"]
        if case.entry is not None
        else templates["EXECUTE_BASE_COMMANDS"].format(base_command="python3 train.py"),
    )
    (folder / "sm_train.sh").write_text(text)
    source = {"source_dir": "code", "entry_script": case.entry}
    (folder / "sourcecode.json").write_text(json.dumps(source))
    (folder / "distributed.json").write_text("{}")


def run(toolkit: Toolkit, case: Case) -> dict[str, Any]:
    """One case through the real thing: its inputs, and what came of it."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        tree, result, hosts, log = root / "ml", root / "result", root / "hosts", root / "log"
        lay_out(toolkit, case, tree)
        result.mkdir()
        hosts.write_text(HOSTS + "\n")
        environment = toolkit.environment(case)
        command = toolkit.command(Path("/opt/ml"))
        child = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command]
        stage = ["unshare", "--mount", "/bin/bash", "-c", STAGE, "stage", tree, hosts, *child]
        subprocess.run(stage, env={"PATH": os.defpath, "RESULT": str(result), "LOG": str(log)}, check=True)
        return {**inputs(toolkit, case, environment), **outcome(result)}


def inputs(toolkit: Toolkit, case: Case, environment: dict[str, str]) -> dict[str, Any]:
    facts = asdict(case)
    if toolkit.drivers and case.driver_script_returns is not None:
        facts["script_returns"] = case.driver_script_returns
    kept = ("name", "script_returns", "own_failure", "install_fails", "missing")
    return {
        **{key: facts[key] for key in kept if facts[key]},
        **toolkit.files(case),
        "environment": environment,
        "code": sorted(case.code),
        **({"entry_script": case.entry} if toolkit.drivers else {}),
    }


def outcome(result: Path) -> dict[str, Any]:
    failure, seen = result / "output/failure", result / "seen.json"
    return {
        "exit_code": int((result / "exit_code").read_text()),
        "success": (result / "output/success").exists(),
        "failure": failure.read_text().split("\n")[:4] if failure.exists() else None,
        "seen": json.loads(seen.read_text()) if seen.exists() else None,
    }


def machine(toolkit: Toolkit) -> tuple[dict[str, Any], str]:
    """What the toolkit reads off the machine, read in its own interpreter; and where that one is installed."""
    program = "import json, os, sys; print(json.dumps([os.cpu_count(), sys.path[1:], sys.base_prefix]))"
    answer = subprocess.run([toolkit.python, "-c", program], check=True, capture_output=True, env={}).stdout
    cpus, path, base = json.loads(answer)
    python = toolkit.python.with_name("python3" if toolkit.drivers else "python")
    facts = {"num_cpus": cpus, "python": str(python), "pythonpath": [str(toolkit.home / "bin"), *path]}
    return facts, base


def brief(case: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """The record without what is as in the first case; `absent` names the variables that this one lacks."""
    short = {key: value for key, value in case.items() if key in ("failure", "seen") or usual.get(key) != value}
    if case["seen"] and usual["seen"] is not case["seen"]:
        now, before = case["seen"]["environment"], usual["seen"]["environment"]
        changed = {name: value for name, value in now.items() if before.get(name) != value}
        absent = sorted(before.keys() - now.keys())
        short["seen"] = {**case["seen"], "environment": changed, "absent": absent}
    return short


def record(toolkit: Toolkit, wanted: str) -> None:
    facts, base = machine(toolkit)
    cases = []
    for case in CASES:
        if wanted in case.name and not (toolkit.drivers and isinstance(case.entry, int)):
            print(toolkit.name, case.name, file=sys.stderr)
            cases.append(run(toolkit, case))
    usual = cases[0]
    documents = [{"toolkit": toolkit.name, "machine": facts}, usual, *(brief(case, usual) for case in cases[1:])]
    text = "\n".join(map(json.dumps, documents)).replace(str(toolkit.home), "/venv").replace(base, "/python")
    (RECORDS / f"{toolkit.name}.jsonl").write_text(text + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python38", default="python3.8", help="for sagemaker-training 4.0.1")
    parser.add_argument("--python312", default="python3.12", help="for everything else")
    parser.add_argument("--only", help="4.0.1, 4.8.0, 5.1.4 or v3; default: all")
    parser.add_argument(
        "--case", default="", help="only cases with this in their name; the record then holds them alone"
    )
    options = parser.parse_args()
    for version in ("4.0.1", "4.8.0", "5.1.4"):
        if options.only in (None, version):
            python = options.python38 if version == "4.0.1" else options.python312
            record(real_toolkit(version, python), options.case)
    if options.only in (None, "v3"):
        record(real_drivers(options.python312), options.case)


if __name__ == "__main__":
    main()
