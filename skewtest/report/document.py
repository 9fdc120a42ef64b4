"""What a run found, as the parts of a report: here live values become JSON and texts, once."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from skewtest.compare.distances import Distances, summarise
from skewtest.compare.tables import Tally
from skewtest.deliver.operations import event_dicts
from skewtest.deliver.steps import steps_of
from skewtest.report import model
from skewtest.report.claims import (
    choose_values,
    difference_of,
    evidence,
    headline,
    nothings_text,
    setting_of,
    surplus_text,
)
from skewtest.report.environments import compared_of, spread_of
from skewtest.report.failures import failure_text
from skewtest.report.merging import merge_reports
from skewtest.report.model import encodable
from skewtest.report.opinions import off_text, opinion_text
from skewtest.report.timeline import drawing_of, step_of, timeline_of
from skewtest.report.versions import place_text
from skewtest.report.words import value_text
from skewtest.results.finding import Counterexample, Finding
from skewtest.results.outcome import Outcome
from skewtest.sides.answers import Failure, Nothing
from skewtest.sides.columns import EXACT_INTS
from skewtest.worker.values import spell


def part_of(outcomes: Iterable[Outcome], views: Iterable[model.View], again: str) -> model.Report:
    """Return what a run found as a report of its own, without saying where it comes from.

    Args:
        outcomes: what was found.
        views: the views that it was found of.
        again: the command or call that runs it again.
    """
    checked, compared, versions = [], [], []
    for outcome in outcomes:
        if outcome.culprits is not None:
            compared.append(encodable(compared_of(outcome)))
        elif outcome.spread is not None:
            versions.append(encodable(spread_of(outcome)))
        else:
            checked.append(encodable(outcome_of(outcome, again)))
    # The verdict and the order are those of a whole run: merging is the one place of both.
    return merge_reports(
        [],
        views=map(encodable, views),
        outcomes=checked,
        compared=compared,
        versions=versions,
    )


def outcome_of(outcome: Outcome, again: str) -> model.Outcome:
    """Return one outcome as a report has it; `again` runs it again."""
    features = {}
    for name, tally in outcome.tallies.items():
        features[name] = tally_of(tally, outcome.distances.get(name, Distances()))
    # Outside the version matrix there is no cell: both sides ran here.
    cell = None if outcome.cell is None else list(outcome.cell)
    return model.Outcome(
        view=outcome.view.name,
        scenario=outcome.scenario,
        ok=outcome.ok,
        gates=outcome.gates,
        skipped=outcome.skipped,
        cell=cell,
        seed=outcome.seed,
        again=again,
        histories=outcome.histories,
        planned=outcome.planned,
        cut_short=outcome.cut_short,
        reach=outcome.reach,
        untested=list(outcome.untested),
        features=features,
        incidents=dict(sorted(outcome.incidents.items())),
        checks=list(outcome.checks),
        data=dict(outcome.data),
        mutated=list(outcome.mutated),
        rejected=list(outcome.rejected),
        migrated=list(outcome.migrated),
        early=list(outcome.early),
        tied=outcome.tied,
        unkept=list(outcome.unkept),
        excused=list(outcome.excused),
        stale=list(outcome.stale),
        seconds=outcome.seconds,
        latency=_latency(outcome),
        findings=[finding_of(outcome, finding) for finding in outcome.findings],
    )


def _latency(outcome: Outcome) -> model.Latency | None:
    """Return what a history costs; None where both sides' time was not taken here."""
    seconds, histories = outcome.seconds, outcome.histories
    # A side that runs elsewhere takes no CPU time of this process.
    if not histories or not seconds.batch or not seconds.online:
        return None
    return model.Latency(
        batch_us=seconds.batch / histories * 1e6, online_us=seconds.online / histories * 1e6
    )


def tally_of(tally: Tally, distances: Distances) -> model.Tally:
    """Return how the rows of a feature compared, and how far apart its numbers are."""
    rows = tally.compared + tally.both_null
    vacuity = tally.both_null / rows if rows else 0.0
    return model.Tally(
        match=tally.match,
        mismatch=tally.mismatch,
        left_only=tally.left_only,
        right_only=tally.right_only,
        both_null=tally.both_null,
        excused=tally.excused,
        vacuity=vacuity,
        errors=errors_of(distances),
    )


