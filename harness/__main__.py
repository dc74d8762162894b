"""The command ``harness``, and ``python -m harness``."""

import gc

# Importing makes hardly any garbage, and at its default the collector would look for it forty times over.
gc.set_threshold(100_000)

from harness.cli import main  # noqa: E402

__all__ = ["main"]

if __name__ == "__main__":
    main()
