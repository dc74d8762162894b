"""What is shipped and installed, and what the toolkit refuses before the script starts."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import PurePosixPath

from harness.contract.environment import Dialect
from harness.lint import packages
from harness.lint.findings import Found, Rule, Severity, Spot
from harness.lint.modules import Module
from harness.lint.subject import Subject

_REQUIREMENTS = "requirements.txt"
_PIP = r"^pip3?$|\b(pip3?|conda) install\b"
_NAME_IT = f"Name it in {_REQUIREMENTS} at the root of source_dir."


def _misplaced(subject: Subject) -> Iterator[Found]:
    entry, job = PurePosixPath(subject.modules.entry_point), subject.job
    if job.dialect is Dialect.V3:
        return  # SourceCode names its requirements itself, wherever they lie
    at_root = _REQUIREMENTS in subject.modules.files
    beside = (entry.parent / _REQUIREMENTS).as_posix()
    if entry.suffix == ".sh" and _speaks_of(subject, entry.as_posix(), _REQUIREMENTS):
        return  # it installs them itself
    if entry.suffix == ".sh" and at_root:
        yield Found(
            Spot(_REQUIREMENTS),
            Severity.WARNING,
            f"Nothing is installed: the toolkit does not look at {_REQUIREMENTS} where the entry point is a shell "
            "script.",
            f"Install in {entry.name} itself: python -m pip install -r {_REQUIREMENTS}.",
        )
    elif not at_root and beside in subject.modules.files:
        yield Found(
            Spot(beside),
            Severity.WARNING,
            f"{beside} is not installed: the toolkit looks for {_REQUIREMENTS} at the root of the source alone.",
            f"Move it to the root of source_dir, or make {entry.parent} the source_dir.",
        )


def _relative(subject: Subject) -> Iterator[Found]:
    """Relative imports that leave the package: the entry point, and modules at the root, have none."""
    for module in subject.modules.read.values():
        is_entry = module.name == subject.modules.entry_point
        if is_entry and "__package__" in module.text:
            continue  # it says itself what package it is of
        folders = 0 if is_entry else len(PurePosixPath(module.name).parts) - 1
        for node in module.all(ast.ImportFrom):
            if node.level <= folders or (not subject.certain(node) and _is_guarded(module, node)):
                continue
            yield Found(
                module.spot(node),
                subject.severity(node),
                f"{module.name} {_of_no_package(is_entry, folders)}: ImportError at "
                f"from {'.' * node.level}{node.module or ''} import.",
                f"Write {_absolute(node)}: the script's folder and the root of the source are on the path.",
            )


def _of_no_package(is_entry: bool, folders: int) -> str:
    if is_entry:
        return "is run as a script, and is in no package"
    return "is not in a package that far up" if folders else "lies at the root of the source, and is in no package"


def _absolute(node: ast.ImportFrom) -> str:
    names = ", ".join(alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in node.names)
    return f"from {node.module} import {names}" if node.module else f"import {names}"


def _speaks_of(subject: Subject, name: str, text: str) -> bool:
    """Whether a file of the source has a text in it; what cannot be read may have."""
    path = subject.modules.files.get(name)
    try:
        return path is None or text in path.read_text("utf-8", "replace")
    except OSError:
        return True


def _imports(subject: Subject) -> Iterator[Found]:
    version = subject.job.version
    there = packages.image_distributions(version) if version else None
    if there is None or subject.job.has_setup_py:
        return
    asked = _asked(subject)
    known = packages.imported(there | asked.distributions) | packages.standard_library()
    sure = asked.whole and not asked.distributions - there
    if _installs_itself(subject):
        sure, asked = False, asked._replace(whole=False)
    brought = cache(lambda: packages.installed(asked.distributions - there, subject.job.site_packages))
    for module, node, dotted in _outer_imports(subject):
        name = dotted.partition(".")[0]
        gone = packages.gone(dotted) if "scikit-learn" not in asked.distributions else None
        if (name in known and gone is None) or subject.modules.local(name) or _is_folder(subject, name):
            continue
        if not subject.certain(node) and _is_guarded(module, node):
            continue
        if gone is not None:
            what, remedy = gone
            message = f"{what} cannot be imported in image {version}: its scikit-learn has it no longer."
            yield Found(module.spot(node), subject.severity(node), message, remedy)
        elif asked.whole and _lies_beside(subject, name):
            message = f"{name} cannot be imported: it lies beside {subject.modules.entry_point}, and is not shipped."
            severity = subject.severity(node) if sure else Severity.WARNING
            yield Found(module.spot(node), severity, message, _ship_it(subject))
        elif sure:
            message = f"{name} cannot be imported in image {version}: neither the image nor requirements.txt has it."
            yield Found(module.spot(node), subject.severity(node), message, _NAME_IT)
        elif asked.whole and (told := _unnamed(name, brought())):
            severity, perhaps = told
            message = f"{name} is not in image {version}, and requirements.txt does not name it{perhaps}."
            yield Found(module.spot(node), severity, message, _NAME_IT)


def _unnamed(name: str, brought: packages.Installed) -> tuple[Severity, str] | None:
    """How bad it is that no requirement has a module's name, and what may bring it; None where one of them does."""
    if name in brought.modules or any(packages.resembles(name, each) for each in brought.unknown):
        return None
    if brought.unknown:
        return Severity.NOTE, f"; perhaps {' or '.join(sorted(brought.unknown))} brings it"
    return Severity.WARNING, ""  # what is installed here, and brings it not, may do so in another version


