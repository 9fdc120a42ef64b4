"""Bootstrap: the online side starts from rows that batch answered, and gets the events since."""

from collections.abc import Sequence
from typing import Any

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import Delivered, event_dicts
from skewtest.deliver.scenarios import seen_before
from skewtest.generate.history import LANE, Pack
from skewtest.sides.answers import MISSING, Answers
from skewtest.times import instant
from skewtest.worker.operations import BOOTSTRAP, EVENT


def bootstrapped(
    view: FeatureView, pack: Pack, batch: Answers, delivered: Sequence[Delivered]
) -> tuple[list[Delivered], frozenset[int]]:
    """Return the operations of lanes that start from batch rows, and the spine rows not asked for.

    What was asked up to then is not asked again. A lane whose rows do not hold all that its events
    have told cannot start from them and is left out.
    """
    requests = event_dicts(view.spine_schema, pack.spine)
    rows: dict[int, list[dict[str, Any]]] = {lane: [] for lane in pack.boots}
    known: dict[int, set[tuple[object, ...]]] = {lane: set() for lane in pack.boots}
    for number, lane in enumerate(pack.spine[LANE].to_list()):
        request = requests[number]
        if lane not in pack.boots or instant(request[AS_OF]) != pack.boots[lane]:
            continue
        values = batch.row(number)
        if number not in batch.failures and MISSING not in values.values():
            key = {name: request[name] for name in view.entity}
            rows[lane].append({**key, AS_OF: request[AS_OF], **values})
            known[lane].add(tuple(key.values()))
    seen = seen_before(view, pack, dict(pack.boots))
    started: list[Delivered] = []
    unasked: set[int] = set()
    for operations in delivered:
        lane = operations.lane
        if lane not in pack.boots:
            started.append(operations)
            continue
        fit = seen[lane] <= known[lane]
        kept = [
            place
            for place, (row, at) in enumerate(
                zip(operations.rows, operations.instants, strict=True)
            )
            if fit and _is_since(row, at, pack.boots[lane], inclusive=view.as_of == "inclusive")
        ]
        wanted = {operations.rows[place] for place in kept}
        unasked |= {row for row in operations.rows if row >= 0} - wanted
        if kept:
            started.append(_started(operations, kept, pack.boots[lane], rows[lane]))
    return started, frozenset(unasked)


def _is_since(row: int, at: int, boot: int, *, inclusive: bool) -> bool:
    if row == EVENT:
        return at > boot if inclusive else at >= boot
    return at > boot


def _started(
    operations: Delivered, kept: list[int], boot: int, rows: list[dict[str, Any]]
) -> Delivered:
    return Delivered(
        operations.lane,
        [BOOTSTRAP, *(operations.rows[place] for place in kept)],
        ["", *(operations.sources[place] for place in kept)],
        [{"rows": rows}, *(operations.payloads[place] for place in kept)],
        [boot, *(operations.instants[place] for place in kept)],
        [-1, *(operations.events[place] for place in kept)],
    )
