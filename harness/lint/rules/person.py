"""What only a person has: a terminal to answer at, a notebook."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from harness.lint.findings import Found, Rule
from harness.lint.modules import Module
from harness.lint.subject import Subject
from harness.lint.variables import caught

_ASKS = {
    "input": "EOFError",
    "getpass.getpass": "EOFError",
    "breakpoint": "BdbQuit",
    "pdb.set_trace": "BdbQuit",
}
"""What waits for the keyboard, and what it raises where there is none."""
_OF_NOTEBOOKS = ("get_ipython", "display")


def _asks(subject: Subject) -> Iterator[Found]:
    for module, node, name in _calls(subject, _ASKS):
        if "isatty" in module.text:
            continue  # the script asks whether there is somebody
        yield Found(
            module.spot(node),
            subject.severity(node),
            f"{name} waits for the keyboard, and a job has none: {_ASKS[name]}.",
            "Take it out." if _ASKS[name] == "BdbQuit" else "Make it an argument, and a hyperparameter of the job.",
        )


def _of_notebooks(subject: Subject) -> Iterator[Found]:
    for module, node, name in _calls(subject, _OF_NOTEBOOKS):
        if not any(f'"{name}"' in module.text or f"'{name}'" in module.text for name in (*_OF_NOTEBOOKS, "IPython")):
            yield Found(
                module.spot(node),
                subject.severity(node),
                f"{name} is a notebook's, and no script has it: NameError.",
                "Take the line out; packages stand in requirements.txt."
                if name == "get_ipython"
                else "Use print, or write a file.",
            )


def _calls(subject: Subject, names: tuple[str, ...] | dict[str, str]) -> Iterator[tuple[Module, ast.Call, str]]:
    """Calls of such functions that nothing is ready to catch, where the script has not defined another by the name.

    What stands in a function that nothing speaks of is not called.
    """
    for module in subject.trained:
        ready = caught(module)
        for node in module.calls_of({name.rpartition(".")[2] for name in names}):
            name = module.dotted(node.func)
            own = isinstance(node.func, ast.Name) and node.func.id == name and module.defines(name)
            if name in names and not own and id(node) not in ready and not subject.is_idle(module, node):
                yield module, node, name


RULES = (
    Rule(
        "HRN403",
        "asks-the-keyboard",
        "The script waits for somebody to type.",
        "A job's standard input is empty: `input` and `getpass` raise `EOFError`, and the debugger ends the script.",
        _asks,
    ),
    Rule(
        "HRN404",
        "name-of-a-notebook",
        "A name is used that only a notebook has.",
        "What a notebook is exported to has `get_ipython()` for its magic lines, and `display` is IPython's as well. "
        "Python itself knows neither.",
        _of_notebooks,
    ),
)
