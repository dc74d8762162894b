"""From what each target has shown to findings: against AWS's contract, against the reference, against itself. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.contract.comparison import Difference, Facts, compare
from harness.parity import outcomes
from harness.parity.divergences import explained
from harness.parity.expected import WHOLE, Promise
from harness.parity.findings import Acceptance, Aspect, Finding, Kind, accept
from harness.parity.outcomes import Answer, Outcome, Predictions

FIDELITY = ("remote", "container", "localmode", "local")
"""Targets by how near they are to AWS, the nearest first."""


@dataclass(frozen=True)
class Served:
    """What a target's model servers have said to the same rows, and whether that is what the model itself says."""

    endpoint: Mapping[str, Answer] = field(default_factory=dict)
    """``text/csv -> application/json`` and the like -> the answer."""
    transform: Mapping[str, Answer] = field(default_factory=dict)
    """``SingleRecord``, ``MultiRecord``, ``None`` -> the answer."""
    findings: tuple[Finding, ...] = ()
    """Of the aspect ``held_by``."""
    compared: int = 0
    """How many answers were held against the model's own predictions, or had to be answers at all."""
    held_by: Aspect = Aspect.CONSISTENCY
    """What they count for: ``ENDPOINT`` where nobody knows what the model itself says."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """``endpoint``, ``transform``."""
    uncompared: Mapping[Aspect, str] = field(default_factory=dict)
    """What could not be compared -> why, and what to do."""


@dataclass(frozen=True)
class Shown:
    """What one target has shown."""

    target: str
    ran_by: str
    """The target that has really run its jobs: for a stand-in for AWS not itself, but what stands behind it."""
    facts: Mapping[str, Facts] = field(default_factory=dict)
    """Host -> what the probe has seen there."""
    promises: Mapping[str, Promise] = field(default_factory=dict)
    """Host -> what AWS promises it."""
    outcome: Outcome | None = None
    again: Outcome | None = None
    """Of a second run of the same job."""
    predictions: Predictions | None = None
    predictions_again: Predictions | None = None
    served: Served | None = None
    uncompared: Mapping[Aspect, str] = field(default_factory=dict)
    """What could not be compared -> why, and what to do."""
    broke: str | None = None
    """Why it has shown no more than it has."""


@dataclass(frozen=True)
class Judged:
    """Findings, and how much was looked at."""

    findings: tuple[Finding, ...]
    compared: Mapping[tuple[str, str], int]
    """Target and aspect -> number of places."""
    reference: str | None = None
    """The target that the others' outcomes were held against, where there was more than one."""
    uncompared: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Target and aspect -> why it could not be compared, and what to do."""


def judge(shown: Sequence[Shown], acceptances: Sequence[Acceptance], tolerance: float) -> Judged:
    """Everything that differs, explained as far as it is known.

    Args:
        shown: by target.
        acceptances: of the configuration.
        tolerance: how far numbers may be apart.
    """
    reference = next(iter(sorted(shown, key=_reference_order)), None)
    compared: dict[tuple[str, str], int] = {}
    unsteady = [finding for each in shown for finding in _against_itself(each, tolerance, compared)]
    loose = {(finding.aspect, _file_of(finding.where)) for finding in unsteady}
    found: list[Finding] = []
    for each in shown:
        found += _broken(each)
        found += _against_contract(each, reference, compared)
        if reference is not None and reference is not each:
            differences = _against_reference(each, reference, tolerance, compared, loose)
            found += (_finding(each, difference) for difference in differences)
        if each.served is not None:
            compared[each.target, each.served.held_by] = each.served.compared
            found += each.served.findings
    ran = [each.target for each in shown]
    held_against = reference.target if reference is not None and len(shown) > 1 else None
    uncompared: dict[tuple[str, str], str] = {
        (each.target, aspect): why
        for each in shown
        for aspect, why in {**each.uncompared, **(each.served.uncompared if each.served else {})}.items()
        if not compared.get((each.target, aspect))
    }
    found = accept([*dict.fromkeys(found), *unsteady], acceptances, ran)
    return Judged(tuple(found), compared, held_against, uncompared)


def _reference_order(shown: Shown) -> tuple[bool, bool, int]:
    """Who completed the job counts, then who has shown most, then who is nearest to AWS."""
    completed = shown.outcome is not None and shown.outcome.status == "Completed"
    return not completed, not shown.facts, FIDELITY.index(shown.ran_by)


def _broken(shown: Shown) -> Iterator[Finding]:
    if shown.broke is not None:
        yield Finding(
            Aspect.OUTCOME,
            shown.target,
            "target",
            expected="the job's end",
            seen=shown.broke,
            why="the target itself failed, not the job; what it had shown before is compared all the same",
            breaks="nothing is known of what it did not come to",
            remedy=f"`harness doctor`, then `harness train --on {shown.target}`",
        )


def _against_contract(shown: Shown, reference: Shown | None, compared: dict[tuple[str, str], int]) -> Iterator[Finding]:
    """What the probe saw on each host against what AWS promises and, where it promises nothing, the reference.

    What the reference is known to have otherwise than AWS is the reference's finding, not that of who has it right.
    """
    several = len(shown.facts) > 1
    for host, facts in shown.facts.items():
        promise = shown.promises[host]
        expected = promise.with_reference(reference.facts.get(host, {}) if reference else {})
        for aspect, places in expected.items():
            compared[shown.target, aspect] = compared.get((shown.target, aspect), 0) + len(places)
        for each in compare(expected, facts, whole=WHOLE):
            finding = _finding(shown, each)
            if reference and finding.kind is Kind.UNEXPLAINED and promise.is_open(finding.aspect, each.where):
                mirrored = _finding(reference, replace(each, expected=each.seen, seen=each.expected))
                finding = mirrored if mirrored.kind is Kind.KNOWN else finding
            yield replace(finding, where=f"{host}: {each.where}") if several else finding


def _against_reference(
    shown: Shown,
    reference: Shown,
    tolerance: float,
    compared: dict[tuple[str, str], int],
    loose: Collection[tuple[str, str]],
) -> Iterator[Difference]:
    """What came out here against what came out there, but for what differs from run to run anyhow."""
    if shown.outcome is None or reference.outcome is None:
        return
    differences: list[Difference] = []
    ours, theirs = shown.predictions, reference.predictions

    def count_both(aspect: Aspect, count: int) -> None:
        compared[shown.target, aspect] = compared[reference.target, aspect] = count

    by_predictions = _says(shown) and _says(reference)
    for aspect, count in outcomes.compared(reference.outcome).items():
        count_both(aspect, count)
    differences += outcomes.compare(reference.outcome, shown.outcome, tolerance, models_by_predictions=by_predictions)
    if ours is not None and theirs is not None:
        count_both(Aspect.MODEL_PREDICTIONS, len(theirs.values or ()))
        differences += outcomes.compare_predictions(theirs, ours, tolerance)
    one_model = not any(each.aspect == Aspect.MODEL_PREDICTIONS for each in differences)
    if shown.served is not None and reference.served is not None and one_model:
        for aspect, expected, seen in (
            (Aspect.ENDPOINT, reference.served.endpoint, shown.served.endpoint),
            (Aspect.TRANSFORM, reference.served.transform, shown.served.transform),
        ):
            if not (expected and seen):  # where nobody was asked, as nothing was served, that is the finding
                continue
            count_both(aspect, len(expected))
            differences += outcomes.compare_answers(aspect, expected, seen, tolerance)
    yield from (each for each in differences if (each.aspect, _file_of(each.where)) not in loose)


def _says(shown: Shown) -> bool:
    """Whether it is known what its model says; then the bytes of a pickle tell nothing more."""
    if shown.served is not None and shown.served.held_by is Aspect.ENDPOINT:
        return bool(shown.served.endpoint)
    return shown.predictions is not None and shown.predictions.values is not None


def _against_itself(shown: Shown, tolerance: float, compared: dict[tuple[str, str], int]) -> Iterator[Finding]:
    """Where two runs of the same job on the same target differ."""
    if shown.outcome is None or shown.again is None:
        return
    for aspect, count in outcomes.compared(shown.outcome).items():
        compared[shown.target, aspect] = count
    if shown.predictions is not None:
        compared[shown.target, Aspect.MODEL_PREDICTIONS] = len(shown.predictions.values or ())
    one, other = shown.predictions, shown.predictions_again
    by_predictions = one is not None and other is not None and one.values is not None and other.values is not None
    differences = [
        *outcomes.compare(shown.outcome, shown.again, tolerance, models_by_predictions=by_predictions),
        *(outcomes.compare_predictions(one, other, tolerance) if one is not None and other is not None else ()),
    ]
    for each in differences:
        yield Finding(
            Aspect(each.aspect),
            shown.target,
            each.where,
            each.expected,
            each.seen,
            kind=Kind.NONDETERMINISTIC,
            why=f"two runs of the same job on {shown.target} differ: it is the job's doing, and no target's",
            breaks="no run can be reproduced, and whether targets agree in this cannot be said",
            remedy="give every random choice a seed (random_state=…, numpy.random.default_rng(…)), leave times and "
            "names of runs out of what is written; or accept it in [tool.harness.parity]",
        )


def _finding(shown: Shown, difference: Difference) -> Finding:
    """What is known about a difference."""
    aspect, where = Aspect(difference.aspect), difference.where
    return explained(Finding(aspect, shown.target, where, difference.expected, difference.seen), shown.ran_by)


def _file_of(where: str) -> str:
    """The file, of a place in it."""
    return where.partition(": ")[0]


def cells(judged: Judged, targets: Iterable[str]) -> dict[Aspect, dict[str, tuple[str, int, list[int]]]]:
    """The matrix: aspect -> target -> state, number of places compared, and indices of the findings."""
    table: dict[Aspect, dict[str, tuple[str, int, list[int]]]] = {}
    for aspect in Aspect:
        table[aspect] = {}
        for target in targets:
            mine = [
                number
                for number, finding in enumerate(judged.findings)
                if finding.aspect is aspect and finding.target == target and finding.kind is not Kind.STALE_ACCEPTANCE
            ]
            count = judged.compared.get((target, aspect), 0)
            table[aspect][target] = (_state([judged.findings[number].kind for number in mine], count), count, mine)
    return table


def _state(kinds: Sequence[Kind], count: int) -> str:
    if any(kind.fails for kind in kinds):
        return "differs"
    if Kind.ACCEPTED in kinds:
        return "accepted"
    if kinds:
        return "known"
    return "agrees" if count else "not compared"
