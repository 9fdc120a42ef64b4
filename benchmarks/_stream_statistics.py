"""Statistics of River, runstats and talipp beside the same of polars, pandas, numpy and scipy."""

# ruff: noqa: PLW0108 - a column of lambdas reads as a table

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import runstats
import scipy.stats
import talipp.indicators as talipp
from river import stats as river
from river import utils

WINDOW = 10
EQUAL = 1e-12
"""Relative: some thousand roundings."""
DIFFERENT = 1e-9
"""Relative, on plain values: more than rounding comes to there."""

Series = np.ndarray[Any, np.dtype[np.float64]]
Statistic = Callable[[Series], float]


@dataclass(frozen=True, slots=True)
class Row:
    """A statistic of a stream beside the same of a series.

    Attributes:
        name: of the stream's statistic.
        against: what it is held against.
        stream: what the stream says after the last value.
        series: what the other library says of the whole series.
    """

    name: str
    against: str
    stream: Statistic
    series: Statistic

    def distances(self) -> list[float]:
        """Return how far apart they are, relative: on plain values, a dozen, and values at 1e9."""
        apart = []
        for values in regimes():
            theirs, other = float(self.stream(values)), float(self.series(values))
            apart.append(abs(theirs - other) / max(abs(other), np.finfo(float).tiny))
        return apart


def verdict(distances: list[float]) -> str:
    """Return `equal`, `unstable` (only values far from 0 tell them apart) or `different`."""
    if max(distances) <= EQUAL:
        return "equal"
    return "unstable" if max(distances[:2]) <= DIFFERENT else "different"


def regimes() -> tuple[Series, Series, Series]:
    """Return 200 quarters up to 250, the first dozen of them, and 200 cents above 1e9."""
    dice = np.random.default_rng(1)
    plain = dice.integers(1, 1000, 200) / 4.0
    return plain, plain[:12], 1e9 + dice.integers(0, 100, 200) / 100.0


def of_river(make: Callable[[], Any]) -> Statistic:
    """Return a statistic of River."""

    def last(values: Series) -> float:
        stream = make()
        for value in values.tolist():
            stream.update(value)
        return float(stream.get())

    return last


def rolling(statistic: Any) -> Statistic:
    """Return a statistic of River over the last values."""
    return of_river(lambda: utils.Rolling(statistic, window_size=WINDOW))


def of_runstats(name: str, *arguments: float) -> Statistic:
    """Return a statistic of runstats."""

    def last(values: Series) -> float:
        stream = runstats.Statistics(values.tolist())
        return float(getattr(stream, name)(*arguments))

    return last


def of_talipp(make: Callable[[], Any], part: str = "") -> Statistic:
    """Return an indicator of talipp, or a part of its answer."""

    def last(values: Series) -> float:
        stream = make()
        for value in values.tolist():
            stream.add(value)
        return float(getattr(stream[-1], part) if part else stream[-1])

    return last


def pandas(values: Series) -> "pd.Series[float]":
    """Return a series of pandas."""
    return pd.Series(values)


def polars(values: Series) -> Any:
    """Return a series of polars."""
    return pl.Series(values)


def deviations(values: Series) -> Any:
    """Return how far the last values are from their mean."""
    recent = values[-WINDOW:]
    return np.abs(recent - recent.mean())


