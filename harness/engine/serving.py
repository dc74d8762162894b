"""A model's container on this machine: what endpoints and batch transform have in common."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
from harness.engine import artifacts, code, image_serving, requirements
from harness.engine.environment import framework_version, image_environment, machine_environment, wants_credentials
from harness.engine.hosts import Ended, Log
from harness.engine.image_serving import ImageServing
from harness.engine.interpreter import Interpreter, interpreter
from harness.engine.launcher import HostSpec, Launcher, LaunchError
from harness.engine.settings import EngineSettings
from harness.engine.toolkit import JobHost
from harness.errors import ConfigurationError, HarnessError
from harness.server import peers
from harness.storage import Storage, is_s3, local_path

HOST = "algo-1"
_CODE_IN_MODEL = "/opt/ml/model/code"
DRAIN_LIMIT = 30.0
"""Seconds that a container has from SIGTERM to SIGKILL, for the requests that it has begun (AWS developer guide)."""
START_LIMIT = 240.0
"""Seconds in which a container has to answer ``/ping`` (AWS developer guide: 4 minutes)."""
PING_LIMIT = 2.0
"""Seconds that one ``/ping`` may take (AWS developer guide)."""
_PING_PAUSE = 0.05
_FAILED = "harness.server failed: "


def container(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one container of a model."""
    containers = [model["PrimaryContainer"]] if "PrimaryContainer" in model else model["Containers"]
    first: Mapping[str, Any] = containers[0]
    return first


def image(model: Mapping[str, Any]) -> str:
    """The URI of its image."""
    return str(container(model).get("Image", ""))


def stage(model: Mapping[str, Any], folder: Path, storage: Storage | None = None) -> None:
    """Lay out a model's code and data below ``folder``, as they are now: ``source`` and ``model``.

    Without ``storage`` only if both are on this machine; what is in S3 waits for ``prepare``.

    Raises:
        ConfigurationError: something that the model names is not there.
        ArtifactError: the archive is not whole, or tries to leave its folder.
    """
    primary = container(model)
    environment = primary.get("Environment", {})
    program, where = environment.get("SAGEMAKER_PROGRAM"), environment.get("SAGEMAKER_SUBMIT_DIRECTORY")
    if not program:
        raise ConfigurationError("The model names no script. Script mode needs SAGEMAKER_PROGRAM in its Environment.")
    if storage is None and (is_s3(primary["ModelDataUrl"]) or is_s3(where or "")):
        return
    storage = storage or Storage()
    artifacts.unpack_archive(storage.local_object(primary["ModelDataUrl"]), folder / "model")
    if where and where.startswith(_CODE_IN_MODEL):
        inside = folder / where.removeprefix("/opt/ml/")
        if not inside.is_dir():
            raise ConfigurationError(
                f"The code is expected in the model's archive ({where}), but {primary['ModelDataUrl']} has no such "
                "folder. Have the training script copy it to SM_MODEL_DIR/code, or deploy without network isolation."
            )
        where = inside.absolute().as_uri()
    if where:
        code.stage_from(where, program, folder / "source", storage)
    else:
        (folder / "source").mkdir()


@dataclass(frozen=True)
class Serving:
    """A model server, ready to be started."""

    spec: HostSpec
    launcher: Launcher
    """What starts it."""
    listener: socket.socket
    """Bound and listening before the server runs, so that no other can take the port, and so that a server without
    network can be reached."""
    stop_pipe: tuple[int, int]
    """What the server reads, and what it is told to stop with: a signal does not reach into its namespace."""
    connections: int | None
    """The machine's connections and whose they are, for the server to read; None where the system does not tell."""

    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        host, port = self.listener.getsockname()[:2]
        return f"http://{host}:{port}"

    def stop(self) -> None:
        """Ask the server to answer what it has begun, and to end."""
        self.listener.close()
        os.write(self.stop_pipe[1], b".")

    def close(self) -> None:
        """Free the port."""
        self.listener.close()
        for file in (*self.stop_pipe, self.connections):
            if file is not None:
                os.close(file)


