"""Relations: laws that one side keeps or breaks by itself, whatever the other answers.

Each changes a pack in a way that must not change the answers to requests that are still there, and
compares a side with itself. Both sides leaking the same way is found although they agree.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.compare.tables import Divergence, compare
from skewtest.declare.delivery import Delivery, Scenario
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import Delivered, deliver
from skewtest.deliver.scenarios import spread
from skewtest.generate.hints import Hints
from skewtest.generate.history import LANE, SEQUENCE, Pack
from skewtest.run.trial import batch_answers
from skewtest.sides.answers import FAILED, MISSING, Answers
from skewtest.sides.fresh import answered_afresh
from skewtest.sides.objects import answer_online, lacking_for
from skewtest.times import DAY_US, instants_of

Side = Literal["batch", "online"]
Rows = npt.NDArray[np.int64]
WEEKS = 4 * 7 * DAY_US
MUTATING = 64
"""Lanes that are looked at one by one: the candidates of a round, and enough of a large pack."""


class Changed(NamedTuple):
    """A changed pack, and for each of its spine rows the row of the pack it came from."""

    pack: Pack
    rows: Rows


@dataclass(frozen=True, slots=True)
class Relation:
    """One law, for one side.

    Attributes:
        name: as in `FeatureView(relations=...)`.
        side: whose law it is.
        what: how the history was changed, for the report.
        answers: what the side answers on a changed pack, and where those rows stand in it; None
            where the relation does not apply.
    """

    name: str
    side: Side
    what: str
    answers: "Callable[[FeatureView, Pack], tuple[Answers, Rows] | None]"


def violations(
    view: FeatureView, pack: Pack, relation: Relation, base: Answers | None = None
) -> Mapping[int, list[Divergence]]:
    """Return, by lane, where a side breaks a relation; "batch" is it as it was, "online" changed.

    Args:
        view: the view.
        pack: histories in order.
        relation: the law.
        base: what the side answers on the pack, if it has been asked already.
    """
    pack = replace(pack, lags={})
    if base is None:
        base = side_answers(view, pack, relation.side)
    if relation.name == "no_mutation":
        return _mutations(view, pack, base, relation)
    found = relation.answers(view, pack)
    if found is None:
        return {}
    changed, rows = found
    kept = base.take(rows)
    skipped = frozenset(kept.failures) | frozenset(changed.failures)
    both = [replace(a, failures={}, extra=(), skipped=a.skipped | skipped) for a in (kept, changed)]
    lanes = pack.spine[LANE].to_list()
    by_lane: dict[int, list[Divergence]] = {}
    for divergence in compare(view, *both).divergences:
        row = int(rows[divergence.row])
        by_lane.setdefault(lanes[row], []).append(replace(divergence, row=row))
    return by_lane


def look_for(relation: Relation) -> Callable[[FeatureView, Pack], Mapping[int, list[Divergence]]]:
    """Return what finds the violations of a relation in a pack."""
    return partial(_look, relation)


def _look(relation: Relation, view: FeatureView, pack: Pack) -> Mapping[int, list[Divergence]]:
    return violations(view, pack, relation)


def side_answers(view: FeatureView, pack: Pack, side: Side) -> Answers:
    """Return what one side answers on a pack in order."""
    if side == "batch":
        return batch_answers(view, pack)
    return answer_online(view, pack.spine.height, deliver(view, pack), pack.scenario)


def _mutations(
    view: FeatureView, pack: Pack, base: Answers, relation: Relation
) -> Mapping[int, list[Divergence]]:
    """Return a divergence for the first lanes by whose data alone a side changes what it is given.

    A call over many lanes does not tell whose data were changed.
    """
    found: dict[int, list[Divergence]] = {}
    if not base.mutated:
        return found
    for row, lane in enumerate(pack.spine[LANE].to_list()):
        if lane in found or len(found) == MUTATING:
            continue
        alone = (
            base
            if pack.lanes == 1
            else side_answers(view, pack.history(lane).pack(), relation.side)
        )
        if alone.mutated:
            told = f"{relation.side} changes {alone.mutated[0]!r}"
            found[lane] = [Divergence(row, "", "value", None, told)]
    return found


# -- changes --------------------------------------------------------------------------------------


def _first_moment(pack: Pack) -> Rows:
    """Return, for each lane, its first `as_of`."""
    first = np.full(pack.lanes, np.iinfo(np.int64).max)
    np.minimum.at(first, pack.spine[LANE].to_numpy(), instants_of(pack.spine[AS_OF]).to_numpy())
    return first


def _at_first_moment(pack: Pack, first: Rows) -> Rows:
    """Return the spine rows of each lane's first `as_of`."""
    moments = instants_of(pack.spine[AS_OF]).to_numpy()
    return np.flatnonzero(moments == first[pack.spine[LANE].to_numpy()])


