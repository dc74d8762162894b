"""What this machine does with every member of a request: acts on it, needs not to, or refuses it by name.

A member that stands in none of the lists, because AWS has made it since, is refused. Nothing is ignored in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

ELSEWHERE = "; try --on remote"

_NOTE = "a note that AWS keeps for people and bills"
_ROLE = "nothing here asks who may do what"
_DISK = "the disk is this machine's; a container is kept to the size where the engine can, else its job says so"
_HARDWARE = "what is under a container is this machine's; what a job sees of it are CPUs, memory and the type's name"
_CAPACITY = "there is no capacity to wait for, to keep or to lose here"
_METRICS = "metrics of AWS's instances for CloudWatch; the job neither sees nor needs them"
_NO_HOOK = "it tells a hook of deep-learning frameworks where to write, and scikit-learn's images have none"
_ONE_HOST = "there is one host to send requests to"
_ONE_CONTAINER = "a name inside a pipeline of containers; here a model has one"

_AN_AWS_SERVICE = "that is a service of AWS's, and this machine has nothing of the kind"
_RESERVED = "capacity can be reserved and placed on AWS alone"
_PREFERENCES = "name one InstanceType; there is nothing to choose from here"
_REGISTRY = "images are taken as they lie on this machine"
_OTHER_DATA = "only S3DataSource can be read here"
_RULES = "rules are jobs of their own, which this machine does not start"
_VPC = "there is no VPC on this machine"

_CODE = ("sagemaker_submit_directory", "SAGEMAKER_SUBMIT_DIRECTORY")
"""Of ``HyperParameters`` and of ``Environment``."""


class Members(NamedTuple):
    """The members of one operation's request; paths with dots, without the indices of lists."""

    honoured: frozenset[str]
    """Acted on. None of these has members of its own: a new one inside it would be taken for honoured too."""
    judged: frozenset[str]
    """Refused, or some values of them, by the module that runs such a job, with whatever is inside."""
    harmless: Mapping[str, str]
    """Without effect on this machine, as nothing that a job sees or leaves depends on them there; and why."""
    refused: Mapping[str, str]
    """Not to be had here, with whatever is inside, and why; but ``False`` and what is empty ask for nothing."""


def _paths(text: str, within: str = "") -> frozenset[str]:
    return frozenset(f"{within}{name}" for name in text.split())


_EXPERIMENT = {"ExperimentConfig": "an entry in SageMaker Experiments; the job's description keeps it"}

