"""Runs a case twice: as a plain process with what a person at home would set, and through AWS's own code.

There it is `train` of the real sagemaker-training with a literal ``/opt/ml`` in a mount namespace, or SDK v3's real
drivers, or the whole image; then, for what is served, the real sagemaker-containers under gunicorn. Linux, as root or
where user namespaces are allowed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import source
from harness.contract.environment import Dialect
from harness.contract.opt_ml import input_data_config_document, resource_config_document
from harness.lint.job import training_job
from tests.lint.corpus import Case
from tests.oracle import toolkits, venvs
from tests.oracle.record import lay_out_drivers, real_drivers
from tests.server import record as server_oracle

HERE = Path(__file__).parent
_NOT_RUN = 125
"""Docker's own exit status: nothing was run, and so nothing observed."""
PATIENCE = 120
ROWS = "1,2\n3,4\n"
SHOWN = "> "
"""What a script of the corpus prints after this is what is compared; the toolkit prints as well."""
Observed = dict[str, Any]


def observe(case: Case) -> dict[str, Observed]:
    """What happens to a case here and there."""
    with tempfile.TemporaryDirectory() as room:
        return {"here": _at_home(case, Path(room, "home")), "there": _on_sagemaker(case, Path(room, "there"))}


def _at_home(case: Case, room: Path) -> Observed:
    project = room / "project"
    shutil.copytree(case.folder, project)
    _lay_out_data(case, project)
    for name in ("model", "output"):
        (project / name).mkdir(exist_ok=True)
    (room / "user").mkdir()
    if (project / "user").is_dir():
        shutil.copytree(project / "user", room / "user", dirs_exist_ok=True)
    before = _files(project)
    config = case.config
    source = "src" if config.source_dir else "."
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "HOME": str(room / "user"),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "SM_MODEL_DIR": str(project / "model"),
        "SM_OUTPUT_DATA_DIR": str(project / "output"),
        **{f"SM_CHANNEL_{name.upper()}": str(project / "data" / name) for name in config.channels},
        **{name: text.replace("{here}", str(project)) for name, text in case.laptop.environment.items()},
    }
    entry = str(config.entry_point) if config.source_dir else Path(str(config.entry_point)).name
    script = project / source / entry
    program = ["/bin/sh"] if script.suffix == ".sh" else [sys.executable]
    command = [*program, os.path.relpath(script, project / case.laptop.folder), *case.laptop.arguments]
    code, lines = _run(
        case, room, command, environment, folder=project / case.laptop.folder, mnt=_of(project, "mnt"), tree=None
    )
    # Only what is new counts; the person has it still.
    return _observed(code == 0, lines, _files(project) - before)


def _on_sagemaker(case: Case, room: Path) -> Observed:
    tree = room / "ml"
    _lay_out(case, tree)
    environment = {"PATH": os.defpath, "HOME": "/root", "LANG": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    environment |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "TRAINING_JOB_NAME": "lint"}
    environment |= case.config.environment
    if (case.folder / "src/setup.py").exists():  # a user's package is built with what is there
        environment |= {"PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_TARGET": str(room / "installed")}
    if case.in_image:
        code, lines = _in_image(case, room, tree)
    elif case.dialect is Dialect.V3:
        drivers = real_drivers(sys.executable)
        assert drivers.drivers
        lay_out_drivers(drivers.drivers, _Driven(str(case.config.entry_point)), tree / "input/data/sm_drivers")
        folder = "/opt/ml/input/data/sm_drivers"
        environment["PATH"] = f"{drivers.home}/bin:{os.defpath}"
        command = ["/bin/bash", "-c", f"chmod +x {folder}/sm_train.sh && {folder}/sm_train.sh"]
        code, lines = _run(case, room, command, environment, folder=Path("/"), tree=tree)
    else:
        version = case.toolkit or training_job(case.config).toolkit_version
        home = toolkits.toolkit(version, python="python3.8" if version == "4.0.1" else None, ensure=venvs.ensure)
        environment["PATH"] = f"{home}/bin:{os.defpath}"
        code, lines = _run(case, room, [str(home / "bin" / "train")], environment, folder=Path("/"), tree=tree)
    kept = {"model": tree / "model", "output": tree / "output/data"}
    if case.config.checkpoint_s3_uri:
        kept["checkpoints"] = tree / "checkpoints"
    names = {f"{name}/{file}" for name, folder in kept.items() if folder.is_dir() for file in _files(folder)}
    ended_well = code == 0
    if ended_well and case.serving:
        ended_well = _serve(case, tree) == http.HTTPStatus.OK
    return _observed(ended_well, lines, names)


class _Driven:
    """As much of a case as the drivers' template asks for."""

    def __init__(self, entry: str) -> None:
        self.entry = entry