def _is_future(view: FeatureView, pack: Pack, name: str, first: Rows) -> npt.NDArray[np.bool_]:
    frame = pack.events[name]
    at = instants_of(frame[view.sources[name].time]).to_numpy()
    limit = first[frame[LANE].to_numpy()]
    late: npt.NDArray[np.bool_] = at > limit if view.as_of == "inclusive" else at >= limit
    return late


def _without_future(view: FeatureView, pack: Pack) -> Changed:
    """Remove every event from the first `as_of` on; ask at that moment alone."""
    first = _first_moment(pack)
    rows = _at_first_moment(pack, first)
    events = {
        name: frame.filter(pl.Series(~_is_future(view, pack, name, first)))
        for name, frame in pack.events.items()
    }
    return Changed(replace(pack, events=events, spine=pack.spine[rows]), rows)


def _with_another_future(view: FeatureView, pack: Pack) -> Changed:
    """Give the events from the first `as_of` on the values of others; ask at that moment alone."""
    first = _first_moment(pack)
    rows = _at_first_moment(pack, first)
    events = {}
    for name, frame in pack.events.items():
        future = np.flatnonzero(_is_future(view, pack, name, first))
        source = view.sources[name]
        plain = [c for c in source.columns if c not in source.keys and c != source.arrival]
        donors = np.arange(frame.height)
        donors[future] = np.roll(future, 1)
        events[name] = frame.with_columns(frame[column].gather(donors) for column in plain)
    return Changed(replace(pack, events=events, spine=pack.spine[rows]), rows)


def _without_strangers(view: FeatureView, pack: Pack) -> Changed:
    """Keep one entity of each lane: that of its first request."""
    lanes = pack.spine[LANE].to_list()
    keys = list(zip(*(pack.spine[name].to_list() for name in view.entity), strict=True))
    chosen: dict[int, tuple[object, ...]] = {}
    for lane, key in zip(lanes, keys, strict=True):
        chosen.setdefault(lane, key)
    kept = [n for n, (lane, key) in enumerate(zip(lanes, keys, strict=True)) if chosen[lane] == key]
    rows = np.array(kept, dtype=np.int64)
    events = {}
    for name, frame in pack.events.items():
        places = [n for n, column in enumerate(view.entity) if column in frame.columns]
        columns = [frame[view.entity[place]].to_list() for place in places]
        own = [
            not places
            or any(
                cell == chosen[lane][place]
                for cell, place in zip(cells, places, strict=True)
                if lane in chosen
            )
            for lane, cells in zip(
                frame[LANE].to_list(),
                list(zip(*columns, strict=True)) or [()] * frame.height,
                strict=True,
            )
        ]
        events[name] = frame.filter(pl.Series(own, dtype=pl.Boolean))
    return Changed(replace(pack, events=events, spine=pack.spine[rows]), rows)


def _backwards(view: FeatureView, pack: Pack) -> Changed:
    """Hand over the log from its end; events of one time keep their order."""
    events = {}
    for name, frame in pack.events.items():
        at = instants_of(frame[view.sources[name].time]).to_numpy()
        order = np.lexsort((frame[SEQUENCE].to_numpy(), -at))
        events[name] = frame[order]
    return Changed(replace(pack, events=events), np.arange(pack.spine.height))


def _asked_backwards(_view: FeatureView, pack: Pack) -> Changed:
    """Ask for the same rows in the opposite order."""
    rows = np.arange(pack.spine.height)[::-1].copy()
    return Changed(replace(pack, spine=pack.spine[rows]), rows)


def _asked_alone(_view: FeatureView, pack: Pack) -> Changed:
    """Ask for one row of each lane, its last."""
    lanes = pack.spine[LANE].to_numpy()
    last: dict[int, int] = {int(lane): row for row, lane in enumerate(lanes)}
    rows = np.array(sorted(last.values()), dtype=np.int64)
    return Changed(replace(pack, spine=pack.spine[rows]), rows)


def _weeks_later(view: FeatureView, pack: Pack) -> Changed:
    """Move everything by four whole weeks."""
    events = {
        name: frame.with_columns(
            view.sources[name].type.series(
                view.sources[name].time,
                instants_of(frame[view.sources[name].time]).to_numpy() + WEEKS,
            )
        )
        for name, frame in pack.events.items()
    }
    moved = view.time.series(AS_OF, instants_of(pack.spine[AS_OF]).to_numpy() + WEEKS)
    spine = pack.spine.with_columns(moved)
    return Changed(replace(pack, events=events, spine=spine), np.arange(pack.spine.height))


def _unchanged(_view: FeatureView, pack: Pack) -> Changed:
    return Changed(pack, np.arange(pack.spine.height))


