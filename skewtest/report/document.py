"""What a run found, as the parts of a report: plain values and texts."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from skewtest.compare.distances import Distances, summarise
from skewtest.compare.tables import Tally
from skewtest.declare.view import AS_OF
from skewtest.deliver.operations import event_dicts
from skewtest.deliver.steps import Step, steps_of
from skewtest.report import model
from skewtest.report.merging import merged
from skewtest.report.model import encodable
from skewtest.report.timeline import drawing_of, timeline_of
from skewtest.report.versions import compared_of, environment_of, spread_of
from skewtest.report.words import (
    difference_text,
    evidence,
    failure_text,
    headline,
    shown_values,
    value_text,
)
from skewtest.results.finding import Attribution, Counterexample, Finding
from skewtest.results.outcome import Check, Outcome, Seconds
from skewtest.sides.answers import Failure, Nothing


def part_of(outcomes: tuple[Outcome, ...], views: list[model.View], again: str) -> model.Report:
    """Return what a run found as a report of its own, without saying where it comes from.

    Args:
        outcomes: what was found.
        views: the views that it was found of.
        again: the command or call that runs it again.
    """
    return merged(
        [],
        views=[encodable(view) for view in views],
        outcomes=[
            encodable(outcome_of(outcome, again))
            for outcome in outcomes
            if outcome.culprits is None and outcome.spread is None
        ],
        compared=[
            encodable(compared_of(outcome)) for outcome in outcomes if outcome.culprits is not None
        ],
        versions=[
            encodable(spread_of(outcome)) for outcome in outcomes if outcome.spread is not None
        ],
    )


def outcome_of(outcome: Outcome, again: str) -> model.Outcome:
    """Return one outcome as a report has it; `again` runs it again."""
    return model.Outcome(
        view=outcome.view.name,
        scenario=outcome.scenario,
        ok=outcome.ok,
        gates=outcome.gates,
        skipped=outcome.skipped,
        cell=None if outcome.cell is None else [environment_of(one) for one in outcome.cell],
        seed=outcome.seed,
        again=again,
        histories=outcome.histories,
        planned=outcome.planned,
        cut_short=outcome.cut_short,
        untested=list(outcome.untested),
        features={
            name: tally_of(tally, outcome.distances.get(name, Distances()))
            for name, tally in outcome.tallies.items()
        },
        incidents=dict(sorted(outcome.incidents.items())),
        checks=[_check(check) for check in outcome.checks],
        data=dict(outcome.data),
        mutated=[model.Mutation(side=_side(side), name=name) for side, name in outcome.mutated],
        rejected=[model.Rejected(file=path, reason=why) for path, why in outcome.rejected],
        early=dict(outcome.early),
        unkept=list(outcome.unkept),
        unconfirmed=outcome.unconfirmed,
        stale=[
            model.Stale(feature=o.feature, kind=o.kind, owner=o.owner, reason=o.reason)
            for o in outcome.stale
        ],
        seconds=model.Seconds(**asdict(outcome.seconds)),
        latency=_latency(outcome.seconds, outcome.histories),
        findings=[finding_of(outcome, finding) for finding in outcome.findings],
    )


def _check(check: Check) -> model.Check:
    return model.Check(
        law=check.law,
        side=_side(check.side),
        change=check.change,
        state=check.state,
        histories=check.histories,
        reason=check.reason,
        asked=check.asked,
    )


def _side(side: str) -> model.Side:
    return "batch" if side == "batch" else "online"


def _latency(seconds: Seconds, histories: int) -> model.Latency | None:
    """Return what a history costs; None where both sides' time was not taken here."""
    if not histories or not seconds.batch or not seconds.online:
        return None
    return model.Latency(
        batch_us=seconds.batch / histories * 1e6, online_us=seconds.online / histories * 1e6
    )


def tally_of(tally: Tally, found: Distances) -> model.Tally:
    """Return how the rows of a feature compared, and how far apart its numbers are."""
    rows = tally.compared + tally.both_null
    return model.Tally(
        match=tally.match,
        mismatch=tally.mismatch,
        left_only=tally.left_only,
        right_only=tally.right_only,
        both_null=tally.both_null,
        vacuity=tally.both_null / rows if rows else 0.0,
        errors=errors_of(found),
    )


