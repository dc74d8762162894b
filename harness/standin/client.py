"""The engine's client with what only AWS's side of the wire needs: updates of endpoints, lists of what is kept."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.engine.client import EngineClient
from harness.engine.nursery import Nursery
from harness.engine.running import Running, matching
from harness.engine.settings import EngineSettings
from harness.engine.store import Document, Job, Store
from harness.errors import RefusedError, ServiceError

_PAGE = 10
"""Summaries of a ``List…`` answer where the request does not say (AWS's API model)."""


class StandInClient(EngineClient):
    """Serves many threads. As on AWS, jobs of different kinds may have the same name: each kind has its own folder.

    An endpoint that is updated has two servers for a while, in folders ``name`` and ``name@1``.

    The one that answers is the youngest in service. An older one ends as soon as a younger one is seen to be in
    service; a younger one that fails is forgotten, and the older one goes on, as on AWS.
    """

    def __init__(self, root: Path, settings: EngineSettings, nursery: Nursery | None = None) -> None:
        super().__init__(root, settings, nursery)
        self._changing = threading.RLock()
        self._kinds = {
            "TrainingJob": self.jobs,
            "ProcessingJob": Running(Store(root / "_processing-jobs"), settings, nursery),
            "TransformJob": Running(Store(root / "_transform-jobs"), settings, nursery),
            "Endpoint": self.endpoints,
        }

    def running(self, kind: str) -> Running:
        """Where things of a kind run."""
        return self._kinds[kind]

    def has(self, arn: str) -> bool:
        """Whether an ARN is that of a job, an endpoint, a model or an endpoint configuration that is here."""
        start = f"arn:aws:sagemaker:{self.settings.region}:{self.settings.account}:"
        dashed, _, name = arn.removeprefix(start).partition("/")
        kind = "".join(word.capitalize() for word in dashed.split("-"))
        names: dict[str, Callable[[], Iterable[str]]] = {
            "Model": self._models.names,
            "EndpointConfig": self._configs.names,
            **{running: each.store.names for running, each in self._kinds.items()},
        }
        found = names[kind]() if kind in names else ()
        # An update's folder is NAME@1; in ARNs, names of endpoints are in lower case.
        return name.lower() in {folder.partition("@")[0].lower() for folder in found}

    def under_way(self) -> list[str]:
        """Jobs and endpoints that would end with the stand-in."""
        return [name for running in self._kinds.values() for name in running.under_way()]

    def close(self) -> None:
        """End everything that was started here."""
        for running in self._kinds.values():
            running.close()

    # -- training jobs ------------------------------------------------------------------------------------------

    def check_training_job(self, request: Document) -> None:
        """See ``EngineClient``. An algorithm that comes in its image, as AWS's built-in ones do, is refused by name."""
        from harness.engine import code

        super().check_training_job(request)
        image = request["AlgorithmSpecification"].get("TrainingImage", "")
        is_script = "sagemaker_submit_directory" in request.get("HyperParameters", {}) or code.names_entry_point(
            request
        )
        if not is_script and "/sagemaker-scikit-learn:" not in image:
            named = image.rpartition("/")[2]
            raise RefusedError(
                f"TrainingImage: the request has no script, and the algorithm of {named} cannot be run here; "
                "AWS itself has it"
            )

    # -- endpoints ----------------------------------------------------------------------------------------------

    def update_endpoint(self, *, EndpointName: str, EndpointConfigName: str, **others: Any) -> Document:
        """Serve another configuration: ``{"EndpointArn": …}``. What serves now goes on until that is in service.

        Raises:
            ServiceError: there is no such endpoint or configuration, or the endpoint is being made or updated.
            RefusedError: a member of ``UpdateEndpoint`` that means nothing here.
        """
        from harness.engine import hosting

        refused = [name for name, value in others.items() if value]
        if refused:
            raise RefusedError(f"{', '.join(refused)}: an endpoint here has one host, and changes all at once")
        with self._changing:
            current = self.describe_endpoint(EndpointName=EndpointName)
            if current["EndpointStatus"] not in {"InService", "Failed"}:
                message = f'Cannot update in-progress endpoint "{current["EndpointArn"]}".'
                raise ServiceError("ValidationException", message, "UpdateEndpoint")
            config = self.describe_endpoint_config(EndpointConfigName=EndpointConfigName)
            model = self.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
            request = {"EndpointName": EndpointName, "EndpointConfigName": EndpointConfigName}
            description = hosting.describe_new(request, config, self.settings)
            folder = f"{EndpointName}@{_revision(self._folders(EndpointName)[-1]) + 1}"
            description |= {"CreationTime": current["CreationTime"]}
            self.endpoints.create(
                "UpdateEndpoint", folder, request, description, lambda job: hosting.stage(job, model, config)
            )
        return {"EndpointArn": current["EndpointArn"]}

    def find_endpoint(self, name: str) -> Document | None:
        """The description of what serves under a name; see the class for what changes on the way."""
        folders = self._folders(name)
        if len(folders) > 1:
            with self._changing:
                folders = self._settle(self._folders(name))
        return self.endpoints.find("Endpoint", folders[0]) if folders else None

    def describe_endpoint(self, *, EndpointName: str) -> Document:
        """The endpoint's ``DescribeEndpoint`` document; ``Updating`` while another configuration is on its way."""
        return self._as_shown(super().describe_endpoint(EndpointName=EndpointName))

    def list_endpoints(self, **filters: Any) -> Document:
        """Summaries of endpoints, the youngest first."""
        names = {folder.partition("@")[0] for folder in self.endpoints.store.names()}
        found = (self.find_endpoint(name) for name in names)
        descriptions = [self._as_shown(description) for description in found if description is not None]
        members = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        return _page("Endpoint", descriptions, members, filters)

    def delete_endpoint(self, *, EndpointName: str) -> Document:
        """End an endpoint; returns when nothing of it is left."""
        with self._changing:
            self.describe_endpoint(EndpointName=EndpointName)
            for folder in self._folders(EndpointName):
                self._end(folder)
        return {}

    def job(self, kind: str, name: str) -> Job:
        """Where something runs; of an endpoint that is being updated, the server that is being made."""
        folders = self._folders(name) if kind == "Endpoint" else []
        return self.running(kind).store.job(folders[-1] if folders else name)

    def reap(self, job: Job) -> None:
        """A job has ended: wait for its process, which has nothing left to do."""
        with self._changing:
            (running,) = (each for each in self._kinds.values() if each.store.root == job.path.parent)
            while running.wait(job.name, 1):
                pass

    def _forget_failed_endpoint(self, name: str) -> None:
        """As on AWS, a failed endpoint has its name until it is deleted."""

    def _folders(self, name: str) -> list[str]:
        """The folders of an endpoint's servers, the oldest first."""
        mine = [folder for folder in self.endpoints.store.names() if folder.partition("@")[0] == name]
        return sorted(mine, key=_revision)

    def _as_shown(self, description: Document) -> Document:
        if len(self._folders(description["EndpointName"])) > 1:
            description["EndpointStatus"] = "Updating"
        return description

    def _settle(self, folders: Sequence[str]) -> list[str]:
        """End what an update has made superfluous; give what is left."""
        if len(folders) < 2:
            return list(folders)
        *older, youngest = folders
        status = (self.endpoints.find("Endpoint", youngest) or {"EndpointStatus": "Failed"})["EndpointStatus"]
        if status == "InService":
            for folder in older:
                self._end(folder)
            return [youngest]
        if status == "Failed":
            self._end(youngest)
            return older
        return list(folders)

    def _end(self, folder: str) -> None:
        job = self.endpoints.store.job(folder)
        if self.endpoints.stop(folder):
            job.wait_for_end()
        self.endpoints.abandon(folder)
        shutil.rmtree(job.path, ignore_errors=True)  # what has failed has left its folder

    # -- models and endpoint configurations ---------------------------------------------------------------------

    def list_models(self, **filters: Any) -> Document:
        """Summaries of models, the youngest first."""
        every = (self._models.describe(name) for name in self._models.names())
        return _page("Model", every, ("ModelName", "ModelArn", "CreationTime"), filters)

    def list_endpoint_configs(self, **filters: Any) -> Document:
        """Summaries of endpoint configurations, the youngest first."""
        every = (self._configs.describe(name) for name in self._configs.names())
        members = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
        return _page("EndpointConfig", every, members, filters)


def _revision(folder: str) -> int:
    return int(folder.partition("@")[2] or 0)


def _page(kind: str, every: Iterable[Document], members: Sequence[str], filters: Mapping[str, Any]) -> Document:
    chosen = sorted(filter(matching(kind, filters), every), key=lambda each: _order(kind, filters, each))
    if filters.get("SortOrder", "Descending") == "Descending":
        chosen.reverse()
    first = int(filters.get("NextToken") or 0)
    last = first + int(filters.get("MaxResults") or _PAGE)
    page = [{name: each[name] for name in members} for each in chosen[first:last]]
    return {f"{kind}s": page, **({"NextToken": str(last)} if last < len(chosen) else {})}


def _order(kind: str, filters: Mapping[str, Any], each: Document) -> tuple[Any, str]:
    by = {"Name": f"{kind}Name", "Status": f"{kind}Status"}.get(filters.get("SortBy", ""), "CreationTime")
    return each[by], each[f"{kind}Name"]
