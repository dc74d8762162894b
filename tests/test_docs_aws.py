"""docs/aws.md: its policies are JSON, and hold every action that the harness asks AWS for."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs/aws.md").read_text("utf-8")
TRUST, ROLE, USER = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL))


def actions(policy: dict) -> set[str]:
    found = set()
    for statement in policy["Statement"]:
        found |= {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
    return found


def test_the_role_is_sagemaker_s_to_assume():
    (statement,) = TRUST["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_no_action_is_a_wildcard():
    assert not [action for policy in (ROLE, USER) for action in actions(policy) if "*" in action]


def test_the_user_may_do_each_thing_that_the_engine_s_client_can():
    from harness.engine.client import EngineClient

    verbs = [
        name for name in vars(EngineClient) if name.startswith(("create_", "describe_", "stop_", "list_", "delete_"))
    ]
    needed = {"sagemaker:" + "".join(part.title() for part in verb.split("_")) for verb in verbs}
    assert needed <= actions(USER)


def test_the_user_may_do_what_storage_and_the_log_ask_for():
    assert {"s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:CreateBucket"} <= actions(USER)
    assert {"logs:DescribeLogStreams", "logs:GetLogEvents", "iam:PassRole"} <= actions(USER)
