"""What is known to be otherwise on a target, as data: where, in which values, why, what it can break, what to do.

A difference is explained only if its values are those of the table: the same name with another value is not. Sources:
the SageMaker Python SDK (v2 2.257.7, v3 2.27.0, read and run), the AWS developer guide, and the targets themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from harness.doctor.drift import loads
from harness.parity.findings import Aspect, Finding, Kind
from harness.parity.probe import REDACTED

Holds = Callable[[str | None, str | None], bool]
"""Whether two values, what is expected and what was seen, are those of a divergence."""


@dataclass(frozen=True)
class Divergence:
    """One row of the table."""

    targets: tuple[str, ...]
    aspect: Aspect
    where: str
    """Pattern of places, as the shell has them."""
    holds: Holds
    why: str
    breaks: str
    remedy: str

    def explains(self, finding: Finding, ran_by: str) -> bool:
        """Whether a finding is this divergence, in value too."""
        return (
            ran_by in self.targets
            and finding.aspect is self.aspect
            and fnmatchcase(finding.where, self.where)
            and self.holds(finding.expected, finding.seen)
        )


def explained(finding: Finding, ran_by: str) -> Finding:
    """The finding, known if the table has it.

    Args:
        finding: not explained yet.
        ran_by: the target whose divergences count: a stand-in for AWS has those of what runs its jobs.
    """
    for row in TABLE:
        if row.explains(finding, ran_by):
            return replace(finding, kind=Kind.KNOWN, why=row.why, breaks=row.breaks, remedy=row.remedy)
    return finding


def _only_seen(pattern: str) -> Holds:
    """Nothing is expected, and what is there is of this form."""
    return lambda expected, seen: expected is None and seen is not None and re.fullmatch(pattern, seen) is not None


def _only_expected(pattern: str = ".*") -> Holds:
    """What is expected has this form, and there is nothing."""
    return lambda expected, seen: (
        seen is None and expected is not None and re.fullmatch(pattern, expected, re.DOTALL) is not None
    )


def _turned(before: str, after: str) -> Holds:
    """One form has become another."""
    return lambda expected, seen: (
        expected is not None
        and seen is not None
        and re.fullmatch(before, expected, re.DOTALL) is not None
        and re.fullmatch(after, seen, re.DOTALL) is not None
    )


def _elsewhere(expected: str | None, seen: str | None) -> bool:
    """The same text, but for ``/opt/ml``, which is the host's folder of a run."""
    if expected is None or seen is None or "/opt/ml" not in expected:
        return False
    first, *rest = expected.split("/opt/ml")
    pattern = re.escape(first) + r"(?P<root>/[^:\",]*/hosts/algo-\d+)" + "(?P=root)".join(map(re.escape, rest))
    return re.fullmatch(pattern, seen, re.DOTALL) is not None


def _loads(library: str) -> Holds:
    return lambda expected, seen: expected is not None and seen is not None and loads(library, expected, seen)


_PROCESSES = ("local",)
_IN_CONTAINERS = ("container", "localmode")
_SDK = ("localmode",)


def _own_variables() -> tuple[Divergence, ...]:
    meaning: Mapping[str, tuple[str, str]] = {
        "HOME": ("/.*", "the user's own folder, where libraries keep caches"),
        "TMPDIR": ("/.*", "where this machine wants temporary files"),
        "USER": (".+", "the user's name, which libraries ask for"),
        "LOGNAME": (".+", "the user's name, which libraries ask for"),
    }
    return tuple(
        Divergence(
            _PROCESSES,
            Aspect.ENVIRONMENT,
            name,
            _only_seen(form),
            why=f"a plain process keeps {name} of this machine: {what}",
            breaks=f"a script that reads {name}, or expands ~, finds another value on AWS, or none",
            remedy=f"do not depend on {name}; write to SM_MODEL_DIR, SM_OUTPUT_DATA_DIR or the folder of tempfile",
        )
        for name, (form, what) in meaning.items()
    )


_VERSION_REMEDY = "point python in [tool.harness] to an environment with the image's pins; `harness doctor` says how"

TABLE: tuple[Divergence, ...] = (
    *_own_variables(),
    *(
        Divergence(
            _PROCESSES,
            Aspect.VERSIONS,
            library,
            _loads(library),
            why="a plain process uses this machine's packages; what one version pickles loads in the other",
            breaks="results may differ in their last digits, and scikit-learn warns when it loads a model",
            remedy=_VERSION_REMEDY,
        )
        for library in ("scikit-learn", "pandas", "numpy", "joblib")
    ),
    Divergence(
        _PROCESSES,
        Aspect.VERSIONS,
        "python",
        _turned(r"3\.\d+", r"3\.\d+"),
        why="a plain process uses this machine's Python",
        breaks="newer syntax and modules of the standard library may be missing in the image, and the reverse",
        remedy=_VERSION_REMEDY,
    ),
    Divergence(
        _PROCESSES,
        Aspect.USER,
        "uid",
        _turned("0", r"\d+"),
        why="a plain process runs as you; a container of AWS's image runs as root",
        breaks="what only root may do works on AWS and not here: apt-get, ports below 1024, writing to /usr",
        remedy="nothing, unless the script needs root; then compare with --on container",
    ),
    *(
        Divergence(
            _PROCESSES,
            aspect,
            "*",
            _elsewhere,
            why="there is no private /opt/ml here, so SM_* name the run folder instead; `harness doctor` says why",
            breaks="a script with /opt/ml written into it does not find its files here, but does on AWS",
            remedy="use SM_MODEL_DIR and the like; on Linux allow user namespaces, or compare with --on container",
        )
        for aspect in (
            Aspect.ENVIRONMENT,
            Aspect.ARGUMENTS,
            Aspect.WORKING_DIRECTORY,
            Aspect.PYTHON_PATH,
            Aspect.OPT_ML_TREE,
        )
    ),
    Divergence(
        _PROCESSES,
        Aspect.SIGNALS,
        "parent",
        _turned("process 1", "another process"),
        why="without namespaces of its own a plain process has this machine's process numbers",
        breaks="nothing, unless the script signals process 1",
        remedy="allow user namespaces; `harness doctor` says how",
    ),
    Divergence(
        _IN_CONTAINERS,
        Aspect.ENVIRONMENT,
        "HOSTNAME",
        _only_seen(r"[\w.-]+"),
        why="Docker sets it; what AWS's container runtime sets is not documented",
        breaks="a script that names things by HOSTNAME finds another value on AWS, or none",
        remedy="use SM_CURRENT_HOST",
    ),
    Divergence(
        _IN_CONTAINERS,
        Aspect.ENVIRONMENT,
        "HOME",
        _only_seen("/root|/home/.*|/"),
        why="Docker sets it; what AWS's container runtime sets is not documented",
        breaks="a script that expands ~ may find another folder on AWS",
        remedy="write to SM_MODEL_DIR, SM_OUTPUT_DATA_DIR or the folder of tempfile",
    ),
    *(
        Divergence(
            _IN_CONTAINERS,
            Aspect.ENVIRONMENT,
            name,
            _only_seen(form),
            why="set by the Python image that the local image is built on; AWS's image is built on another",
            breaks=f"a script that reads {name} finds none on AWS",
            remedy="do not read it; sys.version_info tells the version",
        )
        for name, form in (
            ("PYTHON_VERSION", r"3\.\d+\.\d+"),
            ("PYTHON_SHA256", "[0-9a-f]{64}"),
            ("GPG_KEY", re.escape(REDACTED)),
        )
    ),
)
"""Every divergence that is known. The first row that explains a finding counts."""