_TRAINING = Members(
    honoured=_paths(
        """
        TrainingJobName HyperParameters Environment EnableNetworkIsolation StoppingCondition.MaxRuntimeInSeconds
        CheckpointConfig.S3Uri CheckpointConfig.LocalPath OutputDataConfig.S3OutputPath OutputDataConfig.CompressionType
        """
    )
    | _paths(
        """
        TrainingImage TrainingInputMode MetricDefinitions.Name MetricDefinitions.Regex ContainerEntrypoint
        ContainerArguments
        """,
        "AlgorithmSpecification.",
    )
    | _paths("ChannelName ContentType CompressionType RecordWrapperType InputMode", "InputDataConfig.")
    | _paths("S3DataType S3Uri S3DataDistributionType", "InputDataConfig.DataSource.S3DataSource.")
    | _paths("InstanceType InstanceCount", "ResourceConfig.")
    | _paths("InstanceType InstanceCount InstanceGroupName", "ResourceConfig.InstanceGroups."),
    judged=_paths(
        """
        AlgorithmSpecification.AlgorithmName InputDataConfig.ShuffleConfig InputDataConfig.DataSource.DatasetSource
        InputDataConfig.DataSource.FileSystemDataSource OutputDataConfig.KmsKeyId ResourceConfig.VolumeKmsKeyId
        VpcConfig EnableInterContainerTrafficEncryption
        """
    ),
    harmless={
        "RoleArn": _ROLE,
        "SessionChainingConfig": _ROLE,
        "Tags": _NOTE,
        **_EXPERIMENT,
        "AlgorithmSpecification.EnableSageMakerMetricsTimeSeries": _METRICS,
        "ResourceConfig.VolumeSizeInGB": _DISK,
        "ResourceConfig.KeepAlivePeriodInSeconds": _CAPACITY,
        "StoppingCondition.MaxWaitTimeInSeconds": _CAPACITY,
        "StoppingCondition.MaxPendingTimeInSeconds": _CAPACITY,
        "EnableManagedSpotTraining": _CAPACITY,
        "RetryStrategy": "it is about failures of AWS's own",
        "InfraCheckConfig": "it looks after AWS's instances before a job",
        "DebugHookConfig.LocalPath": _NO_HOOK,
        "DebugHookConfig.S3OutputPath": _NO_HOOK,
        "ProfilerConfig.S3OutputPath": _METRICS,
        "ProfilerConfig.ProfilingIntervalInMilliseconds": _METRICS,
        "ProfilerConfig.DisableProfiler": _METRICS,
    },
    refused={
        "AlgorithmSpecification.TrainingImageConfig": _REGISTRY,
        "InputDataConfig.DataSource.S3DataSource.AttributeNames": "attributes are read from Pipe input alone",
        "InputDataConfig.DataSource.S3DataSource.InstanceGroupNames": "every host gets every channel here",
        "InputDataConfig.DataSource.S3DataSource.ModelAccessConfig": _AN_AWS_SERVICE,
        "InputDataConfig.DataSource.S3DataSource.HubAccessConfig": _AN_AWS_SERVICE,
        "ResourceConfig.TrainingPlanArn": _RESERVED,
        "ResourceConfig.InstancePlacementConfig": _RESERVED,
        "ResourceConfig.InstancePreferences": _PREFERENCES,
        "ResourceConfig.SelectedInstanceType": _PREFERENCES,
        "ResourceConfig.SelectedInstanceCount": _PREFERENCES,
        "DebugHookConfig.HookParameters": _NO_HOOK,
        "DebugHookConfig.CollectionConfigurations": _NO_HOOK,
        "DebugRuleConfigurations": _RULES,
        "ProfilerRuleConfigurations": _RULES,
        "ProfilerConfig.ProfilingParameters": _NO_HOOK,
        "TensorBoardOutputConfig": "write to SM_OUTPUT_DATA_DIR, or to a checkpoint folder, which is synchronised here",
        "RemoteDebugConfig": "a job on this machine cannot be reached through Systems Manager",
        "ServerlessJobConfig": _AN_AWS_SERVICE,
        "MlflowConfig": _AN_AWS_SERVICE,
        "ModelPackageConfig": _AN_AWS_SERVICE,
    },
)

_PROCESSING = Members(
    honoured=_paths(
        """
        ProcessingJobName Environment NetworkConfig.EnableNetworkIsolation StoppingCondition.MaxRuntimeInSeconds
        ProcessingInputs.InputName ProcessingOutputConfig.Outputs.OutputName
        """
    )
    | _paths("ImageUri ContainerEntrypoint ContainerArguments", "AppSpecification.")
    | _paths(
        "S3Uri LocalPath S3DataType S3InputMode S3DataDistributionType S3CompressionType", "ProcessingInputs.S3Input."
    )
    | _paths("S3Uri LocalPath S3UploadMode", "ProcessingOutputConfig.Outputs.S3Output.")
    | _paths("InstanceCount InstanceType", "ProcessingResources.ClusterConfig."),
    judged=_paths(
        """
        ProcessingInputs.DatasetDefinition ProcessingOutputConfig.Outputs.FeatureStoreOutput
        ProcessingOutputConfig.KmsKeyId ProcessingResources.ClusterConfig.VolumeKmsKeyId NetworkConfig.VpcConfig
        NetworkConfig.EnableInterContainerTrafficEncryption
        """
    ),
    harmless={
        "RoleArn": _ROLE,
        "Tags": _NOTE,
        **_EXPERIMENT,
        "ProcessingResources.ClusterConfig.VolumeSizeInGB": _DISK,
    },
    refused={
        "ProcessingInputs.AppManaged": "inputs are laid out before the script starts",
        "ProcessingOutputConfig.Outputs.AppManaged": "outputs are taken from the script's folders",
        "ProcessingResources.ClusterConfig.InstancePreferences": _PREFERENCES,
        "ProcessingResources.ClusterConfig.SelectedInstanceType": _PREFERENCES,
        "ProcessingResources.ClusterConfig.SelectedInstanceCount": _PREFERENCES,
    },
)

