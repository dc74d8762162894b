"""The rules that stand only in AWS's prose, per operation; each says where it comes from.

A rule takes a request that may be malformed anywhere, since all findings are reported at once, and yields
what breaks it. What the service model already says is not repeated here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from harness.validation.findings import Finding
from harness.validation.prose.request import Rule

_MODULES = {
    "CreateTrainingJob": "training",
    "CreateProcessingJob": "processing",
    "CreateTransformJob": "transform",
    "CreateModel": "model",
    "CreateEndpointConfig": "endpoint_config",
}
_TAGGED = frozenset((*_MODULES, "CreateEndpoint", "AddTags"))


def prose_findings(operation: str, request: Any, *, local: bool) -> Iterator[Finding]:
    """Yield what breaks the prose's rules for an operation; nothing for one without such rules.

    Args:
        operation: AWS's name of it.
        request: what boto3 would be given, if it is an object at all.
        local: whether the request stays on this machine, where what it names need not be reachable from AWS.
    """
    if not isinstance(request, Mapping):
        return
    always, away = rules(operation)
    for rule in always if local else (*always, *away):
        yield from rule(request)


def rules(operation: str) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Return an operation's rules: those that always hold, and those of a request that leaves this machine.

    Each operation's rules are a module of their own, imported when it is asked for: a command needs one.
    """
    always: tuple[Rule, ...] = ()
    away: tuple[Rule, ...] = ()
    if operation in _MODULES:
        module = import_module(f"{__name__}.{_MODULES[operation]}")
        always, away = module.RULES, module.AWAY_RULES
    if operation in _TAGGED:
        from harness.validation.prose import tags

        always += tags.RULES
    return always, away
