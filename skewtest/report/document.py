"""Results as plain JSON values: one document, from which other reports can be made."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from skewtest.deliver.operations import event_dicts
from skewtest.drive.outcome import Failure, Nothing
from skewtest.findings import Attribution, Compared, Counterexample, Finding, Outcome, VersionSpread
from skewtest.report.timeline import drawing_of, timeline_of
from skewtest.report.versions import compared_of, environment_of, spread_of
from skewtest.report.words import difference_text, failure_text, headline, value_text

VERSION = 1


def document_of(
    runs: Sequence[Mapping[str, Any]],
    incomplete: Sequence[str] = (),
    matrix: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return runs (see `run_of`) as one JSON document.

    Args:
        runs: what was run.
        incomplete: why something is missing; a report with a gap is not ok.
        matrix: the cells of the version matrix, and what became of them; None without one.
    """
    return {
        "version": VERSION,
        "ok": not incomplete and all(run["ok"] or not run["gates"] for run in runs),
        "incomplete": list(incomplete),
        "runs": [run for run in runs if "scenario" in run],
        "compared": [run for run in runs if "function" in run],
        "versions": [run for run in runs if "partings" in run],
        "matrix": None if matrix is None else dict(matrix),
    }


def run_of(outcome: Outcome | Compared | VersionSpread) -> dict[str, Any]:
    """Return one outcome as JSON: only dicts, lists, strings, numbers, booleans, None."""
    if isinstance(outcome, Compared):
        return compared_of(outcome)
    if isinstance(outcome, VersionSpread):
        return spread_of(outcome)
    return {
        "view": outcome.view.name,
        "scenario": outcome.scenario,
        "ok": outcome.ok,
        "gates": outcome.gates,
        "skipped": outcome.skipped,
        "cell": None if outcome.cell is None else [environment_of(one) for one in outcome.cell],
        "seed": outcome.seed,
        "histories": outcome.histories,
        "planned": outcome.planned,
        "untested": list(outcome.untested),
        "features": {
            name: {
                "match": tally.match,
                "mismatch": tally.mismatch,
                "both_null": tally.both_null,
                "batch_only": tally.batch_only,
                "online_only": tally.online_only,
            }
            for name, tally in outcome.tallies.items()
        },
        "incidents": dict(sorted(outcome.incidents.items())),
        "mutated": [{"side": side, "name": name} for side, name in outcome.mutated],
        "rejected": [{"file": path, "reason": reason} for path, reason in outcome.rejected],
        "early": dict(outcome.early),
        "unkept": list(outcome.unkept),
        "unconfirmed": outcome.unconfirmed,
        "seconds": asdict(outcome.seconds),
        "findings": [finding_of(outcome, finding) for finding in outcome.findings],
    }


def finding_of(outcome: Outcome, finding: Finding) -> dict[str, Any]:
    """Return one finding as JSON values."""
    return {
        "feature": finding.feature,
        "scenario": finding.scenario,
        "kind": finding.kind,
        "cause": finding.cause,
        "side": finding.side,
        "alone": finding.alone,
        "attribution": attribution_of(finding.attribution),
        "found_at": finding.found_at,
        "headline": headline(finding, outcome.view.name),
        "values": {
            name: {
                "batch": json_value(batch),
                "online": json_value(online),
                "batch_text": value_text(batch),
                "online_text": value_text(online),
                "difference": difference_text(batch, online),
            }
            for name, (batch, online) in finding.values.items()
        },
        "failures": [failure_text(failure) for failure in finding.failures],
        "corpus": finding.corpus,
        "counterexample": example_of(finding.counterexample, finding.divergence.row),
    }


def attribution_of(found: Attribution | None) -> dict[str, Any] | None:
    """Return what versions and logic have to do with a finding, as JSON values."""
    if found is None:
        return None
    return {
        "verdict": found.verdict,
        "batch_differs": found.batch,
        "online_differs": found.online,
        "logic_differs": found.logic,
        "culprits": list(found.culprits),
        "answers": [
            {"side": side, "environment": name, "value": json_value(value)}
            | ({"ulps_off": found.drift[side, name]} if (side, name) in found.drift else {})
            for (side, name), value in found.answers.items()
        ],
    }


def example_of(example: Counterexample | None, row: int | None) -> dict[str, Any] | None:
    """Return a counterexample as JSON values, and as text; the sides differ on `row`."""
    if example is None:
        return None
    timeline = timeline_of(example, row)
    view = example.view
    return {
        "events": {
            name: [json_value(e) for e in event_dicts(source.schema, example.history.events[name])]
            for name, source in view.sources.items()
        },
        "spine": [json_value(row) for row in event_dicts(view.spine_schema, example.spine)],
        "scenario": example.history.scenario.name,
        "delivery": [
            {**row, "arrival": str(row["arrival"])} for row in example.delivery.to_dicts()
        ],
        "drawing": list(drawing_of(example)),
        "timeline": {"columns": list(timeline.columns), "rows": [list(r) for r in timeline.rows]},
    }


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
