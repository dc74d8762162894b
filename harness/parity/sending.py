"""Bodies sent to an endpoint as they are, for a model that takes no CSV: each has to be answered.

Nobody here knows what is in them. So the model itself is not asked, and no batch is made of them: what is said to them
is held against what the other targets say, and against nothing else.
"""

from __future__ import annotations

import time
from typing import Final

from harness.parity.asking import Unserved, endpoint
from harness.parity.findings import Aspect, Finding
from harness.parity.judging import Served
from harness.parity.rows import Bodies
from harness.parity.trial import Bench

_BREAKS: Final = "a request that the model is meant to answer is answered with an error"
_REMEDY: Final = "`harness deploy` shows the model server's log, and `harness invoke --content-type {kind}` asks it"


def check(bench: Bench, model_data: str, name: str, bodies: Bodies) -> Served:
    """Serve a model, and send it every body; see ``visit.CheckServing``."""
    began = time.monotonic()
    bench.tell("the model's endpoint is made and asked")
    answers, wrong = {}, {}
    try:
        with endpoint(bench.target, bench.config, name, model_data) as served:
            answers = dict(served.sent(bodies))
    except Unserved as error:
        wrong = {"endpoint": ("in service", str(error))}
    wrong |= {
        where: ("an answer", f"{answer.status or 'no answer'}: {answer.text}")
        for where, answer in answers.items()
        if answer.status != 200
    }
    remedy = _REMEDY.format(kind=bodies.content_type)
    findings = tuple(
        Finding(Aspect.ENDPOINT, bench.target.name, where, expected, seen, breaks=_BREAKS, remedy=remedy)
        for where, (expected, seen) in wrong.items()
    )
    why = f"parity.rows holds bodies of {bodies.content_type}, which are sent to the endpoint alone, as they are"
    return Served(
        answers,
        findings=findings,
        compared=len(answers) or 1,
        held_by=Aspect.ENDPOINT,
        seconds={"endpoint": time.monotonic() - began},
        uncompared=dict.fromkeys((Aspect.MODEL_PREDICTIONS, Aspect.TRANSFORM, Aspect.CONSISTENCY), why),
    )
