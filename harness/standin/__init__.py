"""AWS on loopback: what speaks to SageMaker, S3, STS, IAM, CloudWatch Logs and ECR finds them at one address.

    client ──► server ──► routing ─┬─► sagemaker ──► the engine, which really runs the jobs
       └─ HTTPS_PROXY ► proxy ─┘   └─► moto: everything else

moto answers for the other services; SageMaker's operations and the runtime's are answered by the same client that
``--on local`` or ``--on container`` uses.
"""
