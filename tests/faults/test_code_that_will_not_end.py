"""Online code that ends the process, or does not end itself, is a finding with its history."""

import asyncio
import os
import signal
import time

import pytest
from spend_view import RightOnline, checked, only


class AwaitsForEver(RightOnline):
    async def query(self, request):
        await asyncio.sleep(10**9)


class SwallowsTheLimit(RightOnline):
    def query(self, request):
        while True:
            try:  # noqa: SIM105 - what is tested
                time.sleep(60)
            except BaseException:  # noqa: BLE001, S110 - the same
                pass


class SwallowsTheLimitInALoop(RightOnline):
    async def query(self, request):
        while True:
            try:  # noqa: SIM105 - what is tested
                await asyncio.sleep(60)
            except BaseException:  # noqa: BLE001, S110 - the same
                pass


@pytest.mark.fault(
    "online awaits for ever, or swallows its time limit", "one timeout", ends="finding"
)
@pytest.mark.parametrize("online", [AwaitsForEver, SwallowsTheLimit, SwallowsTheLimitInALoop])
def test_code_that_waits_for_ever_is_one_timeout(online):
    finding = only(checked(online=online, timeout=0.1))
    assert (finding.feature, finding.kind, finding.side) == ("*", "timeout", "online")


class Leaves(RightOnline):
    def update(self, event):
        if event["amount"] == 100:
            os._exit(0)
        super().update(event)


class Aborts(Leaves):
    def update(self, event):
        if event["amount"] == 100:
            os.abort()
        RightOnline.update(self, event)


class KillsItself(Leaves):
    def update(self, event):
        if event["amount"] == 100:
            os.kill(os.getpid(), signal.SIGKILL)
        RightOnline.update(self, event)


@pytest.mark.fault(
    "online calls os._exit or os.abort, or kills itself",
    "an error with its one event",
    ends="finding",
)
@pytest.mark.parametrize(
    ("online", "how"),
    [(Leaves, "exit code 0"), (Aborts, "SIGABRT"), (KillsItself, "SIGKILL")],
)
def test_code_that_ends_the_process_is_a_finding_with_its_history(online, how):
    finding = only(checked(online=online))
    assert (finding.kind, finding.side) == ("error", "online")
    assert (finding.failures[0].code, finding.failures[0].facts["how"]) == ("crashed", how)
    assert finding.counterexample.events["amount"].to_list() == [100]


@pytest.mark.fault("batch calls os._exit", "an error", ends="finding")
def test_a_batch_function_that_ends_the_process_is_a_finding():
    def batch(orders, spine):
        os._exit(0)

    finding = only(checked(batch))
    assert (finding.side, finding.failures[0].code) == ("batch", "crashed")


@pytest.mark.fault("MemoryError on one history", "an error; the run goes on", ends="finding")
def test_the_memory_of_one_history_is_not_the_end_of_the_run():
    class Online(RightOnline):
        def update(self, event):
            if event["amount"] == 100:
                raise MemoryError
            super().update(event)

    finding = only(checked(online=Online))
    assert finding.failures[0].signature == ("online", "raised", "MemoryError")


@pytest.mark.fault(
    "code that is slow and gets on", "it is judged, not called a hang", ends="harmless"
)
def test_slow_code_that_gets_on_is_no_hang():
    class Online(RightOnline):
        def update(self, event):
            busy = time.process_time() + 0.0005
            while time.process_time() < busy:
                pass
            super().update(event)

    assert checked(online=Online, timeout=0.02, histories=8, relations=None).ok


@pytest.mark.fault(
    "query forks a child that raises", "the child ends; the run is judged", ends="harmless"
)
def test_a_child_that_code_forks_and_leaves_does_not_run_on():
    class Online(RightOnline):
        def query(self, request):
            if os.fork() == 0:
                raise ValueError("in the child")
            return super().query(request)

    assert checked(online=Online, histories=4).ok
