"""Delivery: what may happen to events on their way to the online side, and the scenarios of it."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, Literal, TypeAlias, get_args

from skewtest.errors import DeclarationError, listed, nearest
from skewtest.times import DAY_US, MICROSECOND, checked_zone, micros

Order: TypeAlias = Literal["in_order", "any"]
Freshness: TypeAlias = Literal["as_arrived", "counts"]
Split: TypeAlias = Literal["handed_over", "merged"]
Wire: TypeAlias = (
    Literal["none", "json", "msgpack", "avro", "arrow"] | Callable[[dict[str, Any]], dict[str, Any]]
)
Store: TypeAlias = Literal["none", "float32", "json"] | Callable[[Any], Any]
ClockKind: TypeAlias = Literal["frozen", "real"]

WIRES = ("none", "json", "msgpack", "avro", "arrow")
STORES = ("none", "float32", "json")
IN_ORDER = "in_order"
LATEST = 400 * DAY_US * MICROSECOND
"""Generated histories are about this long: later than that, an event would never arrive."""
MOST_COPIES = 100

CAUSES = {
    "ties": "tie.order",
    "reordered": "out_of_order",
    "late": "late",
    "duplicated": "duplicate",
    "restarted": "state.restore",
    "split": "state.restore",
    "bootstrapped": "state.init",
    "re-encoded": "wire",
    "stored": "numeric.precision",
    "zoned": "time.zone",
}
"""What is the cause where the sides agree in order and differ under a scenario."""

SCENARIOS = (IN_ORDER, *CAUSES, "idle")
RELATIONS = "relations"
"""What stands beside the scenarios: the laws that each side is held to by itself."""


def _check_choice(argument: str, got: object, choices: tuple[str, ...], other: str = "") -> None:
    if got not in choices:
        wanted = f"one of {listed(choices)}" if len(choices) > 1 else repr(choices[0])
        raise DeclarationError(
            f"Delivery({argument}=...) must be {wanted}{f' or {other}' if other else ''}; "
            f"got {got!r}." + nearest(str(got), choices)
        )


def _check_late(late: object) -> None:
    if late is None:
        return
    if not isinstance(late, timedelta) or late <= timedelta(0):
        raise DeclarationError(f"Delivery(late=...) must be a timedelta above 0; got {late!r}")
    if late > LATEST:
        raise DeclarationError(
            f"Delivery(late=...) must be at most {micros(LATEST) // DAY_US} days, about as long "
            f"as generated histories are: a later event would never arrive; got {late!r}"
        )


def _check_duplicates(copies: object) -> None:
    if isinstance(copies, bool):
        return
    if not isinstance(copies, int) or not 1 <= copies <= MOST_COPIES:
        raise DeclarationError(
            f"Delivery(duplicates=...) must be True or the most copies of an event, "
            f"1 to {MOST_COPIES}; got {copies!r}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What the stream may do. Each field but `clock` adds scenarios, which are judged one by one.

    Attributes:
        order: "any": events of one time change places, and events arrive in any order, though
            before the next request (scenarios `ties`, `reordered`).
        late: how long after its time an event may arrive, requests in between (`late`).
        freshness: what batch is given under `late`. "as_arrived": for each request, what had
            arrived by then; "counts": everything, so that any difference is `late` skew.
        duplicates: events are delivered again, up to so many times; True: once (`duplicated`).
        restarts: the online object is replaced by one that restores its snapshot; after a crash
            the events since the snapshot are delivered again (`restarted`).
        redeliver_after_restart: also some events that the snapshot already holds.
        split: two workers, "handed_over" by snapshot or "merged" before each query (`split`).
        wire: payloads pass through this format and back (`re-encoded`): a name, or a function
            from payload to payload.
        store: answers pass through this store (`stored`): a name, or a function of a value.
        bootstrap: the online object starts from a row of batch (`bootstrapped`).
        zone: IANA zone in which the online side gets its datetimes (`zoned`).
        clock: "frozen": code that reads the wall clock sees the time of arrival; "real": the
            clock of the machine.
    """

    order: Order = "in_order"
    late: timedelta | None = None
    freshness: Freshness = "as_arrived"
    duplicates: bool | int = False
    restarts: bool = False
    redeliver_after_restart: bool = False
    split: Split | None = None
    wire: Wire = "none"
    store: Store = "none"
    bootstrap: bool = False
    zone: str | None = None
    clock: ClockKind = "frozen"

    def __post_init__(self) -> None:
        _check_choice("order", self.order, get_args(Order))
        _check_choice("freshness", self.freshness, get_args(Freshness))
        _check_choice("clock", self.clock, get_args(ClockKind))
        if self.split is not None:
            _check_choice("split", self.split, get_args(Split))
        if not callable(self.wire):
            _check_choice("wire", self.wire, WIRES, "a function from payload to payload")
        if not callable(self.store):
            _check_choice("store", self.store, STORES, "a function from value to value")
        _check_late(self.late)
        _check_duplicates(self.duplicates)
        for flag in ("restarts", "redeliver_after_restart", "bootstrap"):
            if not isinstance(getattr(self, flag), bool):
                raise DeclarationError(
                    f"Delivery({flag}=...) must be True or False; got {getattr(self, flag)!r}"
                )
        if self.redeliver_after_restart and not self.restarts:
            raise DeclarationError(
                "Delivery(redeliver_after_restart=True) needs restarts=True: "
                "without a restart nothing is delivered again"
            )
        checked_zone("Delivery(zone=...)", self.zone)

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The names of the scenarios that gate under this delivery."""
        declared = {
            IN_ORDER: True,
            "ties": self.order == "any",
            "reordered": self.order == "any",
            "late": self.late is not None,
            "duplicated": bool(self.duplicates),
            "restarted": self.restarts,
            "split": self.split is not None,
            "bootstrapped": self.bootstrap,
            "re-encoded": self.wire != "none",
            "stored": self.store != "none",
            "zoned": self.zone is not None,
        }
        return tuple(name for name, holds in declared.items() if holds)

    def under(self, name: str) -> "Scenario":
        """Return one scenario: of its own fields what is declared, else what exploring tries."""
        tried = _TRIED.get(name, {})
        usual = {field.name: field.default for field in fields(Delivery)}
        own = {
            field: value if getattr(self, field) == usual[field] else getattr(self, field)
            for field, value in tried.items()
        }
        kept: dict[str, object] = {"freshness": self.freshness} if name == "late" else {}
        if name == "restarted":
            kept = {"redeliver_after_restart": self.redeliver_after_restart}
        return Scenario(name, Delivery(**own, **kept, clock=self.clock))  # type: ignore[arg-type]


_TRIED: dict[str, dict[str, object]] = {
    "ties": {"order": "any"},
    "reordered": {"order": "any"},
    "late": {"late": timedelta(hours=1)},
    "duplicated": {"duplicates": True},
    "restarted": {"restarts": True},
    "split": {"split": "handed_over"},
    "bootstrapped": {"bootstrap": True},
    "re-encoded": {"wire": "json"},
    "stored": {"store": "float32"},
    "zoned": {"zone": "Asia/Kolkata"},
}
"""The fields of each scenario, with what exploring tries where they are not declared."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of delivery under which parity is judged by itself.

    Attributes:
        name: one of `SCENARIOS`.
        delivery: only what this scenario does; in order otherwise.
    """

    name: str = IN_ORDER
    delivery: Delivery = Delivery()

    @property
    def in_order(self) -> "Scenario":
        """The same clock, and nothing else happening."""
        return Scenario(IN_ORDER, Delivery(clock=self.delivery.clock))

    def with_frozen_clock(self) -> "Scenario":
        """Return the scenario under a frozen clock."""
        return replace(self, delivery=replace(self.delivery, clock="frozen"))