def errors_of(found: Distances) -> model.Errors | None:
    """Return the distribution of errors of a feature, None where it has no numbers."""
    told = summarise(found)
    if told is None:
        return None
    quantiles = {
        name: model.Quantiles(**dict(zip(model.Quantiles.__struct_fields__, values, strict=True)))
        for name, values in (("abs", told.abs), ("rel", told.rel), ("ulps", told.ulps))
    }
    return model.Errors(
        compared=found.compared,
        equal=found.equal,
        **quantiles,
        smape=told.smape,
        histogram=list(told.histogram),
        points=list(told.points),
    )


def finding_of(outcome: Outcome, finding: Finding) -> model.Finding:
    """Return one finding as a report has it."""
    return model.Finding(
        feature=finding.feature,
        scenario=finding.scenario,
        kind=finding.kind,
        cause=finding.cause,
        evidence=evidence(outcome, finding),
        side=finding.side,
        alone=finding.alone,
        relation=finding.relation,
        change=finding.pair.right if finding.relation else "",
        attribution=attribution_of(finding.attribution),
        found_at=finding.found_at,
        headline=headline(finding, outcome.view.name),
        values={
            name: model.Answer(
                left=json_value(left),
                right=json_value(right),
                left_text=value_text(left),
                right_text=value_text(right),
                difference=difference_text(left, right),
            )
            for name, (left, right) in shown_values(finding).items()
        },
        unshown=len(finding.values) - len(shown_values(finding)),
        failures=[failure_text(failure) for failure in finding.failures],
        corpus=finding.corpus,
        known=_known(finding),
        counterexample=example_of(finding.counterexample, finding.divergence.row),
    )


def _known(finding: Finding) -> model.Known | None:
    known = finding.known
    if known is None:
        return None
    return model.Known(
        owner=known.owner,
        reason=known.reason,
        expires=known.expires.isoformat(),
        expired=finding.expired,
    )


def attribution_of(found: Attribution | None) -> model.Attribution | None:
    """Return what versions and logic have to do with a finding."""
    if found is None:
        return None
    return model.Attribution(
        verdict=found.verdict,
        batch_differs=found.batch,
        online_differs=found.online,
        logic_differs=found.logic,
        culprits=list(found.culprits),
        answers=[
            model.EnvironmentAnswer(
                side=_side(side),
                environment=name,
                value=json_value(value),
                ulps_off=found.drift.get((side, name)),
            )
            for (side, name), value in found.answers.items()
        ],
    )


def example_of(example: Counterexample | None, row: int | None) -> model.Counterexample | None:
    """Return a counterexample as values and as text; the sides differ on spine row `row`."""
    if example is None:
        return None
    timeline = timeline_of(example, row)
    view = example.view
    return model.Counterexample(
        events={
            name: [json_value(e) for e in event_dicts(source.schema, example.history.events[name])]
            for name, source in view.sources.items()
        },
        spine=[json_value(asked) for asked in event_dicts(view.spine_schema, example.spine)],
        scenario=example.history.scenario.name,
        delivery=[_step(example, step) for step in steps_of(view, example.history)],
        drawing=list(drawing_of(example)),
        timeline=model.Timeline(
            columns=list(timeline.columns), rows=[list(cells) for cells in timeline.rows]
        ),
        row=row if row is not None and row >= 0 else None,
    )


def _step(example: Counterexample, step: Step) -> model.Step:
    sources = example.view.sources
    at = (
        step.payload.get(AS_OF if step.what == "request" else sources[step.source].time)
        if (step.payload)
        else None
    )
    (arrival,) = example.view.time.datetimes([step.at])
    return model.Step(
        step=step.what,
        number=step.number,
        source=step.source,
        time=None if at is None else str(at),
        arrival=str(arrival),
        heard=step.heard,
    )


def json_value(value: Any) -> Any:
    """Return a value as JSON; what JSON cannot hold (NaN, times, big ints) as its text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else value_text(value)
    if isinstance(value, Mapping):
        return {str(name): json_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(inner) for inner in value]
    if isinstance(value, Failure | Nothing):
        return value_text(value)
    return str(value)
