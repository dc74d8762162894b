"""The rules, by topic.

Ids: HRN0xx the source itself, 1xx arguments, 2xx variables, 3xx files, 4xx the process, 5xx serving, 6xx what is
shipped and installed, 7xx SDK v3, 9xx lint's own affairs.
"""

from __future__ import annotations

from harness.lint.findings import Rule
from harness.lint.rules.arguments import RULES as ARGUMENTS
from harness.lint.rules.files import RULES as FILES
from harness.lint.rules.person import RULES as PERSON
from harness.lint.rules.process import RULES as PROCESS
from harness.lint.rules.requirements import RULES as REQUIREMENTS
from harness.lint.rules.serving import RULES as SERVING
from harness.lint.rules.shipping import RULES as SHIPPING
from harness.lint.rules.syntax import RULES as SYNTAX
from harness.lint.rules.v3 import RULES as V3
from harness.lint.rules.values import RULES as VALUES
from harness.lint.rules.variables import RULES as VARIABLES

_TOPICS = (SYNTAX, ARGUMENTS, VALUES, VARIABLES, FILES, PROCESS, PERSON, SERVING, REQUIREMENTS, SHIPPING, V3)
RULES: tuple[Rule, ...] = tuple(sorted((rule for topic in _TOPICS for rule in topic), key=lambda rule: rule.id))
"""Every rule that looks at a job, by id."""
