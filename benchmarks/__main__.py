"""``python -m benchmarks [SUBJECT …] [--rounds N] [--json]``."""

from __future__ import annotations

import argparse
import json
from importlib import import_module

from benchmarks.paired import machine

SUBJECTS = (
    "train_overhead",
    "channels",
    "start_up",
    "parity",
    "serving",
    "transform",
    "containers",
    "localmode",
    "standin",
    "uploads",
)


def main() -> None:
    """Measure what is asked for, and print it as it comes; as one document with ``--json``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Re-run the README's figures.")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)}; default: all")
    parser.add_argument("--rounds", type=int, help="pairs to run; at least 2; default: the subject's own")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    arguments = parser.parse_args()
    if unknown := set(arguments.subjects) - set(SUBJECTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    if arguments.rounds is not None and arguments.rounds < 2:
        parser.error("--rounds: two at least, or there is no spread")

    before, documents = machine(), []
    if not arguments.json:
        print(", ".join(f"{key} {value}" for key, value in before.items()), flush=True)
    for subject in arguments.subjects or SUBJECTS:
        module = import_module(f"benchmarks.{subject}")
        for result in module.measure(arguments.rounds or module.ROUNDS):
            documents.append(result.document())
            if not arguments.json:
                print(f"\n{result}", flush=True)
    if arguments.json:
        print(json.dumps({"machine": before, "load_after": machine()["load"], "results": documents}, indent=2))


if __name__ == "__main__":
    main()
