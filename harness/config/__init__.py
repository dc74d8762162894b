"""Configuration: ``[tool.harness]`` of pyproject.toml, ``.env``, environment and flags, put together.

Flags are stronger than the environment, the environment than ``.env``, ``.env`` than the file, the file
than the defaults below; for jobs on AWS the SageMaker SDK's ``config.yaml`` stands between the last two.
Mappings (hyperparameters, channels, …) are merged entry by entry. Each setting is declared once, here;
keys are the SageMaker Python SDK's. Relative paths start from the folder of the file that they stand in;
those of ``.env`` and of variables from the project's folder; those of flags from where the command was
typed.
"""

from harness.config.places import load
from harness.config.schema import (
    Channel,
    Config,
    DeployConfig,
    ProcessConfig,
    ProcessingInput,
    ProcessingOutput,
    TransformConfig,
)
from harness.config.settings import Source, parse_value
from harness.config.show import Row, env_example, explain

__all__ = [
    "Channel",
    "Config",
    "DeployConfig",
    "ProcessConfig",
    "ProcessingInput",
    "ProcessingOutput",
    "Row",
    "Source",
    "TransformConfig",
    "env_example",
    "explain",
    "load",
    "parse_value",
]
