"""What ``SAGEMAKER_SERVING_MODULE`` names: the same server as the command ``serve``."""

import os


def main() -> None:
    """Become the model server."""
    os.execv("/usr/local/bin/serve", ["serve"])  # noqa: S606
