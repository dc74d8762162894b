"""Observe the cases of the corpus and write down what happened, or with ``--check`` compare it with what is written.

    .venv/bin/python tests/lint/record.py [--check] [--missing] [PART OF A NAME]

Linux, root or user namespaces, Python 3.8 and 3.12 on PATH, Docker with the local image (``harness image build``),
and a package index for the first time.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lint.corpus import CASES, OBSERVATIONS, label, observations
from tests.lint.observe import observe


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--missing", action="store_true", help="only cases that have not been observed yet")
    options = parser.parse_args()
    known = observations() if OBSERVATIONS.exists() else {}
    other = []
    for case in CASES:
        if options.part not in case.name or (options.missing and case.name in known):
            continue
        seen = observe(case)
        print(f"{label(seen):8} {case.name}", flush=True)
        if options.check and seen != known.get(case.name):
            other.append(case.name)
            print(f"  written: {known.get(case.name)}\n  now:     {seen}")
        elif not options.check:
            known[case.name] = seen
            _write(known)
    return 1 if other else 0


def _write(known: dict[str, Any]) -> None:
    """One line for each case that there is, in their order."""
    lines = [
        f"{json.dumps(case.name)}: {json.dumps(known[case.name], ensure_ascii=False)}"
        for case in CASES
        if case.name in known
    ]
    OBSERVATIONS.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
