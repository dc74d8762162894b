"""Where expressions point."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lint.modules import Module
from harness.lint.paths import Locator, Where, of_text
from harness.lint.uses import Use, accesses

VARIABLES = {"SM_MODEL_DIR": "/opt/ml/model"}


def module(text: str) -> Module:
    return Module("jobs/train.py", text, ast.parse(text))


def where(expression: str, before: str = "") -> str | None:
    read = module(f"import os\nimport os.path as op\nfrom pathlib import Path\n{before}\n{expression}\n")
    last = read.tree.body[-1]
    assert isinstance(last, ast.Expr)
    found = Locator(lambda module, variable, attribute: None, VARIABLES).where(read, last.value)
    return f"{found.base}:{found.path}" if found else None


@pytest.mark.parametrize(
    ("expression", "points"),
    [
        ('"data/x.csv"', "cwd:data/x.csv"),
        ('"./data//x.csv"', "cwd:data/x.csv"),
        ('"/data/../etc"', "/:etc"),
        ('"~/x"', "~:x"),
        ("os.path.join('a', 'b')", "cwd:a/b"),
        ("op.join('a', '/b')", "/:b"),
        ("os.path.join('a', unknown)", "cwd:a/*"),
        ("os.path.join(unknown, 'a')", None),
        ("Path('a') / 'b' / 'c'", "cwd:a/b/c"),
        ("Path('a', 'b').resolve()", "cwd:a/b"),
        ("Path('a').joinpath('b')", "cwd:a/b"),
        ("Path.home() / 'x'", "~:x"),
        ("Path(__file__).parent / 'x'", "source:jobs/x"),
        ("Path(__file__).resolve().parent.parent.parent / 'x'", "source:../x"),
        ("os.path.join(os.path.dirname(os.path.abspath(__file__)), 'x')", "source:jobs/x"),
        ("os.environ['SM_MODEL_DIR'] + '/m'", "$SM_MODEL_DIR:m"),
        ("os.environ['SM_MODEL_DIR'] + 'm'", "$SM_MODEL_DIR:../modelm"),
        ("f\"{os.environ['SM_MODEL_DIR']}m\"", "$SM_MODEL_DIR:../modelm"),
        ("os.environ['SM_MODEL_DIR'] + unknown", "$SM_MODEL_DIR:*"),
        ("os.path.join(os.environ['SM_MODEL_DIR'], 'm')", "$SM_MODEL_DIR:m"),
        ("os.getenv('SM_MODEL_DIR', 'model')", "$SM_MODEL_DIR:"),
        ("os.getenv('SM_OTHER', 'model')", "cwd:model"),
        ("os.environ['HOME'] + '/x'", "~:x"),
        ("os.environ['DATA_DIR']", None),
        ("f'runs/{unknown}/m'", "cwd:runs/*/m"),
        ("f'{unknown}/m'", None),
        ("'data/' + unknown", "cwd:data/*"),
        ("'s3://bucket/key'", None),
        ("'C:\\\\data\\\\x'", "C::C:\\data\\x"),
        ("unknown()", None),
    ],
)
def test_an_expression_points_somewhere_or_nowhere_that_can_be_told(expression: str, points: str | None):
    assert where(expression) == points


def test_a_name_that_is_bound_once_is_followed():
    assert where("FOLDER / 'x'", "FOLDER = Path('a')") == "cwd:a/x"


@pytest.mark.parametrize("before", ["a = 'x'\na = 'y'", "for a in 'xy': pass", "a, b = 'xy'", "with c as a: pass"])
def test_any_other_name_is_not(before: str):
    assert where("a", before) is None


def test_a_name_is_looked_for_in_its_own_function_first():
    read = module("a = 'x'\ndef f(a):\n    open(a)\ndef g():\n    open(a)\n")
    assert [str(access.where) for access in accesses(read, Locator(lambda *_: None, {}))] == ["x"]


@pytest.mark.parametrize(
    ("call", "use"),
    [
        ("open('x')", Use.READ),
        ("open('x', 'wb')", Use.WRITE),
        ("open('x', mode='a')", Use.WRITE),
        ("open('x', mode)", None),
        ("Path('x').open('w')", Use.WRITE),
        ("Path('x').read_text()", Use.READ),
        ("open(file='x')", Use.READ),
        ("joblib.dump(model, filename='x')", Use.WRITE),
        ("pandas.read_csv(filepath_or_buffer='x')", Use.READ),
        ("logging.basicConfig(level=10, filename='x')", Use.WRITE),
        ("logging.basicConfig(level=10)", None),
        ("logging.FileHandler('x')", Use.WRITE),
        ("glob.glob('x')", Use.SEARCH),
        ("frame.to_csv('x')", Use.WRITE),
        ("joblib.dump(model, 'x')", Use.WRITE),
        ("pandas.read_csv('x')", Use.READ),
        ("os.listdir('x')", Use.LIST),
        ("print('x')", None),
    ],
)
def test_a_call_reads_writes_or_lists(call: str, use: Use | None):
    read = module(f"import glob, joblib, logging, os, pandas\nfrom pathlib import Path\n{call}\n")
    assert [access.use for access in accesses(read, Locator(lambda *_: None, {}))] == ([use] if use else [])


@pytest.mark.parametrize(
    ("call", "searched"),
    [
        ("glob.glob('x/*.csv')", "x/*.csv"),
        ("Path('x').glob('*.csv')", "x/*.csv"),
        ("Path().rglob('*.csv')", "**/*.csv"),
        ("Path('x').glob(unknown)", "x/**"),
    ],
)
def test_a_search_is_of_a_pattern_in_a_folder(call: str, searched: str):
    read = module(f"import glob\nfrom pathlib import Path\n{call}\n")
    assert [str(access.where) for access in accesses(read, Locator(lambda *_: None, {}))] == [searched]


@given(st.text(st.sampled_from("ab./~"), min_size=1))
def test_a_path_is_normal_whatever_is_written(text: str):
    found = of_text(text)
    assert found is None or found / Where("cwd", ".") == found / Where("cwd", "x/..") == found