def _installs_itself(subject: Subject) -> bool:
    """Whether the script calls pip: ``subprocess.run([…, "pip", "install", …])``, ``os.system("pip install …")``."""
    return any(map(_calls_pip, subject.modules.read.values()))


def _calls_pip(module: Module) -> bool:
    said = "pip" in module.text or "conda" in module.text
    said = said and any(_names_pip(each.value) for each in module.all(ast.Constant))
    imported = any(name.partition(".")[0] == "pip" for name in module.imports.values())
    if not (said or imported):  # as nearly always; then no call need be looked into
        return False
    return any(
        module.dotted(call.func).startswith("pip.")
        or any(isinstance(each, ast.Constant) and _names_pip(each.value) for each in _within(call.args))
        for call in module.all(ast.Call)
    )


def _names_pip(value: object) -> bool:
    return isinstance(value, str) and ("pip" in value or "conda" in value) and re.search(_PIP, value) is not None


def _within(arguments: list[ast.expr]) -> Iterator[ast.AST]:
    return chain.from_iterable(ast.walk(argument) for argument in arguments)


def _outer_imports(subject: Subject) -> Iterator[tuple[Module, ast.stmt, str]]:
    """Imports by their whole names."""
    for module in subject.modules.read.values():
        for node in module.all(ast.Import):
            for alias in node.names:
                yield module, node, alias.name
        for source in module.all(ast.ImportFrom):
            if source.module and not source.level:
                for alias in source.names:
                    yield module, source, f"{source.module}.{alias.name}"


def _is_guarded(module: Module, node: ast.stmt) -> bool:
    """Whether something stands ready to catch an import, or asks first."""
    guards = (*module.all(ast.Try), *module.all(ast.If))
    return any(inner is node for guard in guards for inner in ast.walk(guard))


def _is_folder(subject: Subject, name: str) -> bool:
    """Whether the source has a folder of that name with Python in it: a namespace package."""
    return any(
        file.startswith(f"{folder}{name}/") and file.endswith(".py")
        for folder in subject.modules.paths
        for file in subject.modules.files
    )


def _lies_beside(subject: Subject, name: str) -> bool:
    """Whether this machine imports a module from the script's own folder."""
    entry = subject.modules.files.get(subject.modules.entry_point)
    return entry is not None and (entry.with_name(f"{name}.py").is_file() or entry.with_name(name).is_dir())


def _ship_it(subject: Subject) -> str:
    if subject.job.has_source_dir:
        return "Take it out of .sagemakerignore or .gitignore, which leave it out of the source."
    return "Set source_dir to the folder of both: without it the script travels alone."


def _asked(subject: Subject) -> packages.Requirements:
    """What is installed before the script."""
    path = subject.modules.files.get(_REQUIREMENTS)
    if path is None or subject.modules.entry_point.endswith(".sh"):
        return packages.Requirements(frozenset(), whole=True)
    try:
        return packages.requirements(path.read_text("utf-8", "replace"))
    except OSError:
        return packages.Requirements(frozenset(), whole=False)


def _of_this_machine(subject: Subject) -> Iterator[Found]:
    """What pip is to install from a path that the job has not."""
    path, job = subject.modules.files.get(_REQUIREMENTS), subject.job
    if path is None or job.dialect is Dialect.V3 or subject.modules.entry_point.endswith(".sh"):
        return
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for number, named in packages.local_paths(text):
        if _is_shipped(subject, posixpath.normpath(posixpath.join(job.code, named))):
            continue
        yield Found(
            Spot(_REQUIREMENTS, number),
            Severity.ERROR,
            f"pip fails, and the job with it: {named} is a path of this machine, and is not shipped.",
            "Name the package and its version (pip list --format=freeze), or put it into source_dir.",
        )


