"""Edits: what minimising proposes. Each makes a history smaller or plainer, whatever it shows.

Those that move rows in time are in `skewtest.run.moves`, those of the delivery in
`skewtest.run.faults`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from skewtest.declare.kinds import Column
from skewtest.declare.view import FeatureView
from skewtest.generate.history import Restart
from skewtest.generate.keys import PLAIN
from skewtest.run.draft import Ask, Draft, Event
from skewtest.run.names import Slot
from skewtest.run.plain import plain_values


class Edit(NamedTuple):
    """One change of a draft. `what` names it; `row` is the number of an event or a spine row.

    what: "event", "ask" and "restart" drop a row, "event.at" and "ask.at" move it, "event.value",
    "ask.value" and "ask.entity" set the value at `position`, "event.faults" sets delay, turn,
    copies and worker, "restart.value" replaces a restart.
    """

    what: str
    row: int
    position: int = 0
    value: Any = None


Edits = tuple[Edit, ...]
Row = TypeVar("Row")


@dataclass(slots=True)
class _Rows:
    """The rows of a draft while edits are made: none goes before the end, so numbers hold."""

    draft: Draft
    events: list[Event]
    spine: list[Ask]
    restarts: list[Restart]
    boot: int | None
    dropped: dict[str, set[int]]

    def make(self, edit: Edit) -> None:
        """Make one edit."""
        action, row, position, value = edit
        match action:
            case "event" | "ask" | "restart":
                self.dropped[action].add(row)
            case "event.at":
                self.events[row] = self.events[row]._replace(at=value)
            case "event.value":
                values = _set_at(self.events[row].values, position, value)
                self.events[row] = self.events[row]._replace(values=values)
            case "event.faults":
                self.events[row] = Event(*self.events[row][:3], *value)
            case "restart.value":
                self.restarts[row] = value
            case _:
                self._change_ask(edit)

    def _change_ask(self, edit: Edit) -> None:
        action, row, position, value = edit
        ask = self.spine[row]
        match action:
            case "ask.at":
                # A lane boots from the answers to this request: both move, or it boots from none.
                if ask.at == self.draft.boot:
                    self.boot = value
                self.spine[row] = ask._replace(at=value)
            case "ask.value":
                self.spine[row] = ask._replace(values=_set_at(ask.values, position, value))
            case "ask.entity":
                self.spine[row] = ask._replace(entity=_set_at(ask.entity, position, value))

    def to_draft(self) -> Draft:
        """Return the draft that the edits come to."""
        asks: dict[tuple[object, ...], Ask] = {}
        for number, ask in enumerate(self.spine):
            # Moved or renamed requests may coincide, and a spine has each entity and instant once.
            if number not in self.dropped["ask"]:
                asks[ask.at, ask.entity] = ask
        events = _without(self.events, self.dropped["event"])
        restarts = _without(self.restarts, self.dropped["restart"])
        return replace(
            self.draft,
            events=tuple(events),
            spine=tuple(asks.values()),
            restarts=tuple(sorted(restarts)),
            boot=self.boot,
        ).ordered()


def apply_edits(draft: Draft, edits: Edits) -> Draft:
    """Return a draft with edits made; indices are those of `draft`."""
    dropped: dict[str, set[int]] = {"event": set(), "ask": set(), "restart": set()}
    rows = _Rows(
        draft, list(draft.events), list(draft.spine), list(draft.restarts), draft.boot, dropped
    )
    for edit in edits:
        rows.make(edit)
    return rows.to_draft()


def join_edits(proposals: Iterable[Edits]) -> Edits:
    """Return proposals as one."""
    edits: list[Edit] = []
    for proposal in proposals:
        edits += proposal
    return tuple(edits)


def _set_at(values: tuple[Any, ...], position: int, value: Any) -> tuple[Any, ...]:
    return (*values[:position], value, *values[position + 1 :])


def _without(rows: list[Row], dropped: set[int]) -> list[Row]:
    return [row for number, row in enumerate(rows) if number not in dropped]


def entity_drops(view: FeatureView, draft: Draft) -> list[Edits]:
    """Return, for each entity, the edits that drop all its events."""
    drops: dict[str, list[Edit]] = {}
    for row, event in enumerate(draft.events):
        columns = view.sources[event.source].columns
        pairs = zip(columns, event.values, strict=True)
        key = [value for name, value in pairs if name in view.entity]
        # A source without an entity column is of all entities: its events go together. Keys of a
        # given log may be of any type, hashable or not.
        drops.setdefault(repr(key), []).append(Edit("event", row))
    # To drop the only entity is to drop everything.
    if len(drops) <= 1:
        return []
    return list(map(tuple, drops.values()))


def key_edits(view: FeatureView, draft: Draft, position: int) -> list[Edits]:
    """Return, for each identity of an entity column, the edits that spell it plainly."""
    mentions = _mentions_of_keys(view, draft, position)
    plain_slots = [Slot(0, number) for number in range(len(PLAIN))]
    if mentions.keys() <= set(plain_slots):
        # Plain they are, but perhaps "c" and "b": the first letters are the plainest.
        plain_slots = plain_slots[: len(mentions)]
    free = [slot for slot in plain_slots if slot not in mentions]
    proposals = []
    for slot, edits in mentions.items():
        # There may be more identities than plain spellings: the rest stays as it is.
        if slot not in plain_slots and free:
            plain = free.pop(0)
            proposals.append(tuple(edit._replace(value=plain) for edit in edits))
    return proposals


def _mentions_of_keys(view: FeatureView, draft: Draft, position: int) -> dict[Slot, list[Edit]]:
    """Return, by identity, an edit without a value for each cell of an entity column it is in."""
    name = view.entity[position]
    mentions: dict[Slot, list[Edit]] = {}
    for row, ask in enumerate(draft.spine):
        key = ask.entity[position]
        if isinstance(key, Slot):
            mentions.setdefault(key, []).append(Edit("ask.entity", row, position))
    for row, event in enumerate(draft.events):
        columns = list(view.sources[event.source].columns)
        if name not in columns:
            continue
        event_position = columns.index(name)
        key = event.values[event_position]
        if isinstance(key, Slot):
            mentions.setdefault(key, []).append(Edit("event.value", row, event_position))
    return mentions


def column_edits(view: FeatureView, draft: Draft, rank: int) -> list[Edits]:
    """Return, for each column, the edits that set all its cells to one plain value."""
    columns: dict[tuple[str, str, int], list[Edit]] = {}
    for edits in cell_edits(view, draft, rank):
        for edit in edits:
            source = ""
            if edit.what == "event.value":
                source = draft.events[edit.row].source
            columns.setdefault((edit.what, source, edit.position), []).append(edit)
    return list(map(tuple, columns.values()))


def cell_edits(view: FeatureView, draft: Draft, rank: int) -> list[Edits]:
    """Return edits that set single cells to their plain value number `rank`."""
    columns: dict[str, list[tuple[int, Column]]] = {}
    for source_name, source in view.sources.items():
        columns[source_name] = []
        for position, (name, kind) in enumerate(source.columns.items()):
            # The arrival column follows the delivery, and has no plain value of its own.
            if name != source.arrival:
                columns[source_name].append((position, kind))
    request = list(enumerate(view.request.values()))
    proposals: list[Edits] = []
    for row, event in enumerate(draft.events):
        for position, kind in columns[event.source]:
            for plain in _plainer_values(kind, event.values[position], rank):
                proposals.append((Edit("event.value", row, position, plain),))
    for row, ask in enumerate(draft.spine):
        for position, kind in request:
            for plain in _plainer_values(kind, ask.values[position], rank):
                proposals.append((Edit("ask.value", row, position, plain),))
    return proposals


def _plainer_values(kind: Column, value: Any, rank: int) -> list[Any]:
    """Return the plain value number `rank` of a column, if it is plainer than what is there."""
    options = plain_values(kind, value)
    if rank >= len(options) or value in options[: rank + 1]:
        return []
    return [options[rank]]
