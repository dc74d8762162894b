"""Which content type a served script is to be asked in, for the hint below a deployed endpoint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from harness.config import Config

_USUAL: Final = "text/csv"
_READERS: Final = ("input_fn", "transform_fn")
_TYPE: Final = re.compile(r"(?:application|text)/[\w.+-]+")


def of(config: Config) -> str:
    """``text/csv``, unless the script's own ``input_fn`` or ``transform_fn`` names other types alone: then the first.

    It is read and not run; what is imported from elsewhere is not looked into.
    """
    import ast

    deploy = config.deploy
    folder, program = deploy.source_dir or config.source_dir, deploy.entry_point or config.entry_point or ""
    try:
        tree = ast.parse(((folder or Path()) / program).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return _USUAL
    readers = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name in _READERS]
    texts = [each.value for reader in readers for each in ast.walk(reader) if isinstance(each, ast.Constant)]
    named = [each for each in texts if isinstance(each, str) and _TYPE.fullmatch(each)]
    return _USUAL if _USUAL in named or not named else named[0]
