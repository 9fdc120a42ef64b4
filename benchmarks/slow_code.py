"""Claim: right code that is slow ends in parity on what its budget allows, and is told so.

Batch burns 10 ms of CPU for each row of the spine, online 14 ms for each event, as real code does
that fits a model or calls a heavy library. With default settings the verdict comes within 60 s of
CPU and names how many of the planned histories were run; nothing hangs, and nothing is found.

    python benchmarks/slow_code.py [--tiny]
"""

import hashlib
import statistics
from collections.abc import Mapping
from typing import Any

import polars as pl
from _claims import Claims, cpu_of, smoke_parser

import skewtest as sk

ROW_MS, EVENT_MS, BUDGET = 10.0, 14.0, 60.0
MARGIN = 1.25
"""What has begun when the budget runs out is brought to its end."""
ROUNDS = 20_000

orders = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)})


def turn(rounds: int) -> None:
    """Spend CPU: a count of rounds, so that no clock is read that skewtest might set."""
    hashlib.pbkdf2_hmac("sha256", b"slow", b"code", rounds)


class Burner:
    """Burns milliseconds of CPU, in rounds that were timed once.

    Attributes:
        rounds_a_ms: how many rounds this machine turns in a millisecond of CPU.
        speed: what is burnt is divided by it; a smoke run is in a hurry.
    """

    def __init__(self) -> None:
        spent = statistics.median(cpu_of(lambda: turn(ROUNDS)) for _ in range(9))
        self.rounds_a_ms = ROUNDS / (spent * 1e3)
        self.speed = 1.0

    def burn(self, ms: float) -> None:
        """Spend so many milliseconds of CPU."""
        turn(max(1, round(ms * self.rounds_a_ms / self.speed)))


BURNER = Burner()


def total(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    """Sum the orders before `as_of`, row by row."""
    answers = []
    for row in spine.iter_rows(named=True):
        BURNER.burn(ROW_MS)
        seen = orders.filter((pl.col("user_id") == row["user_id"]) & (pl.col("ts") < row["as_of"]))
        answers.append({**row, "total": int(seen["amount"].sum())})
    return pl.DataFrame(answers, schema={**spine.schema, "total": pl.Int64})


class Total:
    """Sum orders by user."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}

    def update(self, event: Mapping[str, Any]) -> None:
        """Take one order."""
        BURNER.burn(EVENT_MS)
        user = event["user_id"]
        self.totals[user] = self.totals.get(user, 0) + event["amount"]

    def query(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Return the total of a user."""
        return {"total": self.totals.get(request["user_id"], 0)}


view = sk.FeatureView(
    "slow",
    sources=[orders],
    entity=["user_id"],
    batch=total,
    online=Total,
    features={"total": sk.exact()},
)


def main() -> None:
    """Print the figures; exit with 1 where the claim does not hold."""
    claims = Claims(smoke_parser(__doc__).parse_args().tiny)
    histories = 8 if claims.tiny else None
    BURNER.speed = 100.0 if claims.tiny else 1.0
    results: list[sk.Result] = []
    spent = cpu_of(lambda: results.append(sk.check(view, seed=1, histories=histories)))
    (result,) = results
    outcome = result.outcomes[0]
    planned = 6_400 if histories is None else histories
    print(f"{outcome.histories:,} of {planned:,} histories")
    print("\n".join(str(result).splitlines()[:20]))
    claims.holds("nothing is found", true=not result.findings)
    claims.holds("some histories were run", true=outcome.histories > 0)
    claims.holds("the verdict is parity", true=result.ok)
    claims.at_most("a check of slow code", spent, BUDGET * MARGIN, "CPU-s")
    if histories is None:
        told = f"{outcome.histories:,} of {planned:,} histories" in str(result)
        claims.holds("what was not reached is told", true=told)
    claims.settle()


if __name__ == "__main__":
    main()
