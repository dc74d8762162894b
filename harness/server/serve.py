"""``python -m harness.server``: the processes of the server.

    this process        holds no user code; waits for the two below
    ├── the check       imports the user's module and reloads it, as AWS's server process does, then ends
    └── gunicorn        starts meanwhile; its workers import the module at their first request

On AWS the check comes first and gunicorn after it, which costs the import twice over. Here they run side by
side; when the check fails, the server ends as it does on AWS, and the reason is the last line of its log.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType

from harness.server import peers, report, settings
from harness.server.settings import Refused, Settings

EXIT_REFUSED = 2
EXIT_MODULE = 3
EXIT_MODEL = 4

_EPILOG = """\
exit status:
  0  stopped by a signal
  2  refused: wrong options or environment, or the port is in use
  3  the module cannot be imported (or a worker cannot start)
  4  with --fail-fast: the module has no model_fn, or model_fn raised
For 2, 3 and 4 the last line on stderr is «harness.server failed: » and the reason.

example:
  SAGEMAKER_PROGRAM=inference.py python -m harness.server --bind 127.0.0.1:0 --code-dir src --model-dir model
"""


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT, or until the server cannot go on. Returns the exit status."""
    options = _parser().parse_args(argv)
    report.flush_prints()
    try:
        asked = _settings(options)
        listener = _listener(options.bind, options.fd)
    except Refused as refusal:
        return _failed(EXIT_REFUSED, str(refusal))
    host, port = listener.getsockname()[:2]
    print(f"harness.server listens on http://{host}:{port}", file=sys.stderr, flush=True)  # noqa: T201
    # Ignored is what a shell's background and nohup have it; then it would be lost until gunicorn listens for it.
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    reasons, tell = _reason_pipe()
    first = report.once()  # the check and every worker may find the same thing wrong
    supervisor = os.getpid()
    check = os.fork()
    if check == 0:
        listener.close()
        return _check(asked, tell, first)
    gunicorn = os.fork()
    if gunicorn == 0:
        return _gunicorn(asked, listener, supervisor, tell, first)
    listener.close()
    return _supervise(check, gunicorn, reasons, options.stop_fd)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.server",
        description="Serve a scikit-learn model as SageMaker's single-model container does.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--bind",
        metavar="HOST:PORT",
        help="port 0 takes a free one (default: 127.0.0.1, port SAGEMAKER_BIND_TO_PORT or 8080)",
    )
    where.add_argument("--fd", type=int, metavar="N", help="an inherited listening socket")
    parser.add_argument("--stop-fd", type=int, metavar="N", help="an inherited pipe; a byte in it is a SIGTERM")
    parser.add_argument(
        "--connections-fd",
        type=int,
        metavar="N",
        help=f"an inherited {peers.LIST}: objects are unpickled for the server's own user alone, not as AWS does",
    )
    parser.add_argument("--program", help="the script with model_fn (default: SAGEMAKER_PROGRAM)")
    parser.add_argument("--code-dir", help="default: SAGEMAKER_BASE_DIR/code, /opt/ml/code")
    parser.add_argument("--model-dir", help="default: SAGEMAKER_BASE_DIR/model, /opt/ml/model")
    parser.add_argument("--workers", type=int, help="default: SAGEMAKER_MODEL_SERVER_WORKERS, or one per CPU")
    parser.add_argument("--timeout", type=int, metavar="SECONDS", help="default: SAGEMAKER_MODEL_SERVER_TIMEOUT, or 60")
    parser.add_argument("--graceful-timeout", type=int, metavar="SECONDS", help="for requests at SIGTERM (default: 30)")
    parser.add_argument(
        "--read-timeout",
        type=float,
        metavar="SECONDS",
        help="for a client that stalls (default: 60, as nginx)",
    )
    parser.add_argument("--worker-class", choices=("gevent", "gthread"), help="gevent as AWS (default), or threads")
    parser.add_argument(
        "--lists-as-json",
        action="store_true",
        help="send a list that a handler returns as JSON, as image 1.9-0 does; older images answer 500",
    )
    parser.add_argument(
        "--fail-fast",
        action="store_true",
        help="load the model before serving and end when that fails; AWS answers 500 to each /ping instead",
    )
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    environment = dict(os.environ)
    if options.program:
        environment["SAGEMAKER_PROGRAM"] = options.program
    names = {field.name for field in dataclasses.fields(Settings)}
    chosen = {name: value for name, value in vars(options).items() if name in names and value is not None}
    for name in ("code_dir", "model_dir"):
        if name in chosen:
            chosen[name] = os.path.abspath(chosen[name])  # noqa: PTH100
    return dataclasses.replace(settings.from_environment(environment), **chosen)


