"""Reading argparse off the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.lint.modules import Modules, read_modules
from harness.lint.parsers import Parser, parsers_of
from harness.lint.rebuilt import Rebuilt
from harness.source import manifest


def parsers(folder: Path, script: str, **files: str) -> tuple[Parser, ...]:
    for name, text in {"train": script, **files}.items():
        (folder / f"{name}.py").write_text(text)
    modules: Modules = read_modules(manifest(folder, entry_point="train.py"))
    return parsers_of(modules)


def flags(parser: Parser) -> list[str]:
    return [option.flags[0] for option in parser.options]


MAKE = "p = argparse.ArgumentParser()\n"
ADD = 'p.add_argument("--a")\n'
READ = "p.parse_args()\n"
WAYS = {
    "plainly": f"{MAKE}{ADD}{READ}",
    "by another name": f"import argparse as ap\np = ap.ArgumentParser()\n{ADD}{READ}",
    "by its own name": f"from argparse import ArgumentParser as P\np = P()\n{ADD}{READ}",
    "with None": f"{MAKE}{ADD}p.parse_args(None)\n",
    "from sys.argv": f"import sys\n{MAKE}{ADD}p.parse_args(sys.argv[1:])\n",
    "in a group": f'{MAKE}g = p.add_argument_group("g")\ng.add_argument("--a")\n{READ}',
    "in a group without a name": f'{MAKE}p.add_mutually_exclusive_group().add_argument("--a")\n{READ}',
    "by a function": f"def make():\n    {MAKE}    {ADD}    return p\nmake().parse_args()\n",
    "filled by a function": f"def fill(p):\n    {ADD}{MAKE}fill(p)\n{READ}",
    "filled by keyword": f'def fill(q):\n    q.add_argument("--a")\n{MAKE}fill(q=p)\n{READ}',
    "read elsewhere": f"{MAKE}{ADD}def main():\n    {READ}main()\n",
    "in main": f"def main(argv=None):\n    {MAKE}    {ADD}    p.parse_args(argv)\n",
    "under the guard": f"if __name__ == '__main__':\n    {MAKE}    {ADD}    {READ}",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_parser_is_found(tmp_path: Path, way: str):
    (parser,) = parsers(tmp_path, f"import argparse\n{WAYS[way]}")
    assert flags(parser) == ["--a"]
    assert parser.complete


def test_another_module_may_fill_it(tmp_path: Path):
    script = "import argparse\nimport options\np = argparse.ArgumentParser()\noptions.fill(p)\np.parse_args()"
    (parser,) = parsers(tmp_path, script, options='def fill(q):\n    q.add_argument("--a")\n')
    assert (flags(parser), parser.complete) == (["--a"], True)


@pytest.mark.parametrize(
    "line",
    [
        'p.add_argument(f"--{name}")',
        'p.add_argument("--a", **more)',
        'for each in names: p.add_argument("--a")',
        'if names: p.add_argument("--a")',
        "p.add_subparsers()",
        "p.set_defaults(a=1)",
        "elsewhere(p)",
    ],
)
def test_what_cannot_be_read_makes_it_incomplete(tmp_path: Path, line: str):
    (parser,) = parsers(tmp_path, f"import argparse\np = argparse.ArgumentParser()\n{line}\np.parse_args()")
    assert not parser.complete


@pytest.mark.parametrize("call", ["p.parse_args([])", 'p.parse_args(["--a", "1"])', "p.print_help()"])
def test_one_that_does_not_read_the_command_line_is_no_matter(tmp_path: Path, call: str):
    assert parsers(tmp_path, f"import argparse\np = argparse.ArgumentParser()\n{call}") == ()


@pytest.mark.parametrize(
    ("declared", "dest"),
    [('"--learning-rate"', "learning_rate"), ('"-l", "--rate"', "rate"), ('"-l"', "l"), ('"--x", dest="y"', "y")],
)
def test_an_option_becomes_the_attribute_that_argparse_makes_of_it(tmp_path: Path, declared: str, dest: str):
    (parser,) = parsers(
        tmp_path, f"import argparse\np = argparse.ArgumentParser()\np.add_argument({declared})\np.parse_args()"
    )
    assert parser.options[0].dest == dest


@pytest.mark.parametrize(
    ("declared", "arguments", "value", "complaint"),
    [
        ('"--a", type=int', ["--a", "3"], 3, ""),
        ('"--a", type=int', ["--a", "x"], None, "invalid int value"),
        ('"--a", type=int', ["--a", "-1e-5"], None, "expected one argument"),
        ('"--a", nargs="+"', ["--a", "[1, 2]"], ["[1, 2]"], ""),
        ('"--a", choices=["x"]', ["--a", "y"], None, "invalid choice"),
        ('"--a", action="append"', ["--a", "y"], ["y"], ""),
        ('"--alpha", type=float', ["--al", "1"], 1.0, ""),
    ],
)
def test_argparse_itself_answers(tmp_path: Path, declared: str, arguments: list[str], value: object, complaint: str):
    (parser,) = parsers(
        tmp_path, f"import argparse\np = argparse.ArgumentParser()\np.add_argument({declared})\np.parse_args()"
    )
    answer = Rebuilt(parser).ask(arguments)
    assert answer.option is parser.options[0]
    assert complaint in answer.complaint
    assert complaint or answer.value == value
