"""Hints: constants of the implementations, the same in every process."""

from datetime import timedelta

import skewtest as sk
from skewtest.generate.hints import hints_of

GOLD, SILVER, BRONZE, IRON, TIN, ZINC, LEAD = (
    "gold",
    "silver",
    "bronze",
    "iron",
    "tin",
    "zinc",
    "lead",
)
STATUSES = {"paid", "open", "void", "late", "lost", "new", "old", "sent"}
FORTNIGHT = timedelta(days=14)
HALF = 0.5


def view(batch, online=None):
    columns = {"user_id": sk.key(), "amount": sk.floats(0, 10)}
    return sk.FeatureView(
        "spend",
        sources=[sk.Source("orders", time="ts", columns=columns)],
        entity=["user_id"],
        batch=batch,
        online=online,
        features={"n": sk.exact()},
    )


def test_texts_of_globals_come_by_name_and_not_in_the_order_of_a_set():
    def batch(orders):
        return [ZINC, TIN, SILVER, LEAD, IRON, GOLD, BRONZE]

    assert hints_of(view(batch)).texts == (
        *("bronze", "gold", "iron", "lead", "silver", "tin", "zinc"),
    )


def test_texts_of_a_set_are_sorted():
    def batch(orders):
        return STATUSES

    assert hints_of(view(batch)).texts == tuple(sorted(STATUSES))


def test_numbers_and_lengths_are_those_that_code_mentions():
    def batch(orders):
        return 9_000, HALF, FORTNIGHT, "7d", True

    hints = hints_of(view(batch))
    assert hints.numbers == (0.5, 9_000)
    assert hints.lengths == (7 * 86_400_000_000, 14 * 86_400_000_000)


def test_small_whole_numbers_may_be_days_hours_or_minutes():
    def batch(orders):
        return 30

    minute = 60_000_000
    assert hints_of(view(batch)).lengths == (30 * minute, 1_800 * minute, 43_200 * minute)


def test_names_that_the_view_declares_are_no_texts():
    def batch(orders):
        return orders["amount"], "user_id", "ts", "n", "as_of", "orders", "odd"

    assert hints_of(view(batch)).texts == ("odd",)


def test_both_sides_and_what_they_close_over_are_read():
    limit = 17.5

    def batch(orders):
        return limit

    class Online:
        cap = 101

        def query(self, request, default="none"):
            return "Europe/Berlin"

    hints = hints_of(view(batch, Online))
    assert hints.numbers == (17.5, 101)
    assert hints.texts == ("Europe/Berlin", "none")
    assert hints.zones == ("Europe/Berlin",)
