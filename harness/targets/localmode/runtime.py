"""The verbs of ``boto3.client("sagemaker-runtime")``, by the SDK's own runtime client of local mode."""

from __future__ import annotations

import contextlib
import io
import warnings
from importlib import import_module

from harness.engine.runtime import Answer, EngineRuntime, no_answer
from harness.engine.store import Document
from harness.server import cause
from harness.targets.localmode.machine import installed_sdk


class LocalModeRuntime(EngineRuntime):
    """Invokes endpoints that a ``LocalModeClient`` runs, from any process."""

    def post(self, description: Document, body: bytes, content_type: str | None, accept: str | None) -> Answer:
        """See ``EngineRuntime.post``.

        Raises:
            MissingCapability: the SDK is not installed.
        """
        local = {"serving_port": int(description["EndpointUrl"].rpartition(":")[2])}
        # At its import it says where it finds no settings, and that it grows old: to nobody who asked for a prediction.
        unheard = io.StringIO()
        with contextlib.redirect_stdout(unheard), contextlib.redirect_stderr(unheard), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = import_module(installed_sdk().module).LocalSagemakerRuntimeClient({"local": local})
            import urllib3.exceptions

            try:
                answer = client.invoke_endpoint(body, description["EndpointName"], content_type, accept)["Body"]
                why = cause.decoded(answer.headers.get(cause.HEADER))
                return Answer(answer.status, answer.headers.get("Content-Type", ""), answer.read(), why)
            except urllib3.exceptions.HTTPError as error:
                return no_answer(error)
            finally:
                client.http.clear()
