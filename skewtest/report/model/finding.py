"""A finding as a report has it: values as JSON, and everything that is shown as text."""

from typing import Any

from skewtest.results.pair import Pair
from skewtest.results.values import Attribution, Known, Opinion, Part, Place


class Answer(Part, frozen=True, kw_only=True):
    """What the two sides answered for a feature: as JSON, and as text."""

    left: Any
    right: Any
    left_text: str
    right_text: str
    difference: str


class Timeline(Part, frozen=True, kw_only=True):
    """A counterexample as a table of texts; a request has "?" in its first cell.

    `time` is the heading of the times; of a long history `omitted` rows are left out in the middle.
    """

    columns: list[str]
    rows: list[list[str]]
    time: str = ""
    omitted: int = 0


class Step(Part, frozen=True, kw_only=True):
    """One thing that reaches the online side.

    `step` is "event", "event again", "request", "snapshot", "restore" or "bootstrap"; `number` the
    event's, by event time, or the spine row's, from 0. `time` is the event time or the `as_of`.
    """

    step: str
    number: int | None
    source: str
    time: str | None
    arrival: str
    heard: bool


class Counterexample(Part, frozen=True, kw_only=True):
    """The smallest history found: events by source, spine, and how they were delivered."""

    events: dict[str, list[dict[str, Any]]]
    spine: list[dict[str, Any]]
    scenario: str
    delivery: list[Step]
    drawing: list[str]
    timeline: Timeline
    row: int | None


class Finding(Part, frozen=True, kw_only=True):
    """One way in which the sides differ, with the history that shows it.

    `pair` is what the left and the right end of `values` are called. `values` holds the answers of
    its own feature, of those that differ too and of others, up to 12; `unshown` is how many more
    features there are. `setting` is what the scenario was tried with, such as a zone; `nothings`
    which side has no value; `surplus` which row nobody asked for; each "" where there is none.
    `replayed` tells that it comes from a kept file. `is_minimal` is false where the counterexample
    is not small and was not minimised to its end. `recurs` is false where it was seen once, and
    nothing that was tried shows it again; `warns` is true where it fails no run.
    `opinion` is what the view's reference says.
    """

    feature: str
    scenario: str
    kind: str
    pair: Pair
    cause: str
    evidence: list[str]
    side: str | None
    alone: bool
    relation: str | None
    change: str
    attribution: Attribution | None
    found_at: int
    headline: str
    values: dict[str, Answer]
    unshown: int
    failures: list[str]
    corpus: str | None
    known: Known | None
    counterexample: Counterexample | None
    setting: str = ""
    nothings: str = ""
    surplus: str = ""
    replayed: bool = False
    is_minimal: bool = True
    opinion: Opinion | None = None
    recurs: bool = True
    warns: bool = False

    @property
    def is_news(self) -> bool:
        """Whether it fails a run: nobody has said that it is known, or no longer."""
        return not self.warns and (self.known is None or self.known.expired)


class VersionFinding(Part, frozen=True, kw_only=True):
    """One way in which a function differs between two environments."""

    kind: str
    pair: Pair
    cause: str
    side: str | None
    headline: str
    failures: list[str]
    rows: list[dict[str, str]]
    places: list[Place[str]]
