"""The interpreter that runs a script: what it is, what is installed in it, and one made to order for requirements."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.errors import ConfigurationError

LIBRARIES = ("scikit-learn", "pandas", "numpy", "joblib")
"""Those whose versions decide whether a model can be loaded elsewhere."""

_FACTS = """
import json, sys, sysconfig
print(json.dumps([sys.version.split()[0], [p for p in sys.path if p]]))
"""


class Interpreter(NamedTuple):
    """A Python on this machine."""

    path: str
    version: str
    sys_path: tuple[str, ...]
    """``sys.path`` without the folder of any script."""

    @property
    def pythonpath(self) -> tuple[str, ...]:
        """What the toolkit's own ``sys.path`` would be here: the folder of its command, then the interpreter's."""
        return (str(Path(self.path).parent), *self.sys_path)

    def versions(self, names: Sequence[str] = LIBRARIES) -> dict[str, str]:
        """Versions of installed distributions, read off the names of their metadata folders: nothing is imported."""
        wanted = {name.replace("-", "_").lower(): name for name in names}
        found: dict[str, str] = {}
        for folder in self.sys_path:
            try:
                entries = os.listdir(folder)
            except OSError:
                continue
            for entry in entries:
                if entry.endswith(".dist-info"):
                    distribution, _, version = entry.removesuffix(".dist-info").partition("-")
                    name = wanted.get(distribution.lower())
                    if name is not None:
                        found.setdefault(name, version)
        return {name: found[name] for name in names if name in found}


def check(path: str | None) -> None:
    """Find out without running it whether a path can be an interpreter.

    Raises:
        ConfigurationError: it is no file that this user may execute.
    """
    if path is not None and not (Path(path).is_file() and os.access(path, os.X_OK)):
        raise ConfigurationError(f"python = {path!r} is no file that can be run. Name the bin/python of an environment")


def interpreter(path: str | None) -> Interpreter:
    """Facts about an interpreter; None means the one that runs this.

    Raises:
        ConfigurationError: it cannot be run.
    """
    # Not what a link leads to: an environment's bin/python is a link to the Python that it was made with.
    if path is None or os.path.abspath(path) == sys.executable:  # noqa: PTH100
        return Interpreter(sys.executable, sys.version.split()[0], _own_sys_path())
    import json
    import subprocess

    try:
        command = [path, "-E", "-c", _FACTS]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd="/")
        version, sys_path = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        # Of a call that failed the text is the whole program that was to be run.
        why = f"it ended with {error.returncode}" if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise ConfigurationError(
            f"python = {path!r} cannot be run as a Python interpreter: {why}. Name the bin/python of an environment"
        ) from None
    return Interpreter(path, version, tuple(sys_path))


def _own_sys_path() -> tuple[str, ...]:
    """``sys.path`` as a script's own interpreter has it: that of the installation, without what the caller added."""
    ours = (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
    return tuple(entry for entry in sys.path if entry.startswith(ours) and not entry.endswith("/bin"))


def made_to_order(base: Interpreter, folder: Path) -> Interpreter:
    """A virtual environment that sees all that is installed in ``base``, and into which more can be installed.

    Nothing is installed here; ``base`` itself is never changed. Pip takes what ``base`` has as installed, so only what
    a ``requirements.txt`` adds or changes comes on top, as it would in AWS's image.
    """
    import subprocess

    subprocess.run([base.path, "-m", "venv", "--without-pip", "--clear", str(folder)], check=True, capture_output=True)
    major_minor = "python" + ".".join(base.version.split(".")[:2])
    site_packages = folder / "lib" / major_minor / "site-packages"
    # Their .pth files count too, so that an editable installation stays what it is.
    inherited = [entry for entry in base.sys_path if entry.endswith(("site-packages", "dist-packages"))]
    (site_packages / "_inherited.pth").write_text(
        "".join(f"import site; site.addsitedir({entry!r})\n" for entry in inherited), "utf-8"
    )
    return interpreter(str(folder / "bin" / "python"))


def cache_key(base: Interpreter, contents: Mapping[str, bytes]) -> str:
    """What an environment made to order depends on: the interpreter, what it has, and the files of requirements."""
    import hashlib

    total = hashlib.sha256(f"{base.path}\n{base.version}\n".encode())
    for folder in base.sys_path:
        if Path(folder).is_dir():
            total.update("\n".join(sorted(e for e in os.listdir(folder) if e.endswith("-info"))).encode())
    for name, content in sorted(contents.items()):
        total.update(f"{name} {len(content)}\n".encode() + content)
    return total.hexdigest()[:32]
