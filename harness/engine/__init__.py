"""SageMaker on this machine: AWS's own requests, run by processes or containers."""
