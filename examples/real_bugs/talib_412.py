"""A stream indicator that sees only its last window.

https://github.com/TA-Lib/ta-lib-python/issues/412: the RSI of the whole series smooths gains and
losses since the first bar (Wilder, 1978); the streaming function gets the last bars alone, and
starts anew on each of them.
"""

from itertools import pairwise

import polars as pl

import skewtest as sk

PERIOD = 3

bars = sk.Source("bars", time="ts", columns={"symbol": sk.key(), "close": sk.floats(1, 100)})


def rsi(closes):
    """Return the relative strength index of the last close, or None before there is one."""
    if len(closes) <= PERIOD:
        return None
    moves = [after - before for before, after in pairwise(closes)]
    gain = sum(max(move, 0) for move in moves[:PERIOD]) / PERIOD
    loss = sum(max(-move, 0) for move in moves[:PERIOD]) / PERIOD
    for move in moves[PERIOD:]:
        gain = (gain * (PERIOD - 1) + max(move, 0)) / PERIOD
        loss = (loss * (PERIOD - 1) + max(-move, 0)) / PERIOD
    return 100.0 * gain / (gain + loss) if gain + loss else 50.0


def rsi_of_all_bars(bars: pl.DataFrame, spine: pl.DataFrame) -> list[dict]:
    closes: dict[str, list[tuple]] = {}
    for symbol, ts, close in (
        bars.sort("ts", maintain_order=True).select("symbol", "ts", "close").rows()
    ):
        closes.setdefault(symbol, []).append((ts, close))
    return [
        {
            **row,
            "rsi": rsi([c for ts, c in closes.get(row["symbol"], ()) if ts < row["as_of"]]),
        }
        for row in spine.iter_rows(named=True)
    ]


class StreamRsi:
    def __init__(self):
        self.closes = {}

    def update(self, event):
        closes = self.closes.setdefault(event["symbol"], [])
        closes.append(event["close"])
        del closes[: -PERIOD - 1]

    def query(self, request):
        return {"rsi": rsi(self.closes.get(request["symbol"], []))}


view = sk.FeatureView(
    "talib_412",
    sources=[bars],
    entity=["symbol"],
    batch=rsi_of_all_bars,
    online=StreamRsi,
    features={"rsi": sk.close()},
)
