"""What each target runs in the place of the user's script: it writes down what the script could observe.

Standard library alone, Python 3.8 and newer, and nothing of ours: this file travels by itself. It looks before it
writes, and leaves its observation in the output data and a token in the model, so that both archives exist.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any, Iterator  # noqa: UP035 - Python 3.8

OBSERVATION = "harness-observation-"
"""What the observation's name begins with; the host's follows, since the archives of all hosts become one."""
TOKEN = "harness-token-"  # noqa: S105 - the beginning of a file's name
REDACTED = "(redacted)"
MOST_ENTRIES = 2000
"""Of one folder directly below ``/opt/ml``; further ones are counted."""
LIBRARIES = ("scikit-learn", "pandas", "numpy", "joblib")
SIGNALS = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGPIPE", "SIGCHLD", "SIGUSR1", "SIGUSR2")


def looks_secret(name: str) -> bool:
    """Whether a variable is named like a credential; as ``credentials.looks_secret``, which does not travel."""
    name = name.upper()
    words = ("SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL")
    return any(word in name for word in words) or name.endswith(("TOKEN", "KEY", "_PWD"))


def observe() -> dict[str, Any]:
    """Everything that a script could look at, as JSON has it."""
    root = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")).parent
    return {
        "environment": {name: REDACTED if looks_secret(name) else value for name, value in sorted(os.environ.items())},
        "argv": sys.argv,
        "cwd": str(Path.cwd()),
        "sys_path": sys.path,
        "python": sys.executable,
        "num_cpus": multiprocessing.cpu_count(),
        "root": str(root),
        "tree": tree(root),
        "config": config(root / "input" / "config"),
        "terminal": {name: os.isatty(number) for number, name in enumerate(("stdin", "stdout", "stderr"))},
        "user": {"uid": os.getuid(), "gid": os.getgid()},
        "umask": umask(),
        "signals": signals(),
        "process": {"pid": os.getpid(), "ppid": os.getppid()},
        "versions": versions(),
    }


def tree(root: Path) -> dict[str, dict[str, Any]]:
    """What lies below a folder: path relative to it -> kind, size and whether this user may write to it."""
    found: dict[str, dict[str, Any]] = {}
    for top in sorted(root.iterdir()) if root.is_dir() else ():
        count = 0
        for path in below(top):
            count += 1
            if count <= MOST_ENTRIES:
                found[str(path.relative_to(root))] = entry(path)
        if count > MOST_ENTRIES:
            found[f"{top.name}/…"] = {"kind": f"{count - MOST_ENTRIES} more", "size": 0, "writable": False}
    return found


def below(path: Path, above: tuple[tuple[int, int], ...] = ()) -> Iterator[Path]:
    """A path and all that lies below it, in order; links are followed, but not into a folder that they lie in."""
    yield path
    if not path.is_dir():
        return
    status = path.stat()
    here = (status.st_dev, status.st_ino)
    try:
        children = [] if here in above else sorted(path.iterdir())
    except OSError:
        return
    for child in children:
        yield from below(child, (*above, here))


def entry(path: Path) -> dict[str, Any]:
    """What one path is for whoever opens it."""
    try:
        status = path.stat()
    except OSError:
        return {"kind": "a link that leads nowhere", "size": 0, "writable": False}
    kinds = ((stat.S_ISDIR, "folder"), (stat.S_ISREG, "file"), (stat.S_ISFIFO, "FIFO"))
    kind = next((name for test, name in kinds if test(status.st_mode)), "special")
    return {"kind": kind, "size": status.st_size if kind == "file" else 0, "writable": os.access(path, os.W_OK)}


def config(folder: Path) -> dict[str, str]:
    """The text of each file of ``input/config``."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {file.name: file.read_text("utf-8", "replace") for file in files if file.is_file()}


def umask() -> str:
    """The mask of new files' modes; reading it means setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return f"{mask:03o}"


def signals() -> dict[str, str]:
    """What a signal would do to this process."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    said = {}
    for name in SIGNALS:
        number = getattr(signal, name)
        handler = signal.getsignal(number)
        what = "default" if handler is signal.SIG_DFL else "ignored" if handler is signal.SIG_IGN else "handled"
        said[name] = what + (", blocked" if number in blocked else "")
    return said


def versions() -> dict[str, str]:
    """Of Python and of the libraries that decide whether a model loads elsewhere."""
    from importlib import metadata

    found = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    """Observe, then write."""
    seen = observe()
    host = os.environ.get("SM_CURRENT_HOST", "algo-1")
    output = Path(os.environ.get("SM_OUTPUT_DATA_DIR", "/opt/ml/output/data"))
    model = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    for folder in (output, model):
        folder.mkdir(parents=True, exist_ok=True)
    (output / f"{OBSERVATION}{host}.json").write_text(json.dumps(seen), "utf-8")
    (model / f"{TOKEN}{host}").write_text("", "utf-8")


if __name__ == "__main__":
    main()
