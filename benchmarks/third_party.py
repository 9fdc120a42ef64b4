"""Claim: skewtest is silent on pairs of other people's that agree.

`wickra` and `quantwave` have each indicator twice: over an array, and one value at a time. Each
pair that takes a single series is a view here and is checked at defaults: an alarm is a false one,
or a skew of theirs. Prints the pairs, the alarms, and the CPU time of a pair.

Then the table of docs/reference/libraries.md: statistics of River, runstats and talipp beside those
of polars, pandas, numpy and scipy.

    pip install --group third-party
    python benchmarks/third_party.py [--tiny]
"""

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import polars as pl
from _claims import Claims, cpu_of, smoke_parser

import skewtest as sk

TINY_PAIRS, TINY_HISTORIES = 3, 20
PRICES = sk.Source("prices", time="ts", columns={"symbol": sk.key(), "price": sk.floats(1, 1000)})
SETTINGS = ((2, 3, 4, 5), (2, 3, 4), (2, 3), (3, 2.0), (3, 0.5), (3,), (0.5,), (5, 10), (14,), ())
"""What constructors are tried with, in this order: histories are short, and so are the periods."""
PROBE = [10.0, 11.5, 9.0, 12.0, 13.25, 8.0] * 20
"""A series on which an indicator says how many numbers it answers with."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An indicator in both of its forms.

    Attributes:
        name: of the library and the indicator.
        batch: returns the answer after the last of a series, as numbers; NaN while it warms up.
        make: returns a new stream: a function that takes a value and returns the answer.
        width: how many numbers an answer has.
    """

    name: str
    batch: Callable[[list[float]], list[float]]
    make: Callable[[], Callable[[float], list[float]]]
    width: int


def numbers(answer: Any) -> list[float]:
    """Return an answer as plain numbers; those of an object by the names of its attributes.

    Raises:
        TypeError: it holds something else, such as a list of bars.
    """
    if answer is None:
        return []
    if isinstance(answer, int | float):
        return [float(answer)]
    if isinstance(answer, str | bytes):
        raise TypeError(f"not a number: {answer!r}")
    if hasattr(answer, "__len__"):
        return [float(part) for part in answer]
    names = [name for name in dir(answer) if not name.startswith("_")]
    return [float(getattr(answer, name)) for name in names]


def wickra_pairs(wickra: ModuleType) -> Iterator[Pair]:
    """Yield the indicators of wickra whose update takes one number."""
    for name, indicator in sorted(vars(wickra).items()):
        if not hasattr(indicator, "update") or not hasattr(indicator, "batch"):
            continue
        for settings in SETTINGS:
            pair = _wickra_pair(name, indicator, settings)
            if pair is not None:
                yield pair
                break


def _wickra_pair(name: str, indicator: Any, settings: tuple[float, ...]) -> Pair | None:
    """Return a pair, or None where it does not take these settings or a single series."""

    def batch(values: list[float]) -> list[float]:
        answers = indicator(*settings).batch(_array(values))
        return numbers(answers[-1])

    def make() -> Callable[[float], list[float]]:
        stream = indicator(*settings)
        return lambda value: numbers(stream.update(value))

    return _probed(f"wickra {name}", batch, make)


def quantwave_pairs(quantwave: ModuleType) -> Iterator[Pair]:
    """Yield the indicators of quantwave that take one series and the settings they declare."""
    for name in sorted(dir(quantwave.ta)):
        batch = getattr(quantwave.ta, name)
        if "series" not in (getattr(batch, "__text_signature__", None) or ""):
            continue
        stream, meta = quantwave.streaming_class(name), quantwave.metadata(name)
        if stream is None or meta is None:
            continue
        defaults = {**dict.fromkeys(meta.required_params, 3), **meta.optional_params}
        # Periods in the order they are declared in, short and growing; else those they come with.
        for settings in (_shortened(defaults), defaults):
            pair = _quantwave_pair(name, batch, stream, settings)
            if pair is not None:
                yield pair
                break


