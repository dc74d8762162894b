"""The process: who tells it to stop, and on whose behalf it asks AWS."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from harness.lint.findings import Found, Rule, Severity
from harness.lint.modules import Module
from harness.lint.places import absolute
from harness.lint.subject import Subject
from harness.lint.uses import Use
from harness.lint.variables import caught

_DEFAULTS = ("signal.SIG_DFL", "signal.SIG_IGN")
_VARIABLE = "AWS_PROFILE"
_ASKS_AWS = ("client", "resource", "Session", "setup_default_session")
_SESSIONS = ("boto3.Session", "boto3.session.Session", "boto3.setup_default_session")


def _sigterm(subject: Subject) -> Iterator[Found]:
    for module in subject.trained:
        for node in module.calls_of(("signal", "add_signal_handler")):
            asyncio = isinstance(node.func, ast.Attribute) and node.func.attr == "add_signal_handler"
            if len(node.args) < 2 or not (asyncio or module.dotted(node.func) == "signal.signal"):
                continue
            if module.dotted(node.args[0]) == "signal.SIGTERM" and module.dotted(node.args[1]) not in _DEFAULTS:
                yield Found(
                    module.spot(node),
                    Severity.WARNING,
                    "This handler is never called: SIGTERM goes to the container's first process, which is the "
                    "toolkit, and after 120 s all are killed.",
                    _instead(subject),
                )


def _instead(subject: Subject) -> str:
    """What to do about it, as far as it is not done yet."""
    kept = subject.job.checkpoints
    if kept is None:
        return "Write checkpoints as you go, to /opt/ml/checkpoints with checkpoint_s3_uri set."
    written = (absolute(subject, each.where) for each in subject.accesses if each.use is Use.WRITE)
    if any(path and f"{path}/".startswith(f"{kept}/") for path in written):
        return f"Leave it out, or do what it does as you go: what it has written to {kept} is kept."
    return f"Write checkpoints as you go, to {kept}, where this job's are kept."


def _profile(subject: Subject) -> Iterator[Found]:
    yield from _profile_of_session(subject)
    yield from _profile_of_environment(subject)


def _profile_of_environment(subject: Subject) -> Iterator[Found]:
    """``AWS_PROFILE`` set where it certainly is, and boto3 asked for something afterwards."""
    for module in subject.trained:
        asks = [node for node in module.calls_of(_ASKS_AWS) if module.dotted(node.func).startswith("boto3.")]
        ready = caught(module)
        asks = [
            node
            for node in asks
            if id(node) not in ready and not any(key.arg == "profile_name" for key in node.keywords)
        ]
        if _unsets_profile(subject, module):
            continue
        for line, profile in _named_profiles(subject, module):
            later = [node for node in asks if node.lineno > line]
            if profile and later:
                first = min(later, key=lambda node: (not subject.certain(node), node.lineno))
                yield Found(
                    module.spot(first),
                    subject.severity(first),
                    f"AWS_PROFILE is {profile}, which is of this machine: the job has no ~/.aws, and boto3 raises "
                    "ProfileNotFound.",
                    "Do not set AWS_PROFILE there: credentials are those of the job's role.",
                )
                break


def _unsets_profile(subject: Subject, module: Module) -> bool:
    """Whether ``AWS_PROFILE`` is taken away again somewhere."""
    names = [node.slice for node in module.all(ast.Subscript) if isinstance(node.ctx, ast.Del)]
    names += [call.args[0] for call in module.calls_of(("pop", "unsetenv")) if call.args]
    return any(_text(subject, module, name) == _VARIABLE for name in names)


def _named_profiles(subject: Subject, module: Module) -> Iterator[tuple[int, str | None]]:
    """The line from which on ``AWS_PROFILE`` is set, and what to; 0 for the job's own environment."""
    if subject.job.environment.get(_VARIABLE):
        yield 0, subject.job.environment[_VARIABLE]
    settings: list[tuple[ast.Assign | ast.Call, ast.expr, ast.expr]] = []
    for node in module.all(ast.Assign):
        target = node.targets[0]
        if isinstance(target, ast.Subscript) and module.dotted(target.value) == "os.environ":
            settings.append((node, target.slice, node.value))
    for call in module.calls_of(("setdefault",)):
        if module.dotted(call.func) == "os.environ.setdefault" and len(call.args) == 2:
            settings.append((call, call.args[0], call.args[1]))
    for setting, name, value in settings:
        if _text(subject, module, name) == _VARIABLE and subject.certain(setting):
            yield setting.lineno, _text(subject, module, value)


def _profile_of_session(subject: Subject) -> Iterator[Found]:
    for module in subject.trained:
        ready = caught(module)
        for node in module.calls_of(("Session", "setup_default_session")):
            if module.dotted(node.func) not in _SESSIONS or id(node) in ready:
                continue
            named = next((key.value for key in node.keywords if key.arg == "profile_name"), None)
            profile = _text(subject, module, named)
            if profile:
                yield Found(
                    module.spot(node),
                    subject.severity(node),
                    f"Profile {profile} is of this machine: the job has no ~/.aws, and boto3 raises ProfileNotFound.",
                    "Leave profile_name out there: credentials are those of the job's role.",
                )


def _text(subject: Subject, module: Module, node: ast.expr | None) -> str | None:
    """The text that an expression is, where it can be told."""
    if isinstance(node, ast.Name):
        node = module.value_of(node)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        held = subject.argument(module, node.value.id, node.attr)
        if isinstance(held, str):
            return held
        node = held
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


RULES = (
    Rule(
        "HRN401",
        "sigterm-handler",
        "A SIGTERM handler is never called.",
        "StopTrainingJob, MaxRuntimeInSeconds and a spot instance's end send SIGTERM to the container's first process. "
        "That is `train`, which has no handler for it, and the kernel does not deliver it then: the script goes on "
        "until SIGKILL.",
        _sigterm,
    ),
    Rule(
        "HRN402",
        "profile-of-this-machine",
        "An AWS profile is named, which only this machine has.",
        "Profiles stand in `~/.aws`, and the container's home is empty: boto3 raises `ProfileNotFound`, of `default` "
        "as well. Credentials are those of the job's role, without a name.",
        _profile,
    ),
)
