"""What ``requirements.txt`` or ``setup.py`` asks for, in an environment of its own that the next job finds again."""

from __future__ import annotations

import fcntl
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.engine.hosts import Ended, Log, Stopped
from harness.engine.interpreter import Interpreter, cache_key, interpreter, made_to_order
from harness.engine.launcher import HostSpec
from harness.folders import make_own

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\])?\s*([<>=!~(;].*)?")
"""A requirement that names no file: PEP 508 without a URL."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment over ``base``, kept under a name that says all that it depends on."""

    folder: Path
    base: Interpreter
    install: tuple[str, ...]
    """The toolkit's own installation command: ``python -m pip install …``."""
    offline: bool

    @property
    def ready(self) -> bool:
        """Whether it has been built, whole."""
        return self._mark.exists()

    @property
    def python(self) -> Path:
        """Path of its interpreter."""
        return self.folder / "bin" / "python"

    def interpreter(self) -> Interpreter:
        """Its interpreter."""
        return interpreter(str(self.python))

    def command(self) -> tuple[str, ...]:
        """A command that builds it, to be run in the code folder: a process, so that a stop can end it at any time."""
        import json

        facts = json.dumps({**asdict(self), "base": self.base._asdict(), "folder": str(self.folder)})
        # Found where it was found here: the code folder may hold anything.
        program = f"import sys; sys.path[:] = {sys.path!r}; from harness.engine.requirements import main; main()"
        return (sys.executable, "-P", "-c", program, facts)

    def build(self) -> int:
        """Make it unless somebody else does so first; pip's exit code. Runs in the code folder.

        Others that want the same environment wait meanwhile. One that is not built whole does not count.
        """
        import shutil
        import subprocess

        make_own(self.folder.parents[1])
        self.folder.parent.mkdir(exist_ok=True)
        with self.folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.ready:
                return 0
            made_to_order(self.base, self.folder)
            _, module, pip, *arguments = self.install
            options = ("--disable-pip-version-check", *arguments, *(("--no-index",) if self.offline else ()))
            # What pip leaves when it is killed goes with the environment, which the next one makes afresh.
            scratch = self.folder / ".tmp"
            scratch.mkdir()
            # Pip is the harness's to run, with the user's own settings for it: an index, a proxy, a certificate.
            environment = {**os.environ, "TMPDIR": str(scratch)}
            # The base's pip, which the environment sees; that of the base itself would start it anew (--python).
            code = subprocess.run([str(self.python), module, pip, *options], env=environment).returncode
            shutil.rmtree(scratch)
            if code == 0:
                self._mark.touch()
            return code

    @property
    def _mark(self) -> Path:
        return self.folder / ".complete"


def main() -> None:
    """Build the environment that the command line's last argument describes."""
    import json
    import subprocess

    facts = json.loads(sys.argv[-1])
    base = {**facts["base"], "sys_path": tuple(facts["base"]["sys_path"])}
    made = Environment(
        Path(facts["folder"]), Interpreter(**base), install=tuple(facts["install"]), offline=facts["offline"]
    )
    try:
        sys.exit(made.build())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{os.fsdecode(error.stderr)}")
    except OSError as error:
        sys.exit(f"The environment {made.folder} cannot be made: {error}")


def install(made: Environment, host: str, code: Path, log: Log, run: Callable[[HostSpec], Ended]) -> Interpreter | None:
    """The environment's interpreter, after an installation if there has been none; None if that failed.

    Args:
        made: the environment.
        host: whose lines the output of the installation becomes.
        code: the folder to install from.
        log: is told when there is nothing to do.
        run: runs a command to its end, without network if its ``network`` says so.

    Raises:
        Stopped: somebody stopped the job meanwhile.
    """
    if made.ready:
        log.say(host, "requirements: unchanged, taken from an earlier job")
        return made.interpreter()
    spec = HostSpec(
        *(host, made.command(), dict(os.environ), str(code), code, str(code)),
        network=not made.offline,
        credentials=True,  # pip is no script of the job's, and an index may ask for them
    )
    ended = run(spec)
    if ended.stop is not None:
        raise Stopped(ended)
    return None if ended.failed else made.interpreter()


def environment(base: Interpreter, code: Path, install: Sequence[str], *, cache: Path, offline: bool) -> Environment:
    """The environment that an installation command of the toolkit's would leave, run in ``code``.

    Args:
        base: what is there before.
        code: the job's code; what the command reads of it decides which environment it is.
        install: the toolkit's command.
        cache: folder of such environments.
        offline: the job has no network, so only what is installed already can be asked for.
    """
    listed = code / "requirements.txt"
    files = [listed] if "." not in install and _names_no_files(listed) else sorted(code.rglob("*"))
    contents = {str(file.relative_to(code)): file.read_bytes() for file in files if file.is_file()}
    how = " ".join([*install[1:], *(["offline"] if offline else [])])
    folder = cache.absolute() / "environments" / cache_key(base, {**contents, f"<{how}>": b""})
    return Environment(folder, base, tuple(install), offline)


def _names_no_files(listed: Path) -> bool:
    """Whether requirements are names and versions alone: no option, no path, no URL, nothing that lies beside them."""
    for line in listed.read_text("utf-8", "replace").splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement and (not _PLAIN.fullmatch(requirement) or (listed.parent / requirement).exists()):
            return False
    return True