def prepare(
    folder: Path,
    model: Mapping[str, Any],
    *,
    settings: EngineSettings,
    launcher: Launcher,
    variables: Mapping[str, str],
    log: Log,
    run: Callable[[HostSpec], Ended],
    port: int = 0,
) -> Serving | ImageServing:
    """Make the host that serves a model whose code and data have been staged in ``folder``.

    Args:
        folder: of the job or endpoint.
        model: the ``DescribeModel`` document.
        settings: what this machine contributes.
        launcher: starts hosts.
        variables: what the job adds to the model's environment.
        log: takes what an installation prints.
        run: runs a command to its end.
        port: on the loopback; 0: a free one.

    Raises:
        HarnessError: requirements could not be installed, or the port is taken.
        Stopped: somebody stopped it meanwhile.
    """
    primary = container(model)
    tree = folder / "hosts" / HOST
    host = JobHost(HOST, 0, tree, launcher.base_dir or str(tree))
    for seen in (host.paths.input_config, host.paths.output):
        host.path(seen).mkdir(parents=True)
    if not (folder / "model").exists():
        stage(model, folder, settings.storage)
    (folder / "model").rename(host.path(host.paths.model))
    code_folder = host.path(host.paths.code)
    (folder / "source").rename(code_folder)
    if launcher.image:
        given = {**primary.get("Environment", {}), **variables}
        return image_serving.prepare(launcher, host, model, settings=settings, variables=given, port=port)
    offline = bool(model.get("EnableNetworkIsolation"))
    python = _install(interpreter(settings.python), code_folder, settings, offline, log, run)
    listener, stop_pipe, connections = _listen(port), os.pipe(), _connections()
    submitted = [primary.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY", "")]
    modern = ("--lists-as-json",) if framework_version(image(model)) in {None, "1.9-0"} else ()
    spec = HostSpec(
        name=HOST,
        command=(
            *(python.path, "-m", "harness.server", "--fd", str(listener.fileno())),
            *("--stop-fd", str(stop_pipe[0])),
            *(() if connections is None else ("--connections-fd", str(connections))),
            *("--code-dir", host.paths.code, "--model-dir", host.paths.model, "--fail-fast", *modern),
        ),
        environment={
            **image_environment(image(model), host.base_dir),
            **machine_environment(python, settings.pass_environment, host.base_dir),
            **_server_on_path(folder, settings),
            "AWS_REGION": settings.region,
            **primary.get("Environment", {}),
            **variables,
        },
        cwd="/",
        tree=tree,
        base_dir=host.base_dir,
        hosts=(HOST,),
        network=not offline,
        inherited=(listener.fileno(), stop_pipe[0], *(() if connections is None else (connections,))),
        protected=(*(local_path(uri) for uri in submitted if uri.startswith("file:")), *settings.protected),
        credentials=wants_credentials(settings.pass_environment),
    )
    return Serving(spec, launcher, listener, stop_pipe, connections)


def why_it_ended(log: Path, exit_code: int) -> str:
    """The server's own last words, else its last lines."""
    lines = log.read_bytes()[-8192:].decode("utf-8", "replace").splitlines()
    for line in reversed(lines):
        if _FAILED in line:
            return line.partition(_FAILED)[2]
    tail = "\n".join(lines[-5:])
    return f"the model server ended with {exit_code}. Its last lines:\n{tail}" if tail else f"exit code {exit_code}"


class Readiness:
    """Waits for the first good ``/ping``, in a thread: ``hosts.Companion`` up to that moment.

    Subclasses say what comes then. What happens in the thread reaches the loop through ``tell``.
    """

    def __init__(self, where: Callable[[], str]) -> None:
        """Nothing starts yet.

        Args:
            where: the server's URL, once it has been started; raises ``LaunchError`` if it has ended already.
        """
        self.url = ""
        self._where = where
        self.cancelled = threading.Event()
        self.late = False
        """Whether the time to start ran out."""
        self._heard, self._tell = socket.socketpair()
        self._heard.setblocking(False)
        self._asking: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)

    def start(self) -> None:
        """The server has been started."""
        with suppress(LaunchError):  # the loop is about to hear of its end
            self.url = self._where()
        self._thread.start()

    def fileno(self) -> int:
        """Readable when ``tell`` has been called."""
        return self._heard.fileno()

    def tell(self) -> None:
        """Wake the loop; called in the thread."""
        self._tell.send(b"+")

    def hear(self) -> None:
        """Forget the calls so far; called in the loop."""
        self._heard.recv(4096)

    def cancel(self) -> None:
        """Nobody waits any more: a ping that has no answer yet is broken off."""
        self.cancelled.set()
        if self._asking is not None:
            with suppress(OSError):  # it has just ended
                self._asking.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """Return when the thread has ended, if it has ever started."""
        self.cancel()
        if self._thread.ident is not None:
            self._thread.join()
        self._heard.close()
        self._tell.close()

    def ready(self) -> None:
        """The server has answered; called in the thread."""
        raise NotImplementedError

    def _run(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not self.cancelled.is_set():
            if self.url and self._answers_ping():
                self.ready()
                break
            if time.monotonic() > deadline:
                self.late = True
                break
            self.cancelled.wait(_PING_PAUSE)
        self.tell()

    def _answers_ping(self) -> bool:
        import http.client

        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=PING_LIMIT)
        try:
            connection.connect()
            self._asking = connection.sock
            if self.cancelled.is_set():  # by somebody who saw nothing to break off
                return False
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _install(
    python: Interpreter,
    folder: Path,
    settings: EngineSettings,
    offline: bool,
    log: Log,
    run: Callable[[HostSpec], Ended],
) -> Interpreter:
    if not (folder / "requirements.txt").is_file():
        return python
    command = (python.path, "-m", "pip", "install", "-r", "requirements.txt")
    made = requirements.environment(python, folder, command, cache=Path(settings.cache), offline=offline)
    installed = requirements.install(made, HOST, folder, log, run)
    if installed is None:
        raise HarnessError("requirements.txt could not be installed; the log says why")
    return installed


def _server_on_path(folder: Path, settings: EngineSettings) -> dict[str, str]:
    """Another interpreter than the harness's finds the model server, and nothing else of the harness's environment."""
    # Not what a link leads to: another environment's bin/python may be a link to the same Python.
    if settings.python is None or os.path.abspath(settings.python) == sys.executable:  # noqa: PTH100
        return {}
    package = folder / "lib" / "harness"
    package.mkdir(parents=True)
    home = Path(harness.__file__).parent
    for name in ("__init__.py", "server"):
        (package / name).symlink_to(home / name)
    return {"PYTHONPATH": str(package.parent)}


def _connections() -> int | None:
    """See ``Serving.connections``."""
    with suppress(OSError):  # no Linux
        return os.open(peers.LIST, os.O_RDONLY | os.O_CLOEXEC)
    return None


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port), backlog=2048)
    except OSError as error:
        raise HarnessError(
            f"Port {port} on this machine: {os.strerror(error.errno or 0)}. "
            "Choose another --port, or leave it out for a free one."
        ) from None
