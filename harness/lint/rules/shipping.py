"""What is shipped and imported, and what the toolkit refuses before the script starts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate, chain, islice
from pathlib import PurePosixPath

from harness.contract.environment import Dialect
from harness.lint import packages
from harness.lint.findings import Found, Rule, Severity, Spot
from harness.lint.left_out import take_out, why
from harness.lint.modules import Module
from harness.lint.rules.requirements import REQUIREMENTS, asked_of
from harness.lint.subject import Subject
from harness.lint.uses import BRINGS_FILES

_PIP = r"^pip3?$|\b(pip3?|conda) install\b"
_NAME_IT = f"Name it in {REQUIREMENTS} at the root of source_dir."


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


def _imports(subject: Subject) -> Iterator[Found]:
    yield from _of_the_image(subject)
    yield from _of_packages(subject)


def _of_packages(subject: Subject) -> Iterator[Found]:
    """Modules that lie in a package of the source, and do not travel with it."""
    if not subject.modules.left_out or subject.job.has_setup_py:
        return
    left_out_module = cache(subject.modules.left_out_module)
    brings = not BRINGS_FILES.isdisjoint(subject.called)
    for module in subject.modules.read.values():
        for node in module.all_imports:
            needed = ((dotted, each) for dotted in _needed(subject, module, node) if (each := left_out_module(dotted)))
            found = ((dotted, each) for dotted, each in needed if _is_in_package(subject, dotted))
            for dotted, left_out in islice(found, 1):  # what lies in it is not there either
                if not subject.certain(node) and _is_guarded(module, node):
                    continue
                severity = Severity.WARNING if brings else subject.severity(node)
                message = f"{dotted} cannot be imported: {why(left_out)}."
                yield Found(module.spot(node), severity, message, f"{take_out(left_out)}.")


def _needed(subject: Subject, module: Module, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """The dotted names of what has to be a module, or a package, for an import to succeed."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _with_packages(alias.name)
        return
    folders = PurePosixPath(module.name).parent.parts
    if node.level > len(folders) or (node.level and module is subject.modules.entry):
        return  # HRN607 speaks of it
    package = folders[: len(folders) - node.level + 1] if node.level else ()
    base = ".".join((*package, *filter(None, [node.module])))
    yield from _with_packages(base)
    init = subject.modules.local(base)
    within = subject.modules.read.get(init or "")
    if init is None or (within is not None and not _may_define_any(within)):
        names = (alias.name for alias in node.names if alias.name != "*")
        yield from (f"{base}.{name}" for name in names if within is None or not within.defines(name))


def _with_packages(dotted: str) -> Iterator[str]:
    """``a``, ``a.b``, ``a.b.c`` of ``a.b.c``."""
    return accumulate(dotted.split("."), "{}.{}".format)


def _may_define_any(module: Module) -> bool:
    """Whether a module may have names that do not stand in it."""
    starred = any(alias.name == "*" for node in module.all(ast.ImportFrom) for alias in node.names)
    return starred or module.defines("__getattr__")


def _is_in_package(subject: Subject, dotted: str) -> bool:
    """Whether a name that the source has no module of lies in a package that is shipped, and is none of the image's."""
    package = dotted.rpartition(".")[0]
    if not package or subject.modules.local(dotted) or _is_folder(subject, dotted):
        return False
    init = subject.modules.local(package)
    if init is not None:
        return init.endswith("/__init__.py")
    known = _known(subject) if _is_folder(subject, package) else None
    return known is not None and asked_of(subject).whole and package.partition(".")[0] not in known


def _known(subject: Subject) -> frozenset[str] | None:
    """What can be imported of the image and of ``requirements.txt``; None for an image of somebody else's."""
    version = subject.job.version
    there = packages.image_distributions(version) if version else None
    if there is None:
        return None
    return packages.imported(there | asked_of(subject).distributions) | packages.standard_library()


def _of_the_image(subject: Subject) -> Iterator[Found]:
    version = subject.job.version
    there = packages.image_distributions(version) if version else None
    if there is None or subject.job.has_setup_py:
        return
    asked = asked_of(subject)
    known = _known(subject) or frozenset()
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
        elif asked.whole and (told := _not_shipped(subject, name, dotted)):
            severity = subject.severity(node) if sure else Severity.WARNING
            yield Found(module.spot(node), severity, f"{name} cannot be imported: {told[0]}.", told[1])
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


def _is_folder(subject: Subject, dotted: str) -> bool:
    """Whether the source has a folder of that name with Python in it: a namespace package."""
    path = dotted.replace(".", "/")
    return any(
        file.startswith(f"{folder}{path}/") and file.endswith(".py")
        for folder in subject.modules.paths
        for file in subject.modules.files
    )


def _not_shipped(subject: Subject, name: str, dotted: str) -> tuple[str, str] | None:
    """Why a module that this machine imports from the source is not there, and what to do; None of another."""
    found = map(subject.modules.left_out_module, _with_packages(dotted))
    left_out = next(filter(None, found), None)
    if left_out is not None:
        return why(left_out), f"{take_out(left_out)}."
    entry = subject.modules.files.get(subject.modules.entry_point)
    if subject.job.has_source_dir or entry is None:
        return None
    if not (entry.with_name(f"{name}.py").is_file() or entry.with_name(name).is_dir()):
        return None
    told = f"it lies beside {subject.modules.entry_point}, and is not shipped"
    return told, "Set source_dir to the folder of both: without it the script travels alone."


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
        "HRN602",
        "module-not-there",
        "A module is imported that neither the image nor `requirements.txt` has.",
        "The image has what its pins name, and not what is installed on this machine. Modules beside the script are "
        "shipped with `source_dir` alone, and none that git or `.sagemakerignore` ignores. Where `requirements.txt` "
        "names what is not installed here, and may bring anything, it is a note.",
        _imports,
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
