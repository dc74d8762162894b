"""AWS's scikit-learn images: which account holds them in a region, and what is inside each.

Accounts and tags are those of the SageMaker Python SDK (sagemaker-core 2.27.0,
``image_uri_config/sklearn.json``: the same accounts for every version, for training and for inference;
SDK v2 2.257.7 has them too, but no 1.9-0). What is inside is from the requirement pins of the
sagemaker-scikit-learn-container repository at its tags and, for 1.9-0, of AWS's deep-learning-containers.
A tag on AWS may have been rebuilt since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.errors import ConfigurationError

DEFAULT_VERSION = "1.9-0"
REPOSITORY = "sagemaker-scikit-learn"


class Image(NamedTuple):
    """What one framework version's image holds."""

    python: str | None
    """None where the pins do not say."""
    scikit_learn: str
    numpy: str
    toolkit: str
    """Version of ``sagemaker-training``, which decides what a script sees."""
    scopes: tuple[str, ...] = ("training", "inference")
    """What the SDK resolves the version for."""


IMAGES = {
    "0.23-1": Image(None, "0.23.2", "1.19.2", "4.0.1"),
    "1.0-1": Image("3.8", "1.0.2", "1.19.2", "4.0.1"),
    "1.2-1": Image("3.8", "1.2.1", "1.24.1", "4.0.1"),
    "1.4-2": Image("3.10", "1.4.2", "2.1.0", "4.8.0", scopes=("training",)),
    "1.4-2-py312": Image("3.12", "1.4.2", "2.1.0", "4.8.0"),
    "1.9-0": Image("3.12", "1.9.0", "2.5.1", "4.8.0"),
}

ACCOUNTS = {
    "af-south-1": "510948584623",
    "ap-east-1": "651117190479",
    "ap-northeast-1": "354813040037",
    "ap-northeast-2": "366743142698",
    "ap-northeast-3": "867004704886",
    "ap-south-1": "720646828776",
    "ap-south-2": "628508329040",
    "ap-southeast-1": "121021644041",
    "ap-southeast-2": "783357654285",
    "ap-southeast-3": "951798379941",
    "ap-southeast-4": "106583098589",
    "ca-central-1": "341280168497",
    "ca-west-1": "190319476487",
    "cn-north-1": "450853457545",
    "cn-northwest-1": "451049120500",
    "eu-central-1": "492215442770",
    "eu-central-2": "680994064768",
    "eu-north-1": "662702820516",
    "eu-south-1": "978288397137",
    "eu-south-2": "104374241257",
    "eu-west-1": "141502667606",
    "eu-west-2": "764974769150",
    "eu-west-3": "659782779980",
    "il-central-1": "898809789911",
    "me-central-1": "272398656194",
    "me-south-1": "801668240914",
    "sa-east-1": "737474898029",
    "us-east-1": "683313688378",
    "us-east-2": "257758044811",
    "us-gov-east-1": "237065988967",
    "us-gov-west-1": "414596584902",
    "us-iso-east-1": "833128469047",
    "us-isob-east-1": "281123927165",
    "us-isof-east-1": "108575199400",
    "us-isof-south-1": "124985052026",
    "us-west-1": "746614075791",
    "us-west-2": "246618743249",
}

# Regions whose host names do not end in amazonaws.com (SDK, ``ALTERNATE_DOMAINS``).
DOMAINS = {
    "cn-": "amazonaws.com.cn",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
}

# Instance families with Arm processors that the SDK knows; the only Arm image is 1.0-1's, for inference.
GRAVITON = frozenset({"m6g", "m6gd", "c6g", "c6gd", "c6gn", "c7g", "r6g", "r6gd"})


def image_uri(framework_version: str, region: str, *, scope: str = "training", instance_type: str = "") -> str:
    """The URI of AWS's image, as the SDK's ``image_uris.retrieve("sklearn", …)`` gives it.

    Args:
        framework_version: ``1.9-0``, ….
        region: the AWS region that the image is pulled in.
        scope: ``training`` (processing too) or ``inference``.
        instance_type: decides between processors.

    Raises:
        ConfigurationError: there is no such image; the message says which there are.
    """
    image = IMAGES.get(framework_version)
    account = ACCOUNTS.get(region)
    if image is None or account is None:
        # The installed SDK may be newer than this copy of its table.
        versions = _installed_sdk_table().get(scope, {}).get("versions", {})
        account = versions.get(framework_version, {}).get("registries", {}).get(region, account)
        if image is None and framework_version not in versions:
            raise ConfigurationError(_unknown("framework_version", framework_version, IMAGES))
    elif scope not in image.scopes:
        raise ConfigurationError(
            f"AWS has no {scope} image for framework_version {framework_version}; "
            "use 1.4-2-py312 or 1.9-0, or give image_uri."
        )
    if account is None:
        raise ConfigurationError(_unknown("region", region, ACCOUNTS))
    domain = next((domain for prefix, domain in DOMAINS.items() if region.startswith(prefix)), "amazonaws.com")
    processor = "arm64-cpu" if _is_graviton(framework_version, scope, instance_type) else "cpu"
    return f"{account}.dkr.ecr.{region}.{domain}/{REPOSITORY}:{framework_version}-{processor}-py3"


def _is_graviton(framework_version: str, scope: str, instance_type: str) -> bool:
    family = instance_type.removeprefix("ml.").partition(".")[0]
    if family not in GRAVITON:
        return False
    if (framework_version, scope) != ("1.0-1", "inference"):
        raise ConfigurationError(
            f"AWS has no scikit-learn {scope} image of version {framework_version} for the Arm processors of "
            f"{instance_type}; choose another instance_type, such as ml.m5.large, or give image_uri."
        )
    return True


def _unknown(key: str, value: str, known: Mapping[str, object]) -> str:
    import difflib

    begun = [each for each in known if each.startswith(f"{value}-")]
    near = begun or difflib.get_close_matches(value, known, 1)
    hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
    return f"{key}: AWS has no scikit-learn image for {value!r}. {hint} image_uri names any other."


def _installed_sdk_table() -> Mapping[str, Any]:
    """The table of whichever SageMaker SDK is installed, found without importing it; empty without one."""
    import json
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("sagemaker")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for inside in ("core/image_uri_config", "image_uri_config"):
            file = Path(folder, inside, "sklearn.json")
            if file.is_file():
                table: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
                return table
    return {}
