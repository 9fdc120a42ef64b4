"""Words for values, failures and findings, shared by every kind of report."""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from skewtest.compare.tables import Tally
from skewtest.compare.values import magnitude, nothing_of
from skewtest.declare.divergence import FailureCode
from skewtest.declare.tolerance import Exact, Tolerance, Vector
from skewtest.errors import listed, nearest
from skewtest.report import model
from skewtest.results.finding import ALL_FEATURES, Finding
from skewtest.results.outcome import Outcome
from skewtest.sides.answers import Failure, Nothing
from skewtest.times import DAY_US, HOUR_US, SECOND_US, micros

OUR_CODE = Path(__file__).parents[1]
LONGEST_TEXT = 60
MOST_VALUES = 12
"""So many features of a finding are shown with what the sides answered."""
MOST_ALIKE = 8
"""So many findings that one history shows are named; of more, how many."""
MIXES = "it shows only where entities share a batch call: they mix"
SIDES = ("batch", "online")
UNITS = (
    (DAY_US, "d"),
    (HOUR_US, "h"),
    (60 * SECOND_US, "min"),
    (SECOND_US, "s"),
    (1_000, "ms"),
    (1, "us"),
)
HEADLINES: Mapping[FailureCode, str] = {
    "raised": "{side} fails",
    "crashed": "{side} takes its process down",
    "timeout": "{side} hangs",
    "not_given": "{side} implementation is missing",
    "not_a_frame": "{side} returns no frame",
    "missing_columns": "{side} lacks columns",
    "wrong_parameters": "{side} asks for unknown frames",
    "bad_key_type": "{side} returns keys of a wrong type",
    "no_method": "{side} object lacks a method",
    "not_a_mapping": "{side} answers with no dict",
    "missing_feature": "{side} lacks a feature",
    "odd_value": "{side} returns a value of an unknown type",
    "tolerance": "tolerance does not suit the values",
    "codec": "the wire format fails",
    "store": "the store fails",
    "bad_snapshot": "{side} snapshot cannot be used",
    "fit": "nothing could be fitted",
}
"""What a side did wrong, in a few words, by code."""


def value_text(value: Any) -> str:
    """Return a value as reports show it: null, NaN and no row apart, odd strings quoted."""
    if value is None:
        return "null"
    if isinstance(value, Nothing):
        return value.name
    if isinstance(value, Failure):
        return "failed"
    if isinstance(value, float):
        return "NaN" if value != value else repr(value)
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, str):
        return _string_text(value)
    if isinstance(value, timedelta):
        return f"{micros(value) / 1e6:g} s" if micros(value) % 1_000_000 else str(value)
    return shortened(str(value) if isinstance(value, date | Decimal) else repr(value))


def moment_text(moment: datetime) -> str:
    """Return a datetime; the zone is shown unless it is UTC or none."""
    text = moment.replace(tzinfo=None).isoformat(sep=" ")
    if moment.tzinfo is None or moment.tzinfo is UTC or moment.utcoffset() == timedelta(0):
        return text
    return f"{text}{moment.strftime('%z')}"


def tolerance_text(tolerance: Tolerance) -> str:
    """Return a tolerance as it is declared."""
    match tolerance:
        case Exact(dtype=dtype):
            return "exact(dtype=True)" if dtype else "exact()"
        case Vector(cosine=cosine):
            return f"vector(cosine={cosine:g})"
    if not tolerance.explicit:
        return "close()"
    apart = value_text(tolerance.abs) if isinstance(tolerance.abs, timedelta) else tolerance.abs
    given = {"rel": tolerance.rel, "abs": apart, "ulps": tolerance.ulps}
    return f"close({', '.join(f'{name}={value}' for name, value in given.items() if value)})"


