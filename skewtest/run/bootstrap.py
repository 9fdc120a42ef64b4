"""Bootstrap: the online side starts from rows that batch answered, and gets the events since."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import Delivered, event_dicts
from skewtest.deliver.scenarios import seen_before
from skewtest.generate.history import LANE, Pack
from skewtest.sides.answers import MISSING, Answers
from skewtest.times import instant
from skewtest.worker.operations import BOOTSTRAP, EVENT


@dataclass(slots=True)
class BatchRows:
    """What batch has answered at the moment at which a lane boots.

    Attributes:
        rows: one dict for each entity that has all features: entity, `as_of` and features.
        entities: the keys of those entities.
    """

    rows: list[dict[str, Any]]
    entities: set[tuple[object, ...]]


def start_from_batch_rows(
    view: FeatureView, pack: Pack, batch: Answers, delivered: Sequence[Delivered]
) -> tuple[list[Delivered], frozenset[int]]:
    """Return the operations of lanes that start from batch rows, and the spine rows not asked for.

    What was asked up to then is not asked again. A lane whose rows do not hold all that its events
    have told cannot start from them and is left out.

    Args:
        view: the view.
        pack: histories, some with a moment at which they boot.
        batch: what batch has answered on their spine.
        delivered: the operations of their lanes from the first event on.
    """
    batch_rows = _collect_batch_rows(view, pack, batch)
    seen = seen_before(view, pack, dict(pack.boots))
    started: list[Delivered] = []
    unasked: set[int] = set()
    for operations in delivered:
        lane = operations.lane
        if lane not in pack.boots:
            started.append(operations)
            continue
        numbers: list[int] = []
        # An entity that batch has no row for would start from nothing, and rightly differ.
        if seen[lane] <= batch_rows[lane].entities:
            numbers = _numbers_since(view, operations, pack.boots[lane])
        requests = {row for row in operations.rows if row >= 0}
        unasked |= requests - {operations.rows[number] for number in numbers}
        if numbers:
            rows = batch_rows[lane].rows
            started.append(_boot_operations(operations, numbers, pack.boots[lane], rows))
    return started, frozenset(unasked)


def _collect_batch_rows(view: FeatureView, pack: Pack, batch: Answers) -> dict[int, BatchRows]:
    """Return, by lane, what batch has answered to the requests of its boot."""
    collected = {lane: BatchRows([], set()) for lane in pack.boots}
    requests = event_dicts(view.spine_schema, pack.spine)
    for row, lane in enumerate(pack.spine[LANE].to_list()):
        request = requests[row]
        if lane not in pack.boots or instant(request[AS_OF]) != pack.boots[lane]:
            continue
        features = batch.row(row)
        # A row that lacks a feature is no state to begin from.
        if row not in batch.failures and MISSING not in features.values():
            key = {name: request[name] for name in view.entity}
            collected[lane].rows.append({**key, AS_OF: request[AS_OF], **features})
            collected[lane].entities.add(tuple(key.values()))
    return collected


def _numbers_since(view: FeatureView, operations: Delivered, boot: int) -> list[int]:
    """Return the numbers of the operations that the batch rows of a boot do not account for."""
    numbers = []
    for number, row in enumerate(operations.rows):
        at = operations.instants[number]
        # Batch has counted events up to its `as_of`; where that excludes them, not those at it.
        is_uncounted = row == EVENT and at == boot and view.as_of != "inclusive"
        if at > boot or is_uncounted:
            numbers.append(number)
    return numbers


def _boot_operations(
    operations: Delivered, numbers: list[int], boot: int, rows: list[dict[str, Any]]
) -> Delivered:
    """Return some of a lane's operations, behind one that hands over batch rows."""
    since = operations.pick(numbers)
    return Delivered(
        operations.lane,
        [BOOTSTRAP, *since.rows],
        ["", *since.sources],
        [{"rows": rows}, *since.payloads],
        [boot, *since.instants],
        [-1, *since.events],
    )