def _rows_of_river() -> Iterator[Row]:
    """Yield the statistics of River."""
    yield Row(
        "river Count", "polars len", of_river(lambda: river.Count()), lambda x: polars(x).len()
    )
    yield Row("river Sum", "polars sum", of_river(lambda: river.Sum()), lambda x: polars(x).sum())
    yield Row(
        "river Mean", "polars mean", of_river(lambda: river.Mean()), lambda x: polars(x).mean()
    )
    yield Row("river Var", "polars var", of_river(lambda: river.Var()), lambda x: polars(x).var())
    yield Row(
        "river Var(ddof=0)", "numpy var", of_river(lambda: river.Var(ddof=0)), lambda x: np.var(x)
    )
    yield Row("river SEM", "scipy sem", of_river(lambda: river.SEM()), lambda x: scipy.stats.sem(x))
    yield Row("river Min", "polars min", of_river(lambda: river.Min()), lambda x: polars(x).min())
    yield Row("river Max", "polars max", of_river(lambda: river.Max()), lambda x: polars(x).max())
    yield Row(
        "river AbsMax",
        "polars abs max",
        of_river(lambda: river.AbsMax()),
        lambda x: polars(x).abs().max(),
    )
    yield Row(
        "river PeakToPeak", "numpy ptp", of_river(lambda: river.PeakToPeak()), lambda x: np.ptp(x)
    )
    yield Row(
        "river Skew", "pandas skew", of_river(lambda: river.Skew()), lambda x: pandas(x).skew()
    )
    yield Row(
        "river Skew(bias=True)",
        "scipy skew",
        of_river(lambda: river.Skew(bias=True)),
        lambda x: scipy.stats.skew(x),
    )
    yield Row(
        "river Kurtosis",
        "pandas kurt",
        of_river(lambda: river.Kurtosis()),
        lambda x: pandas(x).kurt(),
    )
    yield Row(
        "river Kurtosis(bias=True)",
        "scipy kurtosis",
        of_river(lambda: river.Kurtosis(bias=True)),
        lambda x: scipy.stats.kurtosis(x),
    )
    yield Row(
        "river Quantile(0.5)",
        "pandas median",
        of_river(lambda: river.Quantile(0.5)),
        lambda x: pandas(x).median(),
    )
    yield Row(
        "river Quantile(0.9)",
        "pandas quantile",
        of_river(lambda: river.Quantile(0.9)),
        lambda x: pandas(x).quantile(0.9),
    )
    yield Row("river IQR", "scipy iqr", of_river(lambda: river.IQR()), lambda x: scipy.stats.iqr(x))
    yield Row(
        "river MAD",
        "scipy median_abs_deviation",
        of_river(lambda: river.MAD()),
        lambda x: scipy.stats.median_abs_deviation(x),
    )
    yield Row(
        "river Mode",
        "pandas mode, first",
        of_river(lambda: river.Mode()),
        lambda x: pandas(x).mode()[0],
    )
    yield Row(
        "river Entropy",
        "scipy entropy",
        of_river(lambda: river.Entropy()),
        lambda x: scipy.stats.entropy(pandas(x).value_counts()),
    )
    yield Row(
        "river EWMean(0.3)",
        "pandas ewm(adjust=False)",
        of_river(lambda: river.EWMean(0.3)),
        lambda x: pandas(x).ewm(alpha=0.3, adjust=False).mean().iloc[-1],
    )
    yield Row(
        "river EWMean(0.3)",
        "pandas ewm",
        of_river(lambda: river.EWMean(0.3)),
        lambda x: pandas(x).ewm(alpha=0.3).mean().iloc[-1],
    )
    yield Row(
        "river EWVar(0.3)",
        "pandas ewm(adjust=False), var(bias=True)",
        of_river(lambda: river.EWVar(0.3)),
        lambda x: pandas(x).ewm(alpha=0.3, adjust=False).var(bias=True).iloc[-1],
    )
    yield Row(
        "river EWVar(0.3)",
        "pandas ewm, var",
        of_river(lambda: river.EWVar(0.3)),
        lambda x: pandas(x).ewm(alpha=0.3).var().iloc[-1],
    )
    yield Row(
        "river AutoCorr(1)",
        "pandas autocorr",
        of_river(lambda: river.AutoCorr(1)),
        lambda x: pandas(x).autocorr(1),
    )
    yield Row(
        "river RollingMin(10)",
        "polars rolling_min",
        of_river(lambda: river.RollingMin(WINDOW)),
        lambda x: polars(x).rolling_min(WINDOW)[-1],
    )
    yield Row(
        "river RollingMax(10)",
        "polars rolling_max",
        of_river(lambda: river.RollingMax(WINDOW)),
        lambda x: polars(x).rolling_max(WINDOW)[-1],
    )
    yield Row(
        "river RollingQuantile(0.5, 10)",
        "polars rolling_median",
        of_river(lambda: river.RollingQuantile(0.5, WINDOW)),
        lambda x: polars(x).rolling_median(WINDOW)[-1],
    )
    yield Row(
        "river RollingQuantile(0.9, 10)",
        "polars quantile, linear",
        of_river(lambda: river.RollingQuantile(0.9, WINDOW)),
        lambda x: polars(x).tail(WINDOW).quantile(0.9, "linear"),
    )
    yield Row(
        "river RollingIQR(10)",
        "scipy iqr",
        of_river(lambda: river.RollingIQR(WINDOW)),
        lambda x: scipy.stats.iqr(x[-WINDOW:]),
    )
    yield Row(
        "river RollingMode(10)",
        "pandas mode, first",
        of_river(lambda: river.RollingMode(WINDOW)),
        lambda x: pandas(x[-WINDOW:]).mode()[0],
    )
    yield Row(
        "river Rolling(Mean, 10)",
        "pandas rolling mean",
        rolling(river.Mean),
        lambda x: pandas(x).rolling(WINDOW).mean().iloc[-1],
    )
    yield Row(
        "river Rolling(Sum, 10)",
        "polars rolling_sum",
        rolling(river.Sum),
        lambda x: polars(x).rolling_sum(WINDOW)[-1],
    )
    yield Row(
        "river Rolling(Var, 10)",
        "polars var",
        rolling(river.Var),
        lambda x: polars(x).tail(WINDOW).var(),
    )