def _lay_out(case: Case, tree: Path) -> None:
    """``/opt/ml`` as the platform leaves it."""
    config = case.config
    job = training_job(config, dialect=case.dialect, toolkit=case.toolkit)
    v3 = case.dialect is Dialect.V3
    code = tree / ("input/data/code" if v3 else "code")
    for folder in (tree / "input/config", tree / "model", tree / "output/data", code):
        folder.mkdir(parents=True)
    if job.request.get("CheckpointConfig"):
        (tree / "checkpoints").mkdir()
    if config.source_dir:
        source.stage(source.manifest(config.source_dir, entry_point=str(config.entry_point)), code)
    else:
        shutil.copy(str(config.entry_point), code)
    _lay_out_data(case, tree / "input")
    channels = input_data_config_document(job.request)
    if v3:
        channels |= {name: {"TrainingInputMode": "File"} for name in ("code", "sm_drivers")}
    sent = {**job._raw}
    if not v3:
        sent["sagemaker_submit_directory"] = '"s3://bucket/source/sourcedir.tar.gz"'
    documents = {
        "hyperparameters": sent,
        "inputdataconfig": channels,
        "resourceconfig": resource_config_document(job.request, 0),
    }
    for name, document in documents.items():
        (tree / "input/config" / f"{name}.json").write_text(json.dumps(document))


def _lay_out_data(case: Case, base: Path) -> None:
    """Every channel: the case's own files, else two rows."""
    for name in case.config.channels:
        folder = base / "data" / name
        own = case.folder / "data" / name
        if own.is_dir():
            shutil.copytree(own, folder, dirs_exist_ok=True)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "rows.csv").write_text(ROWS)


def _run(
    case: Case,
    room: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path,
    tree: Path | None,
    mnt: Path | None = None,
) -> tuple[int, list[str]]:
    """The exit code, and what the script has printed for us."""
    (room / "hosts").write_text("127.0.0.1 localhost algo-1\n")
    namespaces = ["--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if tree is not None and case.config.enable_network_isolation:
        namespaces.append("--net")
    if tree is not None and case.signalled:
        namespaces += ["--pid", "--fork", "--kill-child"]
    clean = [f"{name}={text}" for name, text in environment.items()]
    stage = {"ROOM": str(room), "TREE": str(tree or ""), "MNT": str(mnt or ""), "FOLDER": str(folder)}
    log = room / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["unshare", *namespaces, "/bin/sh", str(HERE / "stage.sh"), "env", "-i", *clean, *command],
            env={"PATH": os.defpath, **stage},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        if case.signalled:
            _wait_for(lambda: b"> ready" in log.read_bytes())
            os.kill(_only_child(process.pid) if tree else process.pid, signal.SIGTERM)
        code = process.wait(PATIENCE)
    return code, _shown(log.read_text("utf-8", "replace"))


def _in_image(case: Case, room: Path, tree: Path) -> tuple[int, list[str]]:
    from harness.images.build import tag

    image = tag(case.config.framework_version)
    mounted = ["--volume", f"{tree}:/opt/ml", "--add-host", "algo-1:127.0.0.1"]
    network = ["--network", "none"] if case.config.enable_network_isolation else []
    command = ["docker", "run", "--rm", *mounted, *network, image, "train"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode == _NOT_RUN:
        raise RuntimeError(done.stderr)
    return done.returncode, _shown(done.stdout)


def _serve(case: Case, tree: Path) -> int:
    """The status of one request to AWS's server over what was trained."""
    _, requirements = server_oracle.ORACLES["flask-3.1.3"]
    venv = venvs.ensure(
        "server-flask-3.1.3",
        [*requirements.split(), *server_oracle._COMMON],
        venvs.python("3.12"),
        without_dependencies=["sagemaker-containers==2.8.6.post2"],
    )
    program = case.config.deploy.entry_point or str(case.config.entry_point)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [
                *(venv / "bin" / "python", "-W", "ignore", "-c", server_oracle._GUNICORN, "driver:main"),
                *("-k", "gevent", "-w", "1", "-b", f"fd://{listener.fileno()}"),
                *("--pythonpath", str(Path(server_oracle.__file__).parent), "--log-level", "critical"),
            ],
            env={
                "PATH": os.defpath,
                "HOME": str(tree),
                "SAGEMAKER_BASE_DIR": str(tree),
                "SAGEMAKER_PROGRAM": program,
                "SM_MODEL_DIR": str(tree / "model"),
            },
            pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        )
        try:
            connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=PATIENCE)
            with contextlib.closing(connection):
                connection.request("POST", "/invocations", case.body, {"Content-Type": "application/json"})
                return connection.getresponse().status
        except http.client.HTTPException:
            return 0  # the worker ended instead of an answer
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _observed(ended_well: bool, lines: list[str], kept: set[str]) -> Observed:
    return {"ended_well": ended_well, "shown": lines, "kept": sorted(kept)}


def _shown(log: str) -> list[str]:
    return [line.removeprefix(SHOWN) for line in log.splitlines() if line.startswith(SHOWN)]


def _files(folder: Path) -> set[str]:
    return set(_walk(folder))


def _walk(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder).as_posix()


def _of(folder: Path, name: str) -> Path | None:
    return folder / name if (folder / name).is_dir() else None


def _only_child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return int(children.read_text().split()[0])


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the script never said that it was ready"
        time.sleep(0.02)
