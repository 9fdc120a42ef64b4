"""Restarts in one pass bring what an oracle brings that puts them in one by one."""

from dataclasses import replace

import numpy as np
import pytest

import skewtest as sk
from skewtest.deliver.operations import EVENT, RESTORE, SNAPSHOT, deliver
from skewtest.generate.history import AFTER, BEFORE, BETWEEN, Restart
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan

LANES = 128


def view(as_of):
    columns = {"user_id": sk.key(), "amount": sk.ints(0, 9)}
    return sk.FeatureView(
        "spend",
        sources=[sk.Source(name, time="ts", columns=columns) for name in ("orders", "visits")],
        entity=["user_id"],
        batch=None,
        online=None,
        features={"n": sk.exact()},
        as_of=as_of,
    )


def restarts_beside(instants, rng):
    """Return restarts at and beside instants of a lane: alone, in a row, within one another."""
    restarts = []
    for _ in range(rng.integers(0, 6)):
        at = int(rng.choice(instants) + rng.choice([0, 0, 0, -1, 1]))
        ahead = abs(int(rng.choice(instants)) - at)
        crash = int(rng.choice([0, 0, 1, ahead]))
        rank = int(rng.choice([BEFORE, BETWEEN, AFTER]))
        restarts.append(Restart(at, rank, crash, int(rng.choice([0, 1, 2, 9]))))
    if rng.random() < 0.5:
        at = int(rng.choice(instants))
        restarts += [Restart(at, BETWEEN, again=again) for again in (1, 2)]
    return tuple(restarts)


def handovers_beside(instants, rng):
    """Return the same restarts, none of which brings an event again."""
    restarts = restarts_beside(instants, rng)
    return tuple(restart._replace(crash=0, again=0) for restart in restarts)


def put_in(steps, restarts, inclusive):
    """Return (row, instant, event) of a lane with restarts, each put in by a scan from the start.

    Slow, and meant to be read.
    """
    ranks = {"event": 0, "request": 2} if inclusive else {"event": 2, "request": 0}

    def place(at, rank):
        for number, (row, instant, _) in enumerate(steps):
            own = ranks["request"] if row >= 0 else ranks["event"] if row == EVENT else BEFORE
            if (instant, own) > (at, rank):
                return number
        return len(steps)

    steps = list(steps)
    over = None
    for restart in sorted(restarts):
        if over is not None and restart.at < over:
            continue
        over = restart.at + restart.crash
        saved = lost = place(restart.at, restart.rank)
        if restart.crash:
            lost = place(over, BEFORE)
        known = [step for step in steps[:saved] if step[0] == EVENT]
        since = [step for step in steps[saved:lost] if step[0] == EVENT]
        moment = steps[lost - 1][1] if lost else restart.at
        again = [*known[max(0, len(known) - restart.again) :], *since]
        redelivered = [(EVENT, moment, event) for _, _, event in again]
        steps[lost:lost] = [(RESTORE, moment, -1), *redelivered]
        steps.insert(saved, (SNAPSHOT, restart.at, -1))
    return steps


def operations_of(delivered):
    return list(zip(delivered.rows, delivered.instants, delivered.events, strict=True))


@pytest.mark.parametrize("lagged", [False, True])
@pytest.mark.parametrize("as_of", ["exclusive", "inclusive"])
@pytest.mark.parametrize("drawn", [restarts_beside, handovers_beside])
@pytest.mark.parametrize("seed", range(4))
def test_restarts_stand_where_a_slow_oracle_puts_them(seed, drawn, as_of, lagged):
    spend, rng = view(as_of), np.random.default_rng(seed)
    pack = build(spend, Clock.of(spend), Plan(seed, 0.3, 0.4, {}), LANES)
    lags = {lane: int(rng.choice([0, 1])) for lane in range(LANES) if lagged}
    plain = deliver(spend, replace(pack, lags=lags))
    restarts = {d.lane: drawn(d.instants, rng) for d in plain}
    restarted = deliver(spend, replace(pack, lags=lags, restarts=restarts))
    assert sum(SNAPSHOT in delivered.rows for delivered in restarted) > LANES // 2
    for before, after in zip(plain, restarted, strict=True):
        wanted = put_in(operations_of(before), restarts[before.lane], as_of == "inclusive")
        assert operations_of(after) == wanted
        assert_payloads_fit(before, after)


def assert_payloads_fit(before, after):
    """Assert that an operation brings what it brought without restarts, in a dict of its own."""
    known = {}
    for row, event, payload in zip(before.rows, before.events, before.payloads, strict=True):
        known[row, event] = payload
    for row, event, payload in zip(after.rows, after.events, after.payloads, strict=True):
        assert payload == known.get((row, event), {})
    assert len({id(payload) for payload in after.payloads}) == len(after.payloads)


def test_what_a_restart_brings_again_can_wait_for_another_restart():
    steps = [(EVENT, 10, 0), (0, 20, -1)]
    twice = [Restart(20, BETWEEN, again=1), Restart(20, BETWEEN, again=1)]
    marks = [(SNAPSHOT, 20, -1), (RESTORE, 20, -1)]
    again = [(EVENT, 20, 0)] * 2
    assert put_in(steps, twice, inclusive=False) == [*steps, *marks, *marks, *again]


def test_a_lagged_request_hides_nothing_from_a_restart():
    steps = [(EVENT, 20, 0), (0, 20, -1)]
    marks = [(SNAPSHOT, 20, -1), (RESTORE, 20, -1)]
    assert put_in(steps, [Restart(20, BETWEEN)], inclusive=False) == [*marks, *steps]


def test_a_restart_where_nothing_happens_is_left_out():
    spend = view("exclusive")
    pack = build(spend, Clock.of(spend), Plan(1, 0.3, 0.4, {}), 1)
    nothing = {name: frame.clear() for name, frame in pack.events.items()}
    empty = replace(pack, events=nothing, spine=pack.spine.clear(), lags={})
    assert deliver(spend, replace(empty, restarts={0: (Restart(5),)})) == []
