"""Environment variables: those that the job does not have, and those that are not what they seem."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from harness.contract.environment import Dialect
from harness.lint.findings import Found, Rule, Severity
from harness.lint.nothing import Taken, taken_for_paths
from harness.lint.subject import Subject
from harness.lint.uses import Use
from harness.lint.variables import Read, asked_for, may_set_any

_CHANNEL = "SM_CHANNEL_"
_HYPERPARAMETER = "SM_HP_"
_OF_OTHERS = re.compile(
    r"(SM|AWS|ECS|SAGEMAKER|TRAINING|SMDEBUG|DMLC|PYTHON|PIP|CONDA|LC|LD|XDG|CUDA|NVIDIA|NCCL|OMP|OMPI|MKL|KMP|OPENBLAS"
    r"|SSL|REQUESTS|CURL|KUBERNETES)(_.*)?|PYTHON.*|.*_PROXY|PATH|HOME|HOSTNAME|PWD|OLDPWD|LANG|LANGUAGE|TERM|SHELL"
    r"|SHLVL|USER|LOGNAME|TZ|TMPDIR|TEMP|TMP|DEBIAN_FRONTEND|RANK|WORLD_SIZE|LOCAL_RANK|MASTER_ADDR|MASTER_PORT|_",
    re.IGNORECASE | re.DOTALL,
)
"""What the image's base, the platform or a launcher may set, and no document lists."""


def _missing(subject: Subject, prefix: str) -> Iterator[tuple[Read, Severity, str]]:
    """Readings of variables that the job does not have: how bad it is, and what comes instead."""
    if not subject.job.variables:
        return
    for read in subject.reads:
        if not read.name.startswith(prefix) or read.name in subject.job.variables:
            continue
        if read.required:
            yield read, subject.severity(read.node), "KeyError"
        elif read.default is not None and subject.locator.where(read.module, read.default):
            yield read, Severity.WARNING, f"its default, {_source(read)}, is used"


def _source(read: Read) -> str:
    import ast

    return ast.unparse(read.default) if read.default is not None else ""


def _channels(subject: Subject) -> Iterator[Found]:
    has = ", ".join(subject.job.channels) or "none"
    for read, severity, end in _missing(subject, _CHANNEL):
        name = read.name.removeprefix(_CHANNEL).lower()
        yield Found(
            read.module.spot(read.node),
            severity,
            f"{read.name} is not set: the job's channels are {has}; {end}.",
            f"Add channel {name} to the job, or read one that it has.",
        )
    yield from _channels_of_none(subject, has)


def _channels_of_none(subject: Subject, has: str) -> Iterator[Found]:
    """``os.environ.get`` without a default: nothing happens until a path is needed."""
    variables = subject.job.variables
    unset = [read for read in subject.reads if read.name.startswith(_CHANNEL) and read.name not in variables]
    worst: dict[int, Taken] = {}
    for taken in taken_for_paths(subject, [read for read in unset if variables and read.gives_none]):
        known = worst.setdefault(id(taken.read), taken)
        if taken.severity is Severity.ERROR and known.severity is not Severity.ERROR:
            worst[id(taken.read)] = taken
    for read, module, node, severity in worst.values():
        name, spot = read.name.removeprefix(_CHANNEL).lower(), module.spot(node)
        line = f"line {spot.line}" if module is read.module else f"{spot.path}:{spot.line}"
        yield Found(
            read.module.spot(read.node),
            severity,
            f"{read.name} is not set: the job's channels are {has}; {line} takes None for a path.",
            f"Add channel {name} to the job, or read one that it has.",
        )


def _unknown(subject: Subject) -> Iterator[Found]:
    v3 = subject.job.dialect is Dialect.V3
    who = "SDK v3's drivers do" if v3 else f"the toolkit {subject.job.toolkit_version} does"
    for read, severity, end in _missing(subject, "SM_"):
        if not read.name.startswith((_CHANNEL, _HYPERPARAMETER)) and end == "KeyError":
            yield Found(
                read.module.spot(read.node),
                severity,
                f"{read.name} is not set: {who} not know it; {end}.",
                _instead(subject, read.name),
            )
    yield from _of_nobody(subject)


def _of_nobody(subject: Subject) -> Iterator[Found]:
    """Variables that are no ``SM_*``, and that the script cannot do without: ``os.environ["GEO_API_KEY"]``."""
    if subject.job.version is None or any(map(may_set_any, subject.trained)):
        return  # an image of the user's own may have them
    asked = {name for module in subject.trained for name in asked_for(module)}
    # A library that nobody here has read may set some as it is imported.
    worst = Severity.WARNING if "requirements.txt" in subject.modules.files else Severity.ERROR
    for read, severity, _ in _missing(subject, ""):
        if severity is Severity.ERROR and not _OF_OTHERS.fullmatch(read.name) and read.name not in asked:
            others = "a job gets nothing of this machine's"
            if read.name in subject.job.passed:
                others = "pass_environment is for jobs on this machine alone"
            yield Found(
                read.module.spot(read.node),
                worst,
                f"{read.name} is not set: the job's environment does not have it, and {others}; KeyError.",
                f"Set it in the job's environment (--environment {read.name}=…, or environment in [tool.harness]), "
                "or use os.environ.get with a default.",
            )


