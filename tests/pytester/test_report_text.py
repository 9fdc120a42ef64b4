"""The exact text of reports. Seconds, and the number of the history, are not pinned."""

import itertools
import re
import time
from collections import defaultdict
from textwrap import dedent

import polars as pl
import pytest

import skewtest as sk

SOURCE = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)})


def right_batch(orders, spine):
    found = (
        spine.join(orders, on="user_id")
        .filter(pl.col("ts") < pl.col("as_of"))
        .group_by("user_id", "as_of")
        .agg(total=pl.col("amount").sum(), n=pl.len())
    )
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("total", "n").fill_null(0)
    )


class RightOnline:
    def __init__(self):
        self.seen = defaultdict(list)

    def update(self, event):
        self.seen[event["user_id"]].append(event["amount"])

    def query(self, request):
        amounts = self.seen[request["user_id"]]
        return {"total": sum(amounts), "n": len(amounts)}


def report(batch=right_batch, online=RightOnline, **settings):
    view = sk.FeatureView(
        "spend",
        sources=[SOURCE],
        entity=["user_id"],
        batch=batch,
        online=online,
        features={"total": sk.close(), "n": sk.exact()},
        **settings,
    )
    text = sk.check(view, histories=300, seed=1).report()
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "\x1b" not in text
    return re.sub(r" +history \d+ of 300, \d+\.\d\d s", " <found>", text)


def assert_text(text, wanted):
    assert text == dedent(wanted).strip("\n")


def shifted(changes):
    return lambda orders, spine: right_batch(orders, spine).with_columns(**changes)


def from_file(text, name):
    """The object of a module whose tracebacks tell the same on every machine."""
    space = {"right_batch": right_batch, "RightOnline": RightOnline}
    exec(compile(dedent(text), "features.py", "exec"), space)  # noqa: S102 - the text is below
    return space[name]


def test_a_value_skew():
    text = report(lambda orders, spine: right_batch(orders.filter(pl.col("amount") != 7), spine))
    assert_text(
        text,
        """
        spend.total: batch and online disagree <found>

          #  ts                   user_id  amount
          1  2024-03-07 00:00:00  a        7
          ?  2024-03-08 00:00:00  a                asked

                  batch   online   difference
          total   0       7        7
          n       0       1        1

          cause  unknown (value)
          also   n (value)
          again  skewtest.check(spend, seed=1, histories=300)
        """,
    )


def test_a_null_skew():
    assert_text(
        report(shifted({"total": pl.col("total").replace(0, None)})),
        """
        spend.total: batch and online disagree <found>

          #  ts                   user_id  amount
             (no events)
          ?  2024-03-08 00:00:00  a                asked

                  batch   online   difference
          total   null    0        not both have a value
          n       0       0

          cause  unknown; one side has null and the other a value
          again  skewtest.check(spend, seed=1, histories=300)
        """,
    )


def test_a_missing_row():
    assert_text(
        report(lambda orders, spine: right_batch(orders, spine).filter(pl.col("n") > 0)),
        """
        spend: batch has no row <found>

          #  ts                   user_id  amount
             (no events)
          ?  2024-03-08 00:00:00  a                asked

                  batch    online   difference
          total   no row   0        not both have a value
          n       no row   0        not both have a value

          cause  unknown (missing row)
          again  skewtest.check(spend, seed=1, histories=300)
        """,
    )


def test_a_dtype_skew():
    assert_text(
        report(shifted({"n": pl.col("n").cast(pl.String)})),
        """
        spend.n: batch and online have different types <found>

          #  ts                   user_id  amount
             (no events)
          ?  2024-03-08 00:00:00  a                asked

                  batch   online   difference
          total   0       0
          n       '0'     0        str against int

          cause  unknown (dtype)
          again  skewtest.check(spend, seed=1, histories=300)
        """,
    )


def test_batch_raises():
    batch = from_file(
        """
        def batch(orders, spine):
            if (orders["amount"] == 100).any():
                raise ValueError("a hundred")
            return right_batch(orders, spine)
        """,
        "batch",
    )
    assert_text(
        report(batch),
        """
        spend: batch raises ValueError <found>

          #  ts                   user_id  amount
          1  2024-03-07 00:00:00  a        100
          ?  2024-03-08 00:00:00  a                asked

            File "features.py", line 4, in batch
          ValueError: a hundred

          cause  unknown (error)
          blame  batch
          again  skewtest.check(spend, seed=1, histories=300)
        """,
    )