_TRANSFORM = Members(
    honoured=_paths(
        """
        TransformJobName ModelName MaxConcurrentTransforms MaxPayloadInMB BatchStrategy Environment
        ModelClientConfig.InvocationsTimeoutInSeconds ModelClientConfig.InvocationsMaxRetries
        """
    )
    | _paths("ContentType CompressionType SplitType", "TransformInput.")
    | _paths("S3DataType S3Uri", "TransformInput.DataSource.S3DataSource.")
    | _paths("S3OutputPath Accept AssembleWith", "TransformOutput.")
    | _paths("InstanceType InstanceCount", "TransformResources.")
    | _paths("InputFilter OutputFilter JoinSource", "DataProcessing."),
    judged=_paths("DataCaptureConfig TransformOutput.KmsKeyId TransformResources.VolumeKmsKeyId"),
    harmless={"Tags": _NOTE, **_EXPERIMENT, "TransformResources.TransformAmiVersion": _HARDWARE},
    refused={},
)

_CONTAINERS = ("PrimaryContainer", "Containers")
_CONTAINER_HONOURED = "Image Mode ModelDataUrl Environment"
_CONTAINER_JUDGED = "ModelDataSource AdditionalModelDataSources ModelPackageName MultiModelConfig"
_CONTAINER_REFUSED = {
    "ImageConfig": _REGISTRY,
    "InferenceSpecificationName": _AN_AWS_SERVICE,
    "ContainerMetricsConfig": _AN_AWS_SERVICE,
}

_MODEL = Members(
    honoured=_paths("ModelName EnableNetworkIsolation").union(
        *(_paths(_CONTAINER_HONOURED, f"{each}.") for each in _CONTAINERS)
    ),
    judged=_paths("VpcConfig").union(*(_paths(_CONTAINER_JUDGED, f"{each}.") for each in _CONTAINERS)),
    harmless={
        "ExecutionRoleArn": _ROLE,
        "Tags": _NOTE,
        "PrimaryContainer.ContainerHostname": _ONE_CONTAINER,
        "Containers.ContainerHostname": _ONE_CONTAINER,
        "InferenceExecutionConfig": _ONE_CONTAINER,
    },
    refused={f"{holder}.{name}": why for holder in _CONTAINERS for name, why in _CONTAINER_REFUSED.items()},
)

