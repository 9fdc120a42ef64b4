"""Reports of version 2, lifted to version 3: what `compare`, `merge` and `trend` still read.

Version 2 called the ends of every comparison batch and online, and counted a relation as tried on
all histories whether or not it could be applied. What it does not say is not made up.
"""

from collections.abc import Mapping
from typing import Any

from skewtest.declare.delivery import RELATIONS

VERSION_2 = 2
NOT_KNOWN_TO_APPLY = "told by version 2, which did not know whether it was applied"
TALLY_NAMES = {"batch_only": "left_only", "online_only": "right_only"}
ANSWER_NAMES = {
    "batch": "left",
    "online": "right",
    "batch_text": "left_text",
    "online_text": "right_text",
}

Json = dict[str, Any]


def lift(report: Json) -> Json:
    """Return the JSON values of a report of version 2 as those of version 3.

    Args:
        report: the values; they are left as they are.

    Raises:
        KeyError: a field is missing.
        TypeError: a field is of another type.
        AttributeError: likewise.
    """
    return {
        **report,
        "version": 3,
        "outcomes": [_lift_outcome(outcome) for outcome in report["outcomes"]],
        "compared": [_lift_compared(compared) for compared in report["compared"]],
    }


def _lift_outcome(outcome: Json) -> Json:
    features, early = {}, []
    for name, tally in outcome["features"].items():
        features[name] = _rename(tally, TALLY_NAMES)
    for name, events in outcome["early"].items():
        early.append({"source": name, "events": events})
    # A divergence that was news ended the run: features beside it were called parity.
    has_news = any(map(_is_news, outcome["findings"]))
    lifted = {
        **outcome,
        "cut_short": has_news and outcome["histories"] < outcome["planned"],
        "features": features,
        "checks": [],
        "early": early,
        "findings": list(map(_lift_finding, outcome["findings"])),
    }
    # It counted groups of divergences that did not stand, and not the rows that were excused.
    del lifted["unconfirmed"]
    lifted["excused"] = []
    if outcome["scenario"] == RELATIONS:
        # What version 2 counted there were no incidents, but relations, as "LAW of SIDE".
        lifted["checks"] = _checks(outcome)
        lifted["incidents"] = {}
    return lifted


def _checks(outcome: Json) -> list[Json]:
    """Return what became of the relations: a broken one was applied, of the others nobody knows."""
    broken = {(finding["relation"], finding["side"]) for finding in outcome["findings"]}
    checks = []
    for name, histories in outcome["incidents"].items():
        law, _, side = name.partition(" of ")
        state, reason = "incomplete", NOT_KNOWN_TO_APPLY
        if (law, side) in broken:
            state, reason = "broken", ""
        check = {"law": law, "side": side, "change": "", "state": state, "reason": reason}
        checks.append({**check, "histories": histories})
    return checks


def _is_news(finding: Json) -> bool:
    entry = finding["known"]
    return entry is None or entry["expired"]


def _lift_finding(finding: Json) -> Json:
    values = {}
    for name, answer in finding["values"].items():
        values[name] = _rename(answer, ANSWER_NAMES)
    pair = ["batch", "online"]
    if finding["relation"] is not None:
        pair = ["as it is", finding["change"] or "changed"]
    return {**finding, "pair": pair, "values": values}


def _lift_compared(compared: Json) -> Json:
    pair = [environment["name"] for environment in compared["environments"]]
    findings = []
    for finding in compared["findings"]:
        # Places had no kind of their own: it was that of the finding.
        places = []
        for difference in finding["places"]:
            places.append({**difference, "kind": finding["kind"]})
        findings.append({**finding, "pair": pair, "places": places})
    return {**compared, "findings": findings}


def _rename(values: Json, names: Mapping[str, str]) -> Json:
    renamed = {}
    for name, value in values.items():
        renamed[names.get(name, name)] = value
    return renamed
