"""An excuse is for a row: what is rounding on one row hides nothing on another."""

import random
from collections import Counter, deque
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import skewtest as sk
from skewtest.run.draft import Ask, Draft, Event, Slot
from skewtest.run.judge import judge
from skewtest.times import instant

DAY = timedelta(days=1)
AT = instant(datetime(2024, 3, 8, tzinfo=UTC))
A = Slot(0, 0)


def source(**columns):
    return sk.Source("ev", time="ts", columns={"u": sk.key(), **columns})


def view(batch, online, columns, tolerance=None):
    return sk.FeatureView(
        "spend",
        sources=[source(**columns)],
        entity=["u"],
        batch=batch,
        online=online,
        features={"x": tolerance or sk.close()},
        windows=[30 * DAY],
        relations=None,
    )


def before(ev, spine):
    return spine.join(ev, on="u").filter(pl.col("ts") < pl.col("as_of"))


def onto(spine, found):
    joined = spine.join(found, on=["u", "as_of"], how="left")
    return joined.with_columns(pl.col("x").fill_null(0.0))


def month_sum(ev: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    past = before(ev, spine).filter(pl.col("ts") >= pl.col("as_of") - 30 * DAY)
    return onto(spine, past.group_by("u", "as_of").agg(pl.col("x").sum()))


class RunningSum:
    """Adds what comes and subtracts what leaves the window, which rounds each time."""

    def __init__(self):
        self.rows, self.total = {}, {}

    def update(self, event):
        self.rows.setdefault(event["u"], deque()).append((event["ts"], event["x"]))
        self.total[event["u"]] = self.total.get(event["u"], 0.0) + event["x"]

    def length(self, request):
        return 30 * DAY

    def query(self, request):
        rows = self.rows.get(request["u"], deque())
        while rows and rows[0][0] < request["as_of"] - self.length(request):
            self.total[request["u"]] -= rows.popleft()[1]
        return {"x": self.total.get(request["u"], 0.0)}


SINCE = datetime(2024, 5, 1, tzinfo=UTC)


class ShorterSinceMay(RunningSum):
    def length(self, request):
        return (29 if request["as_of"] >= SINCE else 30) * DAY


class AThirdMoreOnceEmpty(RunningSum):
    """Every answer is 30% off once the window of a user who had three events has been empty."""

    def __init__(self):
        super().__init__()
        self.seen, self.emptied = Counter(), set()

    def update(self, event):
        super().update(event)
        self.seen[event["u"]] += 1

    def query(self, request):
        answer = super().query(request)["x"]
        user = request["u"]
        if self.seen[user] > 2 and not self.rows[user]:
            self.emptied.add(user)
        return {"x": answer * 1.3 if user in self.emptied else answer}


def dollars():
    draw = random.Random(0)  # noqa: S311
    rows = []
    for day in range(180):
        for user in range(3):
            # Two spells of forty days: between them the window empties, and 1e-12 is left.
            if day % 90 < 40:
                at = datetime(2024, 1, 1, user, tzinfo=UTC) + day * DAY
                rows.append((f"u{user}", at, round(draw.uniform(1, 1e4), 2)))
    return pl.DataFrame(rows, schema=["u", "ts", "x"], orient="row")


def days_of(log):
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows = []
    for day in range(1, 200):
        rows += [(f"u{user}", start + day * DAY) for user in range(3)]
    return pl.DataFrame(rows, schema=["u", "as_of"], orient="row")


def test_a_rounded_row_of_a_log_excuses_no_other_row():
    log = dollars()
    wrong = view(month_sum, ShorterSinceMay, {"x": sk.floats(0, 2e6)})
    result = sk.replay(wrong, log, days_of(log))
    assert not result.ok
    assert [finding.kind for finding in result.findings if finding.is_news] == ["value"]


def test_a_log_whose_rows_are_rounded_is_at_parity_and_says_how_many():
    log = dollars()
    right = view(month_sum, RunningSum, {"x": sk.floats(0, 2e6)})
    result = sk.replay(right, log, days_of(log))
    assert result.ok, str(result)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_off_beside_rounding_is_found(seed):
    cents = {"x": sk.floats(0.01, 2e6, step=0.01)}
    result = sk.check(view(month_sum, AThirdMoreOnceEmpty, cents), seed=seed, histories=1_000)
    assert [finding.kind for finding in result.findings if finding.is_news] == ["value"]


def total_batch(ev: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    return onto(spine, before(ev, spine).group_by("u", "as_of").agg(pl.col("x").sum()))


class FromTheLast:
    """Sums from the last event to the first, of all that has come."""

    def __init__(self):
        self.rows = []

    def update(self, event):
        self.rows.append(event["x"])

    def query(self, request):
        return {"x": sum(reversed(self.rows), 0.0)}


def test_rounding_in_a_late_request_is_excused_by_both_rules():
    values = [0.1, 0.2, 0.3, 1e9 / 7, -1e9 / 7, 0.7]
    events = [Event("ev", AT - 60 + at, (A, value)) for at, value in enumerate(values)]
    draft = Draft(
        (*events, Event("ev", AT, (A, 5.5))),
        (Ask(AT, (A,), ()),),
        lag=0,
        scenario=view(total_batch, FromTheLast, {"x": sk.floats(-1e9, 1e9)}).delivery.under(
            "in_order"
        ),
    )
    judged = judge(view(total_batch, FromTheLast, {"x": sk.floats(-1e9, 1e9)}), [draft])
    assert not judged[0].standing
    assert [row.by for row in judged[0].excused.values()] == [("late request", "rounding")]


def risk_batch(ev: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    risk = pl.col("c").replace_strict({"low": 0.25, "high": 1.75}, return_dtype=pl.Float64)
    past = before(ev, spine).with_columns(x=risk)
    return onto(spine, past.group_by("u", "as_of").agg(pl.col("x").mean()))


class Risk:
    def __init__(self):
        self.risks = []

    def update(self, event):
        risk = {"low": 0.25, "high": 1.75}[event["c"]]
        self.risks.append((event["u"], event["ts"], risk))

    def query(self, request):
        risks = []
        for user, ts, risk in self.risks:
            if user == request["u"] and ts < request["as_of"]:
                risks.append(risk)
        mean = sum(risks) / len(risks) if risks else 0.0
        return {"x": mean * (1 + 1.4e-7)}


@pytest.mark.parametrize("largest", [1e3, 1e6, 1e12])
def test_a_column_that_is_not_read_has_no_say(largest):
    columns = {"c": sk.categories("low", "high"), "other": sk.floats(largest / 10, largest)}
    result = sk.check(view(risk_batch, Risk, columns), histories=200, seed=0)
    assert [finding.kind for finding in result.findings if finding.is_news] == ["value"]


def test_a_log_at_parity_tells_how_many_rows_were_rounding():
    log = dollars()
    sums = view(month_sum, RunningSum, {"x": sk.floats(0, 2e6)})
    result = sk.replay(sums, log, days_of(log), same_instant="request_first")
    (outcome,) = result.outcomes
    (rows,) = outcome.excused
    assert (rows.feature, rows.by, rows.rows > 100) == ("x", ("rounding",), True)
    assert (outcome.tallies["x"].mismatch, outcome.tallies["x"].excused) == (0, rows.rows)
    assert str(result) == f"spend: parity on 1 histories, {rows.rows} rows excused"


def spread_batch(ev: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    return onto(spine, before(ev, spine).group_by("u", "as_of").agg(pl.col("x").var(ddof=0)))


class SpreadBySquares:
    """Keeps the sum and the sum of squares, far from zero."""

    def __init__(self):
        self.rows = {}

    def update(self, event):
        count, total, squares = self.rows.get(event["u"], (0, 0.0, 0.0))
        self.rows[event["u"]] = count + 1, total + event["x"], squares + event["x"] ** 2

    def query(self, request):
        count, total, squares = self.rows.get(request["u"], (0, 0.0, 0.0))
        return {"x": squares / count - (total / count) ** 2 if count else 0.0}


def test_an_unstable_side_is_a_warning_with_its_side_and_size():
    far = {"x": sk.floats(1e8, 1e8 + 1_000)}
    result = sk.check(view(spread_batch, SpreadBySquares, far), histories=200, seed=1)
    (finding,) = result.findings
    assert (finding.kind, finding.side, finding.warns) == ("unstable", "online", True)
    assert result.ok
    assert "online unstable" in str(result)
    failing = view(spread_batch, SpreadBySquares, far, sk.close(unstable="fail"))
    assert not sk.check(failing, histories=200, seed=1).ok


def test_what_a_tolerance_calls_equal_is_shown_as_equal_beside_a_finding():
    both = sk.FeatureView(
        "two",
        sources=[source()],
        entity=["u"],
        batch=lambda spine: spine.with_columns(n=pl.lit(1), x=pl.lit(None, dtype=pl.Float64)),
        online=sk.fold(dict, lambda state, _: state, lambda *_: {"n": 2, "x": float("nan")}),
        features={"n": sk.exact(), "x": sk.close()},
        equal=["null", "nan"],
        relations=None,
    )
    finding = sk.check(both, histories=20, seed=1).document().outcomes[0].findings[0]
    assert {name: answer.difference for name, answer in finding.values.items()} == {
        "n": "1",
        "x": "",
    }


@pytest.mark.parametrize("tolerance", [sk.close(), sk.exact()], ids=repr)
def test_a_flag_is_the_number_that_the_other_side_answers(tolerance):
    flag = view(
        flags,
        sk.fold(
            dict,
            lambda state, event: {**state, event["u"]: 1},
            lambda state, request: {"x": state.get(request["u"], 0)},
        ),
        {},
        tolerance,
    )
    assert sk.check(flag, histories=50, seed=1).ok


def flags(ev: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    found = before(ev, spine).group_by("u", "as_of").agg(x=pl.lit(1).first() == 1)
    joined = spine.join(found, on=["u", "as_of"], how="left")
    return joined.with_columns(pl.col("x").fill_null(value=False))


@pytest.mark.parametrize(("off", "is_found"), [(1e-11, False), (1e-6, True)])
def test_last_digits_that_hang_on_the_company_are_rounding_and_more_is_not(off, is_found):
    def batch(ev: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
        # A large table is added up by several threads, a small one is not.
        factor = 1 + off if spine.height > 50 else 1.0
        total = pl.col("amount").sum() * factor
        return onto(spine, before(ev, spine).group_by("u", "as_of").agg(x=total))

    class Online:
        def __init__(self):
            self.total = {}

        def update(self, event):
            self.total[event["u"]] = self.total.get(event["u"], 0.0) + event["amount"]

        def query(self, request):
            return {"x": self.total.get(request["u"], 0.0)}

    columns = {"amount": sk.floats(0.5, 100.0, step=0.5)}
    result = sk.check(view(batch, Online, columns), histories=200, seed=1, scenarios=["in_order"])
    assert [finding.kind for finding in result.findings] == ["value"] * is_found
