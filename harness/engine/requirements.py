"""What ``requirements.txt`` or ``setup.py`` asks for, in an environment of its own that the next job finds again."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.engine.hosts import Ended, Log, Stopped
from harness.engine.interpreter import Interpreter, cache_key, interpreter, made_to_order
from harness.engine.launcher import HostSpec


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

    def interpreter(self) -> Interpreter:
        """Its interpreter."""
        return interpreter(str(self._python))

    @contextmanager
    def building(self) -> Iterator[tuple[tuple[str, ...], Mapping[str, str]]]:
        """Make the environment and give the command, and its variables, that installs into it.

        Others that want the same environment wait meanwhile. It counts only after ``keep``.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.ready:
                made_to_order(self.base, self.folder)
            python, module, pip, *arguments = self.install
            without_network = ("--no-index",) if self.offline else ()
            command = (
                python,
                module,
                pip,
                "--python",
                str(self._python),
                "--disable-pip-version-check",
                *arguments,
            )
            # Pip is the harness's to run, with the user's own settings for it: an index, a proxy, a certificate.
            yield (*command, *without_network), dict(os.environ)

    def keep(self) -> None:
        """The installation has succeeded."""
        self._mark.touch()

    @property
    def _python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def _mark(self) -> Path:
        return self.folder / ".complete"


def install(
    made: Environment, host: str, code: Path, log: Log, run: Callable[[HostSpec], Ended]
) -> Interpreter | None:
    """The environment's interpreter, after an installation if there has been none; None if that failed.

    Args:
        made: the environment.
        host: whose lines the output of the installation becomes.
        code: the folder to install from.
        log: is told when there is nothing to do.
        run: runs a command to its end.

    Raises:
        Stopped: somebody stopped the job meanwhile.
    """
    if made.ready:
        log.say(host, "requirements: unchanged, taken from an earlier job")
        return made.interpreter()
    with made.building() as (pip, variables):
        ended = run(HostSpec(host, pip, variables, str(code), code, base_dir=str(code)))
        if ended.stop is not None:
            raise Stopped(ended)
        if ended.failed:
            return None
        made.keep()
    return made.interpreter()


def environment(base: Interpreter, code: Path, install: Sequence[str], *, cache: Path, offline: bool) -> Environment:
    """The environment that an installation command of the toolkit's would leave, run in ``code``.

    Args:
        base: what is there before.
        code: the job's code; what the command reads of it decides which environment it is.
        install: the toolkit's command.
        cache: folder of such environments.
        offline: the job has no network, so only what is installed already can be asked for.
    """
    files = sorted(code.rglob("*")) if "." in install else [code / "requirements.txt"]
    contents = {str(file.relative_to(code)): file.read_bytes() for file in files if file.is_file()}
    folder = cache.absolute() / "environments" / cache_key(base, contents)
    return Environment(folder, base, tuple(install), offline)
