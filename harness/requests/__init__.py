"""Configuration to AWS requests: pure functions, each giving one document in exactly the shape of AWS's API.

They are what the SageMaker Python SDK v2 would send for the same settings, but for its debugger. A key is
there only if it says something. What lies on this machine is named by a ``file://`` URI until `Locations`
says where it was uploaded.
"""

from harness.requests.common import LOCAL_REGION, LOCAL_ROLE, Locations, Request, default_job_name
from harness.requests.hosting import (
    create_endpoint,
    create_endpoint_config,
    create_model,
    create_transform_job,
)
from harness.requests.processing import create_processing_job
from harness.requests.training import create_training_job

__all__ = [
    "LOCAL_REGION",
    "LOCAL_ROLE",
    "Locations",
    "Request",
    "create_endpoint",
    "create_endpoint_config",
    "create_model",
    "create_processing_job",
    "create_training_job",
    "create_transform_job",
    "default_job_name",
]
