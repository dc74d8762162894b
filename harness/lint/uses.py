"""Which files a script reads and writes, as far as its source tells: what each call does with the paths it is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from harness.lint.modules import Module
from harness.lint.paths import PATHS, Locator, Where


class Use(StrEnum):
    """What is done with a path."""

    READ = "read"
    """As one file."""
    WRITE = "write"
    LIST = "list"
    """As a folder."""
    SEARCH = "search"
    """As a folder, or a pattern, that need not be there: nothing is found then, and nothing fails."""


class Access(NamedTuple):
    """One use of a file."""

    module: Module
    node: ast.Call
    use: Use
    where: Where
    """Where it is searched, the pattern included."""


class _Path(NamedTuple):
    """One path among the arguments of a function."""

    use: Use
    place: int | None
    """None: by its name alone."""
    name: str


_READ_TABLES = {
    "pandas.read_csv": "filepath_or_buffer",
    "pandas.read_table": "filepath_or_buffer",
    "pandas.read_parquet": "path",
    "pandas.read_feather": "path",
    "pandas.read_json": "path_or_buf",
    "pandas.read_pickle": "filepath_or_buffer",
    "pandas.read_excel": "io",
    "numpy.load": "file",
    "numpy.loadtxt": "fname",
    "numpy.genfromtxt": "fname",
    "joblib.load": "filename",
    "sklearn.externals.joblib.load": "filename",
    "torch.load": "f",
}
_COPIES = (_Path(Use.READ, 0, "src"), _Path(Use.WRITE, 1, "dst"))
_LOGS = (_Path(Use.WRITE, 0, "filename"),)
_FUNCTIONS: dict[str, tuple[_Path, ...]] = {
    **{function: (_Path(Use.READ, 0, name),) for function, name in _READ_TABLES.items()},
    **dict.fromkeys(("shutil.copy", "shutil.copyfile", "shutil.copy2"), _COPIES),
    **dict.fromkeys(("numpy.save", "numpy.savez", "numpy.savez_compressed"), (_Path(Use.WRITE, 0, "file"),)),
    "numpy.savetxt": (_Path(Use.WRITE, 0, "fname"),),
    "matplotlib.pyplot.savefig": (_Path(Use.WRITE, 0, "fname"),),
    "joblib.dump": (_Path(Use.WRITE, 1, "filename"),),
    "sklearn.externals.joblib.dump": (_Path(Use.WRITE, 1, "filename"),),
    "skops.io.dump": (_Path(Use.WRITE, 1, "file"),),
    "torch.save": (_Path(Use.WRITE, 1, "f"),),
    "logging.basicConfig": (_Path(Use.WRITE, None, "filename"),),
    "logging.FileHandler": _LOGS,
    "logging.handlers.RotatingFileHandler": _LOGS,
    "logging.handlers.TimedRotatingFileHandler": _LOGS,
    **dict.fromkeys(("os.listdir", "os.scandir", "os.chdir"), (_Path(Use.LIST, 0, "path"),)),
    **dict.fromkeys(("glob.glob", "glob.iglob"), (_Path(Use.SEARCH, 0, "pathname"),)),
    "os.walk": (_Path(Use.SEARCH, 0, "top"),),
}
BRINGS_FILES = frozenset(
    {
        *("extractall", "unpack_archive", "urlretrieve", "download_file", "download_fileobj", "system", "symlink"),
        *("check_call", "check_output", "Popen", "copytree", "symlink_to", "move", "rename", "run"),
    }
)
"""Calls after which files may be there that nothing else speaks of."""
_LISTS_HERE = frozenset({"os.listdir", "os.scandir"})
"""These take ``None`` for the working directory."""
_OPENS = frozenset({"open", "io.open", "builtins.open", "gzip.open", "bz2.open", "lzma.open", "codecs.open"})
_WRITING_METHODS = {
    "to_csv": "path_or_buf",
    "to_json": "path_or_buf",
    "to_html": "buf",
    "to_parquet": "path",
    "to_pickle": "path",
    "to_feather": "path",
    "to_excel": "excel_writer",
    "savefig": "fname",
    "save_model": "fname",
}
"""Methods of tables, figures and models, whatever they are called, and the name of the path that they are given."""
_OF_PATHS = {
    "write_text": Use.WRITE,
    "write_bytes": Use.WRITE,
    "read_text": Use.READ,
    "read_bytes": Use.READ,
    "iterdir": Use.LIST,
}
"""Methods of a path itself."""
_SEARCHING = ("glob", "rglob")
_NAMES = frozenset(
    {*(name.rpartition(".")[2] for name in (*_FUNCTIONS, *_OPENS)), *_WRITING_METHODS, *_OF_PATHS, *_SEARCHING}
)
"""The last names of all that use a file."""


def accesses(module: Module, locator: Locator) -> Iterator[Access]:
    """The files that a module reads and writes, where it can be told which."""
    for node in module.calls_of(_NAMES):
        for use, path in _uses(module, node):
            where = locator.where(module, path)
            if where is not None:
                pattern = _pattern(node, path)
                yield Access(module, node, use, where / pattern if pattern else where)


def paths_taken(module: Module, node: ast.Call) -> Iterator[tuple[ast.expr, bool]]:
    """The arguments of a call that have to be paths, and whether ``None`` is an exception there.

    What is written is left out: ``to_csv(None)`` and the like are ready for it.
    """
    dotted = module.dotted(node.func)
    if dotted in PATHS:
        yield from ((each, True) for each in node.args)
    elif dotted.startswith("os.path.") and node.args:
        yield node.args[0], True
    else:
        uses = _uses(module, node)
        yield from ((path, dotted not in _LISTS_HERE) for use, path in uses if use is not Use.WRITE)


def _uses(module: Module, node: ast.Call) -> Iterator[tuple[Use, ast.expr]]:
    """The paths that a call is given, with what it does with them."""
    dotted = module.dotted(node.func)
    if dotted in _OPENS:
        path, use = _argument(node, 0, "file"), _mode(node, 1)
        if path is not None and use:
            yield use, path
    elif dotted in _FUNCTIONS:
        for use, place, name in _FUNCTIONS[dotted]:
            path = _argument(node, place, name)
            if path is not None:
                yield use, path
    elif isinstance(node.func, ast.Attribute):
        yield from _method_uses(node, node.func)


def _method_uses(node: ast.Call, func: ast.Attribute) -> Iterator[tuple[Use, ast.expr]]:
    if func.attr in _WRITING_METHODS:
        path = _argument(node, 0, _WRITING_METHODS[func.attr])
        if path is not None:
            yield Use.WRITE, path
    elif func.attr in _OF_PATHS:
        yield _OF_PATHS[func.attr], func.value
    elif func.attr in _SEARCHING:
        yield Use.SEARCH, func.value
    elif func.attr == "open":
        use = _mode(node, 0)
        if use:
            yield use, func.value


def _pattern(node: ast.Call, path: ast.expr) -> Where | None:
    """What is looked for in a path: ``*.csv`` of ``path.glob("*.csv")``."""
    if not (isinstance(node.func, ast.Attribute) and node.func.attr in _SEARCHING and node.func.value is path):
        return None
    given = _argument(node, 0, "pattern")
    known = isinstance(given, ast.Constant) and isinstance(given.value, str)
    text = given.value if known else "**"  # type: ignore[union-attr]
    return Where("cwd", f"**/{text}" if node.func.attr == "rglob" else str(text))


def _argument(node: ast.Call, place: int | None, name: str) -> ast.expr | None:
    """What a call is given at a place, or by name."""
    if place is not None and len(node.args) > place:
        return node.args[place]
    return next((key.value for key in node.keywords if key.arg == name), None)


def _mode(node: ast.Call, place: int) -> Use | None:
    """What ``open`` is asked for; None where it is not a literal."""
    mode = _argument(node, place, "mode")
    if mode is None:
        return Use.READ
    if not (isinstance(mode, ast.Constant) and isinstance(mode.value, str)):
        return None
    return Use.WRITE if set(mode.value) & set("wax+") else Use.READ
