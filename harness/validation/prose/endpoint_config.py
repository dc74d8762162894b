"""CreateEndpointConfig."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.validation.findings import Finding
from harness.validation.prose.request import Rule, exactly_one, given, look, number, objects, repeated


def unique_variant_names(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Variants are invoked and updated by name (API reference, ProductionVariant)."""
    variants = [variant for _, each in _variants(request) for variant in each]
    yield from repeated(variants, "VariantName", "variant-names-unique")


def one_kind_of_capacity(request: Mapping[str, Any]) -> Iterator[Finding]:
    """A variant is serverless, on instances of one type, or on pools (API reference, ProductionVariant)."""
    kinds = ("InstanceType", "ServerlessConfig", "InstancePools")
    for _, variants in _variants(request):
        for path, variant in variants:
            yield from exactly_one(variant, path, kinds, "one-capacity")
            present = given(variant, (*kinds, "InitialInstanceCount"))
            if present == ["ServerlessConfig", "InitialInstanceCount"]:
                yield Finding(f"{path}.InitialInstanceCount", "goes without ServerlessConfig", "one-capacity")
            if present == ["InstanceType"] and look(variant, "ModelName") is not None:
                message = "is required with InstanceType"
                yield Finding(f"{path}.InitialInstanceCount", message, "one-capacity")


def serverless(request: Mapping[str, Any]) -> Iterator[Finding]:
    """Memory comes in whole GB; provisioned concurrency stays under the maximum.

    Source: API reference, ProductionVariantServerlessConfig.
    """
    for _, variants in _variants(request):
        for path, variant in variants:
            at, config = f"{path}.ServerlessConfig", look(variant, "ServerlessConfig")
            memory = number(config, "MemorySizeInMB")
            if memory is not None and memory % 1024:
                message = f"{memory} is not a multiple of 1024"
                yield Finding(f"{at}.MemorySizeInMB", message, "serverless-memory")
            most, provisioned = number(config, "MaxConcurrency"), number(config, "ProvisionedConcurrency")
            if most is not None and provisioned is not None and provisioned > most:
                message = f"{provisioned} is more than MaxConcurrency, {most}"
                yield Finding(f"{at}.ProvisionedConcurrency", message, "serverless-concurrency")


def one_shadow(request: Mapping[str, Any]) -> Iterator[Finding]:
    """A shadow variant stands beside one production variant (API reference, CreateEndpointConfig)."""
    if look(request, "ShadowProductionVariants"):
        for name, variants in _variants(request):
            if len(variants) > 1:
                yield Finding(name, "only one variant is possible with ShadowProductionVariants", "one-shadow")


def _variants(request: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, Mapping[str, Any]]]]]:
    return [(name, objects(request, name)) for name in ("ProductionVariants", "ShadowProductionVariants")]


RULES = (unique_variant_names, one_kind_of_capacity, serverless, one_shadow)
AWAY_RULES: tuple[Rule, ...] = ()
