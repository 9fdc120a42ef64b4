"""Edits of the delivery: faults go, and those that a divergence needs become plain ones."""

from skewtest.generate.history import AFTER, BEFORE, Restart
from skewtest.run.draft import Draft
from skewtest.run.edits import Edit, Edits
from skewtest.times import DAY_US, HOUR_US, micros

# Delay, turn, copies and worker of an event that arrives once, at once, where it should.
NO_FAULTS = (0, 0, (), 0)


def fault_edits(draft: Draft) -> list[Edits]:
    """Return edits that take faults away, one event or restart each."""
    proposals: list[Edits] = []
    for number in range(len(draft.restarts)):
        proposals.append((Edit("restart", number),))
    for row, event in enumerate(draft.events):
        if event[3:] != NO_FAULTS:
            proposals.append((Edit("event.faults", row, value=NO_FAULTS),))
    return proposals


def plainer_fault_edits(draft: Draft, as_of: int) -> list[Edits]:
    """Return edits that make faults plainer: fewer copies, whole hours, no crash, no tail.

    Args:
        draft: whose faults they are.
        as_of: the last request's, in microseconds: a restart just before it is the plainest.
    """
    proposals: list[Edits] = []
    for row in range(len(draft.events)):
        proposals += _plainer_faults(draft, row)
    for number in range(len(draft.restarts)):
        proposals += _plainer_restarts(draft, number, as_of)
    return proposals


def _plainer_faults(draft: Draft, row: int) -> list[Edits]:
    """Return edits that make the faults of one event plainer, those that take most away first."""
    _, _, _, delay, turn, copies, worker = draft.events[row]
    # A copy right after its event is the plainest there is: it needs no second delay.
    plain_copies = (0,) if copies else ()
    options: list[tuple[object, ...]] = [
        (0, turn, copies, worker),
        (delay, 0, copies, worker),
        (delay, turn, (), worker),
        (delay, turn, copies[:1], worker),
        (delay, turn, plain_copies, worker),
        (delay, min(turn, 1), copies, worker),
    ]
    for whole_delay in _whole_delays(draft, delay):
        options.append((whole_delay, turn, copies, worker))
    proposals: list[Edits] = []
    for faults in options:
        if faults != (delay, turn, copies, worker):
            proposals.append((Edit("event.faults", row, value=faults),))
    return proposals


def _plainer_restarts(draft: Draft, number: int, as_of: int) -> list[Edits]:
    """Return edits that make one restart plainer: without a crash, or beside a row."""
    restart = draft.restarts[number]
    options = [
        restart._replace(crash=0),
        restart._replace(again=0),
        restart._replace(again=min(restart.again, 1)),
        restart._replace(at=as_of, rank=BEFORE),
    ]
    for event in draft.events:
        options.append(restart._replace(at=event.at, rank=AFTER))
    proposals: list[Edits] = []
    for option in dict.fromkeys(options):
        # Only downhill: minimising takes proposals in turn, and would go round in circles.
        if _rank_by_plainness(option, as_of) < _rank_by_plainness(restart, as_of):
            proposals.append((Edit("restart.value", number, value=option),))
    return proposals


def _whole_delays(draft: Draft, delay: int) -> list[int]:
    """Return a delay as whole days and hours, within what is declared, in microseconds."""
    if delay % HOUR_US == 0:
        return []
    late = draft.scenario.delivery.late
    longest = delay if late is None else micros(late)
    delays = []
    for unit in (DAY_US, HOUR_US):
        # Down and up: the divergence may need an event that is later than another one.
        for whole in (delay // unit * unit, delay // unit * unit + unit):
            if 0 < whole <= longest:
                delays.append(whole)
    return delays


def _rank_by_plainness(restart: Restart, as_of: int) -> tuple[int, int, bool]:
    """Return a key by which plainer restarts sort first."""
    is_beside_a_row = restart[:2] == (as_of, BEFORE) or restart.rank == AFTER
    return restart.again, restart.crash, not is_beside_a_row