def errors_of(distances: Distances) -> model.Errors | None:
    """Return the distribution of errors of a feature, None where it has no numbers."""
    errors = summarise(distances)
    if errors is None:
        return None
    return model.Errors(
        compared=distances.compared,
        equal=distances.equal,
        abs=_quantiles(errors.abs),
        rel=_quantiles(errors.rel),
        ulps=_quantiles(errors.ulps),
        smape=errors.smape,
        histogram=list(errors.histogram),
        points=list(errors.points),
    )


def _quantiles(values: Iterable[float]) -> model.Quantiles:
    p50, p90, p99, largest = values
    return model.Quantiles(p50=p50, p90=p90, p99=p99, max=largest)


def finding_of(outcome: Outcome, finding: Finding) -> model.Finding:
    """Return one finding as a report has it."""
    values = {}
    for name, ends in choose_values(finding).items():
        values[name] = _answer(*ends, difference_of(finding, name))
    # The right end of a relation is the side on a changed history, and is called by the change.
    change = finding.pair.right if finding.relation else ""
    return model.Finding(
        feature=finding.feature,
        scenario=finding.scenario,
        kind=finding.kind,
        pair=finding.pair,
        cause=finding.cause,
        evidence=evidence(outcome, finding),
        side=finding.side,
        alone=finding.alone,
        relation=finding.relation,
        change=change,
        attribution=_word_answers(finding.attribution),
        found_at=finding.found_at,
        headline=headline(finding, outcome.view.name),
        values=values,
        unshown=len(finding.values) - len(values),
        failures=list(map(failure_text, finding.failures)),
        corpus=finding.corpus,
        known=finding.known,
        counterexample=example_of(finding.counterexample, finding.divergence.row),
        setting=setting_of(finding),
        nothings=nothings_text(finding),
        surplus=surplus_text(finding),
        replayed=finding.replayed,
        is_minimal=finding.is_minimal,
        opinion=opinion_of(finding.opinion),
        recurs=finding.recurs,
        warns=finding.warns,
    )


def _answer(left: Any, right: Any, difference: str) -> model.Answer:
    return model.Answer(
        left=json_value(left),
        right=json_value(right),
        left_text=value_text(left),
        right_text=value_text(right),
        difference=difference,
    )


def _word_answers(attribution: model.Attribution | None) -> model.Attribution | None:
    """Return an attribution whose answers are JSON, and texts beside it."""
    if attribution is None:
        return None
    answers = []
    for answer in attribution.answers:
        text, value = place_text(answer.value), json_value(answer.value)
        answers.append(msgspec.structs.replace(answer, value=value, text=text))
    return msgspec.structs.replace(attribution, answers=tuple(answers))


def opinion_of(opinion: model.Opinion | None) -> model.Opinion | None:
    """Return what a reference says with its values as JSON, and as a text."""
    if opinion is None:
        return None
    sides = []
    for side in opinion.sides:
        value, off = json_value(side.value), json_value(side.off)
        text = off_text(side, opinion.value)
        sides.append(msgspec.structs.replace(side, value=value, off=off, text=text))
    return msgspec.structs.replace(
        opinion,
        value=json_value(opinion.value),
        sides=tuple(sides),
        text=opinion_text(opinion),
    )


def example_of(example: Counterexample | None, row: int | None) -> model.Counterexample | None:
    """Return a counterexample as values and as text; the sides differ on spine row `row`."""
    if example is None:
        return None
    view = example.view
    events = {}
    for name, source in view.sources.items():
        rows = event_dicts(source.schema, example.history.events[name])
        events[name] = list(map(json_value, rows))
    requests = event_dicts(view.spine_schema, example.spine)
    # A row of batch that nobody asked for has a number below 0: it is in no spine.
    spine_row = row if row is not None and row >= 0 else None
    return model.Counterexample(
        events=events,
        spine=list(map(json_value, requests)),
        scenario=example.history.scenario.name,
        delivery=[step_of(view, step) for step in steps_of(view, example.history)],
        drawing=list(drawing_of(example)),
        timeline=timeline_of(example, row),
        row=spine_row,
    )


def json_value(value: Any) -> Any:
    """Return a value as JSON; what JSON cannot hold (NaN, times, big ints, other keys) as text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: json_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(inner) for inner in value]
    # Readers of JSON may hold numbers as float64.
    if isinstance(value, int) and abs(value) <= EXACT_INTS:
        return value
    # A difference of infinities, and one with NaN, is NaN: no JSON has either.
    if isinstance(value, float) and value - value == 0:
        return value
    if isinstance(value, Failure | Nothing | float):
        return value_text(value)
    if isinstance(value, int | Mapping):
        return spell(value)
    return str(value)