_ENDPOINT_CONFIG = Members(
    honoured=_paths("EndpointConfigName")
    | _paths(
        "VariantName ModelName InitialInstanceCount InstanceType InitialVariantWeight",
        "ProductionVariants.",
    ),
    judged=_paths(
        """
        DataCaptureConfig KmsKeyId AsyncInferenceConfig ExplainerConfig ShadowProductionVariants
        ProductionVariants.ServerlessConfig
        """
    ),
    harmless={
        "Tags": _NOTE,
        "ExecutionRoleArn": _ROLE,
        "ProductionVariants.VolumeSizeInGB": _DISK,
        "ProductionVariants.InferenceAmiVersion": _HARDWARE,
        "ProductionVariants.RoutingConfig": _ONE_HOST,
        "ProductionVariants.VariantInstanceProvisionTimeoutInSeconds": _CAPACITY,
        "ProductionVariants.ModelDataDownloadTimeoutInSeconds": "model data is here before the container starts",
    },
    refused={
        "ProductionVariants.ContainerStartupHealthCheckTimeoutInSeconds": "a container has 240 s to start here",
        "ProductionVariants.InstancePools": _PREFERENCES,
        "ProductionVariants.AcceleratorType": _AN_AWS_SERVICE,
        "ProductionVariants.CoreDumpConfig": "no core dumps are taken here",
        "ProductionVariants.EnableSSMAccess": "a server on this machine cannot be reached through Systems Manager",
        "ProductionVariants.ManagedInstanceScaling": "an endpoint has one host here",
        "ProductionVariants.CapacityReservationConfig": _RESERVED,
        "ProductionVariants.AcceleratorPartitionLayouts": _AN_AWS_SERVICE,
        "VpcConfig": _VPC,
        "EnableNetworkIsolation": "a model's own EnableNetworkIsolation is what is honoured here",
        "MetricsConfig": _AN_AWS_SERVICE,
        "CrossRegionTrafficConfig": _AN_AWS_SERVICE,
    },
)

_ENDPOINT = Members(
    honoured=_paths("EndpointName EndpointConfigName"),
    judged=frozenset(),
    harmless={"Tags": _NOTE},
    refused={"DeploymentConfig": "an endpoint here has one host, and changes all at once"},
)

MEMBERS: Mapping[str, Members] = {
    "CreateTrainingJob": _TRAINING,
    "CreateProcessingJob": _PROCESSING,
    "CreateTransformJob": _TRANSFORM,
    "CreateModel": _MODEL,
    "CreateEndpointConfig": _ENDPOINT_CONFIG,
    "CreateEndpoint": _ENDPOINT,
}


def refusals(operation: str, request: Mapping[str, Any]) -> Iterator[str]:
    """What a request asks for that cannot be had here, by name.

    Args:
        operation: one of ``MEMBERS``.
        request: one that keeps the rules of AWS's service model.
    """
    yield from _refusals(MEMBERS[operation], request, "", "")


def _refusals(members: Members, document: Mapping[str, Any], path: str, shown: str) -> Iterator[str]:
    settled = (members.honoured, members.judged, members.harmless)
    for name, value in document.items():
        inner, at = f"{path}{name}", f"{shown}{name}"
        if any(inner in each for each in settled) or _asks_for_nothing(value):
            continue
        if inner in members.refused:
            yield f"{at}: {members.refused[inner]}{ELSEWHERE}"
        elif isinstance(value, Mapping):
            yield from _refusals(members, value, f"{inner}.", f"{at}.")
        elif _is_list_of_structures(value):
            for index, each in enumerate(value):
                yield from _refusals(members, each, f"{inner}.", f"{at}[{index}].")
        else:
            yield f"{at}: this version of the harness does not know what it does{ELSEWHERE}"


def uris(operation: str, request: Mapping[str, Any]) -> Iterator[str]:
    """The URIs by which a request names the data and the code that are read here, and where results go.

    What a script makes of other values, of its hyperparameters say, is its own affair.
    """
    for value in _honoured(MEMBERS[operation].honoured, request, ""):
        for given in map(value.get, _CODE) if isinstance(value, Mapping) else (value,):
            if isinstance(given, str):
                yield given.strip('"')  # a hyperparameter is a string of JSON


def _honoured(names: frozenset[str], document: Mapping[str, Any], path: str) -> Iterator[Any]:
    for name, value in document.items():
        inner = f"{path}{name}"
        if inner in names:
            yield value
        elif isinstance(value, Mapping):
            yield from _honoured(names, value, f"{inner}.")
        elif _is_list_of_structures(value):
            for each in value:
                yield from _honoured(names, each, f"{inner}.")


def _asks_for_nothing(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(map(_asks_for_nothing, value.values()))
    return value is False or (isinstance(value, Sequence) and not value)


def _is_list_of_structures(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(each, Mapping) for each in value)