def test_online_raises_on_the_third_event():
    online = from_file(
        """
        class Online(RightOnline):
            def update(self, event):
                super().update(event)
                if len(self.seen[event["user_id"]]) == 3:
                    raise RuntimeError("third")
        """,
        "Online",
    )
    assert_text(
        report(online=online),
        """
        spend: online raises RuntimeError <found>

          #  ts                   user_id  amount
          1  2024-03-05 00:00:00  a        1
          2  2024-03-06 00:00:00  a        1
          3  2024-03-07 00:00:00  a        1
          ?  2024-03-08 00:00:00  a                asked

          at operation 3 of 4
            File "features.py", line 6, in update
          RuntimeError: third

          cause  unknown (error)
          blame  online
          again  skewtest.check(spend, seed=1, histories=300)
        """,
    )


def test_a_hang():
    text = report(lambda orders, spine: time.sleep(60), timeout=0.3)
    head, _, rest = text.partition("\n\n")
    _, _, rest = rest.partition("\n\n")
    assert head == "spend: batch hangs <found>"
    assert_text(
        dedent(rest),
        """
          batch did not return within 0.3 s. Give it more with FeatureView(timeout=...),
          or look for a loop that never ends.

          cause  unknown (timeout)
          blame  batch
          note   its history was not minimised to its end
          again  skewtest.check(spend, seed=1, histories=300)
        """,
    )


def test_a_nondeterministic_batch():
    calls = itertools.count()
    text = report(
        lambda orders, spine: right_batch(orders, spine).with_columns(
            total=pl.col("total") + next(calls)
        )
    )
    assert_text(
        re.sub(r"total   \d+ +\d+", "total   <one>       <other>", text),
        """
        spend.total: batch answers differently when run twice <found>

          #  ts                   user_id  amount
             (no events)
          ?  2024-03-08 00:00:00  a                asked

                  first run   second run
          total   <one>       <other>

          cause  unknown (nondeterministic)
          blame  batch
          again  skewtest.check(spend, seed=1, histories=300)
        """,
    )


def test_an_untested_feature():
    class Online(RightOnline):
        def query(self, request):
            return {**super().query(request), "n": None}

    assert_text(
        report(shifted({"n": None}), Online),
        """
        spend.n: never tested

          In 300 histories no side ever had a value that is not null. Agreeing on null
          proves nothing: widen the ranges of the source, or declare windows= so that
          events fall into them.

          again  skewtest.check(spend, seed=1, histories=300)
        """,
    )


def test_a_changed_input():
    class Online(RightOnline):
        def update(self, event):
            super().update(event)
            event["amount"] = 0

    assert report(online=Online) == ("warning: spend: online changes its input 'event' in place")


def test_parity_has_no_report():
    assert report() == ""


def test_long_names_and_values_stay_within_80_columns():
    name = "a_feature_with_a_name_that_is_longer_than_anybody_would_like_it_to_be"

    class Online:
        def update(self, event):
            pass

        def query(self, request):
            return {name: "y" * 500}

    view = sk.FeatureView(
        "a_view_with_a_name_that_is_longer_than_anybody_would_like",
        sources=[SOURCE],
        entity=["user_id"],
        batch=lambda spine: spine.with_columns(pl.lit("x" * 500).alias(name)),
        online=Online,
        features={name: sk.exact()},
    )
    text = sk.check(view, histories=64, seed=1).report()
    assert [line for line in text.splitlines()[1:] if len(line) > 80] == []
    assert "(500 chars)" in text


@pytest.mark.parametrize("colour", ["no", "yes"])
def test_colours_are_there_on_a_terminal_alone(skewed, colour):
    text = skewed.run(f"--color={colour}").stdout.str()
    report = text[text.index("spend.spend_7d") : text.index("short test summary")]
    assert ("\x1b[" in report.split("again")[0]) == (colour == "yes")


def test_what_pytest_prints_of_a_failure(skewed):
    text = skewed.run().stdout.str()
    body = text[text.index("spend.spend_7d") : text.index("\n===", text.index("spend.spend_7d"))]
    body = re.sub(r" +history \d+ of 128, \d+\.\d\d s", " <found>", body)
    body = re.sub(r"-[0-9a-f]{8}\.json", "-<digest>.json", body)
    body = re.sub(r"\d+ rows excused \(\d+ ", "<n> rows excused (<n> ", body)
    assert_text(
        body.rstrip(),
        """
        spend.spend_7d: batch and online disagree <found>

          #  ts                   user_id  amount
          1  2024-03-01 00:00:00  a        1       exactly as_of - 7 d
          ?  2024-03-08 00:00:00  a                asked

                      batch   online   difference
          spend_7d    0       1        1
          orders_7d   0       1        1

          cause  unknown (value)
          also   orders_7d (value)
          kept   tests/skew-corpus/spend/spend_7d.value-<digest>.json
          kept   tests/skew-corpus/spend/orders_7d.value-<digest>.json
          again  pytest "test_skew.py::test_spend[in_order]" --skew-seed=1 \\
                   --skew-histories=128
        skewtest: spend: not all relations were tried: the sides differ in order
        skewtest: <n> rows excused (<n> late request)
        """,
    )
