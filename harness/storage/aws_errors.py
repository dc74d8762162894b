"""botocore's errors as ours: a code and a message stay what AWS said, and the remedy stands beside them.

Everything that speaks to AWS does so inside `translated`, so that no error of boto3's reaches anybody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.errors import ConfigurationError, HarnessError, MissingCapability, ModelError, ServiceError

EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_REJECTED = frozenset(
    {
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "InvalidToken",
        "AuthFailure",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})
THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException"}
    | {"SlowDown", "RequestThrottled", "RequestThrottledException", "BandwidthLimitExceeded"}
)
NOT_FOUND = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
NO_BOTO3 = "S3, ECR and --on remote need boto3, which is not installed: pip install 'sagemaker-harness[remote]'"
_SIGN_IN = "Sign in again (`aws sso login`, `aws configure`), or export fresh AWS_… variables."


class Unreachable(MissingCapability):
    """Nobody answers; it may be better in a moment."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what botocore raises into errors of the harness.

    Raises:
        ServiceError: AWS refused the request; same code, message and shape as botocore's ``ClientError``.
        MissingCapability: no boto3, no credentials, or ones not accepted any more, no region, no connection.
        ConfigurationError: boto3 itself refused the request.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise MissingCapability(NO_BOTO3) from None
    try:
        yield
    except ClientError as error:
        raise _of_aws(error.response, error.operation_name) from error
    except BotoCoreError as error:
        raise _of_botocore(error) from error


def code_of(error: ServiceError) -> str:
    """AWS's code of a refusal."""
    return str(error.response["Error"]["Code"])


def _of_aws(response: dict[str, Any], operation: str) -> HarnessError:
    said = response.get("Error", {})
    code, message = str(said.get("Code", "Unknown")), str(said.get("Message", "no reason was given"))
    if code in EXPIRED:
        return MissingCapability(f"{operation}: your AWS credentials have expired ({code}). {_SIGN_IN}")
    if code in _REJECTED:
        return MissingCapability(f"{operation}: AWS does not accept your credentials: {message} ({code}). {_SIGN_IN}")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    if code == "ModelError":
        refusal: ServiceError = ModelError(message, operation, status=status)
    else:
        refusal = ServiceError(code, message, operation, status=status, remedy=_remedy(code, message))
    # An operation's own members, such as the ``OriginalStatusCode`` of ``ModelError``.
    refusal.response |= {name: value for name, value in response.items() if name not in refusal.response}
    return refusal


def _remedy(code: str, message: str) -> str:
    if code in _DENIED:
        return "Your credentials may not do this; docs/aws.md has a policy with what the harness needs."
    if code in THROTTLED:
        return "AWS is throttling, and went on after several attempts; try again in a minute."
    if code == "ResourceInUse" or "already existing" in message or "already exists" in message:
        return "Choose another name; without one a new name is made for each run."
    if "Could not assume role" in message or "cannot be assumed" in message:
        return "Its trust policy has to name sagemaker.amazonaws.com; docs/aws.md shows how to make such a role."
    if code == "ResourceLimitExceeded":
        return "Ask for a higher quota in the Service Quotas console, or choose another --instance-type."
    return ""


def _of_botocore(error: Exception) -> HarnessError:
    from botocore import exceptions as said

    if isinstance(error, said.NoCredentialsError | said.PartialCredentialsError):
        return MissingCapability(
            f"There are no AWS credentials: {error}. Run `aws configure` or `aws sso login`, set profile, or export "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Without an account: `harness standin -- COMMAND…`."
        )
    if isinstance(
        error,
        said.SSOError
        | said.SSOTokenLoadError
        | said.TokenRetrievalError
        | said.CredentialRetrievalError
        | said.LoginError,
    ):
        return MissingCapability(f"AWS credentials could not be had: {error}. {_SIGN_IN}")
    if isinstance(error, said.ProfileNotFound):
        return ConfigurationError(f"{error}. Set profile to one of those in ~/.aws/config, or leave it out.")
    if isinstance(error, said.NoRegionError | said.InvalidRegionError):
        return ConfigurationError(f"There is no usable region: {error}. Set region, AWS_REGION, or give --region.")
    if isinstance(error, said.ParamValidationError):
        return ConfigurationError(f"boto3 refused the request: {error}")
    if isinstance(error, said.HTTPClientError | said.EndpointConnectionError | said.ConnectionError):
        return Unreachable(f"AWS cannot be reached: {error}. Check the network, proxy and AWS_ENDPOINT_URL.")
    return HarnessError(f"{type(error).__name__}: {error}")