def _instead(subject: Subject, name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, [key for key in subject.job.variables if key.startswith("SM_")], 1, 0.75)
    return f"Read {near[0]}, or os.environ.get with a default." if near else "Use os.environ.get with a default."


def _hyperparameters(subject: Subject) -> Iterator[Found]:
    for read in subject.reads:
        if not read.name.startswith(_HYPERPARAMETER) or read.name in subject.job.variables:
            continue
        wanted = read.name.removeprefix(_HYPERPARAMETER).replace("-", "_")
        same = [name for name in subject.job.hyperparameters if name.upper().replace("-", "_") == wanted]
        if not (read.required or same) or not subject.job.variables:
            continue
        if same:
            there = next(
                (
                    name
                    for name in (f"SM_HP_{same[0].upper()}", f"SM_HP_{same[0].replace('-', '_').upper()}")
                    if name in subject.job.variables
                ),
                "",
            )
            what, remedy = f"hyperparameter {same[0]} comes as {there}", f'Read os.environ["{there}"].'
        else:
            what = "the job has no such hyperparameter"
            remedy = "Add the hyperparameter to the job, or use os.environ.get with a default."
        yield Found(
            read.module.spot(read.node),
            subject.severity(read.node) if read.required else Severity.WARNING,
            f"{read.name} is not set: {what}; {'KeyError' if read.required else 'the default is used'}.",
            remedy,
        )


def _collisions(subject: Subject) -> Iterator[Found]:
    """Names that become one variable."""
    for prefix, names in ((_HYPERPARAMETER, subject.job.hyperparameters), (_CHANNEL, subject.job.channels)):
        variables = {name: f"{prefix}{_upper(subject, prefix, name)}" for name in names}
        twice = {variable for variable, times in Counter(variables.values()).items() if times > 1}
        for read in subject.reads:
            if read.name in twice:
                same = ", ".join(sorted(name for name, variable in variables.items() if variable == read.name))
                yield Found(
                    read.module.spot(read.node),
                    Severity.WARNING,
                    f"{read.name} stands for {same} alike, and holds the one that comes later in the file.",
                    "Give them names that differ in more than case.",
                )


def _upper(subject: Subject, prefix: str, name: str) -> str:
    hyphens = subject.job.dialect is Dialect.V3 and prefix == _HYPERPARAMETER
    return (name.replace("-", "_") if hyphens else name).upper()


def _module_dir(subject: Subject) -> Iterator[Found]:
    if subject.job.dialect is Dialect.V3 or not subject.job.variables.get("SM_MODULE_DIR", "").startswith("s3:"):
        return
    for access in subject.accesses:
        if access.where.base == "$SM_MODULE_DIR":
            fails = access.use not in (Use.WRITE, Use.SEARCH)
            yield Found(
                access.module.spot(access.node),
                subject.severity(access.node) if fails else Severity.WARNING,
                "SM_MODULE_DIR is no path on SageMaker but the s3:// URI of the packed source: there is no such file.",
                "Use Path(__file__).parent, or the working directory, which is where the source lies.",
            )


def _overwritten(subject: Subject) -> Iterator[Found]:
    for read in subject.reads:
        wanted = subject.job.environment.get(read.name)
        real = subject.job.variables.get(read.name)
        if wanted is not None and real is not None and real != wanted:
            yield Found(
                read.module.spot(read.node),
                Severity.WARNING,
                f"The job sets {read.name} to {wanted!r}, and the script sees {real!r}: the toolkit's own value wins.",
                "Give the variable a name that does not begin with SM_.",
            )


RULES = (
    Rule(
        "HRN201",
        "channel-not-there",
        "A variable is read of a channel that the job has not.",
        "`SM_CHANNEL_<NAME>` exists for the job's channels alone. Without it `os.environ.get` gives its default, or "
        "None, which is no path.",
        _channels,
    ),
    Rule(
        "HRN202",
        "variable-not-there",
        "A variable is read that nobody sets.",
        "A job gets the variables of its `environment`, and nothing of this machine's. What SDK v2's toolkit and SDK "
        "v3's drivers set are two different lists, which also differ by version; SM_JOB_NAME, SM_ENTRY_POINT and "
        "SM_MASTER_ADDR, for instance, are not among the toolkit's.",
        _unknown,
    ),
    Rule(
        "HRN203",
        "hyperparameter-variable",
        "An `SM_HP_…` is read that does not exist, or not by that name.",
        "The toolkit puts names into capitals and changes nothing else: hyperparameter `learning-rate` is "
        "`SM_HP_LEARNING-RATE`. SDK v3's drivers make the hyphen an underscore.",
        _hyperparameters,
    ),
    Rule(
        "HRN204",
        "names-collide",
        "Two names differ in case alone, and share one variable.",
        "Variables are in capitals: of `n` and `N` the later one in the file is what `SM_HP_N` holds.",
        _collisions,
    ),
    Rule(
        "HRN205",
        "module-dir-is-a-uri",
        "`SM_MODULE_DIR` is taken for a path.",
        "It is `sagemaker_submit_directory` as the job was given it: on AWS the `s3://` URI of the packed source.",
        _module_dir,
    ),
    Rule(
        "HRN206",
        "variable-overwritten",
        "A variable of the job's environment is overwritten by the toolkit.",
        "The toolkit sets its variables last, over whatever the job brings under the same name.",
        _overwritten,
    ),
)