def _listener(bind: str | None, fd: int | None) -> socket.socket:
    try:
        if fd is not None:
            return socket.socket(fileno=fd)
        host, _, port = (bind or f"127.0.0.1:{os.environ.get('SAGEMAKER_BIND_TO_PORT', '8080')}").rpartition(":")
        return socket.create_server((host, int(port)), backlog=2048)
    except (OSError, ValueError, OverflowError) as error:
        place = f"file descriptor {fd}" if fd is not None else bind or "the default address"
        raise Refused(f"cannot listen on {place}: {error}. Choose another with --bind HOST:PORT.") from error


def _reason_pipe() -> tuple[int, Callable[[str], None]]:
    """A pipe for the reasons of child processes: its reading end, and how a child writes to it."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def tell(reason: str) -> None:
        # One write that a pipe takes whole, so that two children cannot mix their lines.
        os.write(writing, (reason.replace("\n", " ")[:1000] + "\n").encode("utf-8", "replace"))

    return reading, tell


def _check(asked: Settings, tell: Callable[[str], None], first: Callable[[], bool]) -> int:
    from harness.server import handlers

    report.configure(asked.log_level)
    # The first request is being waited for, the check is not.
    os.nice(10)
    try:
        handlers.check_importable(asked)
    except handlers.LoadError as error:
        if first():
            report.Reporter(asked.code_dir).failure(str(error), error)
        tell(str(error))
        return EXIT_MODULE
    return 0


def _gunicorn(
    asked: Settings,
    listener: socket.socket,
    supervisor: int,
    tell: Callable[[str], None],
    first: Callable[[], bool],
) -> int:
    try:
        from harness.server import workers

        server = workers.Server(asked, listener.detach(), supervisor, tell, first)
    except (ImportError, RuntimeError) as error:
        tell(f"{error}. Install the server's libraries: pip install 'sagemaker-harness[serve]'")
        return EXIT_REFUSED
    server.run()
    return 0


def _supervise(check: int, gunicorn: int, reasons: int, stop_fd: int | None) -> int:
    stopped = False

    def stop(signum: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        _kill(gunicorn, signum)
        _kill(check, signal.SIGKILL)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if stop_fd is not None:
        threading.Thread(target=_stop_when_told, args=(stop_fd,), daemon=True).start()
    code, reason, checking = 0, "", True
    while True:
        pid, status = os.wait()
        if pid == check:
            checking = False
            if status and not stopped:
                code, reason = EXIT_MODULE, "the module ended the process that imported it"
                _kill(gunicorn, signal.SIGQUIT)  # at once: there is nothing to be graceful about
        elif pid == gunicorn:
            break
    if checking:
        # What a worker could not load may be the module itself: then the check fails as well, and says which it was.
        if _exit_code(status) != EXIT_MODEL:
            _kill(check, signal.SIGKILL)
        _, checked = os.waitpid(check, 0)
        if os.WIFEXITED(checked) and os.WEXITSTATUS(checked) == EXIT_MODULE:
            code = EXIT_MODULE
    if stopped:
        return 0
    code = code or _exit_code(status)
    return _failed(code, _first_line(reasons) or reason or f"gunicorn ended with status {code}")


def _stop_when_told(stop_fd: int) -> None:
    """For whoever started the server, but cannot send a signal into its namespace."""
    if os.read(stop_fd, 1):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def _exit_code(status: int) -> int:
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _kill(pid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)


def _first_line(reading: int) -> str:
    try:
        return os.read(reading, 65536).decode("utf-8", "replace").split("\n")[0]
    except BlockingIOError:
        return ""


def _failed(code: int, reason: str) -> int:
    sys.stderr.write(f"{report.FAILED}{reason}\n")
    return code