def _rows_of_runstats() -> Iterator[Row]:
    """Yield those of runstats."""
    yield Row("runstats mean", "polars mean", of_runstats("mean"), lambda x: polars(x).mean())
    yield Row("runstats variance", "polars var", of_runstats("variance"), lambda x: polars(x).var())
    yield Row(
        "runstats variance(0)", "numpy var", of_runstats("variance", 0.0), lambda x: np.var(x)
    )
    yield Row("runstats stddev", "polars std", of_runstats("stddev"), lambda x: polars(x).std())
    yield Row("runstats minimum", "polars min", of_runstats("minimum"), lambda x: polars(x).min())
    yield Row(
        "runstats skewness", "scipy skew", of_runstats("skewness"), lambda x: scipy.stats.skew(x)
    )
    yield Row(
        "runstats skewness", "pandas skew", of_runstats("skewness"), lambda x: pandas(x).skew()
    )
    yield Row(
        "runstats kurtosis",
        "scipy kurtosis",
        of_runstats("kurtosis"),
        lambda x: scipy.stats.kurtosis(x),
    )
    yield Row(
        "runstats kurtosis", "pandas kurt", of_runstats("kurtosis"), lambda x: pandas(x).kurt()
    )


def _rows_of_talipp() -> Iterator[Row]:
    """Yield the indicators of talipp."""
    yield Row(
        "talipp SMA(10)",
        "polars rolling_mean",
        of_talipp(lambda: talipp.SMA(WINDOW)),
        lambda x: polars(x).rolling_mean(WINDOW)[-1],
    )
    yield Row(
        "talipp EMA(10)",
        "pandas ewm(span=10, adjust=False)",
        of_talipp(lambda: talipp.EMA(WINDOW)),
        lambda x: pandas(x).ewm(span=WINDOW, adjust=False).mean().iloc[-1],
    )
    yield Row(
        "talipp SMMA(10)",
        "pandas ewm(alpha=1/10, adjust=False)",
        of_talipp(lambda: talipp.SMMA(WINDOW)),
        lambda x: pandas(x).ewm(alpha=1 / WINDOW, adjust=False).mean().iloc[-1],
    )
    yield Row(
        "talipp WMA(10)",
        "numpy average, weights",
        of_talipp(lambda: talipp.WMA(WINDOW)),
        lambda x: np.average(x[-WINDOW:], weights=range(1, WINDOW + 1)),
    )
    yield Row(
        "talipp StdDev(10)",
        "polars std",
        of_talipp(lambda: talipp.StdDev(WINDOW)),
        lambda x: polars(x).tail(WINDOW).std(),
    )
    yield Row(
        "talipp StdDev(10)",
        "polars std(ddof=0)",
        of_talipp(lambda: talipp.StdDev(WINDOW)),
        lambda x: polars(x).tail(WINDOW).std(ddof=0),
    )
    yield Row(
        "talipp MeanDev(10)",
        "numpy",
        of_talipp(lambda: talipp.MeanDev(WINDOW)),
        lambda x: deviations(x).mean(),
    )
    yield Row(
        "talipp ROC(10)",
        "pandas pct_change, times 100",
        of_talipp(lambda: talipp.ROC(WINDOW)),
        lambda x: 100 * pandas(x).pct_change(WINDOW).iloc[-1],
    )
    yield Row(
        "talipp BB(10, 2), upper",
        "polars mean and std",
        of_talipp(lambda: talipp.BB(WINDOW, 2.0), "ub"),
        lambda x: polars(x).tail(WINDOW).mean() + 2 * polars(x).tail(WINDOW).std(),
    )


def print_table() -> None:
    """Print the table of docs/reference/libraries.md."""
    print("| Statistic | against | 200 values | 12 values | at 1e9 | verdict |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in (*_rows_of_river(), *_rows_of_runstats(), *_rows_of_talipp()):
        distances = row.distances()
        shown = " | ".join(f"{distance:.0e}" if distance > EQUAL else "0" for distance in distances)
        print(f"| {row.name} | {row.against} | {shown} | {verdict(distances)} |")
