"""``requirements.txt``: what nobody installs, and what pip fails at."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from harness.contract.environment import Dialect
from harness.lint import packages
from harness.lint.findings import Found, Rule, Severity, Spot
from harness.lint.subject import Subject

REQUIREMENTS = "requirements.txt"


def _misplaced(subject: Subject) -> Iterator[Found]:
    entry, job = PurePosixPath(subject.modules.entry_point), subject.job
    if job.dialect is Dialect.V3:
        return  # SourceCode names its requirements itself, wherever they lie
    at_root = REQUIREMENTS in subject.modules.files
    beside = (entry.parent / REQUIREMENTS).as_posix()
    if entry.suffix == ".sh" and _speaks_of(subject, entry.as_posix(), REQUIREMENTS):
        return  # it installs them itself
    if entry.suffix == ".sh" and at_root:
        yield Found(
            Spot(REQUIREMENTS),
            Severity.WARNING,
            f"Nothing is installed: the toolkit does not look at {REQUIREMENTS} where the entry point is a shell "
            "script.",
            f"Install in {entry.name} itself: python -m pip install -r {REQUIREMENTS}.",
        )
    elif not at_root and beside in subject.modules.files:
        yield Found(
            Spot(beside),
            Severity.WARNING,
            f"{beside} is not installed: the toolkit looks for {REQUIREMENTS} at the root of the source alone.",
            f"Move it to the root of source_dir, or make {entry.parent} the source_dir.",
        )


def _speaks_of(subject: Subject, name: str, text: str) -> bool:
    """Whether a file of the source has a text in it; what cannot be read may have."""
    path = subject.modules.files.get(name)
    try:
        return path is None or text in path.read_text("utf-8", "replace")
    except OSError:
        return True


def asked_of(subject: Subject) -> packages.Requirements:
    """What is installed before the script."""
    path = subject.modules.files.get(REQUIREMENTS)
    if path is None or subject.modules.entry_point.endswith(".sh"):
        return packages.Requirements(frozenset(), whole=True)
    try:
        return packages.requirements(path.read_text("utf-8", "replace"))
    except OSError:
        return packages.Requirements(frozenset(), whole=False)


def _isolated(subject: Subject) -> Iterator[Found]:
    job = subject.job
    if not job.network_isolation or job.dialect is Dialect.V3 or subject.modules.entry_point.endswith(".sh"):
        return
    there = packages.image_distributions(job.version) if job.version else None
    missing = asked_of(subject).distributions - (there or frozenset())
    if missing and there is not None:
        yield Found(
            Spot(REQUIREMENTS),
            Severity.ERROR,
            f"pip fails, and the job with it: it has no network to fetch {', '.join(sorted(missing))} by.",
            "Build an image that has them (image_uri), or run without enable_network_isolation.",
        )


def _installed_text(subject: Subject) -> str:
    """What the toolkit has pip install; empty where it looks at no ``requirements.txt``, or nobody can read it."""
    path = subject.modules.files.get(REQUIREMENTS)
    if path is None or subject.job.dialect is Dialect.V3 or subject.modules.entry_point.endswith(".sh"):
        return ""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _of_this_machine(subject: Subject) -> Iterator[Found]:
    """What pip is to install from a path that the job has not."""
    job = subject.job
    for number, named in packages.local_paths(_installed_text(subject)):
        if _is_shipped(subject, posixpath.normpath(posixpath.join(job.code, named))):
            continue
        yield Found(
            Spot(REQUIREMENTS, number),
            Severity.ERROR,
            f"pip fails, and the job with it: {named} is a path of this machine, and is not shipped.",
            "Name the package and its version (pip list --format=freeze), or put it into source_dir.",
        )


def _other_version(subject: Subject) -> Iterator[Found]:
    """Another version of what the image has compiled, which pip cannot have, or the image's others cannot do with."""
    version = subject.job.version
    if not version or packages.image_distributions(version) is None:
        return
    pinned = packages.pins(_installed_text(subject))
    there = packages.image_pins(version)
    for name, first in packages.FIRST_FOR_312.items():
        pin = pinned.get(name)
        if pin is not None and pin.version < first:
            what = f"pip has no wheel of {pin.text} for the image's Python 3.12, and as a rule fails to build it"
            yield Found(Spot(REQUIREMENTS, pin.line), Severity.WARNING, f"{what}.", _leave_out(name, there))
    numpy = pinned.get("numpy")
    if numpy is not None and packages.FIRST_FOR_312["numpy"] <= numpy.version < (2,) and _needs_numpy_2(subject, there):
        what = f"{numpy.text} takes the place of the image's, and {there['scipy'].text} fails to import with it"
        yield Found(Spot(REQUIREMENTS, numpy.line), Severity.WARNING, f"{what}.", _leave_out("numpy", there))


def _needs_numpy_2(subject: Subject, there: Mapping[str, packages.Pin]) -> bool:
    """Whether the script imports the image's scipy, by itself or with scikit-learn, and that needs numpy 2."""
    if "scipy" in asked_of(subject).distributions or there["scipy"].version < packages.FIRST_WITHOUT_NUMPY_1:
        return False
    imported = (name for module in subject.modules.read.values() for name in module.imports.values())
    return any(name.partition(".")[0] in ("scipy", "sklearn") for name in imported)


def _leave_out(name: str, there: Mapping[str, packages.Pin]) -> str:
    return f"Leave {name} out: the image has {there[name].text}. Or choose the framework_version that has yours."


def _is_shipped(subject: Subject, path: str) -> bool:
    """Whether a path in the container is the source's root, or a file or a folder in it."""
    code = subject.job.code
    return path == code or any(f"{code}/{file}/".startswith(f"{path}/") for file in subject.modules.files)


RULES = (
    Rule(
        "HRN601",
        "requirements-not-installed",
        "A `requirements.txt` that nobody looks at.",
        "The toolkit installs `requirements.txt` from the root of the source, and nothing where the entry point is a "
        "shell script.",
        _misplaced,
    ),
    Rule(
        "HRN603",
        "pip-without-network",
        "Requirements under network isolation.",
        "The toolkit runs pip before the script, and pip has no network then: the job fails.",
        _isolated,
    ),
    Rule(
        "HRN606",
        "requirement-of-this-machine",
        "`requirements.txt` names a path that the job has not.",
        "`pip freeze` writes `name @ file:///…` for what conda has installed. The toolkit runs pip before the script, "
        "and the job ends where pip does not find the path.",
        _of_this_machine,
    ),
    Rule(
        "HRN608",
        "other-version-than-the-image",
        "`requirements.txt` pins a version that the image cannot have.",
        "The toolkit runs pip before the script. A version from before the image's Python has no wheel, and the job "
        "ends where pip cannot build it. A numpy before 2 is installed, and scipy 1.18 cannot be imported with it.",
        _other_version,
    ),
)
