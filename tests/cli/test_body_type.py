"""The content type that a script is to be asked in, read off the script."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import body_type
from harness.config import load

JSON_ONLY = """
def input_fn(data, content_type):
    if content_type != "application/json":
        raise ValueError("text/html is no application/json")
"""


@pytest.mark.parametrize(
    ("script", "content_type"),
    [
        (JSON_ONLY, "application/json"),
        ("def transform_fn(m, data, kind, accept):\n    assert kind == 'application/x-mine'", "application/x-mine"),
        (JSON_ONLY + "    return {'text/csv': 1}", "text/csv"),
        ("def input_fn(data, content_type):\n    return data", "text/csv"),
        ("def output_fn(data, accept):\n    return data, 'application/json'", "text/csv"),
        ("this is no Python", "text/csv"),
        (None, "text/csv"),
    ],
    ids=["json only", "transform_fn", "csv too", "none named", "output only", "broken", "missing"],
)
def test_is_csv_unless_the_script_names_others_alone(tmp_path: Path, script: str | None, content_type: str) -> None:
    if script is not None:
        (tmp_path / "serve.py").write_text(script)
    for flags in ({"entry_point": "serve.py"}, {"deploy.entry_point": "serve.py", "source_dir": "."}):
        config = load(project_dir=tmp_path, flags_dir=tmp_path, flags=flags, environ={})
        assert body_type.of(config) == content_type
