"""The ``/opt/ml`` tree, and the files that AWS writes into ``input/config``.

Sources: AWS developer guide, «How Amazon SageMaker AI provides training information»; the keys of instance
groups from their consumer, sagemaker-training 4.8.0.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

HOMOGENEOUS_GROUP = "homogeneousCluster"
"""The name of the one instance group of a job that names none."""


class OptMl(NamedTuple):
    """Absolute paths of a job's tree, as the host sees them. ``base_dir`` is ``/opt/ml`` on AWS."""

    base_dir: str = "/opt/ml"

    @property
    def code(self) -> str:
        """Where the toolkit unpacks the source; the script's working directory."""
        return self._join("code")

    @property
    def model(self) -> str:
        """What becomes ``model.tar.gz``."""
        return self._join("model")

    @property
    def checkpoints(self) -> str:
        """Where checkpoints are synchronised unless the request names another folder."""
        return self._join("checkpoints")

    @property
    def input(self) -> str:
        """The folder of ``config`` and ``data``."""
        return self._join("input")

    @property
    def input_config(self) -> str:
        """The folder of the three config files."""
        return self._join("input", "config")

    @property
    def input_data(self) -> str:
        """The folder of the channels."""
        return self._join("input", "data")

    @property
    def hyperparameters_file(self) -> str:
        """``hyperparameters.json``."""
        return self._join("input", "config", "hyperparameters.json")

    @property
    def input_data_config_file(self) -> str:
        """``inputdataconfig.json``."""
        return self._join("input", "config", "inputdataconfig.json")

    @property
    def resource_config_file(self) -> str:
        """``resourceconfig.json``."""
        return self._join("input", "config", "resourceconfig.json")

    @property
    def output(self) -> str:
        """The folder of ``data``, ``failure`` and ``success``."""
        return self._join("output")

    @property
    def output_data(self) -> str:
        """What becomes ``output.tar.gz``."""
        return self._join("output", "data")

    @property
    def output_intermediate(self) -> str:
        """Files that are uploaded while the job runs, if ``sagemaker_s3_output`` is given."""
        return self._join("output", "intermediate")

    @property
    def failure(self) -> str:
        """The file whose beginning becomes ``FailureReason``."""
        return self._join("output", "failure")

    @property
    def success(self) -> str:
        """The empty file that the toolkit leaves when the script has ended well."""
        return self._join("output", "success")

    @property
    def driver_code(self) -> str:
        """Where the SDK v3 drivers run the script: the channel ``code``."""
        return self.channel("code")

    def channel(self, name: str) -> str:
        """The folder of a channel."""
        return self._join("input", "data", name)

    def _join(self, *parts: str) -> str:
        return posixpath.join(self.base_dir, *parts)


def host_names(request: Mapping[str, Any]) -> tuple[str, ...]:
    """``algo-1`` to ``algo-n`` in the order of their numbers; ``request`` is a ``CreateTrainingJob`` document."""
    count = sum(group["InstanceCount"] for group in _instance_groups(request))
    return tuple(f"algo-{number}" for number in range(1, count + 1))


def hyperparameters_document(request: Mapping[str, Any]) -> dict[str, str]:
    """``hyperparameters.json`` as AWS writes it: flat, all values strings."""
    return dict(request.get("HyperParameters") or {})


def input_data_config_document(request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """``inputdataconfig.json`` as AWS writes it: channel -> properties.

    FastFile is reported as File, file systems as FullyReplicated, and ``ContentType`` is there only where it
    was given (AWS developer guide).
    """
    default_mode = request.get("AlgorithmSpecification", {}).get("TrainingInputMode", "File")
    return {
        channel["ChannelName"]: _channel_properties(channel, default_mode)
        for channel in request.get("InputDataConfig") or ()
    }


def _channel_properties(channel: Mapping[str, Any], default_mode: str) -> dict[str, str]:
    mode = channel.get("InputMode") or default_mode
    s3_source = channel.get("DataSource", {}).get("S3DataSource", {})
    content_type = {"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}
    return {
        **content_type,
        "TrainingInputMode": "File" if mode == "FastFile" else mode,
        "S3DistributionType": s3_source.get("S3DataDistributionType") or "FullyReplicated",
        "RecordWrapperType": channel.get("RecordWrapperType") or "None",
    }


def resource_config_document(request: Mapping[str, Any], host_index: int) -> dict[str, Any]:
    """``resourceconfig.json`` as AWS writes it for the host ``host_names(request)[host_index]``.

    A job without instance groups has one named ``homogeneousCluster``. ``hosts`` is sorted as text, so
    ``algo-10`` stands before ``algo-2`` (AWS developer guide); within a group the hosts keep the order of
    their numbers.
    """
    names = host_names(request)
    groups = []
    first = 0
    for group in _instance_groups(request):
        members = names[first : first + group["InstanceCount"]]
        first += group["InstanceCount"]
        groups.append(
            {
                "instance_group_name": group["InstanceGroupName"],
                "instance_type": group["InstanceType"],
                "hosts": list(members),
            }
        )
    current = names[host_index]
    own = next(group for group in groups if current in group["hosts"])
    return {
        "current_host": current,
        "current_instance_type": own["instance_type"],
        "current_group_name": own["instance_group_name"],
        "hosts": sorted(names),
        "instance_groups": groups,
        "network_interface_name": "eth0",
    }


def _instance_groups(request: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    resources = request["ResourceConfig"]
    return resources.get("InstanceGroups") or (
        {
            "InstanceGroupName": HOMOGENEOUS_GROUP,
            "InstanceType": resources["InstanceType"],
            "InstanceCount": resources.get("InstanceCount", 1),
        },
    )
