"""SDK v3's drivers: quoting, channels of their own."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from harness.contract.environment import Dialect
from harness.lint.findings import Found, Rule, Severity
from harness.lint.modules import Module
from harness.lint.subject import Subject
from harness.lint.variables import read_of


def _decoded_twice(subject: Subject) -> Iterator[Found]:
    if subject.job.dialect is not Dialect.V3:
        return
    for each in subject.passed:
        option = each.answer.option
        if option is None or not isinstance(each.value, str) or each.arguments[1] == each.value:
            continue
        if option.type == "str" and not each.answer.complaint:
            yield Found(
                option.module.spot(option.node),
                Severity.WARNING,
                f"Hyperparameter {each.name} is the text {each.value!r}, and comes as {each.arguments[1]!r}: "
                "SDK v3's drivers read it as JSON.",
                "Give it a text that is no JSON, or read it by a type.",
            )


def _channels(subject: Subject) -> Iterator[Found]:
    if subject.job.dialect is not Dialect.V3:
        return
    for module in subject.trained:
        loops = [node.iter for node in module.all(ast.For)]
        for iterated in [*loops, *(node.iter for node in module.all(ast.comprehension))]:
            source = (module.value_of(iterated) if isinstance(iterated, ast.Name) else None) or iterated
            if "sm_drivers" not in module.text and any(_reads_channels(module, each) for each in ast.walk(source)):
                yield Found(
                    module.spot(iterated),
                    Severity.WARNING,
                    "SM_CHANNELS has code and sm_drivers among the job's channels, which are no data.",
                    'Pass over them: if name not in ("code", "sm_drivers").',
                )


def _reads_channels(module: Module, node: ast.AST) -> bool:
    read = read_of(module, node) if isinstance(node, ast.expr) else None
    return read is not None and read.name == "SM_CHANNELS"


RULES = (
    Rule(
        "HRN701",
        "text-read-as-json",
        "SDK v3: text that is JSON arrives as something else.",
        "The drivers read every value as JSON, text too, and write it again: `1e3` arrives as `1000.0`.",
        _decoded_twice,
    ),
    Rule(
        "HRN702",
        "channels-of-the-drivers",
        "SDK v3: `SM_CHANNELS` names the source and the drivers as well.",
        "Source and drivers travel as channels, `code` and `sm_drivers`, and a loop over `SM_CHANNELS` meets them.",
        _channels,
    ),
)
