"""Signals that come in a callback of the garbage collector, where what is raised is lost."""

import gc
import os
import signal
import time

import pytest

from skewtest.drive.guard import TimeLimitExceeded, remember_interrupt, time_limit


@pytest.fixture(autouse=True)
def usual_handler():
    """Let Ctrl-C interrupt, which the workers of pytest-xdist ignore."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture
def in_collections():
    """Run a function in the collector's callbacks, as Hypothesis's own callback runs."""
    callbacks = []

    def add(act):
        def callback(phase, _info):
            if phase == "start":
                act()

        callbacks.append(callback)
        gc.callbacks.append(callback)

    yield add
    for callback in callbacks:
        gc.callbacks.remove(callback)


def test_an_interrupt_in_a_collection_is_raised_later_and_prints_nothing(in_collections, capfd):
    in_collections(lambda: os.kill(os.getpid(), signal.SIGINT))
    with remember_interrupt() as raise_if_swallowed:
        gc.collect()
        with pytest.raises(KeyboardInterrupt):
            raise_if_swallowed()
    assert capfd.readouterr().err == ""


def test_an_interrupt_elsewhere_is_raised_at_once():
    with remember_interrupt(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_that_a_library_makes_another_exception_of_is_one_all_the_same():
    def interrupted():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        except KeyboardInterrupt:
            raise RuntimeError("a panic") from None

    with pytest.raises(KeyboardInterrupt), remember_interrupt():
        interrupted()
    with pytest.raises(RuntimeError, match="alone"), remember_interrupt():
        raise RuntimeError("alone")


def test_a_time_limit_that_runs_out_in_a_collection_still_holds(in_collections, capfd):
    ran_out = []

    def busy():
        if not ran_out:
            ran_out.append(time.monotonic())
            while time.monotonic() < ran_out[0] + 0.2:
                pass

    def collect_and_hang():
        gc.collect()
        time.sleep(10)
        ran_out.append(None)

    in_collections(busy)
    with pytest.raises(TimeLimitExceeded), time_limit(0.05):
        collect_and_hang()
    assert capfd.readouterr().err == ""
    assert len(ran_out) == 1, "it was not ended, but waited for"
