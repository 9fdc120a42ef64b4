"""Codecs, stores and snapshots that misbehave are told; what cannot run is not green."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from spend_view import RightOnline, checked, claim, only, told, view

import skewtest as sk


class Saved(RightOnline):
    def snapshot(self):
        return json.dumps(self.seen).encode()

    def restore(self, state):
        self.seen.update(json.loads(state))


def under(name, online=RightOnline, **delivery):
    return checked(online=online, delivery=sk.Delivery(**delivery), relations=None), name


def outcome(result, name):
    return next(outcome for outcome in result.outcomes if outcome.scenario == name)


@pytest.mark.fault(
    "a scenario that the online side has no method for",
    "it is skipped by name, and the result is not ok",
    ends="gap",
)
@pytest.mark.parametrize(
    ("name", "delivery", "reason"),
    [
        ("restarted", {"restarts": True}, "needs snapshot()"),
        ("split", {"split": "handed_over"}, "needs snapshot()"),
        ("bootstrapped", {"bootstrap": True}, "needs bootstrap()"),
    ],
)
def test_what_the_online_side_cannot_run_is_skipped_and_not_green(name, delivery, reason):
    result, _ = under(name, **delivery)
    assert outcome(result, name).skipped == reason
    assert outcome(result, "in_order").ok
    assert not result.ok
    assert f"spend[{name}]: skipped: {reason}" in result.report()


def test_merging_needs_merge():
    result, _ = under("split", Saved, split="merged")
    assert outcome(result, "split").skipped == "needs merge()"


def test_another_zone_needs_times_with_a_zone():
    source = sk.Source(
        "orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 9)}, zone=None
    )
    result = checked(sources=[source], delivery=sk.Delivery(zone="Asia/Tokyo"), relations=None)
    assert outcome(result, "zoned").skipped == "needs times with a zone"


@pytest.mark.fault(
    "snapshot() returns what cannot be pickled", "an error names its type", ends="finding"
)
def test_a_snapshot_that_cannot_be_pickled_is_told():
    class Online(Saved):
        def snapshot(self):
            return {"seen": lambda: self.seen}

    result, _ = under("restarted", Online, restarts=True)
    finding = only(result)
    assert (finding.scenario, finding.side, finding.kind) == ("restarted", "online", "error")
    assert claim(finding) == "spend: online snapshot cannot be used"
    assert told(finding).startswith("snapshot() returned dict, which cannot be pickled (")


def test_a_snapshot_of_an_unknown_kind_is_told():
    class Online(RightOnline):
        snapshot = "yaml"

        def restore(self, state):
            pass

    result, _ = under("restarted", Online, restarts=True)
    assert outcome(result, "restarted").skipped == "needs snapshot()"


@pytest.mark.fault("restore() raises", "an error with the owner's frames", ends="finding")
def test_a_restore_that_raises_shows_the_owners_frames():
    class Online(Saved):
        def restore(self, state):
            raise ValueError("state of version 1")

    result, _ = under("restarted", Online, restarts=True)
    finding = only(result)
    assert claim(finding) == "spend: online raises ValueError"
    assert "state of version 1" in told(finding)
    assert "in restore" in told(finding)
    assert "skewtest/sides" not in told(finding)


@pytest.mark.fault("a codec raises", "an error with the payload", ends="finding")
def test_a_codec_that_raises_is_told():
    def codec(payload):
        raise KeyError("schema")

    result, _ = under("re-encoded", wire=codec)
    finding = only(result)
    assert (finding.scenario, finding.kind) == ("re-encoded", "error")
    assert claim(finding) == "spend: the wire format fails"
    assert told(finding).startswith(
        "The function of Delivery(wire=...) must return a payload; it raised KeyError.\n"
    )
    assert "in codec" in told(finding)


@pytest.mark.fault("a codec returns another type", "an error names it", ends="finding")
def test_a_codec_that_returns_another_type_is_told():
    result, _ = under("re-encoded", wire=lambda payload: json.dumps(str(payload)))
    assert told(only(result)) == (
        "The function of Delivery(wire=...) must return a payload; "
        "it returned str; expected a dict."
    )


@pytest.mark.fault(
    "a value that the wire cannot carry", "an error with that payload", ends="finding"
)
def test_what_a_wire_cannot_carry_ends_the_history_at_that_payload():
    # Avro's widest integer is signed.
    numbers = st.sampled_from([2**63, 2**64 - 1])
    source = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "amount": numbers})
    delivery = sk.Delivery(wire="avro")
    result = checked(sources=[source], online=RightOnline, delivery=delivery, relations=None)
    (finding,) = outcome(result, "re-encoded").findings
    assert claim(finding) == "spend: online raises ValueError"
    assert "do not match ['null', 'long']" in told(finding)
    assert finding.counterexample.events.height == 1


@pytest.mark.fault("a store raises", "an error", ends="finding")
def test_a_store_that_raises_is_told():
    def store(value):
        raise OverflowError("too large for the store")

    result, _ = under("stored", store=store)
    finding = only(result)
    assert claim(finding) == "spend: the store fails"
    assert told(finding).startswith("The store could not take 'total'.\n")
    assert "too large for the store" in told(finding)


@pytest.mark.fault(
    "lateness that no history is long enough for", "an error names the argument", ends="refused"
)
def test_lateness_longer_than_any_history_is_refused():
    with pytest.raises(sk.DeclarationError) as error:
        sk.Delivery(late=timedelta(days=500))
    assert str(error.value) == (
        "Delivery(late=...) must be at most 400 days, about as long as generated histories are: a "
        "later event would never arrive; got datetime.timedelta(days=500)"
    )


def test_lateness_longer_than_the_declared_log_is_refused():
    columns = {"user_id": sk.key(), "amount": sk.ints(0, 9)}
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 31, tzinfo=UTC)
    source = sk.Source("orders", time="ts", columns=columns, start=start, end=end)
    with pytest.raises(sk.DeclarationError) as error:
        view(sources=[source], delivery=sk.Delivery(late=timedelta(days=31)))
    assert str(error.value) == (
        "FeatureView('spend'): delivery: late must be shorter than the 30 days that the sources "
        "span; got 31 days, 0:00:00"
    )


def test_an_async_snapshot_is_awaited():
    class Online(Saved):
        async def snapshot(self):
            return json.dumps(self.seen).encode()

        async def restore(self, state):
            self.seen.update(json.loads(state))

    result, _ = under("restarted", Online, restarts=True)
    assert result.ok, result.report()
    assert outcome(result, "restarted").histories > 100


@pytest.mark.parametrize("how", ["pickle", "json"])
def test_an_object_can_declare_plain_state(how):
    class Online:
        snapshot = how

        def __init__(self):
            self.seen = {}

        def update(self, event):
            self.seen.setdefault(event["user_id"], []).append(event["amount"])

        def query(self, request):
            amounts = self.seen.get(request["user_id"], [])
            return {"total": sum(amounts), "n": len(amounts)}

    result, _ = under("restarted", Online, restarts=True, split="handed_over")
    assert result.ok, result.report()


def test_two_workers_are_merged():
    class Online(Saved):
        def merge(self, state):
            for user, amounts in json.loads(state).items():
                self.seen[user] += amounts

    result, _ = under("split", Online, split="merged")
    assert result.ok, result.report()
    assert outcome(result, "split").histories > 50


@pytest.mark.fault(
    "merge() drops the other worker's state", "a finding under `merged`", ends="finding"
)
def test_a_merge_that_forgets_is_found():
    class Online(Saved):
        def merge(self, state):
            self.seen.update(json.loads(state))

    result, _ = under("split", Online, split="merged")
    assert {(f.scenario, f.cause) for f in result.findings} == {("split", "state.restore")}
    assert max(f.counterexample.events.height for f in result.findings) == 2


def test_a_wall_clock_follows_the_delivery():
    class Online(RightOnline):
        def update(self, event):
            assert datetime.now(UTC) == event["ts"]
            super().update(event)

        def query(self, request):
            assert datetime.now(UTC) - request["as_of"] <= timedelta(microseconds=1)
            return super().query(request)

    result = checked(online=Online, relations=None)
    assert result.ok, result.report()


def test_a_real_clock_is_named_as_the_cause():
    class Online(RightOnline):
        def query(self, request):
            found = super().query(request)
            late = datetime.now(UTC) - request["as_of"] > timedelta(days=1)
            return {**found, "n": found["n"] + late}

    result = checked(online=Online, delivery=sk.Delivery(clock="real"), relations=None)
    assert {finding.cause for finding in result.findings} == {"time.clock"}
    assert checked(online=Online, relations=None).ok