def _shortened(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings whose whole numbers are 3, 4, 5 and so on."""
    short = dict(settings)
    whole = [name for name, number in settings.items() if isinstance(number, int)]
    for period, name in enumerate(whole, start=3):
        short[name] = period
    return short


def _quantwave_pair(name: str, series: Any, stream: Any, settings: dict[str, Any]) -> Pair | None:
    def batch(values: list[float]) -> list[float]:
        return numbers(series(series=values, **settings)[-1])

    def make() -> Callable[[float], list[float]]:
        indicator = stream(**settings)
        return lambda value: numbers(indicator.next(value))

    return _probed(f"quantwave {name}", batch, make)


def _array(values: list[float]) -> Any:
    return pl.Series(values, dtype=pl.Float64).to_numpy()


def _probed(name: str, batch: Any, make: Any) -> Pair | None:
    """Return the pair where both of its forms answer, with the same count of numbers."""
    try:
        stream = make()
        answers = [stream(value) for value in PROBE]
        width = len(answers[-1])
        if width == 0 or len(batch(PROBE)) != width:
            return None
    except (TypeError, ValueError, AttributeError, IndexError):
        return None
    return Pair(name, batch, make, width)


class Latest:
    """A stream and its latest answer."""

    def __init__(self, pair: Pair) -> None:
        self.take, self.answer = pair.make(), list[float]()

    def update(self, value: float) -> None:
        """Take a value."""
        self.answer = self.take(value)


def view_of(pair: Pair) -> sk.FeatureView:
    """Return the view of a pair: a feature for each number, NaN and no answer told as None."""
    names = [f"f{place}" for place in range(pair.width)]

    def row(answer: Sequence[float]) -> dict[str, float | None]:
        cells: dict[str, float | None] = dict.fromkeys(names)
        for name, number in zip(names, answer, strict=False):
            cells[name] = None if math.isnan(number) else number
        return cells

    def batch(prices: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
        by_symbol = prices.partition_by("symbol", as_dict=True, maintain_order=True)
        rows = []
        for asked in spine.iter_rows(named=True):
            mine = by_symbol.get((asked["symbol"],), prices.clear())
            values = mine.filter(pl.col("ts") < asked["as_of"])["price"].to_list()
            answer = pair.batch(values) if values else []
            rows.append({**asked, **row(answer)})
        schema = {**spine.schema, **dict.fromkeys(names, pl.Float64)}
        return pl.DataFrame(rows, schema=schema)

    online = sk.per_entity(
        lambda: Latest(pair),
        lambda latest, event: latest.update(event["price"]),
        lambda latest, _request: row(latest.answer),
    )
    return sk.FeatureView(
        pair.name.replace(" ", "_"),
        sources=[PRICES],
        entity=["symbol"],
        batch=batch,
        online=online,
        features={name: sk.close() for name in names},
    )


def check_library(name: str, pairs_of: Any, claims: Claims) -> None:
    """Check the pairs of a library and print what came of them; say loudly if it is not there."""
    try:
        library = import_module(name)
    except ImportError:
        print(f"SKIPPED: {name} is not installed; pip install --group third-party")
        return
    pairs = list(pairs_of(library))
    if claims.tiny:
        pairs = pairs[:TINY_PAIRS]
    alarms, untested, spent, judged = [], [], 0.0, 0
    histories = TINY_HISTORIES if claims.tiny else None
    for pair in pairs:
        view, results = view_of(pair), list[sk.Result]()
        spent += cpu_of(lambda: results.append(sk.check(view, histories=histories, seed=1)))  # noqa: B023
        judged += results[0].histories
        if results[0].findings:
            alarms.append(pair.name)
            print(results[0])
        elif not results[0].ok:
            untested.append(pair.name)
    print(
        f"{name}: {len(pairs)} pairs, {judged:,} histories, {spent / len(pairs):.2f} s CPU a pair"
    )
    print(f"  alarms: {', '.join(alarms) or 'none'}")
    print(f"  not tested, as a number of theirs was never there: {', '.join(untested) or 'none'}")
    claims.at_most(f"{name}: alarms", len(alarms), 0, "pairs")


def print_statistics() -> None:
    """Print the table of statistics; say loudly if a library of it is not there."""
    try:
        statistics = import_module("_stream_statistics")
    except ImportError as error:
        print(f"SKIPPED: {error.name} is not installed; pip install --group third-party")
        return
    statistics.print_table()


def main() -> None:
    """Print the claims."""
    parser = smoke_parser(inspect.getdoc(inspect.getmodule(main)))
    claims = Claims(tiny=parser.parse_args().tiny)
    check_library("wickra", wickra_pairs, claims)
    check_library("quantwave", quantwave_pairs, claims)
    print_statistics()
    claims.settle()


if __name__ == "__main__":
    main()