def _changed(
    change: Callable[[FeatureView, Pack], Changed], side: Side
) -> "Callable[[FeatureView, Pack], tuple[Answers, Rows] | None]":
    def answers(view: FeatureView, pack: Pack) -> tuple[Answers, Rows]:
        changed, rows = change(view, pack)
        return side_answers(view, changed, side), rows

    return answers


# -- the online side, fed otherwise ---------------------------------------------------------------


def _asked_twice(view: FeatureView, pack: Pack) -> tuple[Answers, Rows]:
    """Ask for everything twice in a row: the second answer counts."""
    twice = [_doubled(operations) for operations in deliver(view, pack)]
    answers = answer_online(view, pack.spine.height, twice, pack.scenario)
    return answers, np.arange(pack.spine.height)


def _doubled(operations: Delivered) -> Delivered:
    places = [n for n, row in enumerate(operations.rows) for _ in range(2 if row >= 0 else 1)]
    return Delivered(
        operations.lane,
        [operations.rows[n] for n in places],
        [operations.sources[n] for n in places],
        [dict(operations.payloads[n]) for n in places],
        [operations.instants[n] for n in places],
        [operations.events[n] for n in places],
    )


def _with_restarts(view: FeatureView, pack: Pack) -> tuple[Answers, Rows] | None:
    """Hand the online object over to a fresh one at every instant: the same for every pack."""
    scenario = Scenario("split", Delivery(split="handed_over"))
    if lacking_for(view, scenario) is not None:
        return None
    restarted = spread(view, pack, scenario, Hints(), np.random.default_rng(0))
    answers = answer_online(view, restarted.spine.height, deliver(view, restarted), scenario)
    lanes = restarted.spine[LANE].unique()
    rows = np.flatnonzero(pack.spine[LANE].is_in(lanes.implode()).to_numpy())
    return answers, rows


def _in_a_fresh_process(side: Side, view: FeatureView, pack: Pack) -> tuple[Answers, Rows] | None:
    """Answer in another process, whose hashes are salted otherwise."""
    values = answered_afresh(view, pack, side)
    if values is None:
        return None
    first = next(iter(values.values()))
    unknown = frozenset(row for row, cell in enumerate(first) if cell in (MISSING, FAILED))
    return Answers.of(values, skipped=unknown), np.arange(pack.spine.height)


FUTURE = "no_future_leakage"
ISOLATION = "entity_isolation"
ORDER = "input_order"
SPINE = "spine_independence"
DETERMINISM = "determinism"
READS = "pure_reads"
RESTARTS = "restart_invariance"
MUTATION = "no_mutation"
WEEKS_LATER = "week_shift"

BATCH: Side = "batch"
ONLINE: Side = "online"

RELATIONS: Sequence[Relation] = (
    Relation(FUTURE, BATCH, "the future removed", _changed(_without_future, BATCH)),
    Relation(FUTURE, BATCH, "another future", _changed(_with_another_future, BATCH)),
    Relation(ISOLATION, BATCH, "other entities removed", _changed(_without_strangers, BATCH)),
    Relation(ISOLATION, ONLINE, "other entities removed", _changed(_without_strangers, ONLINE)),
    Relation(ORDER, BATCH, "rows in reverse", _changed(_backwards, BATCH)),
    Relation(SPINE, BATCH, "spine reversed", _changed(_asked_backwards, BATCH)),
    Relation(SPINE, BATCH, "asked alone", _changed(_asked_alone, BATCH)),
    Relation(READS, ONLINE, "asked twice", _asked_twice),
    Relation(READS, ONLINE, "asked once", _changed(_asked_alone, ONLINE)),
    Relation(DETERMINISM, BATCH, "run again", _changed(_unchanged, BATCH)),
    Relation(DETERMINISM, ONLINE, "run again", _changed(_unchanged, ONLINE)),
    Relation(DETERMINISM, BATCH, "in a fresh process", partial(_in_a_fresh_process, BATCH)),
    Relation(DETERMINISM, ONLINE, "in a fresh process", partial(_in_a_fresh_process, ONLINE)),
    Relation(RESTARTS, ONLINE, "restarted", _with_restarts),
    Relation(MUTATION, BATCH, "its input changed", _changed(_unchanged, BATCH)),
    Relation(MUTATION, ONLINE, "its input changed", _changed(_unchanged, ONLINE)),
    Relation(WEEKS_LATER, BATCH, "four weeks later", _changed(_weeks_later, BATCH)),
    Relation(WEEKS_LATER, ONLINE, "four weeks later", _changed(_weeks_later, ONLINE)),
)


def relations_of(view: FeatureView) -> list[Relation]:
    """Return the relations that a view is held to."""
    return [
        relation
        for relation in RELATIONS
        if relation.name in view.relations
        and not (relation.name == ISOLATION and view.scope == "global")
    ]
