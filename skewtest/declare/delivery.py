"""Delivery: what may happen to events on their way to the online side, and the scenarios of it.

The table of scenarios is where one is declared. Beside it stand what it does to a history
(`skewtest.deliver.scenarios`) and what it means in words (`skewtest.report.grid` and the pages).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from skewtest.errors import DeclarationError, listed, nearest
from skewtest.times import DAY_US, MICROSECOND, check_zone, micros

Order: TypeAlias = Literal["in_order", "any"]
Freshness: TypeAlias = Literal["as_arrived", "counts"]
Split: TypeAlias = Literal["handed_over", "merged"]
WireName: TypeAlias = Literal["none", "json", "msgpack", "avro", "arrow"]
Wire: TypeAlias = WireName | Callable[[dict[str, Any]], dict[str, Any]]
StoreName: TypeAlias = Literal["none", "float32", "json"]
Store: TypeAlias = StoreName | Callable[[Any], Any]
ClockKind: TypeAlias = Literal["frozen", "real"]

PAYLOAD_FUNCTION = " or a function from payload to payload"
VALUE_FUNCTION = " or a function from value to value"

# Generated histories are about this long: later than that, an event would never arrive.
LATEST = 400 * DAY_US * MICROSECOND

# A burst of a hundred copies shows what a thousand would; each copy costs a call of update().
MOST_COPIES = 100


IN_ORDER = "in_order"
REPLAY = "replay"
"""What a given log is replayed under where its arrivals are not its event times."""
RELATIONS = "relations"
"""What stands beside the scenarios: the laws that each side is held to by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioKind:
    """What a scenario is made of.

    Attributes:
        cause: what the cause is where the sides agree in order and differ under the scenario;
            None where nothing happens to the events.
        fields: the fields of Delivery that declare it, with what exploring tries where they are
            left at their defaults.
        companions: fields of Delivery that say more about it, and declare nothing by themselves.
        methods: what the online object must have beside `update` and `query`.
        is_explored_only: no field declares it: it never gates.
    """

    cause: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    companions: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    is_explored_only: bool = False


SCENARIO_KINDS: Mapping[str, ScenarioKind] = MappingProxyType(
    {
        IN_ORDER: ScenarioKind(),
        "ties": ScenarioKind(cause="tie.order", fields={"order": "any"}),
        "reordered": ScenarioKind(cause="out_of_order", fields={"order": "any"}),
        # An hour crosses requests that stand minutes apart, and stays inside most windows.
        "late": ScenarioKind(
            cause="late", fields={"late": timedelta(hours=1)}, companions=("freshness",)
        ),
        "duplicated": ScenarioKind(cause="duplicate", fields={"duplicates": True}),
        "restarted": ScenarioKind(
            cause="state.restore",
            fields={"restarts": True},
            companions=("redeliver_after_restart",),
            methods=("snapshot", "restore"),
        ),
        # "merged" needs a method more, which few objects have: it is never tried unasked.
        "split": ScenarioKind(
            cause="state.restore",
            fields={"split": "handed_over"},
            methods=("snapshot", "restore"),
        ),
        "bootstrapped": ScenarioKind(
            cause="state.init", fields={"bootstrap": True}, methods=("bootstrap",)
        ),
        # JSON is what most queues carry; it has no datetimes, no bytes and no NaN.
        "re-encoded": ScenarioKind(cause="wire", fields={"wire": "json"}),
        # Stores of embeddings and counters keep float32 to save memory.
        "stored": ScenarioKind(cause="numeric.precision", fields={"store": "float32"}),
        # Half an hour off the whole: code that only ever met whole hours shows.
        "zoned": ScenarioKind(cause="time.zone", fields={"zone": "Asia/Kolkata"}),
        "idle": ScenarioKind(is_explored_only=True),
    }
)

SCENARIOS = tuple(SCENARIO_KINDS)
"""Their names, in the order in which reports have them."""
CAUSES: Mapping[str, str] = MappingProxyType(
    {name: kind.cause for name, kind in SCENARIO_KINDS.items() if kind.cause is not None}
)
"""What is the cause where the sides agree in order and differ under a scenario."""


def _check_choice(argument: str, got: object, choices: tuple[str, ...], other: str = "") -> None:
    if got not in choices:
        raise DeclarationError(
            f"Delivery({argument}=...) must be one of {listed(choices)}{other}; "
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
            _check_choice("wire", self.wire, get_args(WireName), PAYLOAD_FUNCTION)
        if not callable(self.store):
            _check_choice("store", self.store, get_args(StoreName), VALUE_FUNCTION)
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
        check_zone("Delivery(zone=...)", self.zone)

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The names of the scenarios that gate under this delivery."""
        names = []
        for name, kind in SCENARIO_KINDS.items():
            # In order has no fields, so all of them are declared: it always gates.
            is_declared = all(map(self._declares, kind.fields))
            if is_declared and not kind.is_explored_only:
                names.append(name)
        return tuple(names)

    def under(self, name: str) -> "Scenario":
        """Return one scenario: of its own fields what is declared, else what exploring tries."""
        kind = SCENARIO_KINDS[name]
        settings = dict(kind.fields)
        for setting in kind.fields:
            if self._declares(setting):
                settings[setting] = getattr(self, setting)
        for setting in (*kind.companions, "clock"):
            settings[setting] = getattr(self, setting)
        return Scenario(name, Delivery(**settings))  # type: ignore[arg-type] # checked when made

    def _declares(self, setting: str) -> bool:
        """Return whether a field is not at its default."""
        return bool(getattr(self, setting) != _DEFAULTS[setting])


_DEFAULTS = {setting.name: setting.default for setting in fields(Delivery)}


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
    def methods(self) -> tuple[str, ...]:
        """What the online object must have beside `update` and `query`."""
        kind = SCENARIO_KINDS.get(self.name)
        methods = () if kind is None else kind.methods
        if self.delivery.split == "merged":
            return (*methods, "merge")
        return methods

    @property
    def in_order(self) -> "Scenario":
        """The same clock, and nothing else happening."""
        return Scenario(IN_ORDER, Delivery(clock=self.delivery.clock))

    def with_frozen_clock(self) -> "Scenario":
        """Return the scenario under a frozen clock."""
        return replace(self, delivery=replace(self.delivery, clock="frozen"))