def _other_version(subject: Subject) -> Iterator[Found]:
    """Another version of what the image has compiled, which pip cannot have, or the image's others cannot do with."""
    path, job = subject.modules.files.get(_REQUIREMENTS), subject.job
    if path is None or job.dialect is Dialect.V3 or subject.modules.entry_point.endswith(".sh"):
        return
    if not job.version or packages.image_distributions(job.version) is None:
        return
    try:
        asked = packages.pins(path.read_text("utf-8", "replace"))
    except OSError:
        return
    there = packages.image_pins(job.version)
    for name, first in packages.FIRST_FOR_312.items():
        pin = asked.get(name)
        if pin is not None and pin.version < first:
            what = f"pip has no wheel of {pin.text} for the image's Python 3.12, and as a rule fails to build it"
            yield Found(Spot(_REQUIREMENTS, pin.line), Severity.WARNING, f"{what}.", _leave_out(name, there))
    numpy = asked.get("numpy")
    if numpy is not None and packages.FIRST_FOR_312["numpy"] <= numpy.version < (2,) and _needs_numpy_2(subject, there):
        what = f"{numpy.text} takes the place of the image's, and {there['scipy'].text} fails to import with it"
        yield Found(Spot(_REQUIREMENTS, numpy.line), Severity.WARNING, f"{what}.", _leave_out("numpy", there))


def _needs_numpy_2(subject: Subject, there: Mapping[str, packages.Pin]) -> bool:
    """Whether the script imports the image's scipy, by itself or with scikit-learn, and that needs numpy 2."""
    if "scipy" in _asked(subject).distributions or there["scipy"].version < packages.FIRST_WITHOUT_NUMPY_1:
        return False
    return any(dotted.partition(".")[0] in ("scipy", "sklearn") for _, _, dotted in _outer_imports(subject))


def _leave_out(name: str, there: Mapping[str, packages.Pin]) -> str:
    return f"Leave {name} out: the image has {there[name].text}. Or choose the framework_version that has yours."


def _is_shipped(subject: Subject, path: str) -> bool:
    """Whether a path in the container is the source's root, or a file or a folder in it."""
    code = subject.job.code
    return path == code or any(f"{code}/{file}/".startswith(f"{path}/") for file in subject.modules.files)


def _isolated(subject: Subject) -> Iterator[Found]:
    job = subject.job
    if not job.network_isolation or job.dialect is Dialect.V3 or subject.modules.entry_point.endswith(".sh"):
        return
    asked = _asked(subject)
    there = packages.image_distributions(job.version) if job.version else None
    missing = asked.distributions - (there or frozenset())
    if missing and there is not None:
        yield Found(
            Spot(_REQUIREMENTS),
            Severity.ERROR,
            f"pip fails, and the job with it: it has no network to fetch {', '.join(sorted(missing))} by.",
            "Build an image that has them (image_uri), or run without enable_network_isolation.",
        )


def _package_mode(subject: Subject) -> Iterator[Found]:
    entry = subject.modules.entry_point
    if subject.job.dialect is Dialect.V3 or not subject.job.has_setup_py or not entry.endswith(".py"):
        return
    if "/" in entry:
        yield Found(
            Spot("setup.py"),
            Severity.ERROR,
            f"With a setup.py at the root the toolkit runs `python -m {entry.removesuffix('.py')}`, "
            "which is no module's name.",
            "Leave setup.py out (.sagemakerignore), or put the entry point at the root.",
        )


def _refused(subject: Subject) -> Iterator[Found]:
    refusal = subject.job.refusal
    if refusal is not None:
        who = "SDK v3's drivers fail" if subject.job.dialect is Dialect.V3 else "The toolkit fails"
        yield Found(
            subject.start,
            Severity.ERROR,
            f"{who} before the script starts: {refusal.message.splitlines()[0]}",
            "Change the name or value that it speaks of.",
        )


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
        "HRN602",
        "module-not-there",
        "A module is imported that neither the image nor `requirements.txt` has.",
        "The image has what its pins name, and not what is installed on this machine. Modules beside the script are "
        "shipped with `source_dir` alone. Where `requirements.txt` names what is not installed here, and may bring "
        "anything, it is a note.",
        _imports,
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
    Rule(
        "HRN607",
        "relative-import-without-package",
        "A relative import where there is no package.",
        "The toolkit and the drivers run the entry point as a script, `python train.py`, and modules at the root of "
        "the source are of no package either: ImportError.",
        _relative,
    ),
    Rule(
        "HRN604",
        "setup-py-with-folder",
        "A `setup.py` beside an entry point in a folder.",
        "With a `setup.py` at the root the toolkit installs the source as a package and runs the entry point as a "
        "module, `python -m src/train`.",
        _package_mode,
    ),
    Rule(
        "HRN605",
        "refused-before-start",
        "The toolkit fails before the script starts.",
        "Names and values travel as variables, arguments and, with SDK v3, through a shell: a quote in a value, a dot "
        "in a channel's name, an entry point with a blank (toolkit 5) end the job before the script begins.",
        _refused,
    ),
)
