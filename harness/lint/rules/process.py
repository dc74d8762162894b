"""The process: who tells it to stop."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from harness.lint.findings import Found, Rule, Severity
from harness.lint.subject import Subject

_DEFAULTS = ("signal.SIG_DFL", "signal.SIG_IGN")


def _sigterm(subject: Subject) -> Iterator[Found]:
    for module in subject.trained:
        for node in module.all(ast.Call):
            if len(node.args) < 2:
                continue
            asyncio = isinstance(node.func, ast.Attribute) and node.func.attr == "add_signal_handler"
            if not (asyncio or module.dotted(node.func) == "signal.signal"):
                continue
            if module.dotted(node.args[0]) == "signal.SIGTERM" and module.dotted(node.args[1]) not in _DEFAULTS:
                yield Found(
                    module.spot(node),
                    Severity.WARNING,
                    "This handler is never called: SIGTERM goes to the container's first process, which is the "
                    "toolkit, and after 120 s all are killed.",
                    "Write checkpoints as you go, to /opt/ml/checkpoints with checkpoint_s3_uri set.",
                )


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
)
