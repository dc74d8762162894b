"""The command ``harness``, and ``python -m harness``."""

import gc
import sys

# Importing makes hardly any garbage, and at its default the collector would look for it forty times over.
gc.set_threshold(100_000)

try:
    from harness.cli import main
except KeyboardInterrupt:  # Ctrl-C, before there is anybody to tell of it
    sys.exit(130)

__all__ = ["main"]

if __name__ == "__main__":
    main()