def length_text(length: int) -> str:
    """Return a length of time, in microseconds, by its two largest units: "1 h 30 min"."""
    parts = []
    for size, unit in UNITS:
        count, length = divmod(length, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 us"


def shortened(text: str, most: int = LONGEST_TEXT) -> str:
    """Return a text cut to `most` characters, with its true length."""
    return text if len(text) <= most else f"{text[: most - 20]}... ({len(text):,} chars)"


def shown_values(finding: Finding, alike: Iterable[str] = ()) -> Mapping[str, tuple[Any, Any]]:
    """Return the answers of the features that matter most to a finding, in their order.

    Its own comes first, those that the same history shows, and those that differ.

    Args:
        finding: the finding.
        alike: features of other findings that are told together with it.
    """
    if len(finding.values) <= MOST_VALUES:
        return finding.values
    own = {finding.feature, *alike}

    def rank(name: str) -> int:
        return 0 if name in own else 1 if difference_text(*finding.values[name]) else 2

    chosen = set(sorted(finding.values, key=rank)[:MOST_VALUES])
    return {name: pair for name, pair in finding.values.items() if name in chosen}


def difference_text(batch: Any, online: Any) -> str:
    """Return how far two answers are apart, or "" where they are the same or no distance is."""
    if nothing_of(batch) or nothing_of(online):
        return "" if nothing_of(batch) == nothing_of(online) else "not both have a value"
    if type(batch) is not type(online) and magnitude(batch, online) is None:
        return f"{type(batch).__name__} against {type(online).__name__}"
    gap = magnitude(batch, online)
    if gap is None:
        return "" if batch == online else "differs"
    if isinstance(gap, float):
        return "" if gap == 0 else f"{gap:.6g}"
    return value_text(gap) if gap else ""


def advice(outcomes: Sequence[model.Outcome]) -> list[str]:
    """Return, for each view that was explored, what it would break under and what was not tried."""
    lines = []
    for view in dict.fromkeys(one.view for one in outcomes if not one.gates):
        explored = [one for one in outcomes if one.view == view and not one.gates]
        breaks = [one.scenario for one in explored if one.findings]
        untried = [f"{one.scenario} ({one.skipped})" for one in explored if one.skipped]
        told = f"would break under: {', '.join(breaks)}" if breaks else "would break under nothing"
        lines.append(f"{view}: {told}{' of what was tried' if untried and not breaks else ''}")
        if untried:
            lines.append(f"  not tried: {', '.join(untried)}")
    return lines


def early_text(outcome: Outcome, name: str) -> str:
    """Return how many events of a source arrived before they happened, and what that means."""
    source = outcome.view.sources[name]
    return (
        f"{outcome.view.name}: {outcome.early[name]:,} events of {name!r} have {source.arrival!r} "
        f"before {source.time!r}; they were taken as they are. Check which clocks wrote them."
    )


def late_share(tally: Tally) -> str:
    """Return in how many answers to histories with late events the sides differ."""
    differ = tally.compared - tally.match
    return f"{differ / tally.compared:.0%} of {tally.compared:,} answers, where events arrive late"


def evidence(outcome: Outcome, finding: Finding) -> list[str]:
    """Return what speaks for a finding's cause, a sentence each."""
    told = []
    if finding.kind == "null" and not finding.relation:
        told.append(nothings_text(finding))
    tally = outcome.tallies.get(finding.divergence.feature)
    if finding.scenario == "late" and tally and tally.compared:
        told.append(f"the sides differ in {late_share(tally)}")
    if setting := setting_of(finding):
        told.append(f"{finding.scenario}: {setting}")
    if not finding.alone:
        told.append(MIXES)
    if finding.attribution is not None and finding.attribution.version:
        told.append(culprits_text(finding.attribution.culprits, finding.attribution.tried or 1))
    return told


def setting_of(finding: Finding) -> str:
    """Return what a scenario was tried with: a zone, a format, a store; "" of the others."""
    if finding.counterexample is None:
        return ""
    delivery = finding.counterexample.history.scenario.delivery
    setting = {"zoned": delivery.zone, "re-encoded": delivery.wire, "stored": delivery.store}
    found = setting.get(finding.scenario, "")
    return found if isinstance(found, str) else getattr(found, "__qualname__", str(found))


def nothings_text(finding: Finding) -> str:
    """Return which side has no value, and which kind of nothing it has."""
    sides = nothing_of(finding.divergence.left), nothing_of(finding.divergence.right)
    return f"one side has {' and the other '.join(side or 'a value' for side in sides)}"


def culprits_text(culprits: Sequence[str], tried: int) -> str:
    """Return which packages make a difference, after some were flipped one at a time."""
    if culprits:
        return f"{'; '.join(culprits)} alone reproduces it"
    if tried:
        return f"none of {tried} packages reproduces it alone"
    return "several packages differ; explain=True flips them one at a time"


def headline(finding: Finding, view: str) -> str:
    """Return the claim of a finding, in one line."""
    place = view if finding.feature == ALL_FEATURES else f"{view}.{finding.feature}"
    failures = finding.failures
    if finding.relation:
        return f"{place}: {finding.side} breaks {finding.relation}"
    if finding.kind == "nondeterministic":
        return f"{place}: {finding.side or 'a side'} answers differently when run twice"
    if len(failures) > 1:
        return f"{place}: batch and online both fail"
    if failures:
        return f"{place}: {failure_headline(failures[0])}"
    if finding.kind == "missing row":
        side = "batch" if nothing_of(finding.divergence.left) == "missing" else "online"
        return f"{place}: {side} has no row"
    if finding.kind == "extra row":
        if finding.divergence.left.asked:
            return f"{place}: batch returns a row more than once"
        return f"{place}: batch returns rows that were not asked for"
    if finding.kind == "dtype":
        return f"{place}: batch and online have different types"
    return f"{place}: batch and online disagree"


def failure_headline(failure: Failure) -> str:
    """Return what a side did wrong, in a few words."""
    side = failure.side
    if failure.code == "raised" and failure.exception is not None:
        return f"{side} raises {type(failure.exception).__name__}"
    return HEADLINES[failure.code].format(side=side)


def failure_text(failure: Failure) -> str:
    """Return a failure with what was got, what was expected and the next step."""
    facts = failure.facts
    match failure.code:
        case "timeout":
            more = "FeatureView(timeout=...)" if failure.side in SIDES else "timeout="
            return (
                f"{failure.side} did not return within {facts['seconds']:g} s. "
                f"Give it more with {more}, or look for a loop that never ends."
            )
        case "not_given":
            return (
                f"The view is registered without {_article(failure.side)} implementation. "
                f"Give one with FeatureView({failure.side}=...)."
            )
        case "not_a_frame":
            return (
                f"batch returned {facts['type']}; expected a frame (polars, pandas, pyarrow) or a "
                "list of dicts, with the entity, as_of and the features as columns."
            )
        case "missing_columns":
            lacking, got = facts["lacking"], facts["got"]
            return (
                f"batch returned no column {listed(lacking)}; it returned {listed(got)}."
                + nearest(lacking[0], got)
            )
        case "wrong_parameters":
            return (
                f"The function has the parameter {listed(facts['names'])}; frames are passed by "
                f"name, and there are {listed(facts['known'])}."
                + nearest(facts["names"][0], facts["known"])
            )
        case "bad_key_type":
            return f"The key columns of batch hold {facts['got']}; as_of must be a datetime."
        case "no_method":
            return (
                f"{facts['type']} has no {facts['verb']}(); it has {listed(facts['has'])}. "
                "An online object needs update(event) and query(request)."
                + nearest(facts["verb"], facts["has"])
            )
        case "not_a_mapping":
            return (
                f"query() returned {facts['type']}: {facts['value']}; expected a dict of "
                "features, or None for no row."
            )
        case "missing_feature":
            return (
                f"query() returned no {facts['feature']!r}; it returned {listed(facts['got'])}."
                + nearest(facts["feature"], facts["got"])
            )
        case "odd_value":
            return (
                f"{failure.side} returned {_article(facts['type'])} as {facts['feature']!r}; "
                "expected numbers, strings, booleans, times, lists, dicts or None."
            )
        case "tolerance":
            return (
                f"{facts['feature']!r} is declared close() or vector(), but its values are "
                f"{facts['family']}s; declare it exact(), or close(abs=timedelta(...)) for times."
            )
    return _outer_text(failure)


def _outer_text(failure: Failure) -> str:
    """Return a failure of what lies around user code; else what user code itself raised."""
    facts = failure.facts
    match failure.code:
        case "crashed":
            told = f"{failure.side} ended its process: {facts['how']}."
            return f"{told}\n\n{facts['last'].strip()}" if facts["last"].strip() else told
        case "codec":
            return _caused(
                f"The function of Delivery(wire=...) must return a payload; {facts['told']}.",
                failure,
            )
        case "store":
            return _caused(f"The store could not take {facts['feature']!r}.", failure)
        case "fit":
            return _caused("The function of FeatureView(fitted=...) failed.", failure)
        case "bad_snapshot":
            return f"{facts['told']}."
    return user_traceback(failure)


def _caused(told: str, failure: Failure) -> str:
    """Return what went wrong, and the traceback of what the owner's function raised."""
    return told if failure.exception is None else f"{told}\n\n{user_traceback(failure)}"


def user_traceback(failure: Failure) -> str:
    """Return the traceback of an exception without our own frames."""
    error = failure.exception
    if error is None:
        return ""
    remote = getattr(error, "remote_traceback", "")
    if remote:
        return _operation(failure) + str(remote).rstrip()
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if OUR_CODE not in Path(frame.filename).parents
        and not {"asyncio", "narwhals"} & set(Path(frame.filename).parts)
    ]
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return _operation(failure) + "".join(lines).rstrip()


def _operation(failure: Failure) -> str:
    """Return at which operation of a history it happened, where that is known."""
    if "operation" not in failure.facts:
        return ""
    return f"at operation {failure.facts['operation']} of {failure.facts['of']}\n"


def import_traceback(error: BaseException) -> str:
    """Return the traceback of a module that cannot be imported: its own frames alone."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and OUR_CODE not in Path(frame.filename).parents
    ]
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return "".join(lines).rstrip()


def _string_text(value: str) -> str:
    plain = value.isprintable() and value == value.strip() and value not in ("", "null", "NaN")
    return shortened(value if plain and not value.isnumeric() else repr(value))


def _article(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeio' else 'a'} {noun}"
