"""``python -m harness.server``: serve the model of this machine or of this container."""

from __future__ import annotations

import sys

from harness.server.serve import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
