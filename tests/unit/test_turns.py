"""Threads of user code take turns far more often while a law is tried, and as usual afterwards."""

import sys
import threading

from skewtest.drive.turns import hurry_turns


def add_in_two_threads():
    """Return what two threads make of 200 additions that are no single step."""
    sums = {"n": 0}

    def add():
        for _ in range(100):
            before = sums["n"]
            for _ in range(20):
                pass
            sums["n"] = before + 1

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sums["n"]


def test_an_update_that_another_thread_can_undo_is_lost():
    with hurry_turns():
        assert min(add_in_two_threads() for _ in range(5)) < 200


def test_turns_are_as_usual_afterwards():
    before = sys.getswitchinterval(), threading.gettrace()
    with hurry_turns():
        assert sys.getswitchinterval() < before[0]
    assert (sys.getswitchinterval(), threading.gettrace()) == before
