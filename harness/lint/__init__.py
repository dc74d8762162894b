"""What in a script will behave differently on SageMaker, told before anything runs.

Static: the source is parsed, never imported or run. What is looked at is the job as it is configured: its
hyperparameters as they would be sent, its channels, who computes ``SM_*``, the image's packages. A rule speaks only
where it knows; what it says has happened in a run of the real thing (``tests/lint``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from harness import source
from harness.config import Config
from harness.contract.environment import Dialect
from harness.credentials import without_secrets
from harness.errors import ConfigurationError
from harness.lint.findings import Finding, Found, Rule, Severity, Spot
from harness.lint.job import training_job
from harness.lint.modules import Modules, read_modules
from harness.lint.subject import Subject

__all__ = ["Finding", "Report", "Rule", "Severity", "known_rules", "lint"]


_OF_SERVING = "HRN5"


class Report(NamedTuple):
    """Everything that is found in one job."""

    findings: tuple[Finding, ...]
    """By file and line."""
    modules: Modules

    def count(self, severity: Severity) -> int:
        """How many there are of a severity."""
        return sum(finding.severity is severity for finding in self.findings)


def known_rules() -> tuple[Rule, ...]:
    """Every rule, by id."""
    from harness.lint import ignores
    from harness.lint.rules import RULES

    return (*RULES, ignores.UNUSED, TOO_MANY)


def lint(
    config: Config, *, dialect: Dialect = Dialect.TOOLKIT, toolkit: str | None = None, serving: bool = False
) -> Report:
    """Look at the script of a configuration's training job.

    Args:
        config: the configuration; neither role, region nor network is needed, whatever its target.
        dialect: who computes ``SM_*``: the toolkit in the image (SDK v2, boto3) or SDK v3's drivers.
        toolkit: version of ``sagemaker-training``; the image's if not given.
        serving: whether the model is certainly going to be served, by the entry point unless ``deploy.entry_point``
            names another file of the same source. Otherwise what has a ``model_fn``, or is so named, is taken to serve
            perhaps: the training job ends well without it, so that what fails there is a warning.

    Raises:
        ConfigurationError: there is no script, or the source cannot travel; see `source.manifest`.
    """
    from harness.lint.ignores import ignores_of, without_ignored
    from harness.lint.rules.serving import defines

    manifest = source.manifest(
        config.source_dir,
        entry_point=_entry_point(config),
        dependencies=config.dependencies,
        allow_secrets=config.allow_secrets,
    )
    has_setup_py = any(file.name == "setup.py" for file in manifest.files)
    job = training_job(config, dialect=dialect, toolkit=toolkit, has_setup_py=has_setup_py)
    modules = read_modules(manifest, *([job.serving] if job.serving else []))
    serves = serving or config.deploy.entry_point or defines(modules.read.get(job.serving or ""), "model_fn")
    if job.serving not in modules.files or not serves:
        job = replace(job, serving=None)
    subject = Subject(job, modules)
    known = known_rules()
    found = [(rule.id, each) for rule in known for each in _check(rule, subject)]
    if not serving:
        found = [(rule, _perhaps(each) if rule.startswith(_OF_SERVING) else each) for rule, each in found]
    ignores = [ignore for module in modules.read.values() for ignore in ignores_of(module)]
    left = without_ignored(found, ignores, {rule.id for rule in known})
    told = {_finding(rule, each, config) for rule, each in left}
    return Report(tuple(sorted(told)), modules)


def _check(rule: Rule, subject: Subject) -> list[Found]:
    try:
        return list(rule.check(subject))
    except RecursionError:  # a thousand elifs, a sum of a thousand strings: nobody wrote that by hand
        start = Spot(subject.modules.entry_point)
        message = f"The source is nested too deeply for {rule.id} to look at."
        return [Found(start, Severity.NOTE, message, "Write generated code into a file that is read, or flatten it.")]


def _perhaps(found: Found) -> Found:
    """Of a server that nobody has asked for yet."""
    return found._replace(severity=Severity.WARNING) if found.severity is Severity.ERROR else found


def _entry_point(config: Config) -> str:
    if not config.entry_point:
        raise ConfigurationError(
            f"There is no script to look at: {config.where_to_set('entry_point')}, or give --entry-point."
        )
    return config.entry_point


def _finding(rule: str, found: Found, config: Config) -> Finding:
    """A finding as everybody may read it: what the job passes is in it, but no credential's value."""
    named = {"environment": config.environment, "hyperparameters": config.hyperparameters}
    message, remedy = without_secrets([found.message, found.remedy], named)
    return Finding(*found.spot, rule, found.severity, message, remedy)


def _too_many(subject: Subject) -> list[Found]:
    if not subject.modules.unread:
        return []
    read = len(subject.modules.read)
    return [
        Found(
            Spot(subject.modules.entry_point),
            Severity.WARNING,
            f"The entry point imports more modules of its own than are looked at: {read:,} were, "
            f"{subject.modules.unread:,} or more were not.",
            "Ship a library as a package, by requirements.txt, and not as source.",
        )
    ]


TOO_MANY = Rule(
    "HRN902",
    "too-many-modules",
    "The source has more modules than are looked at.",
    "Lint answers in a second or not at all.",
    _too_many,
)
